/// So many bytes in so much time, as people buy them: `64 kB/s`, `20 MB/day`, `500 MB/month`.
public struct DataRate: Sendable, Equatable {
  /// A unit of time in a rate.
  public enum Period: String, Sendable, CaseIterable {
    case second = "s"
    case minute = "min"
    case hour = "h"
    case day = "day"
    /// 30 days: a contract's month has as many or one more.
    case month = "month"

    /// Its length in s.
    public var seconds: Int {
      switch self {
      case .second: 1
      case .minute: 60
      case .hour: 3_600
      case .day: 86_400
      case .month: 30 * 86_400
      }
    }
  }

  /// Bytes in a period.
  public var byteCount: Int
  /// The period.
  public var period: Period

  /// The least rate in bytes a day (`Uplink.CatchUpBudget.bytesPerDayMin`).
  public static let bytesPerDayMin = 1_000
  /// The largest rate in bytes a second (`Uplink.CatchUpBudget.bytesPerSecondMax`).
  public static let bytesPerSecondMax = 1_000_000_000

  private static let units = [("B", 1), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)]

  /// Takes the parts.
  public init(byteCount: Int, period: Period) {
    self.byteCount = byteCount
    self.period = period
  }

  /// Reads a whole number, a decimal unit (B, kB, MB, GB), a slash and a period; `nil` if it is not that or
  /// not between the least and the largest rate.
  public init?(text: String) {
    let halves = text.split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count == 2, let period = Period(rawValue: String(halves[1])) else { return nil }
    let digits = halves[0].prefix { $0.isASCII && $0.isNumber }
    let unit = halves[0].dropFirst(digits.count).drop { $0 == " " }
    guard digits.count <= 9, let number = wholeNumber(String(digits)),
      let factor = Self.units.first(where: { $0.0 == unit })?.1
    else { return nil }
    // At most 10^18.
    let byteCount = Int(number) * factor
    guard byteCount <= Self.bytesPerSecondMax * period.seconds else { return nil }
    self.init(byteCount: byteCount, period: period)
    guard bytesPerDay >= Self.bytesPerDayMin else { return nil }
  }

  /// Bytes of a day, rounded down.
  public var bytesPerDay: Int {
    period == .month ? byteCount / 30 : byteCount * (86_400 / period.seconds)
  }

  /// As it is written, in the largest unit that leaves a whole number.
  public var text: String {
    let unit = Self.units.last { byteCount.isMultiple(of: $0.1) } ?? Self.units[0]
    return "\(byteCount / unit.1) \(unit.0)/\(period.rawValue)"
  }
}
