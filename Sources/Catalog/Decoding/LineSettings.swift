import HAL

/// How serial lines may be set.
enum LineSettings {
  /// Rates that the serial ports of Linux have and meters use.
  static let baudRates = [
    300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115_200, 230_400, 460_800, 921_600,
  ]

  /// Reads `8N1`; `nil` for any other spelling.
  static func format(_ text: String) -> (dataBits: UInt8, parity: Parity, stopBits: UInt8)? {
    let bytes = Array(text.utf8)
    guard bytes.count == 3 else { return nil }
    let parity: Parity
    switch bytes[1] {
    case UInt8(ascii: "N"): parity = .none
    case UInt8(ascii: "E"): parity = .even
    case UInt8(ascii: "O"): parity = .odd
    default: return nil
    }
    guard bytes[0] == 0x37 || bytes[0] == 0x38, bytes[2] == 0x31 || bytes[2] == 0x32 else {
      return nil
    }
    return (bytes[0] - 0x30, parity, bytes[2] - 0x30)
  }
}
