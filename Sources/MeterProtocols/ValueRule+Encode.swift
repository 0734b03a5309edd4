import Metering

/// Why a value cannot be put into a block.
public enum EncodeError: Error, Sendable, BitwiseCopyable {
  /// The value is outside what the type, the digits or the bits can hold.
  case outOfRange
  /// The layout reaches past the block, or is not one.
  case outOfBlock
}

extension ValueRule {
  /// Writes `value` where `decode` would read it: the way an emulated meter puts what it measures into
  /// its registers, rounded to the nearest step of the register, halves away from zero.
  ///
  /// `data` is the block without any framing: for Modbus the bytes between byte count and CRC, for
  /// DL/T 645 those after the identifier, without 33H. `nil` writes the not-available pattern (BCD:
  /// FF; without a pattern: NaN for floats, else all ones).
  public func encode(
    _ value: Decimal?, into data: inout MutableSpan<UInt8>
  ) throws(EncodeError) {
    switch layout {
    case .modbus(let register, let type, let order):
      let start = Int(truncatingIfNeeded: register) &* 2
      guard start &+ type.registerCount &* 2 <= data.count else { throw .outOfBlock }
      let bits = try registerBits(of: value, type)
      RegisterBits.write(bits, into: &data, at: start, type: type, order: order)
    case .registerBits(let register, let first, let count):
      try encodeField(value, register: register, first: first, count: count, into: &data)
    case .registerBCD(let register, let byteCount):
      let start = Int(truncatingIfNeeded: register) &* 2
      try encodeBCD(value, start, byteCount, false, into: &data)
      // What was written lowest first goes highest first here.
      var low = start
      var high = start &+ Int(truncatingIfNeeded: byteCount) &- 1
      while low < high {
        let byte = data[low]
        data[low] = data[high]
        data[high] = byte
        low &+= 1
        high &-= 1
      }
    case .bit(let index):
      let byte = Int(truncatingIfNeeded: index &>> 3)
      guard byte < data.count else { throw .outOfBlock }
      let mask = (1 as UInt8) &<< UInt8(truncatingIfNeeded: index & 7)
      let raw = try value.map { (v) throws(EncodeError) in try rawNumber(of: v) } ?? 0
      guard raw == 0 || raw == 1 else { throw .outOfRange }
      data[byte] = raw == 1 ? data[byte] | mask : data[byte] & ~mask
    case .bcd(let offset, let byteCount, let signed):
      try encodeBCD(value, Int(truncatingIfNeeded: offset), byteCount, signed, into: &data)
    }
  }

  /// The raw number that stands for a value: value / scale / 10^exponent, rounded.
  private func rawNumber(of value: Decimal) throws(EncodeError) -> Int64 {
    // The most negative number has no magnitude to divide by.
    guard scale.numerator != 0, scale.numerator != Int64.min else { throw .outOfRange }
    let sign: Int64 = scale.numerator < 0 ? -1 : 1
    guard let top = value.scaled(by: scale.denominator &* sign, over: 1),
      let raw = top.roundedMantissa(atExponent: exponent, over: scale.numerator &* sign)
    else { throw .outOfRange }
    return raw
  }

  private func registerBits(
    of value: Decimal?, _ type: RegisterType
  ) throws(EncodeError) -> UInt64 {
    guard let value else {
      if let pattern = notAvailable { return RegisterBits.bits(of: pattern, type) }
      switch type {
      case .float32: return wide(Float32.nan.bitPattern)
      case .float64: return Float64.nan.bitPattern
      default: return RegisterBits.bits(of: .allOnes, type)
      }
    }
    if type == .float32 || type == .float64 {
      let number = ValueRule.nearest(value, scale, exponent)
      guard number.isFinite else { throw .outOfRange }
      if type == .float64 { return number.bitPattern }
      let single = Float32(number)
      guard single.isFinite else { throw .outOfRange }
      return wide(single.bitPattern)
    }
    let raw = try rawNumber(of: value)
    if type.isSigned {
      // Fits if and only if nothing is lost by keeping the low bits.
      let bits = UInt64(bitPattern: raw) & RegisterBits.bits(of: .allOnes, type)
      guard RegisterBits.signExtended(bits, type) == raw else { throw .outOfRange }
      return bits
    }
    guard raw >= 0, UInt64(bitPattern: raw) <= RegisterBits.bits(of: .allOnes, type) else {
      throw .outOfRange
    }
    return UInt64(bitPattern: raw)
  }

  /// value / scale / 10^exponent in binary. One rounding where mantissa and power of ten are exact, as
  /// they are for fewer than 16 digits and 23 places.
  private static func nearest(_ value: Decimal, _ scale: Ratio, _ exponent: Int8) -> Float64 {
    var number = Float64(value.mantissa)
    if scale != .one { number = number * Float64(scale.denominator) / Float64(scale.numerator) }
    var places = Int32(truncatingIfNeeded: value.exponent) &- Int32(truncatingIfNeeded: exponent)
    while places != 0 {
      let size = places < 0 ? 0 &- places : places
      let step = size > 22 ? 22 : size
      var power: Float64 = 1
      var i: Int32 = 0
      while i < step {
        power *= 10
        i &+= 1
      }
      number = places < 0 ? number / power : number * power
      places = places < 0 ? places &+ step : places &- step
    }
    return number
  }

  private func encodeField(
    _ value: Decimal?, register: UInt16, first: UInt8, count: UInt8,
    into data: inout MutableSpan<UInt8>
  ) throws(EncodeError) {
    let start = Int(truncatingIfNeeded: register) &* 2
    guard start &+ 2 <= data.count, first < 16, count >= 1, count <= 16 &- first else {
      throw .outOfBlock
    }
    let limit = (1 as UInt32) &<< UInt32(truncatingIfNeeded: count)
    var field = limit &- 1
    if let value {
      let raw = try rawNumber(of: value)
      guard raw >= 0, raw < wide(Int32(bitPattern: limit)) else { throw .outOfRange }
      field = low32(UInt64(bitPattern: raw))
    }
    let shift = UInt32(truncatingIfNeeded: first)
    var word = UInt32(truncatingIfNeeded: data[start]) &<< 8
    word |= UInt32(truncatingIfNeeded: data[start &+ 1])
    word = word & ~((limit &- 1) &<< shift) | (field &<< shift)
    data[start] = UInt8(truncatingIfNeeded: word &>> 8)
    data[start &+ 1] = UInt8(truncatingIfNeeded: word)
  }

  private func encodeBCD(
    _ value: Decimal?, _ offset: Int, _ byteCount: UInt8, _ signed: Bool,
    into data: inout MutableSpan<UInt8>
  ) throws(EncodeError) {
    let count = Int(truncatingIfNeeded: byteCount)
    guard count >= 1, count <= 9, offset &+ count <= data.count else { throw .outOfBlock }
    guard let value else {
      var i = 0
      while i < count {
        data[offset &+ i] = 0xFF
        i &+= 1
      }
      return
    }
    let raw = try rawNumber(of: value)
    guard raw >= 0 || signed else { throw .outOfRange }
    var rest = raw.magnitude
    var limit: UInt64 = signed ? 8 : 10
    var digits = 1
    while digits < count &* 2 {
      limit &*= 10
      digits &+= 1
    }
    guard rest < limit else { throw .outOfRange }
    var i = 0
    while i < count {
      let pair = UInt8(truncatingIfNeeded: low32(rest % 100))
      data[offset &+ i] = (pair / 10) &<< 4 | (pair % 10)
      rest /= 100
      i &+= 1
    }
    if raw < 0 { data[offset &+ count &- 1] |= 0x80 }
  }
}
