import Metering

/// The sealed form of a segment: the same bytes in less room.
///
/// | bytes | what |
/// |---|---|
/// | 0– | the table, in blocks of 4 KiB: `SealedHeader`, then as many `SealedTable` blocks as the chunks need |
/// | then | the chunks, each compressed by itself, one behind the other |
/// | then | zeros up to a whole block |
/// | then | the blocks of the table once more, the last one first, so that block b stands b + 1 blocks before the end |
///
/// Page 0 of the segment stands in the first block of the table, because searches walk headers. The rest is cut into
/// chunks: cell k is bytes 65,536 k to 65,536 (k + 1) of the segment, cell 0 without page 0, and chunk k holds the frames
/// that begin in cell k: it begins where the one before it ends, and ends behind the last frame that begins in its cell
/// if that is at most 32 KiB long, else where the cell ends. A segment of n bytes has ⌈n / 65,536⌉ chunks; the last
/// ones may be empty.
///
/// The first block of the table:
///
/// | bytes | field, little-endian |
/// |---|---|
/// | 0–3 | magic 54 53 4A 5A, "TSJZ" |
/// | 4–7 | version, 1 |
/// | 8–11 | bytes of the segment, a multiple of 4,096, at most 64 MiB |
/// | 12–15 | bytes of this object |
/// | 16–23 | zeros |
/// | 24–55 | bytes 0–31 of page 0 of the segment (`SegmentHeader`); the rest of that page is zeros |
/// | 56–63 | zeros |
/// | 64–4071 | chunks 0 to 166, 24 bytes each; zeros where there are fewer |
///
/// A further block b, from 1 on, has the chunks 167 + 170 (b − 1) and following from byte 0 on, 170 of them. Each block
/// ends with
///
/// | bytes | field, little-endian |
/// |---|---|
/// | 4080–4083 | epoch |
/// | 4084–4087 | sequence of the segment |
/// | 4088–4091 | number of the block, from 0 |
/// | 4092–4095 | CRC-32C of bytes 0–4091 |
///
/// and a chunk is
///
/// | bytes | field, little-endian |
/// |---|---|
/// | 0–3 | where it begins in the segment |
/// | 4–7 | its bytes there, at most 98,304 |
/// | 8–11 | where its stored bytes begin in this object |
/// | 12–15 | how many they are; 0 for an empty chunk |
/// | 16–19 | bytes of its columns (`SealedColumns`), which is what is compressed: one Zstandard frame (RFC 8878) |
/// | 20–23 | CRC-32C of its stored bytes |
///
/// A block of the table is valid if and only if its CRC is right, its epoch, sequence and number are those of its place,
/// and, for the first one, magic, version and `SegmentHeader` are right and both lengths are whole blocks. A chunk is
/// valid if and only if its table block is, all its ranges lie within segment and object, its CRC is right, it
/// decompresses to exactly its columns, and those are valid and give exactly its bytes. What is not valid reads as
/// zeros: the frames there are missing, which recovery and verification find.
///
/// **Which form counts:** a plain segment counts as long as it stands; its sealed form counts when no plain one stands.
/// So a loss of power between the two costs a comparison, and nothing that was not compared is ever relied on.
///
/// Example, a segment of 32 KiB whose only frame is that of `FrameHeader`'s example (epoch 1, segment 0, the entry
/// `68 69`), bytes 0–87 of its first block:
/// `54534a5a 01000000 00800000 00300000 0000000000000000`
/// `54534a53 01000000 01000000 00000000 0000000000000000 00000000 7a7ba97f 0000000000000000`
/// `00100000 00700000 00100000 2a000000 29600000 7d538456`.
struct SealedHeader: Equatable, BitwiseCopyable {
  /// "TSJZ" as a little-endian number.
  static let magic: UInt32 = 0x5a4a_5354
  /// The longest segment, bytes: the longest that a site may ask for (`Catalog.Site.Log`).
  static let segmentByteCountMax = 64 << 20
  static let pageOffset = 24

  /// Bytes of the segment.
  var segmentByteCount: Int
  /// Bytes of the object.
  var byteCount: Int

  /// Reads the first block of a table; `nil` unless it is valid.
  init?(_ block: Span<UInt8>, epoch: UInt32?, sequence: UInt64) {
    guard SealedTable.isValid(block, number: 0, epoch: epoch, sequence: sequence),
      block.load32(0) == SealedHeader.magic, block.load32(4) == 1,
      let header = SegmentHeader(block.extracting(SealedHeader.page)),
      wide(header.sequence) == sequence
    else { return nil }
    segmentByteCount = narrow(wide(block.load32(8)))
    byteCount = narrow(wide(block.load32(12)))
    guard segmentByteCount & 4095 == 0, byteCount & 4095 == 0,
      segmentByteCount >= 2 &* blockByteCount,
      segmentByteCount <= SealedHeader.segmentByteCountMax,
      byteCount >= 2 &* SealedTable.byteCount(segmentByteCount: segmentByteCount)
    else { return nil }
  }

  /// A header of these fields.
  init(segmentByteCount: Int, byteCount: Int) {
    self.segmentByteCount = segmentByteCount
    self.byteCount = byteCount
  }

  /// Where the header of the segment stands.
  static var page: Range<Int> { pageOffset..<(pageOffset &+ SegmentHeader.byteCount) }

  /// Writes the fields but for the header of the segment.
  func write(into block: UnsafeMutableBufferPointer<UInt8>) {
    block.store(SealedHeader.magic, at: 0)
    block.store(1 as UInt32, at: 4)
    block.store(UInt32(truncatingIfNeeded: segmentByteCount), at: 8)
    block.store(UInt32(truncatingIfNeeded: byteCount), at: 12)
  }
}

/// One chunk of a sealed segment, as the table says it (`SealedHeader`).
struct SealedChunk: Equatable, BitwiseCopyable {
  static let byteCount = 24

  /// Where it begins in the segment, and its bytes there.
  var start = 0
  var plainByteCount = 0
  /// Where its stored bytes begin in the object, and how many they are.
  var storedOffset = 0
  var storedByteCount = 0
  /// Bytes of its columns.
  var columnsByteCount = 0
  /// CRC-32C of its stored bytes.
  var checksum: UInt32 = 0

  init() {}

  /// Reads a chunk at its place in a block.
  init(_ block: Span<UInt8>, at offset: Int) {
    start = narrow(wide(block.load32(offset)))
    plainByteCount = narrow(wide(block.load32(offset &+ 4)))
    storedOffset = narrow(wide(block.load32(offset &+ 8)))
    storedByteCount = narrow(wide(block.load32(offset &+ 12)))
    columnsByteCount = narrow(wide(block.load32(offset &+ 16)))
    checksum = block.load32(offset &+ 20)
  }

  /// Writes it there.
  func write(into table: UnsafeMutableBufferPointer<UInt8>, at offset: Int) {
    table.store(UInt32(truncatingIfNeeded: start), at: offset)
    table.store(UInt32(truncatingIfNeeded: plainByteCount), at: offset &+ 4)
    table.store(UInt32(truncatingIfNeeded: storedOffset), at: offset &+ 8)
    table.store(UInt32(truncatingIfNeeded: storedByteCount), at: offset &+ 12)
    table.store(UInt32(truncatingIfNeeded: columnsByteCount), at: offset &+ 16)
    table.store(checksum, at: offset &+ 20)
  }

  /// Its ranges lie within the buffers that are kept for it, and within segment and object.
  func fits(_ header: SealedHeader) -> Bool {
    // None is negative on a machine of 32 bits, whose Int holds no more.
    start >= blockByteCount && start & 4095 == 0 && plainByteCount & 4095 == 0
      && plainByteCount >= 0 && plainByteCount <= SealingMemory.plainByteCount
      && start <= header.segmentByteCount
      && plainByteCount <= header.segmentByteCount &- start
      && columnsByteCount >= 0 && columnsByteCount <= SealingMemory.columnsByteCount
      && storedByteCount >= 0 && storedByteCount <= SealingMemory.compressedByteCount
      && storedOffset >= 0 && storedOffset <= header.byteCount
      && storedByteCount <= header.byteCount &- storedOffset
  }
}

/// How chunks stand in the blocks of a table.
enum SealedTable {
  /// Frames that begin in so many bytes of a segment are one chunk.
  static let cellByteCount = 1 << 16
  private static let firstOffset = 64
  private static let firstCount = 167
  private static let furtherCount = 170
  private static let epochOffset = 4080
  private static let checksumOffset = 4092
  /// Bytes of the longest table.
  static var byteCountMax: Int { byteCount(segmentByteCount: SealedHeader.segmentByteCountMax) }

  /// Chunks of a segment of so many bytes.
  static func chunkCount(segmentByteCount: Int) -> Int {
    (segmentByteCount &+ cellByteCount &- 1) / cellByteCount
  }

  /// Bytes of its table.
  static func byteCount(segmentByteCount: Int) -> Int {
    (block(of: chunkCount(segmentByteCount: segmentByteCount) &- 1) &+ 1) &* blockByteCount
  }

  /// The block that a chunk stands in.
  static func block(of chunk: Int) -> Int {
    chunk < firstCount ? 0 : 1 &+ (chunk &- firstCount) / furtherCount
  }

  /// Where in that block.
  static func offset(of chunk: Int) -> Int {
    chunk < firstCount
      ? firstOffset &+ chunk &* SealedChunk.byteCount
      : (chunk &- firstCount) % furtherCount &* SealedChunk.byteCount
  }

  /// Ends a block.
  static func seal(
    _ block: UnsafeMutableBufferPointer<UInt8>, number: Int, epoch: UInt32, sequence: UInt64
  ) {
    block.store(epoch, at: epochOffset)
    block.store(low32(sequence), at: epochOffset &+ 4)
    block.store(UInt32(truncatingIfNeeded: number), at: epochOffset &+ 8)
    block.store(
      CRC32C.checksum(block.span.extracting(0..<checksumOffset)), at: checksumOffset)
  }

  /// A block is whole and stands at its place; without an epoch that of the block is taken as it is.
  static func isValid(
    _ block: Span<UInt8>, number: Int, epoch: UInt32?, sequence: UInt64
  ) -> Bool {
    guard block.count == blockByteCount, wide(block.load32(epochOffset &+ 4)) == sequence,
      block.load32(epochOffset &+ 8) == UInt32(truncatingIfNeeded: number)
    else { return false }
    if let epoch, block.load32(epochOffset) != epoch { return false }
    return block.load32(checksumOffset)
      == CRC32C.checksum(block.extracting(0..<checksumOffset))
  }
}
