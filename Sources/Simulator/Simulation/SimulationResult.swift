import TransparencyLog

/// What came of a simulation.
public struct SimulationResult: Sendable {
  /// Hash over everything that happened.
  public var traceHash: Digest
  /// What must never be, in the order in which it was seen.
  public var violations: [Violation]
  /// Requests that meters were sent.
  public var pollCount: UInt64
  /// Entries in the gateway's log.
  public var size: UInt64
  /// Faults done, by the number of their kind.
  public var faultCounts: [UInt64]
  /// Starts of the agent.
  public var startCount: UInt64
  /// Size of the largest checkpoint that the mirror has signed for.
  public var acknowledged: UInt64
  /// Epochs of the log.
  public var epochs: Int
  /// Events that the mirror has, of all epochs, by their code.
  public var eventCounts: [EventEntry.Code: Int]
  /// µs from the end of the faults until everything had come to rest; `nil` if it did not.
  public var rested: UInt64?
  /// Posts of live values that the mirror took.
  public var livePostCount: UInt64
  /// The longest that a value took to the mirror while nothing was wrong with the link, µs.
  public var liveDelayMax: UInt64
  /// The trace, if it was kept.
  public var lines: [Trace.Line]

  /// The trace as text: so many µs before and behind each violation, or all of it where there is none.
  public func traceText(around distance: UInt64) -> String {
    var text = ""
    var isCut = false
    for line in lines {
      let isNear =
        violations.isEmpty
        || violations.contains { max($0.time, line.time) - min($0.time, line.time) <= distance }
      if isNear {
        text += (isCut ? "…\n" : "") + secondsText(line.time) + " " + line.text + "\n"
      }
      isCut = !isNear
    }
    return text
  }

  /// Events in logs, by their code.
  static func eventCounts(_ ledgers: [SlotLedger]) -> [EventEntry.Code: Int] {
    var counts: [EventEntry.Code: Int] = [:]
    for (_, number) in ledgers.flatMap(\.notable) {
      guard let code = EventEntry.Code(rawValue: UInt8(truncatingIfNeeded: number)) else {
        continue
      }
      counts[code, default: 0] += 1
    }
    return counts
  }
}
