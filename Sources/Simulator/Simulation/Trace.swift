import HAL
import TransparencyLog

/// What happened in a simulation, as a hash over all of it and as the last lines for people.
public struct Trace {
  /// One thing that happened.
  enum Event {
    /// The agent started, with the size of its log.
    case started(size: UInt64)
    /// A new epoch begins.
    case epoch(UInt32, String)
    /// Entries came back from the mirror.
    case mended(Range<UInt64>)
    /// The agent could not start.
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
    /// The log gives way, or no longer.
    case room(String, thousandths: UInt64)
    /// A checker found a violation.
    case violation(String)
    /// A phase begins.
    case phase(String)
  }

  /// What people read of an event.
  public struct Line: Sendable {
    /// µs since the simulation began.
    public var time: UInt64
    /// What happened.
    public var text: String
  }

  private var hash = TraceHash()
  /// One line for each event; empty without `--replay`.
  private(set) var lines: [Line] = []
  private let keepsLines: Bool

  /// A trace; lines are kept for `--replay` alone.
  init(keepsLines: Bool) { self.keepsLines = keepsLines }

  /// Notes an event at a time in µs.
  mutating func note(_ event: Event, at time: UInt64) {
    hash.update(time)
    take(event)
    if keepsLines { lines.append(Line(time: time, text: Trace.text(event))) }
  }

  /// Takes bytes that left or were written into the hash.
  mutating func mix(_ bytes: UnsafeBufferPointer<UInt8>) {
    hash.update(UnsafeRawBufferPointer(bytes))
  }

  /// The hash of all so far.
  var digest: Digest { hash.digest }

  /// Takes an event into the hash: the number of its kind, then what it carries.
  private mutating func take(_ event: Event) {
    switch event {
    case .started(let size): take(0, size)
    case .epoch(let number, let why):
      take(11, why)
      hash.update(UInt64(number))
    case .mended(let run):
      take(12, run.lowerBound)
      hash.update(run.upperBound)
    case .refused(let why): take(1, why)
    case .ended(let why): take(2, why)
    case .fault(let kind): take(3, UInt64(kind.rawValue))
    case .powerCut(let operation): take(4, operation)
    case .recorderFailed(let why): take(5, why)
    case .request(let path, let count):
      take(6, path)
      hash.update(UInt64(count))
    case .answer(let status): take(7, UInt64(status))
    case .sizes(let committed, let signed, let acknowledged):
      take(8, committed)
      hash.update(signed)
      hash.update(acknowledged)
    case .room(let step, let share):
      take(13, step)
      hash.update(share)
    case .violation(let what): take(9, what)
    case .phase(let name): take(10, name)
    }
  }

  private mutating func take(_ kind: UInt64, _ number: UInt64) {
    hash.update(kind)
    hash.update(number)
  }

  private mutating func take(_ kind: UInt64, _ text: String) {
    hash.update(kind)
    var text = text
    text.withUTF8 { hash.update(UnsafeRawBufferPointer($0)) }
  }

  private static func text(_ event: Event) -> String {
    switch event {
    case .started(let size): "agent started on a log of \(size)"
    case .epoch(let number, let why): "epoch \(number) begins: \(why)"
    case .mended(let run): "entries \(run) came back from the mirror"
    case .refused(let why): "agent cannot start: \(why)"
    case .ended(let why): "agent ended: \(why)"
    case .fault(let kind): "fault \(kind.key)"
    case .powerCut(let operation): "power cut at operation \(operation)"
    case .recorderFailed(let why): "recorder: \(why)"
    case .request(let path, let count): "request \(path), \(count) bytes"
    case .answer(let status): "answer \(status)"
    case .sizes(let committed, let signed, let acknowledged):
      "committed \(committed) signed \(signed) acknowledged \(acknowledged)"
    case .room(let step, let share): "giving way: \(step), \(share) ‰ of the room are taken"
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
