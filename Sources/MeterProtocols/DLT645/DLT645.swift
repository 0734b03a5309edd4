import HAL
import Metering

// The frame of DL/T 645-2007 (section 5.2):
//
//   FE (0 to 4 times, not part of the frame)
//   68 A0 A1 A2 A3 A4 A5 68 C L DATA[L] CS 16
//
// It is valid if and only if both 68, the 16 at the place that L names, and CS are right: CS is the
// sum of all bytes from the first 68 to the one before CS, modulo 256, as they stand on the wire.
// Every byte of DATA is sent with 33H added, modulo 256. A data byte may be 68 or 16, so the end is
// where L says and is never searched for. C: D7 = from the meter, D6 = abnormal, D5 = more follows,
// D4–D0 = function.
//
// Worked example: meter 000000000161 says that its L1 voltage (02010100) is 100.1 V in
// `68 61 01 00 00 00 00 68 91 06 33 34 34 35 34 43 10 16`: 34 43 are the BCD bytes 01 10, lowest
// first.

/// The framing of DL/T 645-2007.
public enum DLT645 {
  /// The most data bytes a frame of a read has.
  public static let dataByteCountMax = 200
  /// What every byte of data is increased by on the wire.
  static let offset: UInt8 = 0x33
  /// Bytes of a frame that are not data.
  static let overhead = 12
  /// Wake-up bytes that may stand before a frame.
  static let preambleByteCountMax = 4
  /// The longest reply with its preamble.
  static let replyByteCountMax = preambleByteCountMax + overhead + dataByteCountMax
  /// Bit 7 of the control code: from the meter.
  static let fromMeter: UInt8 = 0x80
  /// Bit 6: the meter could not do what it was asked.
  static let abnormal: UInt8 = 0x40
  /// Bit 5: there is more.
  static let more: UInt8 = 0x20

  /// The functions that this build sends. Those that write, freeze, clear or switch are not among
  /// them, so that no request can carry one.
  enum Function: UInt8, Sendable, BitwiseCopyable {
    case read = 0x11
    case readFollowUp = 0x12
    case readAddress = 0x13
  }

  enum FrameAt {
    case none
    /// So far it is one.
    case unfinished
    case whole(Range<Int>)
  }

  /// Whether a frame begins at `i`, whoever sent it.
  static func frame(at i: Int, in bytes: Span<UInt8>) -> FrameAt {
    guard bytes[i] == 0x68 else { return .none }
    let rest = bytes.count &- i
    guard rest >= 8 else { return .unfinished }
    guard bytes[i &+ 7] == 0x68 else { return .none }
    guard rest >= 10 else { return .unfinished }
    let dataCount = Int(truncatingIfNeeded: bytes[i &+ 9])
    guard dataCount <= dataByteCountMax else { return .none }
    let end = i &+ overhead &+ dataCount
    guard end <= bytes.count else { return .unfinished }
    guard bytes[end &- 1] == 0x16 else { return .none }
    return sum(bytes, in: i..<end &- 2) == bytes[end &- 2] ? .whole(i..<end) : .none
  }

  static func sum(_ bytes: Span<UInt8>, in range: Range<Int>) -> UInt8 {
    var sum: UInt8 = 0
    var i = range.lowerBound
    while i < range.upperBound {
      sum &+= bytes[i]
      i &+= 1
    }
    return sum
  }

  /// The data identifier at the beginning of the data of the frame at `start`.
  static func identifier(_ bytes: Span<UInt8>, frameAt start: Int) -> UInt32 {
    var value: UInt32 = 0
    var i = 14
    while i > 10 {
      i &-= 1
      value = value &<< 8 | UInt32(truncatingIfNeeded: bytes[start &+ i] &- offset)
    }
    return value
  }

  /// Writes everything before the data.
  static func beginFrame(
    _ address: DLT645Address, control: UInt8, dataByteCount: Int, preamble: Int,
    into writer: inout ByteWriter
  ) -> Int {
    precondition(dataByteCount <= dataByteCountMax, "too much data for a frame")
    precondition(preamble <= preambleByteCountMax, "too long a preamble")
    var i = 0
    while i < preamble {
      writer.append(0xFE)
      i &+= 1
    }
    let start = writer.count
    writer.append(0x68)
    i = 0
    while i < 6 {
      writer.append(address.wireByte(i))
      i &+= 1
    }
    writer.append(0x68)
    writer.append(control)
    writer.append(UInt8(truncatingIfNeeded: dataByteCount))
    return start
  }

  static func append(identifier: UInt32, into writer: inout ByteWriter) {
    var rest = identifier
    var i = 0
    while i < 4 {
      writer.append(UInt8(truncatingIfNeeded: rest) &+ offset)
      rest = rest &>> 8
      i &+= 1
    }
  }

  /// Writes checksum and end.
  static func endFrame(from start: Int, into writer: inout ByteWriter) {
    let sum = sum(writer.written.span, in: start..<writer.count)
    writer.append(sum)
    writer.append(0x16)
  }
}
