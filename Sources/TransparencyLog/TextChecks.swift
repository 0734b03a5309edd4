import HAL
import Metering

/// Unsigned decimal numbers as the C2SP texts write them: `0`, or digits without a leading zero.
public enum UnsignedText {
  /// Reads a number below 2^63; `nil` for anything else, signs and leading zeros included.
  public static func read(_ text: Span<UInt8>) -> UInt64? {
    guard text.count > 0, text.count <= 19 else { return nil }
    if text[0] == 0x30 { return text.count == 1 ? 0 : nil }
    var value: UInt64 = 0
    for i in 0..<text.count {
      guard text[i] >= 0x30, text[i] <= 0x39 else { return nil }
      value = value &* 10 &+ wide(text[i] &- 0x30)
    }
    return value < 0x8000_0000_0000_0000 ? value : nil
  }

  /// Writes a number.
  public static func write(_ value: UInt64, to writer: inout ByteWriter) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var count = 0
    var rest = value
    repeat {
      digits[count] = 0x30 &+ low8(rest % 10)
      rest /= 10
      count &+= 1
    } while rest > 0
    while count > 0 {
      count &-= 1
      writer.append(digits[count])
    }
  }
}

/// UTF-8 as Unicode 16, table 3-7 has it: no surrogates, no overlong forms, at most U+10FFFF.
enum UTF8Text {
  /// The scalar that starts at `position`, and how many bytes it takes; `nil` if there is none.
  static func scalar(_ text: Span<UInt8>, at position: Int) -> (value: UInt32, count: Int)? {
    let first = text[position]
    if first < 0x80 { return (UInt32(truncatingIfNeeded: first), 1) }
    let count: Int
    var value: UInt32
    let least: UInt32
    switch first {
    case 0xC2...0xDF: (count, value, least) = (2, UInt32(truncatingIfNeeded: first & 0x1F), 0x80)
    case 0xE0...0xEF: (count, value, least) = (3, UInt32(truncatingIfNeeded: first & 0x0F), 0x800)
    case 0xF0...0xF4: (count, value, least) = (4, UInt32(truncatingIfNeeded: first & 7), 0x10000)
    default: return nil
    }
    guard text.count &- position >= count else { return nil }
    for i in 1..<count {
      let byte = text[position &+ i]
      guard byte & 0xC0 == 0x80 else { return nil }
      value = value &<< 6 | UInt32(truncatingIfNeeded: byte & 0x3F)
    }
    guard value >= least, value <= 0x10FFFF, !(value >= 0xD800 && value <= 0xDFFF) else {
      return nil
    }
    return (value, count)
  }

  static func isValid(_ text: Span<UInt8>) -> Bool {
    var position = 0
    while position < text.count {
      guard let (_, count) = scalar(text, at: position) else { return false }
      position &+= count
    }
    return true
  }

  /// UTF-8 without control characters other than line feed: what a signed note may consist of.
  static func isNoteText(_ text: Span<UInt8>) -> Bool {
    for i in 0..<text.count where text[i] < 0x20 && text[i] != 0x0A || text[i] == 0x7F {
      return false
    }
    return isValid(text)
  }

  /// White space by Unicode's property, which a key's name may not hold (C2SP signed-note).
  static func isSpace(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
      0x3000:
      true
    default: false
    }
  }
}
