import HAL
import Metering

/// What of a log is sealed.
struct Sealing {
  /// The next segment to look at; those before it are sealed or stay plain.
  var next: UInt64 = 0
  /// The oldest of those before `next` that the medium did not let be sealed: it is tried again when there is a new one.
  var skipped: UInt64?
  /// A segment was begun with.
  var isUnderWay = false
  /// Its bytes.
  var byteCount = 0
  /// Its sealed form stands beside it, and is compared.
  var isPublished = false
  /// Nothing is to be sealed before so much is signed, or before a segment of this number or a later one was made.
  var waitsForSigned: UInt64 = 0
  var waitsForSequence: UInt64 = 0
  /// Bytes of the sealed segments of which entries are kept, and those of their plain forms.
  var keptByteCount: UInt64 = 0
  var keptPlainByteCount: UInt64 = 0
  /// Bytes of those that hold nothing any more.
  var freeByteCount: UInt64 = 0
  /// Bytes of sealed forms that do not count yet, beside their plain ones.
  var doubtfulByteCount: UInt64 = 0
  /// The oldest segment that may be one of those that hold nothing.
  var firstFree: UInt64 = 0
  /// The sealed segment whose plain form stands and is free.
  var spare: UInt64?
  /// The segments before `next` that were measured last, and the bytes that they take.
  var measured: Range<UInt64> = 0..<0
  var measuredByteCount: UInt64 = 0

  /// Everything is counted anew.
  mutating func forgetCounts(from first: UInt64) {
    keptByteCount = 0
    keptPlainByteCount = 0
    freeByteCount = 0
    doubtfulByteCount = 0
    firstFree = first
    measured = 0..<0
    measuredByteCount = 0
  }

  /// Counts a sealed segment of a plain one.
  mutating func count(_ byteCount: Int, of plainByteCount: Int, isKept: Bool) {
    if isKept {
      keptByteCount &+= wide(count: byteCount)
      keptPlainByteCount &+= wide(count: plainByteCount)
    } else {
      freeByteCount &+= wide(count: byteCount)
    }
  }

  /// Entries of a sealed segment are given up.
  mutating func giveUp(_ byteCount: Int, of plainByteCount: Int) {
    keptByteCount &-= wide(count: byteCount)
    keptPlainByteCount &-= min(wide(count: plainByteCount), keptPlainByteCount)
    freeByteCount &+= wide(count: byteCount)
  }

  /// The segment under way is done with, or begun anew.
  mutating func end() {
    isUnderWay = false
    isPublished = false
  }

  /// The segment under way cannot be sealed now: one that cannot be read must not keep those behind it from it.
  mutating func skip() {
    end()
    skipped = skipped ?? next
    next &+= 1
  }

  /// A segment is looked at again: what became of its plain form is not known.
  mutating func comeBack(to sequence: UInt64) {
    guard sequence < next else { return }
    next = sequence
    measured = 0..<0
    measuredByteCount = 0
    end()
    waitsForSigned = 0
    waitsForSequence = 0
  }
}

/// How a segment stands on the medium.
enum SegmentForm {
  case absent
  /// With its bytes, and those of a sealed form beside it that does not count.
  case plain(byteCount: Int, doubtfulByteCount: Int)
  /// With the bytes that it takes; its plain form may stand besides and be free.
  case sealed(byteCount: Int)
}

extension BlockStorage where Self: ~Copyable {
  /// Bytes that the forms of a segment take of the medium, but for a plain one that is free; 0 if there is none. It is asked
  /// as by `ask`.
  public mutating func takenByteCount(
    ofSegment sequence: UInt64, spare: inout Int
  ) throws(StorageError) -> UInt64 {
    try ask(spare: &spare) { medium throws(StorageError) in
      switch try medium.form(ofSegment: sequence) {
      case .absent: return 0
      case .plain(let byteCount, let doubtful): return wide(count: byteCount &+ doubtful)
      case .sealed(let byteCount): return wide(count: byteCount)
      }
    }
  }

  /// How a segment stands on the medium.
  mutating func form(ofSegment sequence: UInt64) throws(StorageError) -> SegmentForm {
    let sealed = try size(of: .sealed(sequence: sequence))
    if let sealed, try isSealed(segment: sequence) { return .sealed(byteCount: sealed) }
    guard let plain = try size(of: .segment(sequence: sequence)) else { return .absent }
    return .plain(byteCount: plain, doubtfulByteCount: sealed ?? 0)
  }

  /// Removes all segments, whatever form they have.
  public mutating func removeSegments() throws(StorageError) {
    guard let range = try segmentRange() else { return }
    for sequence in range { try remove(.segment(sequence: sequence)) }
  }
}

// Full segments take less room: they are sealed one by one, from the oldest on, in steps (`SealingStorage`). A segment is
// sealed when a later one has begun, and the checkpoint that was signed covers all that it holds: then nothing in it
// changes any more. Its plain form becomes the next segment, so that a file of zeros is written once and never wasted.
extension Journal where Storage: ~Copyable {
  /// Does a step of sealing, if there is anything to seal; returns whether there may be more to do at once.
  ///
  /// A step reads and writes one chunk of 64 KiB, or publishes what was written.
  /// - Throws: `unreadable`; `unwritable` when the medium refuses or what was read back differs. The segment stays as it
  ///   was, and is begun with anew.
  public mutating func seal() throws(JournalError) -> Bool {
    precondition(isRecovered, "recover first")
    guard try findSegmentToSeal() else { return false }
    let sequence = sealing.next
    let step: SealingStep
    do throws(StorageError) { step = try storage.seal(segment: sequence) } catch {
      sealing.skip()
      isCountDoubtful = true
      throw .unwritable(.sealed(sequence: sequence), offset: 0, error)
    }
    switch step {
    case .working(let byteCount):
      writtenByteCount &+= wide(count: byteCount)
      return true
    case .published(let byteCount, let writtenByteCount):
      self.writtenByteCount &+= wide(count: writtenByteCount)
      sealing.doubtfulByteCount &+= wide(count: byteCount)
      sealing.isPublished = true
      return true
    case .declined: break
    case .sealed(let byteCount):
      sealing.doubtfulByteCount &-= min(wide(count: byteCount), sealing.doubtfulByteCount)
      try take(sequence, byteCount)
    }
    sealing.end()
    sealing.next = sequence &+ 1
    if sealing.doubtfulByteCount > 0 { isCountDoubtful = true }
    return true
  }

  /// The sealed form counts from now on: the plain one is the next segment, or goes.
  private mutating func take(_ sequence: UInt64, _ byteCount: Int) throws(JournalError) {
    plainByteCount &-= wide(count: sealing.byteCount)
    sealing.count(byteCount, of: sealing.byteCount, isKept: true)
    window = Window()
    let object = StorageObject.segment(sequence: sequence)
    // One of another length than those that are made now is of no use.
    let isSpare = freeSegmentCount == 0 && sealing.byteCount == configuration.segmentByteCount
    do throws(StorageError) {
      if isSpare {
        sealing.spare = sequence
        countFree(sealing.byteCount)
      } else {
        try storage.removePlain(segment: sequence)
      }
    } catch {
      // It may stand still, and counts then: the next step compares again.
      sealing.end()
      isCountDoubtful = true
      throw .unwritable(object, offset: 0, error)
    }
  }

  /// A sealed form stands beside its plain one, and does not count yet.
  public var isSealingPending: Bool { sealing.doubtfulByteCount > 0 }

  /// A commit needs the room that sealed forms take which do not count yet: they go, and their segments are sealed later.
  mutating func withdrawSealed() throws(StorageError) {
    guard isSealingPending else { return }
    isCountDoubtful = true
    var sequence = firstKept
    while sequence < nextSequence {
      if case .plain(_, let byteCount) = try storage.form(ofSegment: sequence), byteCount > 0 {
        try storage.remove(.sealed(sequence: sequence))
        sealing.doubtfulByteCount &-= min(wide(count: byteCount), sealing.doubtfulByteCount)
      }
      sequence &+= 1
    }
    sealing.end()
    sealing.comeBack(to: firstKept)
  }

  /// Moves on to the next segment that can be sealed now; `false` if there is none.
  private mutating func findSegmentToSeal() throws(JournalError) -> Bool {
    if isCountDoubtful { try recountSegments() }
    if sealing.next < firstKept {
      sealing.next = firstKept
      sealing.end()
    }
    // A commit may have taken a segment since the last step.
    if sealing.isUnderWay { return hasRoomToSeal(sealing.byteCount) || sealing.isPublished }
    guard superblock.signedSize >= sealing.waitsForSigned,
      nextSequence > sealing.waitsForSequence
    else { return false }
    while sealing.next &+ 1 < nextSequence {
      if case .plain(let byteCount, let standing) = try form(of: sealing.next),
        try segment(sealing.next) != nil
      {
        guard hasRoomToSeal(byteCount) || standing > 0 else { return false }
        guard let end = try nextSegment(from: sealing.next &+ 1, through: nextSequence &- 1) else {
          break
        }
        guard end.header.firstIndex <= superblock.signedSize else {
          sealing.waitsForSigned = end.header.firstIndex
          return false
        }
        sealing.isUnderWay = true
        sealing.byteCount = byteCount
        sealing.isPublished = standing > 0
        return true
      }
      // Sealed already, or given up before it had a header.
      sealing.next &+= 1
    }
    if let skipped = sealing.skipped {
      sealing.skipped = nil
      sealing.comeBack(to: skipped)
    }
    sealing.waitsForSequence = nextSequence
    return false
  }

  /// At most half a segment of so many bytes stands beside it until it may go. A log that stands beyond its room comes back
  /// into it by that alone.
  private func hasRoomToSeal(_ byteCount: Int) -> Bool {
    standingByteCount &+ wide(count: byteCount / 2) <= standingByteCountMax
      || standingByteCount > standingByteCountMax
  }

  /// Bytes of the plain form of a sealed segment. One that does not show them counts as those that are made now.
  mutating func plainByteCount(ofSealed sequence: UInt64) -> Int {
    do throws(StorageError) {
      return try storage.size(of: .segment(sequence: sequence)) ?? configuration.segmentByteCount
    } catch { return configuration.segmentByteCount }
  }

  /// So many bytes of frames as they will stand when they are sealed, as far as what is sealed shows.
  public func byteCount(whenSealed byteCount: UInt64) -> UInt64 {
    let plain = sealing.keptPlainByteCount / 4096
    guard plain > 0 else { return byteCount }
    // In blocks, so that a terabyte a day times a terabyte does not overflow.
    return byteCount / plain &* (sealing.keptByteCount / 4096)
      &+ byteCount % plain &* (sealing.keptByteCount / 4096) / plain
  }

  /// How a segment stands on the medium.
  mutating func form(of sequence: UInt64) throws(JournalError) -> SegmentForm {
    do throws(StorageError) {
      return try ask { medium throws(StorageError) in
        try medium.form(ofSegment: sequence)
      }
    } catch { throw .unreadable(.segment(sequence: sequence), offset: 0, error) }
  }

  /// Bytes that segments take of the medium. What was measured before is not looked
  /// at again: `range` moves on, as acknowledgements do.
  mutating func takenByteCount(_ range: Range<UInt64>) throws(JournalError) -> UInt64 {
    guard !range.isEmpty else { return 0 }
    var measured = sealing.measured
    var byteCount = sealing.measuredByteCount
    if range.lowerBound < measured.lowerBound || range.lowerBound > measured.upperBound {
      measured = range.lowerBound..<range.lowerBound
      byteCount = 0
    }
    while measured.lowerBound < range.lowerBound {
      byteCount &-= try takenByteCount(measured.lowerBound)
      measured = (measured.lowerBound &+ 1)..<measured.upperBound
    }
    let settled = sealing.next < range.upperBound ? sealing.next : range.upperBound
    while measured.upperBound < settled {
      byteCount &+= try takenByteCount(measured.upperBound)
      measured = measured.lowerBound..<(measured.upperBound &+ 1)
    }
    sealing.measured = measured
    sealing.measuredByteCount = byteCount
    // What may change its form is looked at each time: one or two segments, and after a start all of them once or twice.
    var sequence = measured.upperBound
    while sequence < range.upperBound {
      byteCount &+= try takenByteCount(sequence)
      sequence &+= 1
    }
    return byteCount
  }

  private mutating func takenByteCount(_ sequence: UInt64) throws(JournalError) -> UInt64 {
    switch try form(of: sequence) {
    case .absent: return 0
    case .plain(let byteCount, _): return wide(count: byteCount)
    case .sealed(let byteCount): return wide(count: byteCount)
    }
  }

  /// Removes the sealed segments that hold nothing any more.
  mutating func removeSealed() throws(JournalError) {
    guard sealing.freeByteCount > 0 else { return }
    while sealing.firstFree < firstKept, sealing.freeByteCount > 0 {
      let sequence = sealing.firstFree
      if case .sealed(let byteCount) = try form(of: sequence) {
        let object = StorageObject.sealed(sequence: sequence)
        do throws(StorageError) { try storage.remove(object) } catch {
          isCountDoubtful = true
          throw .unwritable(object, offset: 0, error)
        }
        sealing.freeByteCount &-= wide(count: byteCount)
      }
      sealing.firstFree &+= 1
    }
    sealing.freeByteCount = 0
  }
}
