import Metering
import TransparencyLog

/// What the log has promised, in one 4 KiB block that is written as a whole. Two of them (`super.a`,
/// `super.b`) are written in turn, so that a torn write costs the newer one and never both.
///
/// | bytes | field, little-endian |
/// |---|---|
/// | 0–3 | magic 54 53 53 42, "TSSB" |
/// | 4–7 | version, 1 |
/// | 8–15 | generation, from 1; the valid block with the later one counts |
/// | 16–19 | epoch |
/// | 20–23 | boot counter |
/// | 24–55 | SHA-256 of the origin |
/// | 56–63 | signed size |
/// | 64–95 | signed root; zeros while the signed size is 0 |
/// | 96–103 | acknowledged size |
/// | 104–111 | minimum index: entries below it may be gone (retention) |
/// | 112–113 | length of the signed note |
/// | 114–115 | length of the cosigned note |
/// | 116–123 | released size: the largest tree that may have left the gateway when this was written |
/// | 124–127 | zeros |
/// | 128–2107 | the signed note (C2SP tlog-checkpoint) of the signed size, then zeros |
/// | 2108–4087 | the note of the acknowledged size with the mirror's cosignature, then zeros |
/// | 4088–4091 | zeros |
/// | 4092–4095 | CRC-32C of bytes 0–4091 |
///
/// Valid if and only if magic, version and CRC are right, both lengths are at most 1,980, the signed
/// size is at least the acknowledged size, the minimum index and the released size. Every byte counts: the CRC
/// covers the zeros too.
public struct Superblock: Equatable, Sendable, BitwiseCopyable {
  /// The longest note, bytes: an origin of 255 bytes and five signatures fit.
  public static let noteByteCountMax = 1980
  /// "TSSB" as a little-endian number.
  static let magic: UInt32 = 0x4253_5354
  static let signedNoteOffset = 128
  static let cosignedNoteOffset = 2108
  static let checksumOffset = 4092

  /// Counts the writes of superblocks, from 1.
  public var generation: UInt64
  /// Key epoch of the log, from 1.
  public var epoch: UInt32
  /// How often an agent has started on this log.
  public var bootCounter: UInt32 = 0
  /// SHA-256 of the origin line.
  public var originHash: Digest
  /// Size of the newest signed tree.
  public var signedSize: UInt64 = 0
  /// Root of the newest signed tree; zeros while `signedSize` is 0.
  public var signedRoot = Digest.zero
  /// Size of the newest tree with the mirror's cosignature.
  public var acknowledgedSize: UInt64 = 0
  /// Entries below it may be gone.
  public var minimumIndex: UInt64 = 0
  /// The largest tree whose checkpoint may have left the gateway when this was written. What is signed now may
  /// leave afterwards.
  public var releasedSize: UInt64 = 0
  /// Length of the signed note, bytes.
  public var signedNoteByteCount: Int = 0
  /// Length of the cosigned note, bytes.
  public var cosignedNoteByteCount: Int = 0

  /// The first superblock of a log.
  public init(generation: UInt64, epoch: UInt32, originHash: Digest) {
    self.generation = generation
    self.epoch = epoch
    self.originHash = originHash
  }

  /// It was written after `other`: generations follow one another modulo 2⁶⁴, so that none is the last.
  public func isNewer(than other: Superblock) -> Bool {
    Int64(bitPattern: generation &- other.generation) > 0
  }

  /// Reads a block of 4,096 bytes; `nil` unless it is valid.
  public init?(_ page: Span<UInt8>) {
    guard page.count == blockByteCount, page.load32(0) == Superblock.magic, page.load32(4) == 1,
      page.load32(Superblock.checksumOffset)
        == CRC32C.checksum(page.extracting(0..<Superblock.checksumOffset)),
      let originHash = Digest(page.extracting(24..<56)),
      let signedRoot = Digest(page.extracting(64..<96))
    else { return nil }
    generation = page.load64(8)
    epoch = page.load32(16)
    bootCounter = page.load32(20)
    self.originHash = originHash
    signedSize = page.load64(56)
    self.signedRoot = signedRoot
    acknowledgedSize = page.load64(96)
    minimumIndex = page.load64(104)
    releasedSize = page.load64(116)
    signedNoteByteCount = Int(page[112]) | (Int(page[113]) &<< 8)
    cosignedNoteByteCount = Int(page[114]) | (Int(page[115]) &<< 8)
    guard signedNoteByteCount <= Superblock.noteByteCountMax,
      cosignedNoteByteCount <= Superblock.noteByteCountMax,
      signedSize >= acknowledgedSize, signedSize >= minimumIndex, signedSize >= releasedSize
    else { return nil }
  }

  /// Where the signed note stands in the block.
  public var signedNoteRange: Range<Int> {
    Superblock.signedNoteOffset..<(Superblock.signedNoteOffset &+ signedNoteByteCount)
  }

  /// Where the cosigned note stands in the block.
  public var cosignedNoteRange: Range<Int> {
    Superblock.cosignedNoteOffset..<(Superblock.cosignedNoteOffset &+ cosignedNoteByteCount)
  }

  /// Writes the fields and the checksum into a block of 4,096 bytes that already holds the notes.
  func write(into page: UnsafeMutableBufferPointer<UInt8>) {
    page.store(Superblock.magic, at: 0)
    page.store(1 as UInt32, at: 4)
    page.store(generation, at: 8)
    page.store(epoch, at: 16)
    page.store(bootCounter, at: 20)
    page.put(originHash.span, at: 24)
    page.put(signedRoot.span, at: 64)
    page.store(signedSize, at: 56)
    page.store(acknowledgedSize, at: 96)
    page.store(minimumIndex, at: 104)
    page.store(
      UInt32(truncatingIfNeeded: signedNoteByteCount)
        | (UInt32(truncatingIfNeeded: cosignedNoteByteCount) &<< (16 as UInt32)), at: 112)
    page.store(releasedSize, at: 116)
    page.clear(124..<128)
    page.clear(signedNoteRange.upperBound..<Superblock.cosignedNoteOffset)
    page.clear(cosignedNoteRange.upperBound..<Superblock.checksumOffset)
    page.store(
      CRC32C.checksum(page.span.extracting(0..<Superblock.checksumOffset)),
      at: Superblock.checksumOffset)
  }
}
