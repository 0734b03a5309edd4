/// How many bytes a day two counters grow by, over the last six to twelve hours.
struct ByteRates {
  /// Both counters at a time.
  private struct Mark {
    var at: UInt64
    var appended: UInt64
    var written: UInt64
  }
  private var older: Mark?
  private var newer: Mark?
  /// µs before which nothing is said: a rate of seconds says nothing of a day.
  private static let least: UInt64 = 600_000_000
  private static let half: UInt64 = 21_600_000_000

  /// Notes the counters at a time, µs since boot; gives both rates once enough time has passed.
  mutating func note(
    appended: UInt64, written: UInt64, at now: UInt64
  ) -> (appended: UInt64, written: UInt64)? {
    let mark = Mark(at: now, appended: appended, written: written)
    guard let since = older else {
      older = mark
      newer = mark
      return nil
    }
    if let newer, now - newer.at >= ByteRates.half {
      older = newer
      self.newer = mark
    }
    guard now - since.at >= ByteRates.least else { return nil }
    func perDay(_ bytes: UInt64) -> UInt64 {
      // In seconds, so that a terabyte a day does not overflow.
      bytes &* 86_400 / ((now - since.at) / 1_000_000)
    }
    return (perDay(appended - since.appended), perDay(written - since.written))
  }
}
