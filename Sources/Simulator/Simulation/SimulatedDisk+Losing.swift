import HAL

// What a medium does by itself to what it was given.
extension SimulatedDisk {
  /// A medium that lies about flush has an operation in its cache for five seconds.
  func keep(_ change: Cached.Change, _ epoch: UInt32) {
    guard isLying else { return }
    cache.removeAll { $0.at + 5_000_000 <= now }
    cache.append(Cached(epoch: epoch, change: change, at: now))
  }

  /// The power went, and of what was in the cache any part is gone, in any order.
  func loseCache() {
    var isLost = false
    for cached in cache.reversed() where cached.at + 5_000_000 > diedAt {
      switch cached.change {
      case .bytes(let object, let offset, let before):
        let unit = tornUnit()
        for start in stride(from: 0, to: before.count, by: unit) where entropy.chance(500_000) {
          let lost = start..<min(start + unit, before.count)
          change(cached.epoch, object) { bytes in
            guard offset + lost.upperBound <= bytes.count else { return }
            bytes.replaceSubrange(
              offset + lost.lowerBound..<offset + lost.upperBound, with: before[lost])
          }
          isLost = true
        }
      case .whole(let object, let before):
        guard entropy.chance(500_000) else { continue }
        put(cached.epoch, object, before)
        isLost = true
      case .renamed(let old, let new):
        guard entropy.chance(500_000) else { continue }
        let (was, became) = (
          StorageObject.segment(sequence: old), StorageObject.segment(sequence: new)
        )
        guard bytes(cached.epoch, was) == nil, let bytes = bytes(cached.epoch, became) else {
          continue
        }
        put(cached.epoch, became, nil)
        put(cached.epoch, was, bytes)
        isLost = true
      }
    }
    cache = []
    if isLost { happened(.fault(.lyingFlush)) }
  }

  /// A bit of something that is stored changes: mostly of a segment, for they take most of the medium.
  func rot() {
    guard !isDead, !isCalm else { return }
    let volume = volumes[volumes.count - 1]
    let others = volume.others
    let segments =
      volume.segments.map { StorageObject.segment(sequence: $0.sequence) }
      + volume.sealed.map { StorageObject.sealed(sequence: $0.sequence) }
    let candidates = others.isEmpty || entropy.chance(800_000) ? segments : others
    guard !candidates.isEmpty else { return }
    let object = candidates[Int(entropy.below(UInt64(candidates.count)))]
    change(UInt32(volumes.count), object) { bytes in
      var used = bytes.count
      if case .segment = object { used = (bytes.lastIndex { $0 != 0 } ?? 0) + 1 }
      guard used > 0 else { return }
      bytes[Int(entropy.below(UInt64(used)))] ^= 1 << UInt8(entropy.below(8))
    }
    happened(.fault(.bitRot, object))
  }
}
