import Metering

// A character has 11 bits on every line here: 8 data bits, start and stop, and a parity bit or a second
// stop bit (Modbus over Serial Line V1.02, 2.5.1; DL/T 645-2007, 5.1: 8E1). 8N1 sends 10, so that figures
// in characters are on the safe side there.

extension MeterProtocol {
  /// The silence due before the next request.
  ///
  /// Modbus: 3.5 characters up to 19200 Bd, 1750 µs above (Modbus over Serial Line V1.02, 2.5.1.1).
  /// DL/T 645: 20 ms. The standard gives a meter at least that long between the last byte of a request
  /// and the first of its answer; we give the line as long before a request.
  public func silenceMicroseconds(baudRate: UInt32) -> UInt32 {
    precondition(baudRate > 0, "a line has a speed")
    switch self {
    case .modbusRTU:
      // 3.5 × 11 bits = 38.5 bit times.
      return baudRate > 19_200 ? 1_750 : (38_500_000 &+ baudRate &- 1) / baudRate
    case .dlt645: return 20_000
    }
  }
}
