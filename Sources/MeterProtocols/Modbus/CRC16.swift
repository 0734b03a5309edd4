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
    let index = Int(truncatingIfNeeded: (value ^ UInt16(truncatingIfNeeded: byte)) & 0xFF)
    value = (value &>> 8) ^ CRC16.table.span[index]
  }

  /// The check over part of `bytes`.
  public static func of(_ bytes: Span<UInt8>, in range: Range<Int>) -> UInt16 {
    let table = CRC16.table.span
    var value: UInt16 = 0xFFFF
    var i = range.lowerBound
    while i < range.upperBound {
      let index = Int(truncatingIfNeeded: (value ^ UInt16(truncatingIfNeeded: bytes[i])) & 0xFF)
      value = (value &>> 8) ^ table[index]
      i &+= 1
    }
    return value
  }

  /// What a byte that is shifted out does to the rest (6.2.2 has the same as two tables of bytes).
  private static let table: InlineArray<256, UInt16> = {
    var table = InlineArray<256, UInt16>(repeating: 0)
    var i = 0
    while i < 256 {
      var rest = UInt16(truncatingIfNeeded: i)
      var bit = 0
      while bit < 8 {
        rest = (rest &>> 1) ^ (rest & 1 == 1 ? 0xA001 : 0)
        bit &+= 1
      }
      table[i] = rest
      i &+= 1
    }
    return table
  }()
}
