import HAL

// What a medium does by itself to what it was given.
extension SimulatedDisk {
  /// What an operation changed, as long as a lying medium has it only in its cache.
  struct Cached {
    enum Change {
      /// These bytes stood at the offset.
      case bytes(StorageObject, offset: Int, before: [UInt8])
      /// The object was this, or was not there.
      case whole(StorageObject, before: [UInt8]?)
      /// A segment got another number.
      case renamed(UInt64, to: UInt64)
    }
    var epoch: UInt32
    var change: Change
    var at: UInt64
  }

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

  /// A bit of something that is stored changes. Returns where.
  func rot() -> (epoch: UInt32, object: StorageObject)? {
    guard !isDead, !isCalm, let (epoch, object) = drawn() else { return nil }
    change(epoch, object) { bytes in
      var used = bytes.count
      if case .segment = object { used = (bytes.lastIndex { $0 != 0 } ?? 0) + 1 }
      guard used > 0 else { return }
      bytes[Int(entropy.below(UInt64(used)))] ^= 1 << UInt8(entropy.below(8))
    }
    happened(.fault(.bitRot, object))
    return (epoch, object)
  }

  /// Up to 64 KiB of an object cannot be read before a time. Returns where.
  func refuseReads(until time: UInt64) -> (epoch: UInt32, object: StorageObject)? {
    guard !isDead, !isCalm, let (epoch, object) = drawn(), let bytes = bytes(epoch, object),
      !bytes.isEmpty
    else { return nil }
    let first = Int(entropy.below(UInt64(bytes.count))) / 512 * 512
    let end = first + (entropy.chance(500_000) ? 512 : 65_536)
    unreadable.append(
      UnreadableArea(epoch: epoch, object: object, bytes: first..<end, until: time))
    happened(.fault(.unreadable, object))
    return (epoch, object)
  }

  /// Something that is stored: mostly a segment, for they take most of the medium, and mostly of the epoch that goes on.
  private func drawn() -> (epoch: UInt32, object: StorageObject)? {
    let isEarlier = volumes.count > 1 && entropy.chance(100_000)
    let epoch =
      isEarlier ? UInt32(entropy.within(1...UInt64(volumes.count - 1))) : UInt32(volumes.count)
    let volume = volumes[Int(epoch) - 1]
    let others = volume.others
    let segments =
      volume.segments.map { StorageObject.segment(sequence: $0.sequence) }
      + volume.sealed.map { StorageObject.sealed(sequence: $0.sequence) }
    let candidates = others.isEmpty || entropy.chance(800_000) ? segments : others
    guard !candidates.isEmpty else { return nil }
    return (epoch, candidates[Int(entropy.below(UInt64(candidates.count)))])
  }

  /// Throws where nothing can be changed; `object` is what would be written, `nil` where nothing is.
  func lookIfWritable(_ object: StorageObject?) throws(StorageError) {
    guard refuses(.mediumReadOnly) else { return }
    if let object { refuse(object, .mediumReadOnly) }
    throw .denied
  }

  /// There is no room for what would be written to an object.
  func full(_ object: StorageObject) -> StorageError {
    refuse(object, .mediumFull)
    return .full
  }

  /// The agent is told that an object was not written.
  func refuse(_ object: StorageObject, _ kind: FaultKind) {
    if case .superblock(let slot) = object { refusedSuperblocks.insert(slot) }
    happened(.refused(object, kind))
  }

  /// The medium refuses in this way now.
  func refuses(_ kind: FaultKind) -> Bool {
    refusals.contains { $0.kind == kind && $0.until > now }
  }

  /// An area refuses reads now.
  var isPartlyUnreadable: Bool { unreadable.contains { $0.until > now } }

  /// A read of these bytes meets an area that refuses it.
  func refuses(_ epoch: UInt32, _ object: StorageObject, _ bytes: Range<Int>) -> Bool {
    unreadableAreas(epoch, object).contains { $0.bytes.overlaps(bytes) }
  }

  /// The areas of an object that refuse reads now.
  func unreadableAreas(_ epoch: UInt32, _ object: StorageObject) -> [UnreadableArea] {
    isCalm
      ? [] : unreadable.filter { $0.until > now && $0.epoch == epoch && $0.object == object }
  }
}

/// An area of an object that refuses to be read.
struct UnreadableArea {
  var epoch: UInt32
  var object: StorageObject
  var bytes: Range<Int>
  var until: UInt64
}
