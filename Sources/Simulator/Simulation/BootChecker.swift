import TransparencyLog

/// No two starts write entries under one boot number, and a later one has a higher: over all epochs, as long as the medium
/// knows what it was told.
struct BootChecker {
  /// The highest number that an earlier start had, and that of this one.
  private var highest: UInt64 = 0
  private var current: UInt64 = 0

  init() {}

  /// An agent starts.
  mutating func begin() {
    highest = max(highest, current)
    current = 0
  }

  /// The medium was set back to where it knows of no higher number than this one.
  mutating func setBack(to number: UInt64) {
    begin()
    highest = min(highest, number)
  }

  /// Looks at a boot entry that is written. Returns what is wrong.
  mutating func look(_ number: UInt64) -> String? {
    guard number > highest else {
      return "boot \(number) is begun, and an earlier start was boot \(highest)"
    }
    current = max(current, number)
    return nil
  }
}
