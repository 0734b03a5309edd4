/// The cyclic redundancy check of Modbus RTU: polynomial A001H reflected, initial value FFFFH, sent
/// low byte first. Source: Modbus over Serial Line V1.02, 2.5.1.2 and 6.2.2.
///
/// Worked example: over `11 03 00 7C 00 02` it is 4307H, on the wire `07 43`.
public struct CRC16: Sendable, BitwiseCopyable {
  /// The value so far.
  public private(set) var value: UInt16 = 0xFFFF

  /// Starts over nothing.
  public init() {}

  /// Takes one byte in.
  public mutating func update(_ byte: UInt8) {
    // Four bits at a time: a sixteenth of the usual table, a quarter of the steps without one.
    value ^= UInt16(truncatingIfNeeded: byte)
    value = (value &>> 4) ^ CRC16.step(value & 15)
    value = (value &>> 4) ^ CRC16.step(value & 15)
  }

  /// The check over part of `bytes`.
  public static func of(_ bytes: Span<UInt8>, in range: Range<Int>) -> UInt16 {
    var crc = CRC16()
    var i = range.lowerBound
    while i < range.upperBound {
      crc.update(bytes[i])
      i &+= 1
    }
    return crc.value
  }

  /// What four bits that are shifted out do to the rest; linear, so it is the sum of what each does.
  private static func step(_ nibble: UInt16) -> UInt16 {
    var result: UInt16 = 0
    if nibble & 1 != 0 { result ^= 0xCC01 }
    if nibble & 2 != 0 { result ^= 0xD801 }
    if nibble & 4 != 0 { result ^= 0xF001 }
    if nibble & 8 != 0 { result ^= 0xA001 }
    return result
  }
}
