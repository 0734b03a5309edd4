import HAL
import Metering

extension MeterProtocol {
  /// The bytes are exactly one request that reads: Modbus functions 1 to 4, DL/T 645 control codes 11H,
  /// 12H and 13H, with a good checksum and nothing before (DL/T 645: but wake-up bytes) or after it.
  /// Everything else may change a meter.
  public func isReadRequest(_ bytes: Span<UInt8>) -> Bool {
    switch self {
    case .modbusRTU: ModbusRequest(parsing: bytes) != nil
    case .dlt645: DLT645Request(parsing: bytes) != nil
    }
  }

  /// The same meter may answer both read requests, so that a late answer to one could pass for that to
  /// the other. `false` where one of them is no read request.
  public func mayAskSameMeter(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
    switch self {
    case .modbusRTU:
      guard let first = ModbusRequest(parsing: one), let second = ModbusRequest(parsing: other)
      else { return false }
      return first.unit == second.unit
    case .dlt645:
      guard let first = DLT645Request(parsing: one), let second = DLT645Request(parsing: other)
      else { return false }
      return first.address.overlaps(second.address)
    }
  }
}

extension DLT645Address {
  /// Some meter is meant by both; either may have AA.
  func overlaps(_ other: DLT645Address) -> Bool {
    var i = 0
    while i < 6 {
      let mine = wireByte(i)
      let its = other.wireByte(i)
      if mine != its, mine != 0xAA, its != 0xAA { return false }
      i &+= 1
    }
    return true
  }
}
