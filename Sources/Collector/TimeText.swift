/// UTC as ISO 8601 with microseconds: `2026-07-25T18:13:20.000000Z`.
public enum TimeText {
  /// Microseconds of a day.
  private static let day: Int64 = 86_400_000_000

  /// Writes microseconds since 1970, without leap seconds.
  public static func format(_ microseconds: UInt64) -> String {
    let value = Int64(clamping: microseconds)
    let (year, month, dayOfMonth) = civil(days: value / day)
    let rest = value % day
    let seconds = rest / 1_000_000
    return pad(year, 4) + "-" + pad(month, 2) + "-" + pad(dayOfMonth, 2) + "T"
      + pad(seconds / 3_600, 2) + ":" + pad(seconds / 60 % 60, 2) + ":" + pad(seconds % 60, 2)
      + "." + pad(rest % 1_000_000, 6) + "Z"
  }

  /// Reads `YYYY-MM-DDTHH:MM:SS[.f…]Z` (1 to 6 digits after the point), or microseconds as a number.
  public static func parse(_ text: String) -> UInt64? {
    let bytes = Array(text.utf8)
    if !bytes.isEmpty, bytes.allSatisfy(isDigit) { return UInt64(text) }
    guard bytes.count >= 20, bytes.count <= 27, bytes[4] == 0x2D, bytes[7] == 0x2D,
      bytes[10] == 0x54, bytes[13] == 0x3A, bytes[16] == 0x3A, bytes.last == 0x5A,
      let year = number(bytes, 0..<4), let month = number(bytes, 5..<7),
      let dayOfMonth = number(bytes, 8..<10), let hour = number(bytes, 11..<13),
      let minute = number(bytes, 14..<16), let second = number(bytes, 17..<19),
      year >= 1970, (1...12).contains(month), hour < 24, minute < 60, second < 60,
      let fraction = fraction(bytes[19..<(bytes.count - 1)])
    else { return nil }
    let days = days(year: year, month: month, day: dayOfMonth)
    // 31 February and the like do not come back as they were given.
    guard civil(days: days) == (year, month, dayOfMonth) else { return nil }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
    return UInt64(exactly: seconds * 1_000_000 + fraction)
  }

  private static func fraction(_ bytes: ArraySlice<UInt8>) -> Int64? {
    if bytes.isEmpty { return 0 }
    let digits = Array(bytes.dropFirst())
    guard bytes.first == 0x2E, let value = number(digits, digits.indices) else { return nil }
    return (digits.count..<6).reduce(value) { value, _ in value * 10 }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private static func number(_ bytes: [UInt8], _ range: Range<Int>) -> Int64? {
    guard !range.isEmpty, bytes[range].allSatisfy(isDigit) else { return nil }
    return bytes[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
  }

  private static func pad(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  // The calendar is proleptic Gregorian, counted in years that begin in March, so that the leap day
  // is the last of its year (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013).

  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let marchYear = month <= 2 ? year - 1 : year
    let era = marchYear / 400
    let yearOfEra = marchYear % 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }
}
