/// A decimal number as the meter gave it: `mantissa × 10^exponent`.
///
/// Nothing in Tallystick carries a measured value as a binary fraction: 230.6 V is
/// `Decimal(mantissa: 2306, exponent: -1)`, on the wire, in the database and in a report.
/// Whatever does not fit is `nil` and becomes `NoData.overflow`; nothing is ever rounded silently.
///
/// `==` compares the fields, because 230.0 says more about its meter than 230 does. To compare what
/// two decimals are worth, compare their `canonical` forms.
public struct Decimal: Equatable, Hashable, Sendable, BitwiseCopyable {
  /// The digits, with their sign.
  public var mantissa: Int64
  /// The power of ten.
  public var exponent: Int8

  /// Makes `mantissa × 10^exponent`.
  public init(mantissa: Int64, exponent: Int8 = 0) {
    self.mantissa = mantissa
    self.exponent = exponent
  }

  /// The same number with the exponent that lies nearest to zero: no zeros at the end of a
  /// fraction, whole numbers without an exponent as far as an Int64 holds them.
  ///
  /// Two decimals have the same value if and only if their canonical forms are equal.
  public var canonical: Decimal {
    guard mantissa != 0 else { return Decimal(mantissa: 0) }
    var result = self
    while result.exponent < 0, result.mantissa % 10 == 0 {
      result.mantissa /= 10
      result.exponent &+= 1
    }
    while result.exponent > 0 {
      let (product, overflow) = result.mantissa.multipliedReportingOverflow(by: 10)
      if overflow { return result.withoutTrailingZeros }
      result.mantissa = product
      result.exponent &-= 1
    }
    return result
  }

  /// As many zeros as possible moved from the mantissa into the exponent.
  var withoutTrailingZeros: Decimal {
    guard mantissa != 0 else { return Decimal(mantissa: 0) }
    var result = self
    while result.exponent < Int8.max, result.mantissa % 10 == 0 {
      result.mantissa /= 10
      result.exponent &+= 1
    }
    return result
  }

  /// The number times `10^power`; `nil` where the exponent leaves its range.
  public func timesPowerOfTen(_ power: Int8) -> Decimal? {
    let (sum, overflow) = exponent.addingReportingOverflow(power)
    return overflow ? nil : Decimal(mantissa: mantissa, exponent: sum)
  }

  /// The number times `numerator / denominator`, exactly, or `nil`.
  ///
  /// The digits that the meter shows are kept: 2306 × 1/10 has one decimal, 2300 × 1/10 too.
  /// `nil` where the quotient has no finite decimal form (a denominator with a prime factor other
  /// than 2 and 5 that does not cancel), where it does not fit, and where `denominator` is not
  /// positive.
  public func scaled(by numerator: Int64, over denominator: Int64) -> Decimal? {
    guard denominator > 0 else { return nil }
    if numerator == denominator { return self }
    return scaledAsIs(by: numerator, over: denominator)
      ?? withoutTrailingZeros.scaledAsIs(by: numerator, over: denominator)
  }

  private func scaledAsIs(by numerator: Int64, over denominator: Int64) -> Decimal? {
    guard mantissa != 0, numerator != 0 else { return Decimal(mantissa: 0, exponent: exponent) }
    var factor = Decimal(mantissa: numerator)
    var divisor = denominator
    let first = Decimal.greatestCommonDivisor(factor.mantissa, divisor)
    factor.mantissa /= first
    divisor /= first
    // Powers of ten in the denominator only move the point, and keep the digits that the meter shows.
    var exponent = self.exponent
    while divisor % 10 == 0 {
      guard exponent > Int8.min else { return nil }
      divisor /= 10
      exponent &-= 1
    }
    let second = Decimal.greatestCommonDivisor(mantissa, divisor)
    divisor /= second
    var product = mantissa / second
    var twos: Int8 = 0
    var fives: Int8 = 0
    while divisor & 1 == 0 {
      divisor /= 2
      twos &+= 1
    }
    while divisor % 5 == 0 {
      divisor /= 5
      fives &+= 1
    }
    guard divisor == 1 else { return nil }
    guard Decimal.multiply(&product, by: factor.mantissa) else { return nil }
    while twos > 0 {
      guard Decimal.multiply(&product, by: 5), exponent > Int8.min else { return nil }
      twos &-= 1
      exponent &-= 1
    }
    while fives > 0 {
      guard Decimal.multiply(&product, by: 2), exponent > Int8.min else { return nil }
      fives &-= 1
      exponent &-= 1
    }
    return Decimal(mantissa: product, exponent: exponent)
  }

  private static func multiply(_ value: inout Int64, by factor: Int64) -> Bool {
    let (product, overflow) = value.multipliedReportingOverflow(by: factor)
    if overflow { return false }
    value = product
    return true
  }

  /// The greatest common divisor of any number and a positive one.
  static func greatestCommonDivisor(_ a: Int64, _ b: Int64) -> Int64 {
    var x = a.magnitude
    var y = b.magnitude
    while y != 0 {
      let rest = x % y
      x = y
      y = rest
    }
    // It divides `b`, so it fits.
    return Int64(bitPattern: x)
  }

  /// The value divided by `divisor`, as whole units of `10^target`, rounded to the nearest, halves away
  /// from zero; `nil` where it does not fit. Traps where `divisor` is not positive.
  ///
  /// Only an emulated meter and a display round; what was measured is never passed through here.
  public func roundedMantissa(atExponent target: Int8, over divisor: Int64 = 1) -> Int64? {
    precondition(divisor > 0, "a divisor is positive")
    // floor(2x) is all that rounding needs, and floors of quotients nest, so no step loses anything.
    var (twice, overflow) = mantissa.magnitude.addingReportingOverflow(mantissa.magnitude)
    var e = exponent
    while e > target, twice != 0, !overflow {
      (twice, overflow) = twice.multipliedReportingOverflow(by: 10)
      e &-= 1
    }
    if overflow { return nil }
    while e < target, twice != 0 {
      twice /= 10
      e &+= 1
    }
    twice /= UInt64(bitPattern: divisor)
    // At most 2^63, which only the most negative number may have.
    let rounded = (twice &>> (1 as UInt64)) &+ (twice & 1)
    guard rounded <= UInt64(bitPattern: Int64.max) else { return nil }
    return mantissa < 0 ? 0 &- Int64(bitPattern: rounded) : Int64(bitPattern: rounded)
  }
}
