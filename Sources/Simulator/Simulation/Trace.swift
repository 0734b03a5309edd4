import HAL
import TransparencyLog

/// What happened in a simulation, as a hash over all of it and as the last lines for people.
struct Trace {
  /// One thing that happened.
  enum Event {
    /// The agent started, with the size of its log.
    case started(size: UInt64)
    /// It could not.
    case refused(String)
    /// Its process is gone.
    case ended(String)
    /// A fault was done.
    case fault(FaultKind)
    /// The power went during an operation.
    case powerCut(operation: UInt64)
    /// The recorder could not do something.
    case recorderFailed(String)
    /// A request went out.
    case request(String, byteCount: Int)
    /// Its answer came.
    case answer(status: Int)
    /// Something became durable, signed or acknowledged.
    case sizes(committed: UInt64, signed: UInt64, acknowledged: UInt64)
    /// A checker found a violation.
    case violation(String)
    /// A phase begins.
    case phase(String)
  }

  private var hash = SHA256()
  /// One line for each event; empty without `--replay`.
  private(set) var lines: [String] = []
  private let keepsLines: Bool

  /// A trace; lines are kept for `--replay` alone.
  init(keepsLines: Bool) { self.keepsLines = keepsLines }

  /// Notes an event at a time in µs.
  mutating func note(_ event: Event, at time: UInt64) {
    let line = "\(secondsText(time)) \(Trace.text(event))"
    hash.update(Array((line + "\n").utf8).span)
    if keepsLines { lines.append(line) }
  }

  /// Takes bytes that left or were written into the hash.
  mutating func mix(_ bytes: UnsafeBufferPointer<UInt8>) { hash.update(bytes) }

  /// The hash of all so far.
  var digest: Digest { hash.finalize() }

  private static func text(_ event: Event) -> String {
    switch event {
    case .started(let size): "agent started on a log of \(size)"
    case .refused(let why): "agent cannot start: \(why)"
    case .ended(let why): "agent ended: \(why)"
    case .fault(let kind): "fault \(kind.key)"
    case .powerCut(let operation): "power cut at operation \(operation)"
    case .recorderFailed(let why): "recorder: \(why)"
    case .request(let path, let count): "request \(path), \(count) bytes"
    case .answer(let status): "answer \(status)"
    case .sizes(let committed, let signed, let acknowledged):
      "committed \(committed) signed \(signed) acknowledged \(acknowledged)"
    case .violation(let what): "VIOLATION \(what)"
    case .phase(let name): "phase \(name)"
    }
  }
}

/// Seconds with six digits after the point.
func secondsText(_ time: UInt64) -> String {
  let fraction = String(time % 1_000_000)
  return "\(time / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
}
