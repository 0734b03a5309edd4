import HAL
import Metering

/// A meter protocol that this build speaks. Raw values are stable.
///
/// Sans-IO: requests are written into a `ByteWriter`, and what came back is looked at again, whole,
/// whenever bytes have arrived. Nothing here knows a port or a clock, and nothing can build a request
/// that changes a meter.
public enum MeterProtocol: UInt8, Sendable, BitwiseCopyable {
  /// Modbus over serial line, RTU transmission mode. Source: Modbus over Serial Line V1.02.
  case modbusRTU = 1
  /// DL/T 645-2007, the protocol of Chinese electricity meters.
  case dlt645 = 2
}

#if !hasFeature(Embedded)
  extension MeterProtocol: CaseIterable {}
#endif

/// What the bytes received so far amount to, for the outstanding request.
public enum ReplyScan: Equatable, Sendable {
  /// No reply yet: wait for more. Garbage, an echo or foreign frames may stand in what was received.
  case incomplete
  /// A whole reply stands at this range of what was received. `more`: the meter has more data, and a
  /// DL/T 645 follow-up request is due.
  case accepted(Range<Int>, more: Bool)
  /// The device refused this request, with a Modbus exception code or a DL/T 645 error byte.
  case refused(Range<Int>, code: UInt8)
}

extension MeterProtocol {
  /// Looks for the reply to `request` in everything received since it was sent.
  ///
  /// Resynchronises past garbage, past an echo of the request and past frames of others. A frame is
  /// accepted only if its checksum is good and its address, function and length (DL/T 645: data
  /// identifier and part number) answer the request. Bytes that may still become the reply are waited
  /// for, even if a shorter frame stands inside them. Never traps, whatever was received.
  public func scan(request: Span<UInt8>, received: Span<UInt8>) -> ReplyScan {
    switch self {
    case .modbusRTU: ModbusRTU.scan(request: request, received: received)
    case .dlt645: DLT645.scan(request: request, received: received)
    }
  }

  /// At the deadline, after `scan` found nothing: something was sent, and no frame in it is good.
  ///
  /// `true` makes the reading `badChecksum`, `false` makes it `timeout`. An echo of the request and
  /// whole frames of other devices do not count, nor do fewer than five stray bytes, such as a line
  /// makes when drivers switch.
  public func hasDamagedFrame(request: Span<UInt8>, received: Span<UInt8>) -> Bool {
    switch self {
    case .modbusRTU: ModbusRTU.hasDamagedFrame(request: request, received: received)
    case .dlt645: DLT645.hasDamagedFrame(request: request, received: received)
    }
  }

  /// The longest reply to this request in bytes, its preamble included, an echo not.
  public func replyByteCountMax(request: Span<UInt8>) -> Int {
    switch self {
    case .modbusRTU: ModbusRTU.replyByteCount(request: request)
    case .dlt645: DLT645.replyByteCountMax
    }
  }

  /// Writes the request for part `part` (from 1) of the answer to the read request `request`.
  ///
  /// DL/T 645 only, control code 12H; writes nothing for Modbus, which has no parts, and nothing where
  /// `request` is not a DL/T 645 read request.
  public func writeFollowUp(
    request: Span<UInt8>, part: UInt8, into writer: inout ByteWriter
  ) {
    switch self {
    case .modbusRTU: break
    case .dlt645:
      guard let read = DLT645Request(parsing: request), let di = read.identifier else { return }
      DLT645Request.followUp(read.address, identifier: di, part: part).write(into: &writer)
    }
  }

  /// The answer goes on in a further frame, which has to be asked for (`writeFollowUp`).
  public func hasMore(_ frame: Span<UInt8>) -> Bool {
    switch self {
    case .modbusRTU: false
    case .dlt645: DLT645Answer.hasMore(frame)
    }
  }

  /// As many stray bytes are a damaged frame; fewer are noise.
  static let strayByteCountMin = 5
  /// The longest request, in bytes.
  public static let requestByteCountMax = DLT645Request.byteCountMax
  /// The longest reply of any protocol, in bytes; what a receive buffer has to hold beside an echo.
  public static let replyByteCountMax = ModbusRTU.frameByteCountMax
}
