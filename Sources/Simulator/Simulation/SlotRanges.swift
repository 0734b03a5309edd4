/// Slots as ranges that do not touch, in ascending order. They come nearly in order, so there are few.
struct SlotRanges {
  private(set) var ranges: [ClosedRange<UInt64>] = []

  /// Adds slots; `false` if one of them was there.
  @discardableResult
  mutating func insert(_ slots: ClosedRange<UInt64>) -> Bool {
    // Nearly always the next one.
    if let last = ranges.last, last.upperBound + 1 == slots.lowerBound {
      ranges[ranges.count - 1] = last.lowerBound...slots.upperBound
      return true
    }
    var at = ranges.count
    while at > 0, ranges[at - 1].upperBound >= slots.lowerBound { at -= 1 }
    var merged = slots
    var isNew = true
    var end = at
    while end < ranges.count, ranges[end].lowerBound <= slots.upperBound {
      isNew = false
      merged =
        min(
          merged.lowerBound, ranges[end].lowerBound)...max(
          merged.upperBound, ranges[end].upperBound)
      end += 1
    }
    if at > 0, ranges[at - 1].upperBound + 1 == merged.lowerBound {
      at -= 1
      merged = ranges[at].lowerBound...merged.upperBound
    }
    if end < ranges.count, ranges[end].lowerBound == merged.upperBound + 1 {
      merged = merged.lowerBound...ranges[end].upperBound
      end += 1
    }
    ranges.replaceSubrange(at..<end, with: CollectionOfOne(merged))
    return isNew
  }

  mutating func formUnion(_ other: SlotRanges) { for range in other.ranges { insert(range) } }

  /// The first slot of `range` that is not in the set.
  func firstGap(in range: ClosedRange<UInt64>) -> UInt64? {
    guard let cover = ranges.first(where: { $0.upperBound >= range.lowerBound }) else {
      return range.lowerBound
    }
    if cover.lowerBound > range.lowerBound { return range.lowerBound }
    return cover.upperBound >= range.upperBound ? nil : cover.upperBound + 1
  }
}
