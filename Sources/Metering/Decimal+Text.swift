// The text of a decimal: valid if and only if it is a number of the JSON grammar (RFC 8259, section
// 6), so `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`. Digits after the point count: "230.60" is
// 23060 × 10^-2. Written without an exponent where |exponent| ≤ 18, else as whole digits and `e`.
//
// Worked example: 2306 × 10^-1 is "230.6", -5 × 10^-2 is "-0.05", 12 × 10^3 is "12000",
// 1 × 10^-45 is "1e-45".

/// The ASCII text of a decimal, at most 40 bytes.
public struct DecimalText: Sendable, BitwiseCopyable {
  /// How many bytes a text has at most.
  public static let capacity = 40

  /// The characters; those after `count` are zero.
  public private(set) var bytes = InlineArray<40, UInt8>(repeating: 0)
  /// How many characters there are.
  public private(set) var count = 0

  fileprivate mutating func append(_ byte: UInt8) {
    bytes[count] = byte
    count &+= 1
  }

  /// Writes the text of `value`.
  public init(_ value: Decimal) {
    // Digits, last one first. An Int64 has at most 19.
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var digitCount = 0
    var rest = value.mantissa.magnitude
    repeat {
      digits[digitCount] = UInt8(truncatingIfNeeded: low32(rest % 10))
      rest /= 10
      digitCount &+= 1
    } while rest != 0
    if value.mantissa < 0 { append(0x2D) }
    let exponent = Int(truncatingIfNeeded: value.exponent)
    let isPlain = exponent >= -18 && exponent <= 18
    let decimals = isPlain && exponent < 0 ? 0 &- exponent : 0
    var i = digitCount > decimals ? digitCount : decimals &+ 1
    while i > 0 {
      i &-= 1
      append(0x30 &+ (i < digitCount ? digits[i] : 0))
      if i == decimals, decimals > 0 { append(0x2E) }
    }
    if isPlain {
      var zeros = value.mantissa == 0 ? 0 : exponent
      while zeros > 0 {
        append(0x30)
        zeros &-= 1
      }
    } else {
      appendExponent(exponent)
    }
  }

  private mutating func appendExponent(_ exponent: Int) {
    append(0x65)
    if exponent < 0 { append(0x2D) }
    let size = exponent < 0 ? 0 &- exponent : exponent
    if size >= 100 { append(0x31) }
    append(0x30 &+ UInt8(truncatingIfNeeded: size / 10 % 10))
    append(0x30 &+ UInt8(truncatingIfNeeded: size % 10))
  }
}

extension Decimal {
  /// Reads the text of a decimal; `nil` where it is not one, or does not fit.
  public init?(text: Span<UInt8>) {
    var i = 0
    var isNegative = false
    if i < text.count, text[i] == 0x2D {
      isNegative = true
      i &+= 1
    }
    let firstDigit = i
    // Collected below zero, because Int64 reaches one further there.
    var mantissa: Int64 = 0
    var exponent: Int32 = 0
    guard let zeros = Decimal.readDigits(text, &i, into: &mantissa) else { return nil }
    exponent = zeros
    guard i > firstDigit, text[firstDigit] != 0x30 || i == firstDigit &+ 1 else { return nil }
    if i < text.count, text[i] == 0x2E {
      i &+= 1
      let start = i
      // After zeros that did not fit, nothing else can.
      guard zeros == 0, let more = Decimal.readDigits(text, &i, into: &mantissa), i > start,
        i &- start < 256
      else { return nil }
      exponent = more &- Int32(truncatingIfNeeded: i &- start)
    }
    if i < text.count, text[i] | 0x20 == 0x65 {
      i &+= 1
      guard let power = Decimal.readExponent(text, &i) else { return nil }
      exponent &+= power
    }
    guard i == text.count, exponent >= -128, exponent <= 127 else { return nil }
    if !isNegative {
      guard mantissa != Int64.min else { return nil }
      mantissa = 0 &- mantissa
    }
    self.init(mantissa: mantissa, exponent: Int8(truncatingIfNeeded: exponent))
  }

  /// Reads digits; the result is how many zeros at the end the mantissa had no room for, or `nil`
  /// where other digits had none.
  private static func readDigits(
    _ text: Span<UInt8>, _ i: inout Int, into value: inout Int64
  ) -> Int32? {
    var zeros: Int32 = 0
    while i < text.count, text[i] >= 0x30, text[i] <= 0x39 {
      let digit = wide(Int32(truncatingIfNeeded: text[i] &- 0x30))
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (difference, underflow) = product.subtractingReportingOverflow(digit)
      if zeros > 0 || overflow || underflow {
        guard digit == 0, zeros < 256 else { return nil }
        zeros &+= 1
      } else {
        value = difference
      }
      i &+= 1
    }
    return zeros
  }

  private static func readExponent(_ text: Span<UInt8>, _ i: inout Int) -> Int32? {
    var isNegative = false
    if i < text.count, text[i] == 0x2B || text[i] == 0x2D {
      isNegative = text[i] == 0x2D
      i &+= 1
    }
    let start = i
    var power: Int32 = 0
    while i < text.count, text[i] >= 0x30, text[i] <= 0x39 {
      power = power &* 10 &+ Int32(truncatingIfNeeded: text[i] &- 0x30)
      guard power <= 1000 else { return nil }
      i &+= 1
    }
    return i == start ? nil : (isNegative ? 0 &- power : power)
  }
}

#if !hasFeature(Embedded)
  extension Decimal: CustomStringConvertible {
    /// The text, such as "230.6".
    public var description: String {
      let text = DecimalText(self)
      var result = ""
      for i in 0..<text.count { result.unicodeScalars.append(Unicode.Scalar(text.bytes[i])) }
      return result
    }

    /// Reads the text of a decimal; `nil` where it is not one, or does not fit.
    public init?(_ text: String) {
      let bytes = Array(text.utf8)
      self.init(text: bytes.span)
    }
  }
#endif
