import MeterProtocols
import Metering

// The macros of Swift Testing take no spans, so the tests say it with arrays.

extension ModbusRequest {
  init?(parsing bytes: [UInt8]) { self.init(parsing: bytes.span) }
}

extension DLT645Request {
  init?(parsing bytes: [UInt8]) { self.init(parsing: bytes.span) }
}

extension DLT645Address {
  init?(_ bytes: [UInt8]) { self.init(bytes.span) }
}

extension CRC16 {
  static func of(_ bytes: [UInt8]) -> UInt16 { of(bytes.span, in: 0..<bytes.count) }
}

extension ModbusServer {
  static func scan(_ received: [UInt8]) -> ModbusQueryScan { scan(received.span) }
}

extension DLT645Server {
  static func scan(_ received: [UInt8]) -> DLT645QueryScan { scan(received.span) }
}

extension MeterProtocol {
  func scan(request: [UInt8], received: [UInt8]) -> ReplyScan {
    scan(request: request.span, received: received.span)
  }

  func replyByteCountMax(request: [UInt8]) -> Int { replyByteCountMax(request: request.span) }
}

extension ValueRule {
  func decode(frame: [UInt8], protocol meterProtocol: MeterProtocol) -> Result<Decimal, NoData> {
    decode(frame: frame.span, protocol: meterProtocol)
  }
}
