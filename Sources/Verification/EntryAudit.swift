import HAL
import Metering
import TransparencyLog

/// Reads the entries of a log in order and checks what they say against each other: position, origin,
/// documents, schedule.
///
/// Completeness is counted as follows. A *channel* entry with a period and n requests asks for n
/// readings in each slot. Between the first and the last slot that the log mentions for a channel
/// (by a reading or a shed event) every slot must have a reading for each request, or lie in a shed
/// event. In the very last slot only, later requests may still have been to come. Before the first
/// and after the last slot nothing is asked: when the log ends is for the policy (age) to judge.
///
/// A slot stands once. When the clock is set back its numbers come again, and the log says that it was:
/// by an event of the running agent, or by a boot that is earlier than what came before it. Each time
/// between two setbacks is asked for its own slots, from its first to its last.
struct EntryAudit {
  /// One channel and what was found of it.
  private struct ChannelState {
    var isScheduled: Bool
    var requests: [SlotSet]
    /// The same since the clock was last set back.
    var recent: [SlotSet]
    /// The same of the time before that.
    var earlier: [SlotSet]
    var shed = SlotSet()
    /// Period and offset in ms; `nil` without a schedule.
    var period: UInt64?
    var offset: UInt64
    /// The first and the last slot since the clock was last set back, and of the times before.
    var span: ClosedRange<UInt64>?
    var earlierSpans: [ClosedRange<UInt64>] = []
    var wasSetBack = false

    mutating func widen(_ slots: ClosedRange<UInt64>) {
      let known = span ?? slots
      span = min(known.lowerBound, slots.lowerBound)...max(known.upperBound, slots.upperBound)
    }

    /// Takes shed slots.
    mutating func shed(_ slots: ClosedRange<UInt64>, at utc: UInt64) {
      shed.insert(slots)
      if !isFromBefore(slots.upperBound, at: utc) { widen(slots) }
    }

    /// Takes the slot of a reading; `false` if it has one.
    mutating func take(_ slot: UInt64, of request: Int, at utc: UInt64) -> Bool {
      requests[request].insert(slot...slot)
      if isFromBefore(slot, at: utc) { return earlier[request].insert(slot...slot) }
      widen(slot...slot)
      return recent[request].insert(slot...slot)
    }

    /// What was under way when the clock was set back is told after it: a slot that is still to come at
    /// `utc` belongs to the time before.
    private func isFromBefore(_ slot: UInt64, at utc: UInt64) -> Bool {
      guard wasSetBack, let period, period > 0 else { return false }
      let now = utc / 1000
      return now < offset || slot > (now - offset) / period
    }

    mutating func setBack() {
      wasSetBack = true
      if let span { earlierSpans.append(span) }
      span = nil
      earlier = recent
      recent = Array(repeating: SlotSet(), count: requests.count)
    }

    /// The slots that a request must have. In the last one of each time it may still have been due.
    func expected(_ present: SlotSet) -> SlotSet {
      var expected = SlotSet()
      for span in earlierSpans + [span].compactMap(\.self) {
        let (first, last) = (span.lowerBound, span.upperBound)
        if present.contains(last) || shed.contains(last) {
          expected.insert(span)
        } else if last > first {
          expected.insert(first...(last - 1))
        }
      }
      return expected
    }
  }
  private let origin: KeyName
  private var channels: [UInt64: ChannelState] = [:]
  /// Bodies in parts, by the hash of the whole.
  private var parts: [Digest: [UInt8]] = [:]
  /// Entries that were damaged or lost: what they said is unknown.
  private(set) var unreadableCount: UInt64 = 0
  /// When the entry before was made, µs since 1970.
  private var previousUTC: UInt64 = 0

  init(origin: KeyName) { self.origin = origin }

  /// An entry that could not be read.
  mutating func skip(_ count: UInt64) { unreadableCount += count }

  /// The next entry.
  mutating func take(_ bytes: Span<UInt8>, at index: UInt64, _ report: inout Report) {
    let entry: Entry
    do throws(CBORError) { entry = try Entry.decode(bytes) } catch {
      report.add(.malformedEntry(index: index))
      return
    }
    count(entry.head, &report.statistics)
    if entry.head.index != index { report.add(.misplacedEntry(index: index)) }
    switch entry {
    case .boot(let boot):
      report.statistics.entriesByType[0] += 1
      if !origin.matches(bytes.extracting(boot.origin)) {
        report.add(.misplacedEntry(index: index))
      }
      if boot.head.time.utc < previousUTC { slotsComeAgain() }
    case .reading(let reading):
      report.statistics.entriesByType[1] += 1
      take(reading, bytes, index, &report)
    case .config(let config):
      report.statistics.entriesByType[4] += 1
      take(config, bytes, index, &report)
    case .event(let event):
      report.statistics.entriesByType[5] += 1
      if event.code == .clockStepped {
        report.statistics.clockStepCount += 1
        if let old = event.argument(0, in: bytes), let new = event.argument(1, in: bytes), new < old
        {
          slotsComeAgain()
        }
      }
      if event.code == .mended, let first = event.argument(0, in: bytes),
        let end = event.argument(1, in: bytes), first <= end
      {
        report.mended.append(first..<end)
      }
      if let shed = event.shed(in: bytes) {
        channels[shed.channel]?.shed(shed.firstSlot...shed.lastSlot, at: event.head.time.utc)
      }
    case .other(let type, _):
      if type < 16 { report.statistics.entriesByType[Int(type)] += 1 }
    }
    previousUTC = entry.head.time.utc
  }

  /// The clock was set back: a slot that stands already may stand once more.
  private mutating func slotsComeAgain() {
    for index in channels.keys { channels[index]?.setBack() }
  }

  private func count(_ head: EntryHead, _ statistics: inout Statistics) {
    statistics.entryCount += 1
    if head.time.quality.isNeverSynchronised { statistics.unsynchronisedCount += 1 }
    let utc = head.time.utc
    statistics.firstUTC = min(statistics.firstUTC ?? utc, utc)
    statistics.lastUTC = max(statistics.lastUTC ?? utc, utc)
  }

  private mutating func take(
    _ reading: ReadingEntry, _ bytes: Span<UInt8>, _ index: UInt64, _ report: inout Report
  ) {
    if reading.statusCode < 16 {
      report.statistics.readingsByStatus[Int(reading.statusCode)] += 1
    }
    guard let channel = channels[reading.channel],
      reading.request < UInt64(channel.requests.count)
    else {
      // The channel's own entry may be among those that could not be read.
      if unreadableCount == 0 {
        report.add(.unknownChannel(index: index, channel: reading.channel))
      }
      return
    }
    // Further frames of one answer are entries of their own for the same slot.
    guard let slot = reading.slot,
      reading.ext.unsigned(ReadingEntry.Key.part, in: bytes) == nil
    else { return }
    let request = Int(reading.request)
    if channels[reading.channel]?.take(slot, of: request, at: reading.head.time.utc) == false {
      report.add(
        .doubledSlot(
          index: index, channel: reading.channel, request: reading.request, slot: slot))
    }
  }

  private mutating func take(
    _ config: ConfigEntry, _ bytes: Span<UInt8>, _ index: UInt64, _ report: inout Report
  ) {
    if config.kind == .part {
      guard let body = config.body, let number = config.part(in: bytes) else {
        report.add(.malformedEntry(index: index))
        return
      }
      if number == 0 { parts[config.sha256] = [] }
      parts[config.sha256, default: []] += array(bytes.extracting(body))
      return
    }
    let body = config.body.map { array(bytes.extracting($0)) } ?? parts[config.sha256]
    parts[config.sha256] = nil
    guard let body, SHA256.hash(body.span) == config.sha256 else {
      if unreadableCount == 0 { report.add(.damagedDocument(index: index)) }
      return
    }
    guard config.kind == .channel else { return }
    guard let channel = try? Channel.decode(body.span), channel.requestCount <= 4096 else {
      report.add(.malformedEntry(index: index))
      return
    }
    let isScheduled = channel.periodMilliseconds != nil
    if isScheduled { report.statistics.scheduledChannelCount += 1 }
    let none = Array(repeating: SlotSet(), count: channel.requestCount)
    channels[index] = ChannelState(
      isScheduled: isScheduled, requests: none, recent: none, earlier: none,
      period: channel.periodMilliseconds, offset: channel.offsetMilliseconds)
  }

  /// Counts the slots, after the last entry.
  func finish(_ report: inout Report) {
    for (index, channel) in channels.sorted(by: { $0.key < $1.key }) where channel.isScheduled {
      for (request, present) in channel.requests.enumerated() {
        let shed = channel.shed.subtracting(present)
        for range in channel.expected(present).ranges {
          report.statistics.expectedCount &+= slotCount(range)
          report.statistics.presentCount &+= present.count(in: range)
          report.statistics.shedCount &+= shed.count(in: range)
          for gap in present.union(channel.shed).gaps(in: range) {
            report.statistics.missingCount &+= slotCount(gap)
            // They may be what the entries said that could not be read.
            guard unreadableCount == 0 else { continue }
            report.add(
              .missingSlots(channel: index, request: UInt64(request), slots: gap))
          }
        }
      }
    }
    if unreadableCount > 0 { report.doNotJudge(.completeness) }
  }
}

/// The bytes of a span.
func array(_ span: Span<UInt8>) -> [UInt8] { span.withUnsafeBufferPointer { [UInt8]($0) } }

/// How many slots a range has; the log may state any two numbers, so it must not trap.
func slotCount(_ range: ClosedRange<UInt64>) -> UInt64 {
  (range.upperBound - range.lowerBound) &+ 1
}

/// A set of slots as ranges that do not touch, in ascending order. Slots come nearly in order, so it
/// stays as short as the log has gaps.
struct SlotSet: Equatable {
  private(set) var ranges: [ClosedRange<UInt64>] = []

  var first: UInt64? { ranges.first?.lowerBound }
  var last: UInt64? { ranges.last?.upperBound }

  /// Adds slots; `false` if some of them were there.
  @discardableResult
  mutating func insert(_ slots: ClosedRange<UInt64>) -> Bool {
    // The position of the first range that ends at or after the slot before `slots`.
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < UInt64.max,
        ranges[middle].upperBound + 1 < slots.lowerBound
      {
        low = middle + 1
      } else {
        high = middle
      }
    }
    var merged = slots
    var isNew = true
    var end = low
    while end < ranges.count,
      slots.upperBound == UInt64.max || ranges[end].lowerBound <= slots.upperBound + 1
    {
      if ranges[end].overlaps(slots) { isNew = false }
      merged =
        min(
          merged.lowerBound, ranges[end].lowerBound)...max(
          merged.upperBound, ranges[end].upperBound)
      end += 1
    }
    ranges.replaceSubrange(low..<end, with: CollectionOfOne(merged))
    return isNew
  }

  /// The position of the first range that ends at or after `slot`.
  private func index(endingFrom slot: UInt64) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < slot { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The ranges that overlap `range`, found without looking at the others: a meter that is dead for a
  /// year leaves half a million.
  private func overlapping(_ range: ClosedRange<UInt64>) -> ArraySlice<ClosedRange<UInt64>> {
    let start = index(endingFrom: range.lowerBound)
    var end = start
    while end < ranges.count, ranges[end].lowerBound <= range.upperBound { end += 1 }
    return ranges[start..<end]
  }

  func contains(_ slot: UInt64) -> Bool { !overlapping(slot...slot).isEmpty }

  /// How many slots of `range` are in the set.
  func count(in range: ClosedRange<UInt64>) -> UInt64 {
    overlapping(range).reduce(0) { $0 &+ slotCount($1.clamped(to: range)) }
  }

  /// The slots of both, in one pass over both.
  func union(_ other: SlotSet) -> SlotSet {
    var result = SlotSet()
    var left = ranges[...]
    var right = other.ranges[...]
    while let next = [left.first, right.first].compactMap(\.self).min(by: precedes) {
      if next == left.first { left.removeFirst() } else { right.removeFirst() }
      // In order, so each lands at the end.
      result.insert(next)
    }
    return result
  }

  private func precedes(_ one: ClosedRange<UInt64>, _ other: ClosedRange<UInt64>) -> Bool {
    one.lowerBound < other.lowerBound
  }

  /// The slots that are not in `other`.
  func subtracting(_ other: SlotSet) -> SlotSet {
    var result = SlotSet()
    for range in ranges {
      for gap in other.gaps(in: range) { result.insert(gap) }
    }
    return result
  }

  /// The runs of slots in `range` that are not in the set.
  func gaps(in range: ClosedRange<UInt64>) -> [ClosedRange<UInt64>] {
    var gaps: [ClosedRange<UInt64>] = []
    var next = range.lowerBound
    for part in overlapping(range) {
      if part.lowerBound > next { gaps.append(next...(part.lowerBound - 1)) }
      if part.upperBound >= range.upperBound { return gaps }
      next = part.upperBound + 1
    }
    gaps.append(next...range.upperBound)
    return gaps
  }
}
