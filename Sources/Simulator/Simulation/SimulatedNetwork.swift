import HAL
import Uplink

/// What lies between a gateway and its mirror: one exchange at a time on each of two connections, as the transports
/// of the agent have it, and copies of requests that arrive late.
///
/// Both connections share the link, and what is in it goes out in order: a request waits behind all bytes that were
/// sent before it, on either of them. That is worse than what TCP does with a modem's queue.
struct SimulatedNetwork {
  /// An answer on its way to the gateway.
  private struct Pending {
    var at: UInt64
    var response: UplinkResponse
  }
  /// A request that arrives once more.
  private struct Copy {
    var at: UInt64
    var request: UplinkRequest
  }

  private let faults: FaultModel
  private var entropy: SeededEntropy
  /// By connection.
  private var pending: InlineArray<2, Pending?> = [nil, nil]
  /// When all that was sent has gone out.
  private var outAt: UInt64 = 0
  private var copies: [Copy] = []
  /// What the mirror answered last when it had signed for entries.
  private var lastEntries: UplinkResponse?
  /// How often in a row another has refused in the mirror's place.
  private var refusalCount = 0
  /// Faults are over.
  var isCalm = false
  /// Nothing gets through before this time.
  var downUntil: UInt64 = 0
  /// The mirror's certificate is not valid before this time.
  var expiredUntil: UInt64 = 0
  /// What was done, for the trace; taken by the simulation.
  var incidents: [FaultKind] = []

  init(faults: FaultModel, entropy: SeededEntropy) {
    self.faults = faults
    self.entropy = entropy
  }

  /// A connection of the agent.
  enum Connection: Int {
    /// Checkpoints and entries.
    case record
    /// Live values.
    case live
  }

  /// An exchange is under way on a connection.
  func isBusy(_ connection: Connection) -> Bool { pending[connection.rawValue] != nil }

  /// When something arrives next.
  var nextArrival: UInt64? {
    var next: UInt64?
    for i in copies.indices { next = min(copies[i].at, next ?? .max) }
    for i in pending.indices {
      if let at = pending[i]?.at { next = min(at, next ?? .max) }
    }
    return next
  }

  /// The gateway's process died: its connections are gone, copies are still on their way.
  mutating func disconnect() { pending = [nil, nil] }

  /// The gateway sends a request. `deliver` gives the mirror's answer. Returns whether something went wrong.
  @discardableResult
  mutating func submit(
    _ request: UplinkRequest, at now: UInt64, _ deliver: (UplinkRequest) -> UplinkResponse
  ) -> Bool {
    let place = (request.path == .live ? Connection.live : .record).rawValue
    precondition(pending[place] == nil, "one exchange at a time")
    let before = incidents.count
    pending[place] = exchange(byteCount: request.body.count, at: now, copy: request) {
      deliver(request)
    }
    return incidents.count != before || now < downUntil || now < expiredUntil
  }

  /// The gateway asks for something before it runs, and waits for `patience` µs. Returns what it has then, and how
  /// long it took.
  mutating func fetch(
    patience: UInt64, at now: UInt64, _ deliver: () -> UplinkResponse
  ) -> (response: UplinkResponse, duration: UInt64) {
    let answer = exchange(byteCount: 0, at: now, copy: nil, deliver)
    guard answer.at - now <= patience else { return (.failed(.timeout), patience) }
    return (answer.response, answer.at - now)
  }

  /// When the answer comes, and which. `copy` may arrive once more.
  private mutating func exchange(
    byteCount: Int, at now: UInt64, copy: UplinkRequest?, _ deliver: () -> UplinkResponse
  ) -> Pending {
    let travel = entropy.within(5_000...80_000)
    if now < downUntil {
      return Pending(at: now + 10_000_000, response: .failed(.noConnection))
    }
    if now < expiredUntil {
      return Pending(at: now + travel, response: .failed(.certificateExpired))
    }
    if strikes(.requestLost) {
      return Pending(at: now + 60_000_000, response: .failed(.timeout))
    }
    if strikes(.captivePortal) {
      if let copy, SimulatedNetwork.mayBeStale(copy), let old = lastEntries,
        entropy.chance(500_000)
      {
        return Pending(at: now + travel, response: old)
      }
      let page = Array("<html>Log in</html>".utf8)
      let answer = UplinkResponse(status: 200, contentType: Array("text/html".utf8), body: page)
      return Pending(at: now + travel, response: answer)
    }
    if strikes(.oddStatus) {
      // Three refusals in a row are a mirror's word, and only TLS keeps another from giving it.
      let refusals = [409, 422]
      let statuses = [401, 429, 500, 503, 507] + (refusalCount < 2 ? refusals : [])
      let drawn = statuses[Int(entropy.below(UInt64(statuses.count)))]
      if refusals.contains(drawn) { refusalCount += 1 }
      return Pending(at: now + travel, response: UplinkResponse(status: drawn))
    }
    let response = deliver()
    refusalCount = 0
    if let copy, SimulatedNetwork.mayBeStale(copy), response.status == 200 {
      lastEntries = response
    }
    // 1 MB/s.
    outAt = max(outAt, now) + UInt64(byteCount)
    var at = outAt + travel
    if strikes(.delayed) { at += entropy.within(1_000_000...100_000_000) }
    if let copy, strikes(.duplicated) {
      copies.append(Copy(at: at + entropy.within(1_000...600_000_000), request: copy))
    }
    if strikes(.answerLost) {
      return Pending(at: now + 60_000_000, response: .failed(.cutOff))
    }
    return Pending(at: at, response: response)
  }

  /// A proxy may give an old answer to it: that to entries is signed, and an old signature must count for what it covers
  /// alone. A probe brings none, and asks where the mirror stands: only TLS keeps a liar from answering that.
  private static func mayBeStale(_ request: UplinkRequest) -> Bool {
    request.path == .addEntries && request.body.count > 64
  }

  /// Copies of requests arrive at the mirror that are due by `now`.
  mutating func deliverCopies(at now: UInt64, _ deliver: (UplinkRequest) -> UplinkResponse) {
    while !copies.isEmpty,
      let due = copies.indices.filter({ copies[$0].at <= now }).min(by: {
        copies[$0].at < copies[$1].at
      })
    {
      _ = deliver(copies.remove(at: due).request)
    }
  }

  /// The answer that has arrived on a connection by `now`.
  mutating func receive(_ connection: Connection, at now: UInt64) -> UplinkResponse? {
    guard let at = pending[connection.rawValue]?.at, at <= now else { return nil }
    defer { pending[connection.rawValue] = nil }
    return pending[connection.rawValue]?.response
  }

  private mutating func strikes(_ kind: FaultKind) -> Bool {
    guard faults[kind] > 0, !isCalm, entropy.chance(faults[kind]) else { return false }
    incidents.append(kind)
    return true
  }
}
