/// A unit of measurement, named by its UCUM code.
///
/// Source: The Unified Code for Units of Measure 2.1, case-sensitive codes. UCUM has no var; its
/// annotation in braces says "reactive" without changing the dimension. Raw values are stable and
/// never used again for another unit.
public enum MeasurementUnit: UInt8, Sendable, BitwiseCopyable {
  case one = 1
  case percent = 2
  case partsPerMillion = 3
  case wattHour = 10
  case kilowattHour = 11
  case megawattHour = 12
  case kilovarHour = 13
  case varHour = 14
  case watt = 20
  case kilowatt = 21
  case megawatt = 22
  case `var` = 23
  case kilovar = 24
  case voltAmpere = 25
  case kilovoltAmpere = 26
  case volt = 30
  case kilovolt = 31
  case milliampere = 32
  case ampere = 33
  case hertz = 34
  case degree = 35
  case degreeCelsius = 40
  case pascal = 41
  case hectopascal = 42
  case kilopascal = 43
  case megapascal = 44
  case cubicMeter = 50
  case liter = 51
  case cubicMeterPerHour = 52
  case cubicMeterPerSecond = 53
  case literPerMinute = 54
  case meterPerSecond = 55
  case milligramPerCubicMeter = 60
  case gramPerCubicMeter = 61
  case microgramPerCubicMeter = 62
}

/// An exact fraction, such as the 1/1000 that turns Wh into kWh or the 20 of a 100/5 A transformer.
public struct Ratio: Equatable, Hashable, Sendable, BitwiseCopyable {
  /// Above the line.
  public var numerator: Int64
  /// Below the line; greater than zero.
  public var denominator: Int64

  /// Makes `numerator / denominator`; traps where the denominator is not positive.
  public init(_ numerator: Int64, _ denominator: Int64 = 1) {
    precondition(denominator > 0, "a ratio has a positive denominator")
    self.numerator = numerator
    self.denominator = denominator
  }

  /// 1.
  public static var one: Ratio { Ratio(1) }

  /// The product in lowest terms, or `nil` where it does not fit.
  public func times(_ other: Ratio) -> Ratio? {
    let a = reduced(numerator, other.denominator)
    let b = reduced(other.numerator, denominator)
    let (top, topOverflow) = a.0.multipliedReportingOverflow(by: b.0)
    let (bottom, bottomOverflow) = b.1.multipliedReportingOverflow(by: a.1)
    guard !topOverflow, !bottomOverflow else { return nil }
    let product = reduced(top, bottom)
    return Ratio(product.0, product.1)
  }

  private func reduced(_ top: Int64, _ bottom: Int64) -> (Int64, Int64) {
    let divisor = Decimal.greatestCommonDivisor(top, bottom)
    return (top / divisor, bottom / divisor)
  }

  /// Every product of a decimal with this ratio is a decimal: the denominator has, in lowest terms,
  /// no prime factor but 2 and 5.
  public var isDecimal: Bool {
    var rest = reduced(numerator, denominator).1
    while rest & 1 == 0 { rest /= 2 }
    while rest % 5 == 0 { rest /= 5 }
    return rest == 1
  }
}

extension MeasurementUnit {
  /// The UCUM code.
  public var ucum: StaticString {
    switch self {
    case .one: "1"
    case .percent: "%"
    case .partsPerMillion: "[ppm]"
    case .wattHour: "W.h"
    case .kilowattHour: "kW.h"
    case .megawattHour: "MW.h"
    case .kilovarHour: "kV.A{reactive}.h"
    case .varHour: "V.A{reactive}.h"
    case .watt: "W"
    case .kilowatt: "kW"
    case .megawatt: "MW"
    case .var: "V.A{reactive}"
    case .kilovar: "kV.A{reactive}"
    case .voltAmpere: "V.A"
    case .kilovoltAmpere: "kV.A"
    case .volt: "V"
    case .kilovolt: "kV"
    case .milliampere: "mA"
    case .ampere: "A"
    case .hertz: "Hz"
    case .degree: "deg"
    case .degreeCelsius: "Cel"
    case .pascal: "Pa"
    case .hectopascal: "hPa"
    case .kilopascal: "kPa"
    case .megapascal: "MPa"
    case .cubicMeter: "m3"
    case .liter: "L"
    case .cubicMeterPerHour: "m3/h"
    case .cubicMeterPerSecond: "m3/s"
    case .literPerMinute: "L/min"
    case .meterPerSecond: "m/s"
    case .milligramPerCubicMeter: "mg/m3"
    case .gramPerCubicMeter: "g/m3"
    case .microgramPerCubicMeter: "ug/m3"
    }
  }

  /// What people write: "kWh", "kvar", "°C".
  public var symbol: StaticString {
    switch self {
    case .one: ""
    case .partsPerMillion: "ppm"
    case .wattHour: "Wh"
    case .kilowattHour: "kWh"
    case .megawattHour: "MWh"
    case .kilovarHour: "kvarh"
    case .varHour: "varh"
    case .var: "var"
    case .kilovar: "kvar"
    case .voltAmpere: "VA"
    case .kilovoltAmpere: "kVA"
    case .degree: "°"
    case .degreeCelsius: "°C"
    case .cubicMeter: "m³"
    case .cubicMeterPerHour: "m³/h"
    case .cubicMeterPerSecond: "m³/s"
    case .milligramPerCubicMeter: "mg/m³"
    case .gramPerCubicMeter: "g/m³"
    case .microgramPerCubicMeter: "µg/m³"
    default: ucum
    }
  }

  /// The unit that others of the same kind are counted in, and how many of them this one is.
  private var inBase: (base: MeasurementUnit, ratio: Ratio) {
    switch self {
    case .percent: (.one, Ratio(1, 100))
    case .partsPerMillion: (.one, Ratio(1, 1_000_000))
    case .wattHour: (.kilowattHour, Ratio(1, 1000))
    case .megawattHour: (.kilowattHour, Ratio(1000))
    case .varHour: (.kilovarHour, Ratio(1, 1000))
    case .watt: (.kilowatt, Ratio(1, 1000))
    case .megawatt: (.kilowatt, Ratio(1000))
    case .var: (.kilovar, Ratio(1, 1000))
    case .voltAmpere: (.kilovoltAmpere, Ratio(1, 1000))
    case .kilovolt: (.volt, Ratio(1000))
    case .milliampere: (.ampere, Ratio(1, 1000))
    case .hectopascal: (.pascal, Ratio(100))
    case .kilopascal: (.pascal, Ratio(1000))
    case .megapascal: (.pascal, Ratio(1_000_000))
    case .liter: (.cubicMeter, Ratio(1, 1000))
    case .cubicMeterPerSecond: (.cubicMeterPerHour, Ratio(3600))
    case .literPerMinute: (.cubicMeterPerHour, Ratio(60, 1000))
    case .gramPerCubicMeter: (.milligramPerCubicMeter, Ratio(1000))
    case .microgramPerCubicMeter: (.milligramPerCubicMeter, Ratio(1, 1000))
    default: (self, .one)
    }
  }

  /// What a value in this unit is multiplied by to be in `other`; `nil` where they measure
  /// different things.
  public func ratio(to other: MeasurementUnit) -> Ratio? {
    let from = inBase
    let to = other.inBase
    guard from.base == to.base else { return nil }
    return from.ratio.times(Ratio(to.ratio.denominator, to.ratio.numerator))
  }
}

#if !hasFeature(Embedded)
  extension MeasurementUnit: CaseIterable {
    /// The unit with this UCUM code.
    public init?(ucum: String) {
      guard let unit = Self.allCases.first(where: { $0.ucum.description == ucum }) else {
        return nil
      }
      self = unit
    }
  }
#endif
