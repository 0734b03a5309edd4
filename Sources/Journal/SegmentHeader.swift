import Metering

/// Page 0 of a segment: which entries it begins with, and after which frame.
///
/// | bytes | field, little-endian |
/// |---|---|
/// | 0–3 | magic 54 53 4A 53, "TSJS" |
/// | 4–7 | version, 1 |
/// | 8–11 | epoch |
/// | 12–15 | sequence of the segment |
/// | 16–23 | index of its first entry |
/// | 24–27 | checksum of the last frame before it (that frame's bytes 40–43), 0 if there is none |
/// | 28–31 | CRC-32C of bytes 0–27 |
/// | 32–4095 | padding; never read |
///
/// Valid if and only if magic, version and CRC are right. It belongs to a log if and only if epoch
/// and sequence are those of the object it stands in, and it continues the log if and only if first
/// index and previous checksum are those reached by the segments before it.
///
/// Example, epoch 1, segment 0, the first of its log:
/// `54534a53 01000000 01000000 00000000 0000000000000000 00000000 7a7ba97f`.
public struct SegmentHeader: Equatable, Sendable, BitwiseCopyable {
  /// Bytes in use; the rest of the block is padding.
  public static let byteCount = 32
  /// "TSJS" as a little-endian number.
  static let magic: UInt32 = 0x534a_5354

  /// Key epoch of the log, from 1.
  public var epoch: UInt32
  /// Sequence of the segment, from 0.
  public var sequence: UInt32
  /// Index of its first entry.
  public var firstIndex: UInt64
  /// Checksum of the frame before its first.
  public var previousChecksum: UInt32

  /// A header of these fields.
  public init(epoch: UInt32, sequence: UInt32, firstIndex: UInt64, previousChecksum: UInt32) {
    self.epoch = epoch
    self.sequence = sequence
    self.firstIndex = firstIndex
    self.previousChecksum = previousChecksum
  }

  /// Reads a header; `nil` unless it is valid.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count >= SegmentHeader.byteCount, bytes.load32(0) == SegmentHeader.magic,
      bytes.load32(4) == 1,
      bytes.load32(28) == CRC32C.checksum(bytes.extracting(0..<28))
    else { return nil }
    epoch = bytes.load32(8)
    sequence = bytes.load32(12)
    firstIndex = bytes.load64(16)
    previousChecksum = bytes.load32(24)
  }

  /// Writes the 32 bytes.
  public func write(into page: UnsafeMutableBufferPointer<UInt8>) {
    page.store(SegmentHeader.magic, at: 0)
    page.store(1 as UInt32, at: 4)
    page.store(epoch, at: 8)
    page.store(sequence, at: 12)
    page.store(firstIndex, at: 16)
    page.store(previousChecksum, at: 24)
    page.store(CRC32C.checksum(page.span.extracting(0..<28)), at: 28)
  }
}
