import HAL
import Metering
import TransparencyLog

// How a log stays small: what a mirror has, and what is older than a written policy keeps, is given up from the
// front, a segment at a time. The superblock says first that entries may be gone, and then their segment is
// taken anew for the head of the log: it is written with zeros once in its life, and renamed ever after.
extension Journal where Storage: ~Copyable {
  /// The lowest index that is kept when the oldest segment is given up: that of the first entry behind it.
  /// `nil` while the log has one segment only. Segments in front that hold nothing, for they were given up before their
  /// first frame was whole, count with the one behind them.
  ///
  /// - Throws: `unreadable`.
  public mutating func endOfOldestSegment() throws(JournalError) -> UInt64? {
    var candidate = firstKept &+ 1
    while candidate < nextSequence {
      guard let found = try nextSegment(from: candidate, through: nextSequence &- 1) else {
        return nil
      }
      if found.header.firstIndex > superblock.minimumIndex { return found.header.firstIndex }
      candidate = found.sequence &+ 1
    }
    return nil
  }

  /// Bytes of the segments that hold entries from `index` on, up to the end of the last frame. `index` is not
  /// below the minimum index.
  ///
  /// - Throws: `unreadable`, `notStored`.
  public mutating func byteCount(from index: UInt64) throws(JournalError) -> UInt64 {
    let sequence = try search(for: index).place.sequence
    let byteCount = try takenByteCount(sequence..<(tail?.sequence ?? nextSequence))
    guard let tail else { return byteCount }
    return byteCount &+ wide(count: tail.offset)
  }

  /// Says durably that entries below `index` may be gone, and counts the segments that hold no others as
  /// free. Nothing is removed before that is durable.
  ///
  /// `index` is at least the minimum index so far and at most the signed size; anything else traps. Whoever
  /// keeps a summary of what stood below makes it durable before.
  /// - Throws: `unreadable`, `notStored`, `unwritable`.
  public mutating func recordMinimum(_ index: UInt64) throws(JournalError) {
    precondition(isRecovered, "recover first")
    precondition(
      index >= superblock.minimumIndex && index <= superblock.signedSize,
      "entries that are not signed are kept")
    let kept = try search(for: index).place.sequence
    // What may be refused comes first: behind the superblock nobody would come back to what was not counted.
    var counted = sealing
    var plainCount: UInt64 = 0
    var plain: UInt64 = 0
    var sequence = firstKept
    while sequence < kept {
      switch try form(of: sequence) {
      case .absent: break
      case .plain(let byteCount, _):
        plainCount &+= 1
        plain &+= wide(count: byteCount)
      case .sealed(let byteCount):
        counted.giveUp(byteCount, of: plainByteCount(ofSealed: sequence))
      }
      sequence &+= 1
    }
    var next = superblock
    next.minimumIndex = index
    try writeSuperblock(next)
    cursor = nil
    sealing = counted
    freeSegmentCount &+= plainCount
    freeByteCount &+= plain
    plainByteCount &-= plain
    firstKept = kept
  }

  /// Removes free segments but for `count` of them, oldest first, and all that are sealed: those are not taken anew.
  ///
  /// - Throws: `unwritable` when the medium refuses; the rest are still free then.
  public mutating func removeFreeSegments(keeping count: UInt64) throws(JournalError) {
    try removeSealed()
    while freeSegmentCount > count {
      guard let free = try oldestFreeSegment() else { return }
      let sequence = free.sequence
      let object = StorageObject.segment(sequence: sequence)
      do throws(StorageError) {
        if sequence == sealing.spare, sequence >= firstKept {
          try storage.removePlain(segment: sequence)
        } else {
          // A sealed form goes with it.
          if isSealingPending { isCountDoubtful = true }
          try storage.remove(object)
        }
      } catch {
        throw .unwritable(object, offset: 0, error)
      }
      takeFreeSegment(free)
    }
  }

  /// Takes a free segment anew under another number. `false` if there is none of the size that segments have
  /// now, or it cannot be had: one that does not let itself be renamed is left alone.
  mutating func recycleSegment(as sequence: UInt64) -> Bool {
    while freeSegmentCount > 0 {
      let free: FreeSegment
      do throws(JournalError) {
        guard let found = try oldestFreeSegment() else { return false }
        free = found
      } catch {
        // Which ones stand is not shown now: a commit does not wait for it.
        isCountDoubtful = true
        return false
      }
      takeFreeSegment(free)
      let old = free.sequence
      let object = StorageObject.segment(sequence: old)
      do throws(StorageError) {
        if free.byteCount == configuration.segmentByteCount {
          try prepareRecycling(old)
          try storage.recycle(segment: old, as: sequence)
          window = Window()
          return true
        }
        try storage.remove(object)
      } catch {
        // What it is called now nobody knows; under its old name the next start finds it, or the next step of sealing.
        abandonedSegmentCount &+= 1
        isCountDoubtful = true
        sealing.comeBack(to: old)
        return false
      }
    }
    return false
  }

  /// What is kept in the plain form of a segment alone is never taken; a sealed form beside one that is free goes first.
  private mutating func prepareRecycling(_ sequence: UInt64) throws(StorageError) {
    if sequence >= firstKept {
      guard try storage.isSealed(segment: sequence) else { throw .io }
    } else if sealing.doubtfulByteCount > 0 {
      isCountDoubtful = true
      try storage.remove(.sealed(sequence: sequence))
    }
  }

  /// Makes a summary durable in the slot that is not `slot`, reads it back and compares; returns the slot.
  ///
  /// Where one stands that is long enough it is overwritten, so that a full medium does not keep a log from
  /// giving entries up; the one in the other slot stays whole meanwhile.
  ///
  /// - Parameter bytes: whole blocks, aligned to 4,096.
  /// - Throws: `unwritable`.
  public mutating func writeSummary(
    _ bytes: UnsafeMutableBufferPointer<UInt8>, besides slot: UInt8
  ) throws(JournalError) -> UInt8 {
    let next: UInt8 = 1 &- slot
    let object = StorageObject.summary(slot: next)
    let raw = UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(bytes))
    window = Window()
    writtenByteCount &+= wide(count: bytes.count)
    var offset = 0
    do throws(StorageError) {
      if let size = try storage.size(of: object), size >= bytes.count, size & 4095 == 0 {
        try storage.write(object, at: 0, from: raw)
      } else {
        try storage.publish(object, from: raw)
      }
      while offset < bytes.count {
        let left = bytes.count &- offset
        let copy = scratch.slice(0..<(left < scratch.count ? left : scratch.count))
        try storage.read(object, at: offset, into: UnsafeMutableRawBufferPointer(copy))
        guard isEqual(bytes.slice(offset..<(offset &+ copy.count)).span, copy.span) else { break }
        offset &+= copy.count
      }
    } catch {
      throw .unwritable(object, offset: offset, error)
    }
    guard offset >= bytes.count else { throw .unwritable(object, offset: offset, nil) }
    return next
  }

  /// The last segment has room for a commit of so many bytes.
  public func tailTakes(_ byteCount: Int) -> Bool {
    guard let tail else { return false }
    return tail.byteCount &- tail.offset >= byteCount
  }

  /// Makes room for summaries while there is some: a full medium must not keep a log from giving entries up.
  ///
  /// - Throws: `unwritable` when the medium refuses.
  public mutating func reserveSummaries() throws(JournalError) {
    var slot: UInt8 = 0
    while slot < 2 {
      let object = StorageObject.summary(slot: slot)
      do throws(StorageError) {
        if try storage.size(of: object) == nil {
          try storage.create(object, byteCount: LogSummary.reservedByteCount)
        }
      } catch {
        throw .unwritable(object, offset: 0, error)
      }
      slot &+= 1
    }
  }

  /// Bytes of all segments on the medium, those that hold nothing any more included.
  public var standingByteCount: UInt64 {
    plainByteCount &+ freeByteCount
      &+ sealing.keptByteCount &+ sealing.freeByteCount &+ sealing.doubtfulByteCount
  }

  /// A plain segment that holds nothing any more.
  private struct FreeSegment {
    var sequence: UInt64
    var byteCount: Int
  }

  /// Counts a free segment.
  mutating func countFree(_ byteCount: Int) {
    freeSegmentCount &+= 1
    freeByteCount &+= wide(count: byteCount)
  }

  private mutating func takeFreeSegment(_ free: FreeSegment) {
    freeSegmentCount &-= 1
    freeByteCount &-= min(wide(count: free.byteCount), freeByteCount)
    if free.sequence == sealing.spare {
      sealing.spare = nil
    } else {
      firstFree = free.sequence &+ 1
    }
  }

  private mutating func oldestFreeSegment() throws(JournalError) -> FreeSegment? {
    guard freeSegmentCount > 0 else { return nil }
    // The plain form of one that is sealed is as long as segments are now, or it would not be free.
    if let spare = sealing.spare {
      return FreeSegment(sequence: spare, byteCount: configuration.segmentByteCount)
    }
    while firstFree < firstKept {
      if case .plain(let byteCount, _) = try form(of: firstFree) {
        return FreeSegment(sequence: firstFree, byteCount: byteCount)
      }
      firstFree &+= 1
    }
    freeSegmentCount = 0
    freeByteCount = 0
    return nil
  }
}
