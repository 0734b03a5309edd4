/// Why a file is no plant data.
public enum PlantDataError: Error, Equatable, Sendable {
  /// The first line lacks this column.
  case missingColumn(String)
  /// This line (from 1) has no finite number in this column.
  case notANumber(line: Int, column: String)
  /// A number that the plant's equations were not made for: line and column.
  case outOfRange(line: Int, column: String)
  /// Fewer than two hours.
  case tooShort
}

/// Hourly means as comma-separated text.
///
/// The first line names the columns, each further line is one hour; numbers have a decimal point, there
/// are no quotes and no empty fields. Columns may stand in any order, and columns that are not needed
/// are ignored.
public enum PlantTable {
  /// The columns that the plant replays, with the range in which its equations hold.
  static let columns: [(name: String, range: ClosedRange<Double>)] = [
    ("ambient_temperature_Cel", -40...50),
    ("ambient_pressure_mbar", 800...1_100),
    ("ambient_humidity_percent", 0...110),
    ("turbine_energy_yield_MWh", 0...10_000),
    ("carbon_monoxide_mg_m3", 0...10_000),
    ("nitrogen_oxides_mg_m3", 0...10_000),
  ]

  /// Reads the hours of a table.
  public static func hours(_ text: String) throws(PlantDataError) -> [PlantHour] {
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    let head = (lines.first ?? "").split(separator: ",").map { String($0) }
    var places: [Int] = []
    for column in columns {
      guard let place = head.firstIndex(of: column.name) else {
        throw .missingColumn(column.name)
      }
      places.append(place)
    }
    var hours: [PlantHour] = []
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      var values: [Double] = []
      for (column, place) in zip(columns, places) {
        guard place < fields.count, let value = Double(fields[place]), value.isFinite else {
          throw .notANumber(line: index + 1, column: column.name)
        }
        guard column.range.contains(value) else {
          throw .outOfRange(line: index + 1, column: column.name)
        }
        values.append(value)
      }
      hours.append(
        PlantHour(
          ambientTemperature: values[0], ambientPressure: values[1], ambientHumidity: values[2],
          generatorPower: values[3], carbonMonoxide: values[4], nitrogenOxides: values[5]))
    }
    guard hours.count >= 2 else { throw .tooShort }
    return hours
  }
}
