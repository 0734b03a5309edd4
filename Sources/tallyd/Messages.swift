import Catalog
import Gateway
import HostHAL
import Synchronization

/// What can be said again and again while the agent runs: a link, a port or a medium that comes and goes.
///
/// All else is said once in a run, or when a person asks (`reload`).
enum RepeatingMessage: CaseIterable {
  /// The way to the collector, and what is wrong with it.
  case link
  /// The time of the collector's signatures.
  case mirrorClock
  /// Live values are refused or taken.
  case live
  /// Entries become durable or do not.
  case recording
  /// What gives way when the log fills.
  case room
  /// A line's port; one place for each line.
  case port
}

extension Text {
  /// The kind of a message that can be repeated; `nil` for one that is always said.
  fileprivate var repeating: RepeatingMessage? {
    switch self {
    case .linkUp, .linkDown, .mirrorAlarm, .packagesTaken, .packagesRefused: .link
    case .timeUnchecked: .mirrorClock
    case .liveAnswered: .live
    case .recordingStopped, .recordingAgain: .recording
    case .room: .room
    case .portOpened, .portMissing, .portLost, .portClosed: .port
    // All else is said whenever it comes: a new message costs no line here.
    default: nil
    }
  }

  /// The line of a message about a port.
  fileprivate var line: String? {
    switch self {
    case .portOpened(let line, _), .portMissing(let line, _), .portLost(let line),
      .portClosed(let line):
      line
    default: nil
    }
  }
}

/// The service's log on standard output, one line for each message, of which repeated ones are held.
final class Messages: Sendable {
  private struct State {
    var limit: MessageLimit<Text>
    /// Names of lines in the order in which they were heard of. After as many as two sites can have, others share
    /// the last place.
    var lines: [String] = []
  }
  private static let portsMax = 2 * Limits.linesMax
  private let state = Mutex(
    State(limit: MessageLimit(count: RepeatingMessage.allCases.count + Messages.portsMax)))
  private let clock = HostClock()
  private let language: Language

  init(language: Language) { self.language = language }

  /// Says a message, or holds it.
  func say(_ text: Text) {
    let now = clock.microseconds()
    let isSaid = state.withLock { state in
      guard let place = Messages.place(of: text, &state) else { return true }
      return state.limit.admits(text, place: place, at: now)
    }
    if isSaid { write(text) }
  }

  /// Says what was held long enough; when there is more, µs since boot.
  func sayHeld() -> UInt64? {
    while let due = state.withLock({ $0.limit.dueAt }) {
      let now = clock.microseconds()
      guard due <= now, let held = state.withLock({ $0.limit.due(at: now) }) else { return due }
      write(
        .repeated(
          english: held.newest.english, chinese: held.newest.chinese, count: held.count,
          seconds: held.duration / 1_000_000))
    }
    return nil
  }

  private func write(_ text: Text) { writeStandardOutput(text.text(language) + "\n") }

  private static func place(of text: Text, _ state: inout State) -> Int? {
    switch text.repeating {
    case nil: return nil
    case .link: return 0
    case .mirrorClock: return 1
    case .live: return 2
    case .recording: return 3
    case .room: return 4
    case .port:
      guard let line = text.line else { return nil }
      let first = RepeatingMessage.allCases.count
      if let known = state.lines.firstIndex(of: line) { return first + known }
      if state.lines.count < portsMax { state.lines.append(line) }
      return first + state.lines.count - 1
    }
  }
}
