import HAL

/// A serial line as a gateway sees it: the line itself, and what happens to the bytes on the way back.
struct SimulatedCable {
  /// The line with its meters.
  private(set) var line: SimulatedLine
  private let faults: FaultModel
  private var entropy: SeededEntropy
  /// Bytes that come late.
  private var delayed: [(at: UInt64, sentAt: UInt64, bytes: [UInt8])] = []
  private var lastRequest: [UInt8] = []
  /// What the line has answered to it so far.
  private var answer: [UInt8] = []
  /// What of earlier answers has come since then, after their time: a frame in several pieces is one all the same.
  private var overdue: [UInt8] = []
  /// What has arrived since then, whatever it is.
  private var arrived: [UInt8] = []
  /// Something happened to it.
  private var isDisturbed = false
  private var sentAt: UInt64 = 0
  /// Where all answers are noted.
  var answers: AnswerBook?
  /// µs after its request from which on an answer may be taken for that to another: nobody waits for it any more.
  var patience = UInt64.max
  /// Faults are over.
  var isCalm = false
  /// Unplugged until this time.
  var unpluggedUntil: UInt64 = 0
  /// What was done, for the trace; taken by the simulation.
  var incidents: [FaultKind] = []

  init(line: SimulatedLine, faults: FaultModel, entropy: SeededEntropy) {
    self.line = line
    self.faults = faults
    self.entropy = entropy
  }

  /// When bytes may arrive next, or the line has something to do.
  var wakeAt: UInt64? {
    let late = delayed.first?.at
    guard let due = line.settlesAt else { return late }
    return min(due, late ?? .max)
  }

  /// A meter falls silent until a time, or another one does.
  mutating func silence(meter: Int, until time: UInt64) { line.silence(meter: meter, until: time) }

  /// The gateway hands bytes to the line.
  mutating func send(_ bytes: UnsafeBufferPointer<UInt8>, at now: UInt64) {
    line.receive(bytes, at: now)
    lastRequest.removeAll(keepingCapacity: true)
    lastRequest += bytes
    answer.removeAll(keepingCapacity: true)
    overdue.removeAll(keepingCapacity: true)
    arrived.removeAll(keepingCapacity: true)
    isDisturbed = false
    sentAt = now
  }

  /// What has arrived at the gateway by `now`, in the pieces in which it reads them.
  mutating func receive(
    at now: UInt64, values: (UInt64) -> PlantMoment, _ body: ([UInt8]) -> Void
  ) {
    while let first = delayed.first, first.at <= now {
      delayed.removeFirst()
      if now - first.sentAt > patience {
        overdue += first.bytes
        answers?.note(overdue, to: lastRequest)
      }
      isDisturbed = true
      deliver(first.bytes, body)
    }
    var bytes = line.advance(to: now, values: values)
    guard !bytes.isEmpty else { return }
    answer += bytes
    answers?.note(answer, to: lastRequest)
    if !isCalm { disturb(&bytes, at: now) }
    if !bytes.isEmpty { deliver(bytes, body) }
  }

  private mutating func deliver(_ bytes: [UInt8], _ body: ([UInt8]) -> Void) {
    arrived += bytes
    if isDisturbed { answers?.noteChance(arrived, to: lastRequest) }
    body(bytes)
  }

  /// Pulls the plug: what is in flight is lost.
  mutating func unplug(until time: UInt64) {
    unpluggedUntil = time
    line.reset()
    delayed = []
  }

  private mutating func disturb(_ bytes: inout [UInt8], at now: UInt64) {
    if strikes(.noise) {
      let at = Int(entropy.below(UInt64(bytes.count)))
      bytes[at] ^= UInt8(entropy.within(1...255))
    }
    if strikes(.truncated) { bytes.removeLast(Int(entropy.within(1...UInt64(bytes.count)))) }
    if strikes(.foreign) {
      let count = entropy.within(1...12)
      bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: entropy.next()) } + bytes
    }
    if strikes(.echo) { bytes = lastRequest + bytes }
    if strikes(.late), !bytes.isEmpty {
      delayed.append((now + entropy.within(100_000...5_000_000), sentAt, bytes))
      delayed.sort { $0.at < $1.at }
      bytes = []
    }
  }

  private mutating func strikes(_ kind: FaultKind) -> Bool {
    guard faults[kind] > 0, entropy.chance(faults[kind]) else { return false }
    incidents.append(kind)
    isDisturbed = true
    return true
  }
}
