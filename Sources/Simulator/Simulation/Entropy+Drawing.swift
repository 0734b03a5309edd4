import HAL

extension EntropySource where Self: ~Copyable {
  /// A number from 0 to `bound` − 1; 0 if there is none.
  mutating func below(_ bound: UInt64) -> UInt64 { bound == 0 ? 0 : next() % bound }

  /// A number in `range`.
  mutating func within(_ range: ClosedRange<UInt64>) -> UInt64 {
    range.lowerBound + below(range.upperBound - range.lowerBound + 1)
  }

  /// True so many times in a million.
  mutating func chance(_ million: UInt32) -> Bool {
    // Drawn in any case: what is drawn next does not depend on the rate.
    let draw = next() % 1_000_000
    return draw < UInt64(million)
  }

  /// The wait in µs for the next of events that happen `perDay` times a day, evenly from nothing to twice
  /// the mean; `nil` if they never happen.
  mutating func wait(perDay: UInt32) -> UInt64? {
    let draw = next()
    guard perDay > 0 else { return nil }
    return draw % (2 * 86_400_000_000 / UInt64(perDay))
  }
}
