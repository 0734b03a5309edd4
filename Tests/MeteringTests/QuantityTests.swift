import Metering
import Testing

@Suite struct QuantityTests {
  private var rows: [QuantityRow] { (0..<Quantity.count).map { Quantity.table[$0] } }

  @Test func `every code has exactly one row and finds it`() {
    var known = 0
    for code in 0...UInt16.max {
      guard let quantity = Quantity(rawValue: code) else { continue }
      known += 1
      #expect(quantity.row.quantity == quantity)
    }
    #expect(known == Quantity.count)
    #expect(Quantity.allCases.count == Quantity.count)
  }

  @Test func `codes ascend and keys and names are unique`() {
    let codes = rows.map(\.quantity.rawValue)
    #expect(codes == codes.sorted())
    #expect(Set(codes).count == codes.count)
    #expect(Set(rows.map(\.key.description)).count == rows.count)
    #expect(Set(rows.map(\.english.description)).count == rows.count)
    #expect(Set(rows.map(\.chinese.description)).count == rows.count)
  }

  @Test func `every row is complete`() {
    for row in rows {
      let key = row.key.description
      #expect(key.wholeMatch(of: /[a-z0-9]+(-[a-z0-9]+)*/) != nil, "\(key)")
      #expect(
        row.english.description.utf8.allSatisfy { $0 < 0x80 } && row.english.utf8CodeUnitCount > 0)
      #expect(
        row.chinese.description.unicodeScalars.contains { ("\u{4E00}"..."\u{9FFF}").contains($0) },
        "\(key)")
      #expect(Quantity(key: key) == row.quantity)
      #expect(MeasurementUnit(ucum: row.unit.ucum.description) == row.unit)
    }
  }

  @Test func `OBIS and HJ 212 codes have their form and occur once`() {
    let obis = rows.compactMap(\.obis?.description)
    #expect(obis.allSatisfy { $0.wholeMatch(of: /1-0:[0-9]+\.[78]\.0/) != nil })
    #expect(Set(obis).count == obis.count)
    let hj212 = rows.compactMap(\.hj212?.description)
    #expect(hj212.allSatisfy { $0.wholeMatch(of: /a[0-9]{5}/) != nil })
    #expect(Set(hj212).count == hj212.count)
  }

  @Test func `counters are counted in units of energy or volume`() {
    let totals: Set<MeasurementUnit> = [.kilowattHour, .kilovarHour, .cubicMeter]
    for row in rows { #expect(totals.contains(row.unit) == (row.kind == .total), "\(row.key)") }
  }

  @Test func `an unknown key is nil`() {
    #expect(Quantity(key: "") == nil)
    #expect(Quantity(key: "active-energy") == nil)
    #expect(Quantity(key: "Active-Power") == nil)
  }

  /// A stable code that changes its meaning would change old logs.
  @Test(
    arguments: [
      (1, "active-energy-import"), (10, "active-power"), (30, "voltage-l1"), (40, "current-l1"),
      (50, "power-factor"), (54, "frequency"), (100, "gas-volume-actual"),
      (103, "gas-flow-standard"),
      (200, "co2-volume-fraction"), (202, "o2-volume-fraction"), (206, "nox-concentration"),
      (214, "moisture"), (230, "stack-gas-velocity"), (233, "stack-gas-temperature"),
    ] as [(UInt16, String)])
  func `codes keep their meaning`(code: UInt16, key: String) {
    #expect(Quantity(rawValue: code)?.key.description == key)
  }
}
