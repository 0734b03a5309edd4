/// What was recorded is committed within one commit interval, so that a power cut costs no more; unless the medium
/// refuses or is slow.
///
/// It keeps no timer of the recorder's: what it goes by is the interval that the site has.
struct CommitChecker {
  /// µs beyond the interval: a turn of the recorder that comes late, and what its operations take.
  static var slack: UInt64 { 2_000_000 }

  private let interval: UInt64
  /// Entries below an index were recorded at a time and not committed when it was looked at last, oldest first; one for each
  /// fourth of an interval at most.
  private var waiting: [(end: UInt64, since: UInt64)] = []
  /// The size at which committing met with something that excuses it; until it goes on from there.
  private var excusedAt: UInt64?
  private var toldCount = 0
  private var begin: UInt64 = 0

  /// `interval` in µs.
  init(interval: UInt64) { self.interval = interval }

  /// The agent starts: what it had recorded and not committed is gone, and before `time` it has no turn.
  mutating func restart(at time: UInt64) {
    waiting = []
    excusedAt = nil
    begin = time
  }

  /// The medium refuses or is slow, or the machine sleeps: nothing is asked for until more than `committed` is.
  mutating func excuse(committed: UInt64) {
    waiting = []
    excusedAt = committed
  }

  /// Looks at a moment when entries below `end` are recorded, and `committed` of them durable. Returns what is wrong.
  mutating func look(recorded end: UInt64, committed: UInt64, at now: UInt64) -> String? {
    if let size = excusedAt {
      guard committed > size else { return nil }
      excusedAt = nil
    }
    guard now >= begin else { return nil }
    while let first = waiting.first, first.end <= committed { waiting.removeFirst() }
    if let first = waiting.first, now > first.since + interval + CommitChecker.slack {
      excuse(committed: committed)
      toldCount += 1
      return toldCount > 20
        ? nil
        : "entry \(first.end - 1) waits since \(secondsText(first.since)), and \(committed) are committed"
    }
    if end > (waiting.last?.end ?? committed),
      waiting.last.map({ now - $0.since > interval / 4 }) ?? true
    {
      waiting.append((end, now))
    }
    return nil
  }
}
