import Metering

extension Ratio {
  /// Reads `5`, `-1/1000` or `0.01` into lowest terms; `nil` for anything else, for zero and where one
  /// side has more than twelve digits.
  init?(text: String) {
    let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = Ratio.decimal(parts[0]), first.numerator != 0 else {
      return nil
    }
    var value = first
    if parts.count == 2 {
      guard let second = Ratio.decimal(parts[1]), second.numerator > 0 else { return nil }
      guard let quotient = first.times(Ratio(second.denominator, second.numerator)) else {
        return nil
      }
      value = quotient
    }
    // Times one reduces.
    guard let reduced = value.times(.one) else { return nil }
    let limit: UInt64 = 1_000_000_000_000
    guard reduced.numerator.magnitude < limit, reduced.denominator < limit else { return nil }
    self = reduced
  }

  private static func decimal(_ text: Substring) -> Ratio? {
    var numerator: Int64 = 0
    var denominator: Int64 = 1
    var isFraction = false
    var digits = 0
    var bytes = Array(text.utf8)[...]
    let isNegative = bytes.first == UInt8(ascii: "-")
    if isNegative { bytes = bytes.dropFirst() }
    for byte in bytes {
      if byte == UInt8(ascii: "."), !isFraction, digits > 0 {
        isFraction = true
        continue
      }
      guard byte >= 0x30, byte <= 0x39, digits < 12 else { return nil }
      digits += 1
      numerator = numerator * 10 + Int64(byte - 0x30)
      if isFraction { denominator *= 10 }
    }
    guard digits > 0, bytes.last != UInt8(ascii: ".") else { return nil }
    return Ratio(isNegative ? -numerator : numerator, denominator)
  }
}
