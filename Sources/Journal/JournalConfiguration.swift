import HAL
import TransparencyLog

/// What a journal needs to know, constant for its life.
public struct JournalConfiguration: Sendable {
  /// Key epoch of the log, from 1.
  public let epoch: UInt32
  /// SHA-256 of the origin line.
  public let originHash: Digest
  /// Size of new segments in bytes, a multiple of 4,096 and at least 16 KiB. 4 MiB is a whole number
  /// of erase blocks on the media in use.
  public let segmentByteCount: Int
  /// The longest frame in bytes, a multiple of 4,096: the most that one commit takes.
  public let frameByteCountMax: Int

  /// Traps on values outside the ranges above. Without `frameByteCountMax` it is 32 KiB, or what
  /// fits behind the header of a smaller segment.
  public init(
    epoch: UInt32, originHash: Digest, segmentByteCount: Int = 4 << 20,
    frameByteCountMax: Int? = nil
  ) {
    let room = segmentByteCount &- blockByteCount
    let frame = frameByteCountMax ?? (room < 32 << 10 ? room : 32 << 10)
    precondition(epoch > 0, "epochs count from 1")
    precondition(
      segmentByteCount >= 16 << 10 && segmentByteCount & 4095 == 0,
      "a segment is at least 16 KiB, in whole blocks")
    precondition(
      frame >= 2 * blockByteCount && frame & 4095 == 0 && frame <= room,
      "a frame is at least 8 KiB, in whole blocks, and fits in a segment")
    self.epoch = epoch
    self.originHash = originHash
    self.segmentByteCount = segmentByteCount
    self.frameByteCountMax = frame
  }

  /// The memory that a journal works in, bytes, aligned to 4,096: the commit buffer, a scratch buffer
  /// of the same size for reading back, and two superblocks.
  public var memoryByteCount: Int { 2 &* frameByteCountMax &+ 2 &* blockByteCount }
}

/// Why the journal cannot do what was asked. Nothing is repaired silently: but for a torn tail and a
/// torn superblock the log stays as it was found, and the agent signs nothing.
public enum JournalError: Error, Equatable, Sendable {
  /// The medium refused to be read.
  case unreadable(StorageObject, offset: Int, StorageError)
  /// Two writes in a row failed, in two different places: this is the second. Without a storage
  /// error what was read back differs from what was written. What was to be committed is still
  /// staged.
  case unwritable(StorageObject, offset: Int, StorageError?)
  /// Bytes of committed entries are damaged: the entry `index` should begin in this frame.
  case damagedFrame(segment: UInt64, offset: Int, index: UInt64)
  /// The header of a segment with committed frames is damaged, or the segment is missing.
  case damagedSegment(UInt64, index: UInt64)
  /// Bytes of committed entries are damaged, and the mirror has these entries: this is the first such place.
  /// `Journal.mend` puts them back.
  case gap(JournalGap)
  /// Fewer entries are there than were signed: the medium was rolled back or has lost data.
  case signedEntriesMissing(signed: UInt64, recovered: UInt64)
  /// Superblocks exist, and none is valid.
  case superblocksDamaged
  /// There are segments, and no superblock exists.
  case superblocksMissing
  /// The data belong to another log: its epoch or the hash of its origin differ.
  case foreignLog(StorageObject)
  /// Entries were asked for that are not committed or no longer there.
  case notStored(index: UInt64)
  /// A frame was written with larger buffers than `JournalConfiguration.frameByteCountMax` gives now.
  case frameTooLong(segment: UInt64, offset: Int, byteCount: Int)
  /// All sequence numbers of segments are used up (2³²).
  case exhausted
}
