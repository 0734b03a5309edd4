import FuzzKit
import Metering
import Testing

@Suite struct DecimalTests {
  @Test(
    arguments: [
      (2306, -1, "230.6"), (-5, -2, "-0.05"), (0, 0, "0"), (0, -3, "0.000"), (12, 3, "12000"),
      (1, -18, "0.000000000000000001"), (1, 18, "1000000000000000000"), (1, -45, "1e-45"),
      (-12, 127, "-12e127"), (12, -128, "12e-128"), (100, -2, "1.00"), (0, 5, "0"),
      (Int64.max, -18, "9.223372036854775807"),
      (Int64.min, 18, "-9223372036854775808000000000000000000"),
      (Int64.min, -19, "-9223372036854775808e-19"),
    ] as [(Int64, Int8, String)])
  func `text is plain up to eighteen places and has an exponent beyond`(
    mantissa: Int64, exponent: Int8, text: String
  ) {
    #expect(Decimal(mantissa: mantissa, exponent: exponent).description == text)
  }

  @Test(
    arguments: [
      ("230.6", 2306, -1), ("230.60", 23060, -2), ("-0.05", -5, -2), ("0", 0, 0), ("-0", 0, 0),
      ("1e3", 1, 3), ("1.5E-3", 15, -4), ("2e+2", 2, 2), ("9223372036854775807", Int64.max, 0),
      ("-9223372036854775808", Int64.min, 0), ("1e-128", 1, -128), ("1e127", 1, 127),
      ("92233720368547758070", Int64.max, 1),
      ("1.0000000000000000000000", 1_000_000_000_000_000_000, -18),
    ] as [(String, Int64, Int8)])
  func `text is read with the digits it shows`(text: String, mantissa: Int64, exponent: Int8) {
    #expect(Decimal(text) == Decimal(mantissa: mantissa, exponent: exponent))
  }

  @Test(arguments: [
    "", "-", "+1", ".5", "5.", "1e", "1e+", "01", "-01", "1 ", " 1", "1,5", "0x1", "NaN", "inf",
    "9223372036854775808", "-9223372036854775809", "1e128", "1e-129", "1e99999999999", "--1",
    "1.2.3",
    "１",
  ])
  func `what is not a number or does not fit is refused`(text: String) {
    #expect(Decimal(text) == nil)
  }

  @Test func `every text reads back as the decimal that wrote it`() {
    var random = FuzzRandom(state: 1)
    for _ in 0..<20_000 {
      let mantissa = Int64(bitPattern: random.next()) >> Int64(random.next() % 64)
      let value = Decimal(
        mantissa: mantissa, exponent: Int8(truncatingIfNeeded: Int64(random.next() % 256)))
      let read = Decimal(value.description)
      // A positive exponent is written out as zeros, so only the value comes back.
      #expect(read?.canonical == value.canonical, "\(value)")
    }
  }

  @Test(
    arguments: [
      ("230.6", 1000, 1, "230600.0"), ("2306", 1, 10, "230.6"), ("2300", 1, 10, "230.0"),
      ("5", 1, 8, "0.625"), ("-5", 3, 4, "-3.75"), ("6", 1, 3, "2"), ("1", 20, 5, "4"),
      ("0", 1, 3, "0"), ("7", 0, 3, "0"), ("1000000000000000000", 1000, 1, "1e21"),
      ("1.5", -2, 1, "-3.0"), ("9223372036854775807", 1, 1, "9223372036854775807"),
      ("1", 3600, 1000, "3.6"),
    ] as [(String, Int64, Int64, String)])
  func `scaling is exact`(
    text: String, numerator: Int64, denominator: Int64, expected: String
  ) throws {
    let value = try #require(Decimal(text))
    #expect(
      value.scaled(by: numerator, over: denominator)?.canonical == Decimal(expected)?.canonical)
  }

  @Test func `scaling keeps the digits that the meter shows`() {
    #expect(
      Decimal(mantissa: 2300).scaled(by: 1, over: 10) == Decimal(mantissa: 2300, exponent: -1))
    #expect(
      Decimal(mantissa: 2300, exponent: -1).scaled(by: 1, over: 1)
        == Decimal(mantissa: 2300, exponent: -1))
  }

  @Test func `scaling that is not exact or does not fit is refused`() {
    #expect(Decimal(mantissa: 1).scaled(by: 1, over: 3) == nil)
    #expect(Decimal(mantissa: 5).scaled(by: 2, over: 7) == nil)
    #expect(Decimal(mantissa: 1).scaled(by: 1, over: 0) == nil)
    #expect(Decimal(mantissa: 1).scaled(by: 1, over: -2) == nil)
    #expect(Decimal(mantissa: Int64.max).scaled(by: 3, over: 1) == nil)
    #expect(Decimal(mantissa: 1, exponent: -128).scaled(by: 1, over: 10) == nil)
    #expect(Decimal(mantissa: Int64.min).scaled(by: Int64.min, over: Int64.max) == nil)
  }

  @Test(
    arguments: [
      ("230.65", -1, 1, 2307), ("-230.65", -1, 1, -2307), ("230.649999", -1, 1, 2306),
      ("0.5", 0, 1, 1), ("0.4999999999999999", 0, 1, 0), ("1e3", 0, 1, 1000), ("10", 0, 3, 3),
      ("5", 0, 3, 2), ("-5", 0, 3, -2), ("1", 1, 1, 0), ("5", 1, 1, 1), ("0", -128, 1, 0),
    ] as [(String, Int8, Int64, Int64)])
  func `rounding goes to the nearest and halves away from zero`(
    text: String, exponent: Int8, divisor: Int64, expected: Int64
  ) throws {
    let value = try #require(Decimal(text))
    #expect(value.roundedMantissa(atExponent: exponent, over: divisor) == expected)
  }

  @Test func `rounding that does not fit is refused`() {
    #expect(Decimal(mantissa: 1, exponent: 19).roundedMantissa(atExponent: 0) == nil)
    #expect(Decimal(mantissa: Int64.min).roundedMantissa(atExponent: 0) == nil)
  }

  @Test func `canonical forms are equal if and only if the values are`() {
    #expect(Decimal("230.0")?.canonical == Decimal("230")?.canonical)
    #expect(Decimal("1e3")?.canonical == Decimal("1000"))
    #expect(Decimal("100e17")?.canonical == Decimal("1e19")?.canonical)
    #expect(Decimal("0.00")?.canonical == Decimal("0"))
    #expect(Decimal("230.1")?.canonical != Decimal("230")?.canonical)
  }
}
