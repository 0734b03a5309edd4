import Metering

/// The first 44 bytes of a frame. A frame is one group commit: one durable write of whole 4 KiB
/// blocks that is never rewritten.
///
/// | bytes | field, little-endian |
/// |---|---|
/// | 0–3 | magic 54 53 4A 46, "TSJF" |
/// | 4–7 | version, 1 (2: see below) |
/// | 8–11 | epoch |
/// | 12–15 | sequence of the segment |
/// | 16–23 | index of the first entry |
/// | 24–27 | number of entries, at least 1 |
/// | 28–31 | length of the payload |
/// | 32–35 | checksum of the frame before (its bytes 40–43), 0 for the first of a log |
/// | 36–39 | CRC-32C of the payload |
/// | 40–43 | CRC-32C of bytes 0–39: "the checksum of the frame", since it covers the payload's |
/// | 44– | payload: per entry its length as 16 bits big-endian, then its bytes; exactly as many entries as the header says (C2SP tlog-tiles calls such bytes an entry bundle) |
/// | to the end of the block | padding; never read |
///
/// A frame is valid at its place if and only if magic, version and both CRCs are right, the payload
/// is whole, and epoch, sequence, first index and previous checksum are those that follow from what
/// stands before it. So a stale frame in a recycled segment never counts.
///
/// Example, the entry `68 69` alone in epoch 1, segment 0:
/// `54534a46 01000000 01000000 00000000 0000000000000000 01000000 04000000 00000000 dab7f403 9acf3400`
/// `0002 6869`.
///
/// Version 2 is a *mended* frame: entries of several frames that were damaged together, where nobody knows any
/// more how they were divided (`Journal.mend`). It stands for the last of them, and is as long as they were; so
/// the frame behind it, which names what stood here before, stays as it is. It differs in these bytes:
///
/// | bytes | field, little-endian |
/// |---|---|
/// | 4–5 | version, 2 |
/// | 6–7 | 4 KiB blocks from here to the next frame |
/// | 24–25 | number of entries, at least 1 |
/// | 26–27 | length of the payload |
/// | 28–31 | checksum that the frame behind it names: here "the checksum of the frame" |
///
/// It is valid if and only if it is as a frame of version 1, and its blocks hold the payload.
///
/// Example, the entries `61`, `62` and `63` behind the one above, which three frames of a block each had held:
/// `54534a46 02000300 01000000 00000000 0100000000000000 03000900 bff89c00 9acf3400 2b42f747 d7ed9005`
/// `0001 61 0001 62 0001 63`.
public struct FrameHeader: Equatable, Sendable, BitwiseCopyable {
  /// Bytes of the header.
  public static let byteCount = 44
  /// "TSJF" as a little-endian number.
  static let magic: UInt32 = 0x464a_5354

  /// Key epoch of the log.
  public var epoch: UInt32
  /// Sequence of the segment.
  public var sequence: UInt32
  /// Index of the first entry.
  public var firstIndex: UInt64
  /// Number of entries.
  public var count: UInt32
  /// Length of the payload, bytes.
  public var payloadByteCount: UInt32
  /// Checksum of the frame before.
  public var previousChecksum: UInt32
  /// CRC-32C of the payload.
  public var payloadChecksum: UInt32
  /// Of a mended frame, what it stands for; `nil` in a frame that one commit wrote.
  public var mending: Mending?

  /// What a mended frame stands for. Number of entries and length of the payload are at most 65,535 there.
  public struct Mending: Equatable, Sendable, BitwiseCopyable {
    /// The checksum that the frame behind it names.
    public var checksum: UInt32
    /// Blocks up to the frame behind it, 1 to 65,535.
    public var blockCount: UInt32

    /// Takes the fields.
    public init(checksum: UInt32, blockCount: UInt32) {
      self.checksum = checksum
      self.blockCount = blockCount
    }
  }

  /// A header of these fields.
  public init(
    epoch: UInt32, sequence: UInt32, firstIndex: UInt64, count: UInt32, payloadByteCount: UInt32,
    previousChecksum: UInt32, payloadChecksum: UInt32, mending: Mending? = nil
  ) {
    self.mending = mending
    self.epoch = epoch
    self.sequence = sequence
    self.firstIndex = firstIndex
    self.count = count
    self.payloadByteCount = payloadByteCount
    self.previousChecksum = previousChecksum
    self.payloadChecksum = payloadChecksum
  }

  /// Reads a header; `nil` unless magic, version and its own CRC are right.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count >= FrameHeader.byteCount, bytes.load32(0) == FrameHeader.magic,
      bytes.load32(40) == CRC32C.checksum(bytes.extracting(0..<40))
    else { return nil }
    epoch = bytes.load32(8)
    sequence = bytes.load32(12)
    firstIndex = bytes.load64(16)
    count = bytes.load32(24)
    payloadByteCount = bytes.load32(28)
    previousChecksum = bytes.load32(32)
    payloadChecksum = bytes.load32(36)
    mending = nil
    let version = bytes.load32(4)
    if version == 1 { return }
    guard version & 0xffff == 2 else { return nil }
    count = bytes.load32(24) & 0xffff
    payloadByteCount = bytes.load32(24) &>> (16 as UInt32)
    let mending = Mending(
      checksum: bytes.load32(28), blockCount: version &>> (16 as UInt32))
    self.mending = mending
    guard let needed = frameByteCount, narrow(wide(mending.blockCount)) >= needed / blockByteCount
    else { return nil }
  }

  /// Writes the 44 bytes and returns the checksum of the frame.
  @discardableResult
  public func write(into frame: UnsafeMutableBufferPointer<UInt8>) -> UInt32 {
    frame.store(FrameHeader.magic, at: 0)
    frame.store(version, at: 4)
    frame.store(epoch, at: 8)
    frame.store(sequence, at: 12)
    frame.store(firstIndex, at: 16)
    if let mending {
      precondition(count <= 0xffff && payloadByteCount <= 0xffff, "more than a mended frame holds")
      frame.store(count | payloadByteCount &<< (16 as UInt32), at: 24)
      frame.store(mending.checksum, at: 28)
    } else {
      frame.store(count, at: 24)
      frame.store(payloadByteCount, at: 28)
    }
    frame.store(previousChecksum, at: 32)
    frame.store(payloadChecksum, at: 36)
    let checksum = CRC32C.checksum(frame.span.extracting(0..<40))
    frame.store(checksum, at: 40)
    return mending?.checksum ?? checksum
  }

  /// Bytes 4–7.
  private var version: UInt32 {
    guard let mending else { return 1 }
    precondition(mending.blockCount <= 0xffff, "more blocks than a mended frame spans")
    return 2 | mending.blockCount &<< (16 as UInt32)
  }

  /// The checksum of the frame that stands in `bytes`.
  public static func checksum(of bytes: Span<UInt8>) -> UInt32 {
    bytes.load32(bytes.load32(4) & 0xffff == 2 ? 28 : 40)
  }

  /// Bytes of the whole frame, a multiple of 4,096; `nil` if the length is absurd (over 16 MiB).
  public var frameByteCount: Int? {
    guard payloadByteCount <= 0x100_0000 else { return nil }
    return roundedToBlocks(FrameHeader.byteCount &+ narrow(wide(payloadByteCount)))
  }

  /// Bytes from the frame to the next one; `nil` as `frameByteCount`.
  public var strideByteCount: Int? {
    guard let mending else { return frameByteCount }
    return narrow(wide(mending.blockCount)) &* blockByteCount
  }

  /// Index after the last entry; `nil` if it does not fit.
  public var endIndex: UInt64? {
    let (end, overflow) = firstIndex.addingReportingOverflow(wide(count))
    return overflow ? nil : end
  }

  /// The frame belongs here: it continues a log of `epoch` in segment `sequence` that has reached
  /// `index` with a frame of checksum `previous`.
  public func continues(epoch: UInt32, sequence: UInt32, index: UInt64, previous: UInt32) -> Bool {
    self.epoch == epoch && self.sequence == sequence && firstIndex == index
      && previousChecksum == previous && count > 0
  }
}

/// Walks the entries of a payload. Stops and returns `false` if it is not exactly `count` entries.
@discardableResult
func forEachEntry(
  of payload: Span<UInt8>, count: UInt32, _ body: (_ number: UInt32, _ entry: Range<Int>) -> Void
) -> Bool {
  var offset = 0
  var number: UInt32 = 0
  while number < count {
    guard payload.count &- offset >= 2 else { return false }
    let length = (Int(payload[offset]) &<< 8) | Int(payload[offset &+ 1])
    let start = offset &+ 2
    guard length <= payload.count &- start else { return false }
    body(number, start..<(start &+ length))
    offset = start &+ length
    number &+= 1
  }
  return offset == payload.count
}
