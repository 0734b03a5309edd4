import Metering

// Timing figures, in microseconds. A character has 11 bits on every line here: 8 data bits, start and
// stop, and a parity bit or a second stop bit (Modbus over Serial Line V1.02, 2.5.1; DL/T 645-2007,
// 5.1: 8E1). 8N1 sends 10, so that these figures are on the safe side there.

extension MeterProtocol {
  /// Bits on the line for each byte.
  public static let bitsPerCharacter: UInt32 = 11

  /// How long `byteCount` bytes take on the line, rounded up.
  public static func transmissionMicroseconds(byteCount: Int, baudRate: UInt32) -> UInt32 {
    precondition(baudRate > 0, "a line has a speed")
    let bits = wide(count: byteCount) &* wide(bitsPerCharacter)
    return low32((bits &* 1_000_000 &+ wide(baudRate &- 1)) / wide(baudRate))
  }

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

  /// How long a device may think before the first byte of its reply, for a profile that does not say.
  ///
  /// DL/T 645: the response delay is 20 to 500 ms. Modbus leaves it to the device (Modbus over Serial
  /// Line V1.02, 2.4.1 speaks of one second to several at 9600 Bd); 1 s is that figure.
  public var turnaroundMicrosecondsMax: UInt32 {
    switch self {
    case .modbusRTU: 1_000_000
    case .dlt645: 500_000
    }
  }
}
