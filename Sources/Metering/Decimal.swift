/// A decimal number as the meter gave it: `mantissa × 10^exponent`.
///
/// Nothing in Tallystick carries a measured value as a binary fraction: 230.6 V is
/// `Decimal(mantissa: 2306, exponent: -1)`, on the wire, in the database and in a report.
/// Whatever does not fit is `nil` and becomes `NoData.overflow`; nothing is ever rounded silently.
public struct Decimal: Equatable, Sendable, BitwiseCopyable {
  /// The digits, with their sign.
  public var mantissa: Int64
  /// The power of ten.
  public var exponent: Int8

  /// Makes `mantissa × 10^exponent`.
  public init(mantissa: Int64, exponent: Int8 = 0) {
    self.mantissa = mantissa
    self.exponent = exponent
  }
}
