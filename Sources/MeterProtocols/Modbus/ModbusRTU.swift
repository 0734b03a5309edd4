import HAL

// The frame of Modbus RTU (Modbus over Serial Line V1.02, 2.5.1): `unit function data crc-low
// crc-high`, at most 256 bytes. A frame has no start mark and no length of its own, so a reply is
// valid if and only if, for a request with unit u and function f that asks for n bytes of data,
//
//   reply      u f n data[n] crc   (n + 5 bytes)
//   exception  u f|80H code crc    (5 bytes)
//
// its CRC is good and it is not the request itself, which comes back on half-duplex adapters.
//
// Worked example: to `11 03 00 7C 00 02 07 43` a reply is `11 03 04 00 8D 00 8E FB BD`: registers 141
// and 142.

/// The framing of Modbus RTU.
public enum ModbusRTU {
  /// The longest frame (Modbus over Serial Line V1.02, 2.5.1).
  public static let frameByteCountMax = 256
  /// The shortest frame that a device sends: an exception.
  static let frameByteCountMin = 5

  static func word(_ bytes: Span<UInt8>, at index: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: bytes[index]) &<< 8
      | UInt16(truncatingIfNeeded: bytes[index &+ 1])
  }

  /// The last two bytes of the range are the CRC of those before them.
  static func hasGoodCRC(_ bytes: Span<UInt8>, in range: Range<Int>) -> Bool {
    let end = range.upperBound &- 2
    guard end > range.lowerBound, range.upperBound <= bytes.count else { return false }
    let crc = CRC16.of(bytes, in: range.lowerBound..<end)
    return bytes[end] == UInt8(truncatingIfNeeded: crc)
      && bytes[end &+ 1] == UInt8(truncatingIfNeeded: crc &>> 8)
  }

  /// Writes the CRC of everything written since `start`.
  static func appendCRC(from start: Int, into writer: inout ByteWriter) {
    let crc = CRC16.of(writer.written.span, in: start..<writer.count)
    writer.append(UInt8(truncatingIfNeeded: crc))
    writer.append(UInt8(truncatingIfNeeded: crc &>> 8))
  }

  static func replyByteCount(request bytes: Span<UInt8>) -> Int {
    guard let request = ModbusRequest(parsing: bytes) else { return frameByteCountMin }
    return request.replyDataByteCount &+ 5
  }

  static func scan(request bytes: Span<UInt8>, received: Span<UInt8>) -> ReplyScan {
    guard let request = ModbusRequest(parsing: bytes) else { return .incomplete }
    var echoSeen = false
    var i = 0
    while i < received.count {
      if !echoSeen {
        // Before anything else, because the echo of a request for bits can be a valid reply to it.
        let same = commonPrefix(bytes, received, from: i)
        if same == bytes.count {
          echoSeen = true
          i &+= bytes.count
          continue
        }
        if i &+ same == received.count { return .incomplete }
      }
      switch candidate(at: i, for: request, in: received) {
      case .none: i &+= 1
      case .unfinished: return .incomplete
      case .reply(let range): return .accepted(range, more: false)
      case .exception(let range): return .refused(range, code: received[i &+ 2])
      }
    }
    return .incomplete
  }

  private enum Candidate {
    case none
    case unfinished
    case reply(Range<Int>)
    case exception(Range<Int>)
  }

  /// What begins at `i`, going by as much of a header as is there.
  private static func candidate(
    at i: Int, for request: ModbusRequest, in received: Span<UInt8>
  ) -> Candidate {
    let rest = received.count &- i
    guard received[i] == request.unit else { return .none }
    guard rest >= 2 else { return .unfinished }
    let function = request.function.rawValue
    if received[i &+ 1] == function | 0x80 {
      guard rest >= 5 else { return .unfinished }
      let range = i..<i &+ 5
      return hasGoodCRC(received, in: range) ? .exception(range) : .none
    }
    guard received[i &+ 1] == function else { return .none }
    guard rest >= 3 else { return .unfinished }
    let dataCount = request.replyDataByteCount
    guard Int(truncatingIfNeeded: received[i &+ 2]) == dataCount else { return .none }
    guard rest >= dataCount &+ 5 else { return .unfinished }
    let range = i..<i &+ dataCount &+ 5
    return hasGoodCRC(received, in: range) ? .reply(range) : .none
  }

  /// How many bytes from `from` on are those of the request.
  private static func commonPrefix(
    _ request: Span<UInt8>, _ received: Span<UInt8>, from: Int
  ) -> Int {
    var n = 0
    while n < request.count, from &+ n < received.count, received[from &+ n] == request[n] {
      n &+= 1
    }
    return n
  }

  static func hasDamagedFrame(request: Span<UInt8>, received: Span<UInt8>) -> Bool {
    var strays = 0
    var i = 0
    while i < received.count {
      let length = wholeFrame(at: i, in: received)
      if length > 0 {
        i &+= length
      } else {
        strays &+= 1
        i &+= 1
      }
    }
    return strays >= MeterProtocol.strayByteCountMin
  }

  /// The length of a whole frame of anybody that begins at `i`, or 0.
  private static func wholeFrame(at i: Int, in received: Span<UInt8>) -> Int {
    let rest = received.count &- i
    guard rest >= frameByteCountMin else { return 0 }
    if received[i &+ 1] & 0x80 != 0 {
      return hasGoodCRC(received, in: i..<i &+ 5) ? 5 : 0
    }
    // A request, or the answer to a write request, has 8 bytes; the answer to a read says how many.
    if rest >= 8, hasGoodCRC(received, in: i..<i &+ 8) { return 8 }
    let length = Int(truncatingIfNeeded: received[i &+ 2]) &+ 5
    return length <= rest && hasGoodCRC(received, in: i..<i &+ length) ? length : 0
  }
}
