import HAL
import Metering
import TransparencyLog

extension Journal where Storage: ~Copyable {
  /// Reads the whole log, calls `visitor` with each entry's index and bytes in order, decides by
  /// `RecoveryTable`, and puts right what the table says can be put right.
  ///
  /// The first call on an empty directory makes the superblocks. If it throws, the journal is as
  /// before the call and cannot be used; what the visitor was given then counts for nothing.
  /// - Throws: what `RecoveryCase` says, with the place; `unreadable`; `foreignLog`; `unwritable` if
  ///   a superblock cannot be written.
  public mutating func recover(
    _ visitor: (UInt64, Span<UInt8>) -> Void
  ) throws(JournalError) -> RecoveryCase {
    precondition(!isRecovered, "recovered already")
    let superblocks = try readSuperblocks()
    var scan = try scanSegments(visitor)
    if scan.finding == .damaged, let mendable = try findGap() {
      scan.finding = .gap
      scan.index = mendable.size
      scan.damage = .gap(mendable.first)
    }
    let inputs = RecoveryInputs(
      superblocks: superblocks, segments: scan.finding,
      size: scan.index >= superblock.signedSize ? .coversSigned : .lessThanSigned)
    let decision = RecoveryTable.decide(inputs)
    switch decision {
    case .emptyDirectory, .clean, .oneSuperblock: break
    case .tornTail, .oneSuperblockAndTornTail: break
    case .damagedMiddle, .gap: throw scan.damage ?? .damagedSegment(0, index: 0)
    case .signedEntriesMissing:
      throw .signedEntriesMissing(signed: superblock.signedSize, recovered: scan.index)
    case .superblocksDamaged: throw .superblocksDamaged
    case .superblocksMissing: throw .superblocksMissing
    }
    committedSize = scan.index
    // What this superblock says is signed may have left after it was written, and the next one says so: a mirror may name
    // it after any number of starts.
    releasedSize = superblock.signedSize
    lastChecksum = scan.previousChecksum
    tail = scan.tail
    if scan.finding == .torn { zeroTail() }
    if decision == .emptyDirectory {
      // The superblocks come first: a log without any is then always one that has lost them.
      try writeSuperblock(superblock)
    }
    if superblocks == .one {
      // The lost one may have counted one boot more; none may be counted twice.
      superblock.bootCounter &+= 1
    }
    if superblocks != .both { try writeSuperblock(superblock) }
    isRecovered = true
    return decision
  }

  /// Reads both superblocks and takes the newer valid one. One that the medium refuses to show may be the newer
  /// one, whole: it would be overwritten with what the older one says, and the log forget what it signed.
  private mutating func readSuperblocks() throws(JournalError) -> SuperblockFinding {
    var validCount = 0
    var existingCount = 0
    var slot: UInt8 = 0
    while slot < 2 {
      let object = StorageObject.superblock(slot: slot)
      switch readSuperblock(object) {
      case .absent: break
      case .damaged: existingCount &+= 1
      case .unreadable(let reason): throw .unreadable(object, offset: 0, reason)
      case .valid(let found):
        guard found.epoch == configuration.epoch, found.originHash == configuration.originHash
        else { throw .foreignLog(object) }
        existingCount &+= 1
        validCount &+= 1
        if validCount == 1 || found.isNewer(than: superblock) {
          superblock = found
          superblockSlot = slot
          superblockPage.put(nextSuperblockPage.span, at: 0)
        }
      }
      slot &+= 1
    }
    if validCount == 2 { return .both }
    if validCount == 1 { return .one }
    return existingCount > 0 ? .noneValid : .missing
  }

  private enum SuperblockReading {
    case absent
    case damaged
    case unreadable(StorageError)
    case valid(Superblock)
  }

  /// Reads one superblock into the page for the next one.
  private mutating func readSuperblock(_ object: StorageObject) -> SuperblockReading {
    let page = nextSuperblockPage
    do throws(StorageError) {
      let size = try ask { medium throws(StorageError) in try medium.size(of: object) }
      guard let size else { return .absent }
      guard size == blockByteCount else { return .damaged }
      try read(object, at: 0, into: page)
    } catch {
      return .unreadable(error)
    }
    guard let found = Superblock(page.span) else { return .damaged }
    return .valid(found)
  }

  /// What the segments hold.
  private struct Scan {
    var finding = SegmentFinding.absent
    var damage: JournalError?
    var index: UInt64 = 0
    var previousChecksum: UInt32 = 0
    var tail: Tail?
  }

  /// Follows the chain of frames through all segments.
  ///
  /// A segment ends where the next one begins: what stands behind is a frame given up after a write
  /// error. A segment without a valid header was given up before it held anything, unless the chain
  /// breaks there.
  private mutating func scanSegments(
    _ visitor: (UInt64, Span<UInt8>) -> Void
  ) throws(JournalError) -> Scan {
    var scan = Scan()
    guard let range = try segmentRange() else { return scan }
    nextSequence = range.upperBound &+ 1
    let start = try firstSegment(in: range)
    try countSegments(in: range, from: start?.sequence ?? range.lowerBound)
    if superblock.minimumIndex > 0 {
      guard let start else {
        return try damaged(&scan, between: firstKept, and: range.upperBound &+ 1)
      }
      scan.index = start.header.firstIndex
      scan.previousChecksum = start.header.previousChecksum
    }
    var candidate = firstKept
    while let segment = try nextSegment(from: candidate, through: range.upperBound) {
      guard segment.header.firstIndex == scan.index,
        segment.header.previousChecksum == scan.previousChecksum
      else {
        return try damaged(&scan, between: candidate, and: segment.sequence)
      }
      let next = try nextSegment(from: segment.sequence &+ 1, through: range.upperBound)
      var place = FramePlace(segment)
      try follow(&place, to: next?.header.firstIndex, visitor)
      scan.index = place.index
      scan.previousChecksum = place.previousChecksum
      scan.tail = Tail(
        sequence: place.sequence, offset: place.offset, byteCount: place.byteCount)
      scan.finding = .clean
      candidate = segment.sequence &+ 1
    }
    while candidate <= range.upperBound {
      if try holdsFrames(candidate) {
        return try damaged(&scan, between: candidate, and: range.upperBound &+ 1)
      }
      candidate &+= 1
    }
    if let tail = scan.tail { try examine(tail, &scan) }
    return scan
  }

  /// The segment where the chain begins: the last one that begins at or below the minimum index. `nil` if there
  /// is none.
  private mutating func firstSegment(
    in range: ClosedRange<UInt64>
  ) throws(JournalError) -> FoundSegment? {
    var start: FoundSegment?
    var candidate = range.lowerBound
    while let found = try nextSegment(from: candidate, through: range.upperBound),
      found.header.firstIndex <= superblock.minimumIndex
    {
      // Of an untouched log the first one counts: those behind it that hold nothing begin there, too.
      if superblock.minimumIndex == 0 { return found }
      start = found
      candidate = found.sequence &+ 1
    }
    return start
  }

  /// Counts anew what stands: an operation that failed may have been done.
  mutating func recountSegments() throws(JournalError) {
    if let range = try segmentRange() { try countSegments(in: range, from: firstKept) }
    isCountDoubtful = false
  }

  /// Counts the segments that stand, those that are kept from `first` on and those that are free before it.
  private mutating func countSegments(
    in range: ClosedRange<UInt64>, from first: UInt64
  ) throws(JournalError) {
    firstKept = superblock.minimumIndex > 0 ? first : range.lowerBound
    firstFree = range.lowerBound
    plainByteCount = 0
    freeSegmentCount = 0
    freeByteCount = 0
    sealing.forgetCounts(from: range.lowerBound)
    var candidate = range.lowerBound
    while candidate <= range.upperBound {
      switch try form(of: candidate) {
      case .absent: break
      case .plain(let byteCount, let doubtfulByteCount):
        sealing.doubtfulByteCount &+= wide(count: doubtfulByteCount)
        if candidate < firstKept {
          countFree(byteCount)
        } else {
          plainByteCount &+= wide(count: byteCount)
        }
      case .sealed(let byteCount):
        sealing.count(
          byteCount, of: plainByteCount(ofSealed: candidate), isKept: candidate >= firstKept)
      }
      candidate &+= 1
    }
    if sealing.spare != nil { countFree(configuration.segmentByteCount) }
  }

  /// Goes through the frames of a segment up to the index where the next one begins.
  private mutating func follow(
    _ place: inout FramePlace, to bound: UInt64?, _ visitor: (UInt64, Span<UInt8>) -> Void
  ) throws(JournalError) {
    while place.index < bound ?? UInt64.max, let header = try frameHeader(at: place),
      let bytes = try frameBytes(at: place, header)
    {
      let payload = payload(of: bytes, header)
      let first = header.firstIndex
      forEachEntry(of: payload.span, count: header.count) { number, entry in
        visitor(first &+ wide(number), payload.span.extracting(entry))
      }
      place.advance(over: header, checksum: FrameHeader.checksum(of: bytes.span))
    }
  }

  /// The chain does not reach the segment `end`: the first segment between that is missing or has
  /// lost its header is to blame, else the frame at which the chain stopped.
  private mutating func damaged(
    _ scan: inout Scan, between start: UInt64, and end: UInt64
  ) throws(JournalError) -> Scan {
    scan.finding = .damaged
    var sequence = start
    while sequence < end {
      let exists = try segmentByteCount(sequence) != nil
      let blamed = exists ? try holdsFrames(sequence) : true
      if blamed {
        scan.damage = .damagedSegment(sequence, index: scan.index)
        return scan
      }
      sequence &+= 1
    }
    if let tail = scan.tail {
      scan.damage = .damagedFrame(segment: tail.sequence, offset: tail.offset, index: scan.index)
    } else {
      scan.damage = .damagedSegment(end, index: scan.index)
    }
    return scan
  }

  /// Some block of the segment is the first of a frame that was written there.
  mutating func holdsFrames(_ sequence: UInt64) throws(JournalError) -> Bool {
    guard let byteCount = try segmentByteCount(sequence) else { return false }
    return try hasFrame(sequence, byteCount: byteCount, from: blockByteCount, beyond: nil)
  }

  /// Some block from `offset` on begins a frame of this segment (with an index above `beyond`).
  mutating func hasFrame(
    _ sequence: UInt64, byteCount: Int, from offset: Int, beyond index: UInt64?
  ) throws(JournalError) -> Bool {
    var offset = offset
    while byteCount &- offset >= blockByteCount {
      let block = try load(sequence, at: offset, byteCount: blockByteCount, limit: byteCount)
      if let header = FrameHeader(block.span), header.epoch == configuration.epoch,
        wide(header.sequence) == sequence
      {
        guard let index else { return true }
        if header.firstIndex > index { return true }
      }
      offset &+= blockByteCount
    }
    return false
  }

  /// Tells a clean end from a torn frame, and both from a damaged one with others behind it.
  private mutating func examine(_ tail: Tail, _ scan: inout Scan) throws(JournalError) {
    guard tail.byteCount &- tail.offset >= blockByteCount else { return }
    if try hasFrame(
      tail.sequence, byteCount: tail.byteCount, from: tail.offset &+ blockByteCount,
      beyond: scan.index)
    {
      scan.finding = .damaged
      scan.damage = .damagedFrame(segment: tail.sequence, offset: tail.offset, index: scan.index)
      return
    }
    var offset = tail.offset
    while tail.byteCount &- offset >= blockByteCount {
      let block = try load(
        tail.sequence, at: offset, byteCount: blockByteCount, limit: tail.byteCount)
      if !isZero(block.span) {
        // A whole frame of an earlier use of the segment is not a torn one.
        if offset == tail.offset, let stale = FrameHeader(block.span),
          stale.epoch != configuration.epoch || wide(stale.sequence) != tail.sequence
        {
          return
        }
        scan.finding = .torn
        return
      }
      offset &+= blockByteCount
    }
  }

  /// Sets what follows the last whole frame to zero. If that cannot be done, the segment is given up:
  /// the next one says where it ends.
  private mutating func zeroTail() {
    guard let tail else { return }
    var offset = tail.offset
    let zeros = frame.slice(0..<blockByteCount)
    zeros.clear(0..<blockByteCount)
    while tail.byteCount &- offset >= blockByteCount {
      let block: UnsafeBufferPointer<UInt8>
      do throws(JournalError) {
        block = try load(
          tail.sequence, at: offset, byteCount: blockByteCount, limit: tail.byteCount)
      } catch {
        return abandonTail()
      }
      if !isZero(block.span),
        writeAndReadBack(.segment(sequence: tail.sequence), at: offset, zeros) != nil
      {
        return abandonTail()
      }
      offset &+= blockByteCount
    }
  }
}
