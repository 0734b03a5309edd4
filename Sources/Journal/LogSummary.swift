import Metering
import TransparencyLog

/// What a log held below the index from which it is kept: enough to go on, and no evidence.
///
/// Entries that a mirror has are given up from the front. What later ones rest on is kept here: the right edge of
/// the tree over those that are gone, and what the agent had learnt from them (`history`, the agent's own
/// words). Two of them (`summary.a`, `summary.b`) are written in turn, each before the superblock says that its
/// index is the minimum index; so one of the two always fits the log.
///
/// | bytes | field, little-endian |
/// |---|---|
/// | 0–3 | magic 54 53 53 4d, "TSSM" |
/// | 4–7 | version, 1 |
/// | 8–15 | index: entries below it are summed up here; a multiple of 256 |
/// | 16–19 | epoch |
/// | 20–23 | number of hashes |
/// | 24–55 | SHA-256 of the origin |
/// | 56–59 | number of bytes of the history |
/// | 60–63 | zeros |
/// | 64– | the hashes that the tiles of levels 1 to 4 hold at that size, 1 to 256 of each level that has any, 32 bytes each |
/// | then | the history |
/// | then | CRC-32C of all bytes before it, 4 bytes, then zeros up to a whole block |
///
/// Valid if and only if magic, version and CRC are right, the index is a multiple of 256, and the two counts fit
/// into what is there.
public struct LogSummary: Sendable {
  /// "TSSM" as a little-endian number.
  static let magic: UInt32 = 0x4D53_5354
  static let headByteCount = 64
  /// Bytes that are set aside for each: 32 KiB of hashes at most, and as much for the history, which is that of 200
  /// channels. A longer one is made whole when it is due.
  static let reservedByteCount = 64 << 10

  /// Entries below it are summed up.
  public var index: UInt64
  /// Key epoch of the log.
  public var epoch: UInt32
  /// SHA-256 of the origin line.
  public var originHash: Digest
  /// Where the hashes stand in the bytes.
  public var hashes: Range<Int>
  /// Where the history stands in the bytes.
  public var history: Range<Int>

  /// Reads a summary; `nil` unless it is valid.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count >= LogSummary.headByteCount &+ 4, bytes.load32(0) == LogSummary.magic,
      bytes.load32(4) == 1, let originHash = Digest(bytes.extracting(24..<56))
    else { return nil }
    let room = wide(count: bytes.count &- LogSummary.headByteCount &- 4)
    let hashByteCount = wide(bytes.load32(20)) &* wide(count: Digest.byteCount)
    let historyByteCount = wide(bytes.load32(56))
    guard hashByteCount <= room, historyByteCount <= room &- hashByteCount else { return nil }
    let middle = LogSummary.headByteCount &+ narrow(hashByteCount)
    let end = middle &+ narrow(historyByteCount)
    guard bytes.load32(end) == CRC32C.checksum(bytes.extracting(0..<end)) else { return nil }
    index = bytes.load64(8)
    epoch = bytes.load32(16)
    self.originHash = originHash
    hashes = LogSummary.headByteCount..<middle
    history = middle..<end
    guard index & 255 == 0 else { return nil }
  }

  /// Bytes of a summary with so many hashes and such a history: whole blocks.
  public static func byteCount(hashes: Int, history: Int) -> Int {
    roundedToBlocks(headByteCount &+ hashes &* Digest.byteCount &+ history &+ 4)
  }

  /// Writes a summary into `page`, `byteCount(hashes:history:)` bytes.
  public static func write(
    index: UInt64, epoch: UInt32, originHash: Digest, hashes: Span<Digest>, history: Span<UInt8>,
    into page: UnsafeMutableBufferPointer<UInt8>
  ) {
    page.clear(0..<page.count)
    page.store(magic, at: 0)
    page.store(1 as UInt32, at: 4)
    page.store(index, at: 8)
    page.store(epoch, at: 16)
    page.store(UInt32(truncatingIfNeeded: hashes.count), at: 20)
    page.put(originHash.span, at: 24)
    page.store(UInt32(truncatingIfNeeded: history.count), at: 56)
    var at = headByteCount
    var i = 0
    while i < hashes.count {
      let hash = hashes[i]
      page.put(hash.span, at: at)
      at &+= Digest.byteCount
      i &+= 1
    }
    page.put(history, at: at)
    at &+= history.count
    page.store(CRC32C.checksum(page.span.extracting(0..<at)), at: at)
  }
}
