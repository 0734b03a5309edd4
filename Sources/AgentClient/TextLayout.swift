/// Text in columns of a terminal, where a Chinese character takes two.
public enum TextLayout {
  /// How many columns `text` takes.
  public static func width(_ text: some StringProtocol) -> Int {
    text.reduce(0) { $0 + width($1) }
  }

  /// `text` in exactly `columns`, cut with an ellipsis or filled up with spaces.
  public static func fit(_ text: String, _ columns: Int, right: Bool = false) -> String {
    let taken = width(text)
    if taken <= columns {
      let space = String(repeating: " ", count: columns - taken)
      return right ? space + text : text + space
    }
    return cut(text, columns - 1) + "…"
  }

  /// As much of `text` as takes exactly `columns`; a wide character that would not fit is a space.
  public static func cut(_ text: String, _ columns: Int) -> String {
    var result = ""
    var left = columns
    for character in text {
      let taken = width(character)
      guard taken <= left else { break }
      result.append(character)
      left -= taken
    }
    return result + String(repeating: " ", count: max(left, 0))
  }

  /// `parts` with two blanks between them, in lines of at most `columns`. No part is broken that fits into a line.
  public static func flow(_ parts: [String], _ columns: Int) -> [String] {
    var lines: [String] = []
    for part in parts {
      if let last = lines.last, width(last) + 2 + width(part) <= columns {
        lines[lines.count - 1] = "\(last)  \(part)"
      } else {
        lines += wrap(part, columns)
      }
    }
    return lines
  }

  /// Columns of one character: 2 in the wide blocks of East Asian scripts (Unicode UAX 11), else 1.
  static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first?.value else { return 0 }
    switch scalar {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }

  /// 12345678 as "12 345 678".
  public static func grouped(_ number: Int) -> String {
    var result = ""
    for (place, digit) in String(number).reversed().enumerated() {
      if place > 0, place % 3 == 0, digit != "-" { result.append(" ") }
      result.append(digit)
    }
    return String(result.reversed())
  }

  /// Bytes in hexadecimal with blanks between them.
  public static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return digits.count < 2 ? "0" + digits : digits
    }.joined(separator: " ")
  }
}
