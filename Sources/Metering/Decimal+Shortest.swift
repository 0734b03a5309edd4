// The shortest decimal that reads back as the same binary floating-point number, without a table and
// without allocation.
//
// The method is Raffaello Giulietti's "The Schubfach way to render doubles" (2021): the interval of
// all reals that round to the number is scaled by one power of ten, rounded to odd, and holds at most
// two candidates. The power of ten is computed here by fixed-size long arithmetic instead of being
// looked up, which costs a few hundred nanoseconds and saves ten kilobytes of table.

extension Decimal {
  /// The shortest decimal that reads back as `value`, in canonical form; `nil` for NaN, infinity.
  ///
  /// A meter that sends 230.6 as a Float32 sends 230.600006103515625; its shortest decimal is 230.6.
  /// Both zeros become 0.
  public init?(shortest value: Float32) {
    let bits = value.bitPattern
    let biased = (bits &>> 23) & 0xFF
    guard biased != 0xFF else { return nil }
    guard
      let result = Decimal.shortest(
        fraction: wide(bits & 0x7F_FFFF), biasedExponent: Int32(bitPattern: biased),
        fractionBits: 23, bias: 127, isNegative: bits &>> 31 == 1)
    else { return nil }
    self = result
  }

  /// The shortest decimal that reads back as `value`, in canonical form; `nil` for NaN, infinity and
  /// for numbers so small that their power of ten does not fit (below about 10^-112).
  public init?(shortest value: Float64) {
    let bits = value.bitPattern
    let biased = low32(bits &>> (52 as UInt64)) & 0x7FF
    guard biased != 0x7FF else { return nil }
    guard
      let result = Decimal.shortest(
        fraction: bits & 0xF_FFFF_FFFF_FFFF, biasedExponent: Int32(bitPattern: biased),
        fractionBits: 52, bias: 1023, isNegative: high32(bits) &>> 31 == 1)
    else { return nil }
    self = result
  }

  private static func shortest(
    fraction: UInt64, biasedExponent: Int32, fractionBits: Int32, bias: Int32, isNegative: Bool
  ) -> Decimal? {
    let hidden = (1 as UInt64) &<< wide(UInt32(bitPattern: fractionBits))
    let c: UInt64
    let q: Int32
    if biasedExponent != 0 {
      c = hidden | fraction
      q = biasedExponent &- bias &- fractionBits
    } else {
      guard fraction != 0 else { return Decimal(mantissa: 0) }
      c = fraction
      q = 1 &- bias &- fractionBits
    }
    // Below a power of two the neighbours lie half as far away as above it.
    let narrowBelow = fraction == 0 && biasedExponent > 1
    var (digits, power) = schubfach(c: c, q: q, narrowBelow: narrowBelow)
    while digits != 0, digits % 10 == 0 {
      digits /= 10
      power &+= 1
    }
    guard power >= -128, power <= 127 else { return nil }
    let magnitude = Int64(bitPattern: digits)
    let found = Decimal(
      mantissa: isNegative ? 0 &- magnitude : magnitude, exponent: Int8(truncatingIfNeeded: power))
    return found.canonical
  }

  /// The digits and the power of ten of the shortest decimal in the rounding interval of `c × 2^q`.
  private static func schubfach(c: UInt64, q: Int32, narrowBelow: Bool) -> (UInt64, Int32) {
    // floor(log10(2^q)), or floor(log10(3/4 × 2^q)): exact for |q| ≤ 1500 (Giulietti, section 5).
    let k = (q &* 1_262_611 &- (narrowBelow ? 524_031 : 0)) &>> 22
    // floor(log2(10^-k)), exact likewise.
    let h = q &+ (((0 &- k) &* 1_741_647) &>> 19) &+ 1
    let power = PowerOfTen(0 &- k)
    let shift = wide(UInt32(bitPattern: h))
    let center = c &* 4
    let below = power.timesRoundedToOdd((center &- 2 &+ (narrowBelow ? 1 : 0)) &<< shift)
    let middle = power.timesRoundedToOdd(center &<< shift)
    let above = power.timesRoundedToOdd((center &+ 2) &<< shift)
    // The ends of the interval belong to it if and only if the significand is even.
    let odd = c & 1
    let lower = below &+ odd
    let upper = above &- odd
    let s = middle &>> (2 as UInt64)
    if s >= 10 {
      let tens = s / 10
      let downInside = lower <= tens &* 40
      let upInside = tens &* 40 &+ 40 <= upper
      if downInside != upInside { return (upInside ? tens &+ 1 : tens, k &+ 1) }
    }
    let downInside = lower <= s &* 4
    let upInside = s &* 4 &+ 4 <= upper
    if downInside != upInside { return (upInside ? s &+ 1 : s, k) }
    let half = s &* 4 &+ 2
    let up = middle > half || (middle == half && s & 1 == 1)
    return (up ? s &+ 1 : s, k)
  }
}

/// `10^power` as 128 bits with the top bit set, rounded down and increased by one unit (`g` of the
/// paper), for |power| ≤ 330.
struct PowerOfTen {
  private(set) var high: UInt64
  private(set) var low: UInt64

  /// 5^13, the largest power of five in 32 bits.
  private static let fiveToThe13: UInt32 = 1_220_703_125

  init(_ power: Int32) {
    precondition(power >= -330 && power <= 330, "power of ten out of range")
    if power >= 0, power <= PowerOfTen.exactMax {
      self.init(exact: power)
      return
    }
    self.init(long: power)
  }

  /// Powers whose power of five fits 63 bits: what nearly every measured value needs.
  private static let exactMax: Int32 = 27

  private init(exact power: Int32) {
    var five: UInt64 = 1
    var i: Int32 = 0
    while i < power {
      five &*= 5
      i &+= 1
    }
    high = five &<< wide(UInt32(truncatingIfNeeded: five.leadingZeroBitCount))
    low = 1
  }

  private init(long power: Int32) {
    // Little-endian words. 5^330 has 767 bits; 2^928 / 5^330 has at least 161.
    var words = InlineArray<30, UInt32>(repeating: 0)
    var rest = power < 0 ? 0 &- power : power
    words[power < 0 ? 29 : 0] = 1
    while rest > 0 {
      var factor = PowerOfTen.fiveToThe13
      if rest < 13 {
        factor = 1
        var i: Int32 = 0
        while i < rest {
          factor &*= 5
          i &+= 1
        }
      }
      rest &-= 13
      // Dividing in several steps gives the same quotient as dividing once: floors nest.
      if power < 0 {
        PowerOfTen.divide(&words, by: factor)
      } else {
        PowerOfTen.multiply(&words, by: factor)
      }
    }
    var top = 29
    while words[top] == 0 { top &-= 1 }
    let lead = UInt32(truncatingIfNeeded: words[top].leadingZeroBitCount)
    high = 0
    low = 0
    var i = 0
    while i < 4 {
      let word = PowerOfTen.word(words, at: top &- i)
      let next = PowerOfTen.word(words, at: top &- i &- 1)
      // Two shifts, because shifting by 32 at once would not clear the word.
      let shifted = (word &<< lead) | ((next &>> 1) &>> (31 &- lead))
      high = (high &<< (32 as UInt64)) | (low &>> (32 as UInt64))
      low = (low &<< (32 as UInt64)) | wide(shifted)
      i &+= 1
    }
    low &+= 1
    if low == 0 { high &+= 1 }
  }

  private static func word(_ words: borrowing InlineArray<30, UInt32>, at index: Int) -> UInt32 {
    index < 0 ? 0 : words[index]
  }

  private static func multiply(_ words: inout InlineArray<30, UInt32>, by factor: UInt32) {
    var carry: UInt64 = 0
    var i = 0
    while i < 30 {
      let product = wide(words[i]) &* wide(factor) &+ carry
      words[i] = low32(product)
      carry = wide(high32(product))
      i &+= 1
    }
  }

  private static func divide(_ words: inout InlineArray<30, UInt32>, by divisor: UInt32) {
    var rest: UInt64 = 0
    var i = 29
    while i >= 0 {
      let dividend = (rest &<< (32 as UInt64)) | wide(words[i])
      words[i] = low32(dividend / wide(divisor))
      rest = dividend % wide(divisor)
      i &-= 1
    }
  }

  /// The upper 64 of the 192 bits of the product; the last bit is set if anything was cut off.
  func timesRoundedToOdd(_ factor: UInt64) -> UInt64 {
    let lower = low.multipliedFullWidth(by: factor)
    let upper = high.multipliedFullWidth(by: factor)
    let middle = upper.low &+ lower.high
    let carry: UInt64 = middle < upper.low ? 1 : 0
    // 1 is the error of a power that was rounded up, not a part of the product.
    return (upper.high &+ carry) | (middle > 1 ? 1 : 0)
  }
}
