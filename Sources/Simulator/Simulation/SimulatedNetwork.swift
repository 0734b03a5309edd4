import HAL
import Uplink

/// What lies between a gateway and its mirror: one exchange at a time, as the transport of the agent has it,
/// and copies of requests that arrive late.
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
  private var pending: Pending?
  private var copies: [Copy] = []
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

  /// An exchange is under way.
  var isBusy: Bool { pending != nil }

  /// When something arrives next.
  var nextArrival: UInt64? {
    let copy = copies.isEmpty ? nil : copies.map(\.at).min()
    guard let pending else { return copy }
    return min(pending.at, copy ?? .max)
  }

  /// The gateway's process died: its connection is gone, copies are still on their way.
  mutating func disconnect() { pending = nil }

  /// The gateway sends a request. `deliver` gives the mirror's answer.
  mutating func submit(
    _ request: UplinkRequest, at now: UInt64, _ deliver: (UplinkRequest) -> UplinkResponse
  ) {
    precondition(pending == nil, "one exchange at a time")
    let travel = entropy.within(5_000...80_000)
    if now < downUntil {
      pending = Pending(at: now + 10_000_000, response: .failed(.noConnection))
      return
    }
    if now < expiredUntil {
      pending = Pending(at: now + travel, response: .failed(.certificateExpired))
      return
    }
    if strikes(.requestLost) {
      pending = Pending(at: now + 60_000_000, response: .failed(.timeout))
      return
    }
    if strikes(.captivePortal) {
      let page = Array("<html>Log in</html>".utf8)
      let answer = UplinkResponse(status: 200, contentType: Array("text/html".utf8), body: page)
      pending = Pending(at: now + travel, response: answer)
      return
    }
    if strikes(.oddStatus) {
      let statuses = [401, 409, 422, 429, 500, 503, 507]
      // 422 stops the uplink for good by the protocol; so it is drawn more rarely than it could be.
      let drawn = statuses[Int(entropy.below(UInt64(statuses.count)))]
      pending = Pending(at: now + travel, response: UplinkResponse(status: drawn))
      return
    }
    let response = deliver(request)
    var at = now + travel + UInt64(request.body.count)
    if strikes(.delayed) { at += entropy.within(1_000_000...100_000_000) }
    if strikes(.duplicated) {
      copies.append(Copy(at: at + entropy.within(1_000...600_000_000), request: request))
    }
    if strikes(.answerLost) {
      pending = Pending(at: now + 60_000_000, response: .failed(.cutOff))
    } else {
      pending = Pending(at: at, response: response)
    }
  }

  /// The answer that has arrived by `now`; copies of requests arrive at the mirror meanwhile.
  mutating func receive(
    at now: UInt64, _ deliver: (UplinkRequest) -> UplinkResponse
  ) -> UplinkResponse? {
    while !copies.isEmpty,
      let due = copies.indices.filter({ copies[$0].at <= now }).min(by: {
        copies[$0].at < copies[$1].at
      })
    {
      _ = deliver(copies.remove(at: due).request)
    }
    guard let pending, pending.at <= now else { return nil }
    self.pending = nil
    return pending.response
  }

  private mutating func strikes(_ kind: FaultKind) -> Bool {
    guard faults[kind] > 0, !isCalm, entropy.chance(faults[kind]) else { return false }
    incidents.append(kind)
    return true
  }
}
