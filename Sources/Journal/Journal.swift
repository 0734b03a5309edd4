import HAL
import Metering
import TransparencyLog

/// The log on the medium: entries in the order of their index, in frames of one durable write each.
///
/// The rules that hold always:
/// * `commit` returns only when the frame was read back from the medium and is equal byte for byte.
/// * Where a write failed, nothing is ever written again: the frame goes to a fresh segment, once.
/// * Nothing is signed (`recordSigned`) that is not committed, and no size smaller than before.
///
/// One thread owns a journal. Nothing allocates; the memory comes from outside.
public struct Journal<Storage: BlockStorage & ~Copyable>: ~Copyable {
  /// What it was made with.
  public let configuration: JournalConfiguration
  /// The storage below; the owner also keeps the tiles of the tree in it.
  public var storage: Storage

  /// The frame that is being gathered: header, entries, padding.
  let frame: UnsafeMutableBufferPointer<UInt8>
  /// For reading, and for reading back.
  let scratch: UnsafeMutableBufferPointer<UInt8>
  /// The newest superblock with its notes.
  let superblockPage: UnsafeMutableBufferPointer<UInt8>
  /// The superblock that is being written.
  let nextSuperblockPage: UnsafeMutableBufferPointer<UInt8>

  /// The newest superblock that is durable.
  public internal(set) var superblock: Superblock
  /// The largest tree that may have left the gateway, for the next superblock.
  var releasedSize: UInt64 = 0
  /// Slot of `superblock`; the other one is written next.
  var superblockSlot: UInt8 = 0
  /// `recover` has succeeded.
  var isRecovered = false

  /// Entries that are durable; the index of the first staged one.
  public internal(set) var committedSize: UInt64 = 0
  /// Checksum of the last committed frame.
  var lastChecksum: UInt32 = 0
  /// Entries that wait for `commit`.
  public internal(set) var stagedCount: UInt32 = 0
  /// Bytes that wait for `commit`, length prefixes included.
  public internal(set) var stagedByteCount = 0
  /// Bytes of frames that were committed since `recover`.
  public internal(set) var appendedByteCount: UInt64 = 0
  /// Bytes that were handed to the medium since then: frames, superblocks, headers and summaries. The zeros with which
  /// a segment is made are not in it: they are written once in its life, which no rate of a day shows.
  public internal(set) var writtenByteCount: UInt64 = 0
  /// Segments given up after a write error, since `recover`.
  public internal(set) var abandonedSegmentCount: UInt32 = 0

  /// The segment that frames are appended to, if there is one that takes more.
  var tail: Tail?
  /// Sequence of the next segment to make.
  var nextSequence: UInt64 = 0
  /// Bytes of the plain segments that stand on the medium and hold entries that are kept; numbers of attempts that failed
  /// are used up and hold nothing.
  var plainByteCount: UInt64 = 0
  /// What is sealed of the log, and what is sealed next.
  var sealing = Sealing()
  /// The segment that holds `superblock.minimumIndex`; those before it hold nothing any more and are taken
  /// anew, oldest first.
  var firstKept: UInt64 = 0
  /// The oldest segment that may stand before `firstKept`.
  var firstFree: UInt64 = 0
  /// How many stand there.
  public internal(set) var freeSegmentCount: UInt64 = 0
  /// Their bytes: they are as long as segments were when they were made.
  var freeByteCount: UInt64 = 0
  /// An operation on a segment failed: what stands must be counted anew.
  var isCountDoubtful = false
  /// The most bytes that may stand: a segment beyond them is refused as if the medium were full.
  public var standingByteCountMax = UInt64.max
  /// The most bytes that may stand once another segment is made; what seals segments may take more, for it gives room.
  public var makingByteCountMax = UInt64.max
  /// Where the last `visit` stopped.
  var cursor: Cursor?
  /// What `scratch` holds of which segment.
  var window = Window()

  /// Further attempts at reads that were refused three times, for all of them together.
  public var spareReadCount = 0

  /// The end of the log.
  struct Tail {
    var sequence: UInt64
    var offset: Int
    var byteCount: Int
  }

  /// Bytes of all segments up to the end of the last frame: what the log takes of the medium,
  /// superblocks and tiles aside. An abandoned segment counts whole, a sealed one as what it takes.
  public var usedByteCount: UInt64 {
    let whole = plainByteCount &+ sealing.keptByteCount
    guard let tail else { return whole }
    return whole &- wide(count: tail.byteCount) &+ wide(count: tail.offset)
  }

  /// A journal over `storage`, working in `memory`: at least `configuration.memoryByteCount` bytes,
  /// aligned to 4,096, kept alive by the owner. Call `recover` before anything else.
  public init(
    storage: consuming Storage, configuration: JournalConfiguration,
    memory: UnsafeMutableRawBufferPointer
  ) {
    precondition(
      memory.count >= configuration.memoryByteCount
        && UInt(bitPattern: memory.baseAddress) & 4095 == 0,
      "the journal's memory is too small or not aligned")
    let bytes = memory.bindMemory(to: UInt8.self)
    let frameByteCount = configuration.frameByteCountMax
    self.storage = storage
    self.configuration = configuration
    frame = bytes.slice(0..<frameByteCount)
    scratch = bytes.slice(frameByteCount..<(2 &* frameByteCount))
    let rest = 2 &* frameByteCount
    superblockPage = bytes.slice(rest..<(rest &+ blockByteCount))
    nextSuperblockPage = bytes.slice((rest &+ blockByteCount)..<(rest &+ 2 &* blockByteCount))
    superblock = Superblock(
      generation: 0, epoch: configuration.epoch, originHash: configuration.originHash)
    superblockPage.clear(0..<blockByteCount)
    nextSuperblockPage.clear(0..<blockByteCount)
  }

  // MARK: Appending

  /// Puts an entry of 1 to 65,535 bytes into the next frame; its index is `committedSize` +
  /// `stagedCount` before the call. `false` if it does not fit: commit, then stage it again.
  public mutating func stage(_ entry: Span<UInt8>) -> Bool {
    precondition(isRecovered, "recover first")
    precondition(entry.count > 0 && entry.count <= 0xffff, "an entry is 1 to 65,535 bytes")
    let offset = FrameHeader.byteCount &+ stagedByteCount
    guard entry.count &+ 2 <= frame.count &- offset else { return false }
    frame[offset] = UInt8(truncatingIfNeeded: entry.count &>> 8)
    frame[offset &+ 1] = UInt8(truncatingIfNeeded: entry.count)
    frame.put(entry, at: offset &+ 2)
    stagedByteCount &+= entry.count &+ 2
    stagedCount &+= 1
    return true
  }

  /// The staged entries, each behind its length (u16be). Valid until the next change.
  public var staged: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(
      frame.slice(FrameHeader.byteCount..<(FrameHeader.byteCount &+ stagedByteCount)))
  }

  /// Forgets the staged entries; for an agent that gives up after `commit` failed.
  public mutating func discardStaged() {
    stagedCount = 0
    stagedByteCount = 0
  }

  /// Makes the staged entries durable in one frame, reads them back and compares them.
  ///
  /// - Throws: `unwritable` after two failures in two segments, `exhausted`. The entries are still
  ///   staged then, and a further call tries a further segment.
  public mutating func commit() throws(JournalError) {
    precondition(isRecovered, "recover first")
    guard stagedCount > 0 else { return }
    let used = FrameHeader.byteCount &+ stagedByteCount
    let frameByteCount = roundedToBlocks(used)
    frame.clear(used..<frameByteCount)
    if try writeFrame(frameByteCount) == nil { return }
    abandonTail()
    if let failure = try writeFrame(frameByteCount) {
      abandonTail()
      throw .unwritable(failure.object, offset: failure.offset, failure.error)
    }
  }

  /// What went wrong with a write, and where.
  struct WriteFailure {
    var object: StorageObject
    var offset: Int
    var error: StorageError?
  }

  /// Appends the frame to the tail, or to a fresh segment if it does not fit there.
  private mutating func writeFrame(_ frameByteCount: Int) throws(JournalError) -> WriteFailure? {
    if let tail, tail.byteCount &- tail.offset < frameByteCount { self.tail = nil }
    if tail == nil, let failure = try openSegment() { return failure }
    guard var tail else { return nil }
    let payload = FrameHeader.byteCount..<(FrameHeader.byteCount &+ stagedByteCount)
    let header = FrameHeader(
      epoch: configuration.epoch, sequence: low32(tail.sequence), firstIndex: committedSize,
      count: stagedCount, payloadByteCount: UInt32(truncatingIfNeeded: stagedByteCount),
      previousChecksum: lastChecksum,
      payloadChecksum: CRC32C.checksum(frame.span.extracting(payload)))
    let checksum = header.write(into: frame)
    if let failure = writeAndReadBack(
      .segment(sequence: tail.sequence), at: tail.offset, frame.slice(0..<frameByteCount))
    {
      return failure
    }
    tail.offset &+= frameByteCount
    self.tail = tail
    appendedByteCount &+= wide(count: frameByteCount)
    lastChecksum = checksum
    committedSize &+= wide(stagedCount)
    discardStaged()
    return nil
  }

  /// Makes the next segment and its header: of one that holds nothing any more, if there is one. Whatever
  /// stands in it names another segment, and is no frame of this one.
  private mutating func openSegment() throws(JournalError) -> WriteFailure? {
    guard nextSequence <= wide(UInt32.max) else { throw .exhausted }
    if isCountDoubtful { try recountSegments() }
    if freeSegmentCount == 0, !hasRoomForSegment { try removeEmptySegments() }
    let sequence = nextSequence
    let object = StorageObject.segment(sequence: sequence)
    // The number is used up even if the attempt fails: what it left behind is not written to again.
    nextSequence &+= 1
    if !recycleSegment(as: sequence) {
      // One that did not let itself be taken anew still stands, under this number or its own.
      let isDoubtful = isCountDoubtful
      if isDoubtful { try recountSegments() }
      isCountDoubtful = isDoubtful
      do throws(StorageError) { try make(object) } catch {
        isCountDoubtful = true
        return WriteFailure(object: object, offset: 0, error: error)
      }
    }
    plainByteCount &+= wide(count: configuration.segmentByteCount)
    let page = nextSuperblockPage
    page.clear(0..<blockByteCount)
    SegmentHeader(
      epoch: configuration.epoch, sequence: low32(sequence), firstIndex: committedSize,
      previousChecksum: lastChecksum
    ).write(into: page)
    if let failure = writeAndReadBack(object, at: 0, page) { return failure }
    tail = Tail(
      sequence: sequence, offset: blockByteCount, byteCount: configuration.segmentByteCount)
    return nil
  }

  /// Makes a segment. A medium that has less room than the log may take gets back what the log can do without.
  private mutating func make(_ segment: StorageObject) throws(StorageError) {
    if !hasRoomForSegment { try withdrawSealed() }
    guard hasRoomForSegment else { throw .full }
    do throws(StorageError) {
      return try storage.create(segment, byteCount: configuration.segmentByteCount)
    } catch {
      guard error == .full else { throw error }
    }
    let before = standingByteCount
    try withdrawSealed()
    do throws(JournalError) { try removeEmptySegments() } catch { throw .full }
    guard standingByteCount < before else { throw .full }
    try storage.create(segment, byteCount: configuration.segmentByteCount)
  }

  /// One more segment stays within what may stand.
  private var hasRoomForSegment: Bool {
    standingByteCount &+ wide(count: configuration.segmentByteCount)
      <= min(standingByteCountMax, makingByteCountMax)
  }

  /// Nothing is written to the tail any more. The agent logs that it was abandoned.
  mutating func abandonTail() {
    abandonedSegmentCount &+= 1
    tail = nil
  }

  /// Writes, reads the medium and compares. `bytes` is at most as long as `scratch`.
  mutating func writeAndReadBack(
    _ object: StorageObject, at offset: Int, _ bytes: UnsafeMutableBufferPointer<UInt8>
  ) -> WriteFailure? {
    let copy = scratch.slice(0..<bytes.count)
    window = Window()
    writtenByteCount &+= wide(count: bytes.count)
    do throws(StorageError) {
      try storage.write(
        object, at: offset, from: UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(bytes)))
      try storage.read(object, at: offset, into: UnsafeMutableRawBufferPointer(copy))
    } catch {
      return WriteFailure(object: object, offset: offset, error: error)
    }
    return isEqual(bytes.span, copy.span)
      ? nil : WriteFailure(object: object, offset: offset, error: nil)
  }
}
