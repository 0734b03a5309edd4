import Metering
import Testing

@Suite struct MeasurementUnitTests {
  @Test func `UCUM codes and symbols are unique`() {
    let units = MeasurementUnit.allCases
    #expect(Set(units.map(\.ucum.description)).count == units.count)
    #expect(Set(units.map(\.symbol.description)).count == units.count)
    for unit in units { #expect(MeasurementUnit(ucum: unit.ucum.description) == unit) }
    #expect(MeasurementUnit(ucum: "kWh") == nil)
  }

  @Test(
    arguments: [
      (.wattHour, .kilowattHour, 1, 1000), (.megawattHour, .kilowattHour, 1000, 1),
      (.kilopascal, .pascal, 1000, 1), (.pascal, .kilopascal, 1, 1000),
      (.cubicMeterPerSecond, .cubicMeterPerHour, 3600, 1), (.percent, .partsPerMillion, 10_000, 1),
      (.literPerMinute, .cubicMeterPerHour, 3, 50), (.volt, .volt, 1, 1),
      (.cubicMeterPerHour, .cubicMeterPerSecond, 1, 3600),
    ] as [(MeasurementUnit, MeasurementUnit, Int64, Int64)])
  func `units of one kind convert exactly`(
    from: MeasurementUnit, to: MeasurementUnit, numerator: Int64, denominator: Int64
  ) {
    #expect(from.ratio(to: to) == Ratio(numerator, denominator))
  }

  @Test func `units of different kinds do not convert`() {
    #expect(MeasurementUnit.kilowatt.ratio(to: .kilowattHour) == nil)
    #expect(MeasurementUnit.kilowatt.ratio(to: .kilovoltAmpere) == nil)
    #expect(MeasurementUnit.percent.ratio(to: .milligramPerCubicMeter) == nil)
  }

  @Test func `a conversion and its inverse cancel`() {
    for from in MeasurementUnit.allCases {
      for to in MeasurementUnit.allCases {
        guard let there = from.ratio(to: to), let back = to.ratio(to: from) else { continue }
        #expect(there.times(back) == .one)
      }
    }
  }

  @Test func `ratios multiply in lowest terms or not at all`() {
    #expect(Ratio(100, 5).times(Ratio(10_000, 100)) == Ratio(2000))
    #expect(Ratio(0, 7).times(Ratio(3, 5)) == Ratio(0))
    #expect(Ratio(-1, 2).times(Ratio(2)) == Ratio(-1))
    #expect(Ratio(Int64.max).times(Ratio(2)) == nil)
    #expect(Ratio(Int64.max, 7).times(Ratio(7, Int64.max)) == .one)
    #expect(Ratio(1, 8).isDecimal && Ratio(3, 50).isDecimal && Ratio(6, 3).isDecimal)
    #expect(!Ratio(1, 3600).isDecimal)
  }
}
