import MeterProtocols
import Metering

extension ValueRule {
  /// Writes `value` where a reader with this rule finds it, into the data bytes of its block.
  ///
  /// A counter is cut to what it has counted in full and rolls over at the register's real width, as a
  /// mechanical one does. Anything else is rounded, and stays at the end of the register's range.
  func write(_ value: Double, counter: Bool, _ bytes: inout [UInt8]) {
    guard let decimal = stored(value, counter: counter) else { return }
    var span = bytes.mutableSpan
    do {
      try encode(decimal, into: &span)
    } catch {
      preconditionFailure("the profile's layout does not fit its block")
    }
  }

  /// Where a DL/T 645 value stands in the data bytes after the identifier.
  var dlt645Range: Range<Int>? {
    guard case .bcd(let offset, let count, _) = layout else { return nil }
    return Int(offset)..<(Int(offset) + Int(count))
  }

  /// The value that the register can hold instead of `value`; `nil` where the rule's numbers are out of
  /// all bounds, and the register keeps its zero.
  private func stored(_ value: Double, counter: Bool) -> Decimal? {
    guard let raw = number(in: raw(value), counter: counter) else { return nil }
    guard let scaled = raw.scaled(by: scale.numerator, over: scale.denominator) else { return nil }
    let exponent = Int(scaled.exponent) + Int(self.exponent)
    guard let exponent = Int8(exactly: exponent) else { return nil }
    return Decimal(mantissa: scaled.mantissa, exponent: exponent)
  }

  /// What the register holds for a value, before it is brought into its shape.
  private func raw(_ value: Double) -> Double {
    var factor = Double(scale.denominator) / Double(scale.numerator)
    for _ in 0..<exponent.magnitude { factor = exponent < 0 ? factor * 10 : factor / 10 }
    return value * factor
  }

  private func number(in raw: Double, counter: Bool) -> Decimal? {
    guard let (lowest, capacity) = range else { return Decimal(shortest: Float32(raw)) }
    if counter {
      let whole = max(raw.rounded(.down), 0).truncatingRemainder(dividingBy: capacity)
      return Decimal(mantissa: Int64(whole))
    }
    // Below 2^63 the next lower number is exact enough: registers of 64 bits hold counters.
    let highest = capacity > 0x1p53 ? capacity.nextDown : capacity - 1
    return Decimal(mantissa: Int64(min(max(raw.rounded(), lowest), highest)))
  }

  /// The lowest whole number of the register, and how far it counts from 0; `nil` for floats.
  private var range: (lowest: Double, capacity: Double)? {
    func powerOfTwo(_ exponent: Int) -> Double {
      Double(sign: .plus, exponent: exponent, significand: 1)
    }
    func powerOfTen(_ exponent: Int) -> Double {
      (0..<exponent).reduce(1) { product, _ in product * 10 }
    }
    switch layout {
    case .bit: return (0, 2)
    case .registerBits(_, _, let count): return (0, powerOfTwo(Int(count)))
    case .modbus(_, let type, _):
      let bits = type.registerCount * 16
      switch type {
      case .uint16, .uint32, .uint64: return (0, powerOfTwo(min(bits, 63)))
      case .int16, .int32, .int64: return (-powerOfTwo(bits - 1), powerOfTwo(bits - 1))
      case .float32, .float64: return nil
      }
    case .registerBCD(_, let count): return (0, min(powerOfTen(Int(count) * 2), 0x1p63))
    case .bcd(_, let count, let signed):
      // The sign takes the top bit, so the first digit of a signed value is at most 7.
      let capacity = min(powerOfTen(Int(count) * 2) * (signed ? 0.8 : 1), 0x1p63)
      return (signed ? 1 - capacity : 0, capacity)
    }
  }
}
