import Gateway
import HAL
import TransparencyLog
import Uplink

/// Something that must never be, and was.
public struct Violation: Error, Equatable, Sendable {
  /// Which checker saw it.
  public enum Checker: String, CaseIterable, Sendable {
    /// No released checkpoint is unprovable or inconsistent.
    case checkpoints
    /// Every acknowledged entry is in the mirror, as it was recorded.
    case acknowledgements
    /// Every committed entry is there after recovery, unless the medium itself failed.
    case durability
    /// A power cut costs what was recorded within one commit interval, and no more.
    case commits
    /// No two starts of an agent have one number, and the later one has the higher.
    case boots
    /// Every slot has an entry or an explanation, and none has two.
    case slots
    /// The answer in a good reading is whole, and the one that the meter gave to this request.
    case answers
    /// Each fault leads to a repair or to an event, never to silence.
    case visibility
    /// What is kept stays within the quota.
    case quota
    /// Every root and every tile is that of a naive tree over the same entries.
    case roots
    /// The newest value of each stream is at the collector in time.
    case live
    /// The record sends no more than its budget.
    case budget
    /// When faults have ended, everything comes to rest.
    case liveness
  }
  /// Which checker saw it.
  public var checker: Checker
  /// µs since the simulation began.
  public var time: UInt64
  /// What was seen.
  public var text: String
}

/// No released checkpoint is ever unprovable or inconsistent.
struct CheckpointChecker<Verifier: SignatureVerifier> {
  let key: VerifierKey
  let verifier: Verifier
  private(set) var released: [(size: UInt64, root: Digest, isTaken: Bool)] = []

  init(key: VerifierKey, verifier: Verifier) {
    self.key = key
    self.verifier = verifier
  }

  /// Looks at a request that leaves the gateway, whether it arrives or not. Returns what is wrong.
  func look(
    at request: UplinkRequest, _ oracle: inout LogOracle, durable: @autoclosure () -> UInt64?
  ) -> String? {
    guard let note = note(in: request) else { return nil }
    guard let checkpoint = try? Checkpoint.open(note.span, key: key, with: verifier) else {
      return "a checkpoint was released that its key did not sign"
    }
    if let durable = durable(), checkpoint.size > durable {
      return "a checkpoint of \(checkpoint.size) was released, durable is one of \(durable)"
    }
    guard let root = oracle.root(size: Int(checkpoint.size)) else {
      return "a checkpoint of \(checkpoint.size) was released, \(oracle.leaves.count) were written"
    }
    guard root == checkpoint.root else {
      return "the released checkpoint of \(checkpoint.size) is not over the entries written"
    }
    return nil
  }

  /// A request has arrived, and the mirror has taken it or not. Returns what is wrong.
  mutating func arrived(_ request: UplinkRequest, isTaken: Bool) -> String? {
    guard let note = note(in: request),
      let checkpoint = try? Checkpoint.open(note.span, key: key, with: verifier)
    else { return nil }
    if let at = released.lastIndex(where: { $0.size == checkpoint.size }) {
      if isTaken { released[at].isTaken = true }
      return released[at].root == checkpoint.root
        ? nil : "two checkpoints of \(checkpoint.size) with different roots were released"
    }
    released.append((checkpoint.size, checkpoint.root, isTaken))
    return nil
  }

  /// The medium has forgotten what was released, and of that a mirror remembers what it has taken: of what it refused nobody
  /// knows.
  mutating func mediumWasSetBack() { released.removeAll { !$0.isTaken } }

  /// The note behind the blank line of an add-checkpoint request; `nil` for other requests.
  private func note(in request: UplinkRequest) -> [UInt8]? {
    guard request.path == .addCheckpoint else { return nil }
    let body = request.body
    let blank = body.indices.dropLast().first { body[$0] == 0x0A && body[$0 + 1] == 0x0A }
    return Array(body[((blank ?? -2) + 2)...])
  }

  /// Every checkpoint released so far is still one of the log: an entry under it that changed since would
  /// make it unprovable. Of a log that is not whole, those alone that its entries cover. Returns what is
  /// wrong.
  func lookBack(_ oracle: inout LogOracle, isWhole: Bool) -> String? {
    for (size, root, _) in released where isWhole || Int(size) <= oracle.leaves.count {
      guard oracle.root(size: Int(size)) != root else { continue }
      return "the log no longer has what its checkpoint of \(size) promised"
    }
    return nil
  }
}

/// What is kept stays within the quota, and nothing is given up unheard while there is room.
struct QuotaChecker {
  let quotaByteCount: UInt64
  let segmentByteCount: Int
  /// The most that was found too much.
  private var told = 0
  /// What the log kept after the last turn.
  private var kept: UInt64?
  /// What a log that takes over another may take beside the quota: until it has room again.
  private var allowance: UInt64 = 0
  /// What was acknowledged when the agent looked at its room and found that its epoch must end.
  var acknowledgedAtEnd: UInt64 = 0

  init(quotaByteCount: UInt64, segmentByteCount: Int) {
    self.quotaByteCount = quotaByteCount
    self.segmentByteCount = segmentByteCount
  }

  /// A log begins behind another one. What it takes over takes up to an eighth more there, for each entry says where it stood.
  mutating func begins() {
    allowance =
      Limits.beginningByteCount(segmentByteCount: UInt64(segmentByteCount)) + quotaByteCount / 8
  }

  /// A start has put back so many runs of entries, each in a segment that is not sealed any more, and has seen the medium refuse
  /// to let it give up others.
  mutating func mended(_ count: Int) {
    allowance = max(allowance, UInt64(count * segmentByteCount))
  }

  /// Looks at what stands on the medium after a turn of the recorder. Returns what is wrong.
  mutating func look(standing: Int) -> String? {
    if UInt64(standing) <= quotaByteCount { allowance = 0 }
    guard UInt64(standing) > quotaByteCount + allowance, standing > told else { return nil }
    told = standing
    return "\(standing) bytes of segments stand where \(quotaByteCount) may"
  }

  /// An agent has started, and may have given up what it likes.
  mutating func started() { kept = nil }

  /// Looks after a turn of the recorder, while nobody else takes room. Returns what is wrong: that so much was given up that
  /// the next segments and the reserve would have had room twice.
  mutating func look(standing: Int, minimumIndex: UInt64) -> String? {
    defer { kept = minimumIndex }
    // Entries go by 256, which may be in as many blocks.
    let most = UInt64(standing + 6 * segmentByteCount + 256 * 4_096)
    guard let kept, minimumIndex > kept, most < quotaByteCount else { return nil }
    return "what stood below \(minimumIndex) was given up, and \(standing) of \(quotaByteCount) "
      + "bytes stand"
  }

  /// Looks when an epoch ends for want of room while the segments of earlier epochs take `earlier` bytes, and those with
  /// entries that the mirror had not acknowledged take `kept`. Returns what is wrong: what is acknowledged could have gone.
  func look(full kept: Int, beside earlier: Int) -> String? {
    UInt64(kept + earlier + 2 * segmentByteCount) > quotaByteCount
      ? nil
      : "an epoch ends for want of room, of \(quotaByteCount) bytes \(kept) hold what is not acknowledged "
        + "and \(earlier) are of earlier epochs"
  }
}

/// Every acknowledged entry is in the mirror exactly once, as it was recorded.
struct AcknowledgementChecker {
  private var checked = 0
  private var losses = 0

  init() {}

  /// Looks when the gateway has taken an acknowledgement. Returns what is wrong.
  mutating func look<Key: Signer & ~Copyable, Verifier: SignatureVerifier>(
    acknowledged: UInt64, _ mirror: SimulatedMirror<Key, Verifier>, _ oracle: borrowing LogOracle
  ) -> String? {
    if mirror.lossCount != losses {
      losses = mirror.lossCount
      checked = 0
      return nil
    }
    guard acknowledged <= mirror.mirrored || mirror.hasForgotten else {
      return "\(acknowledged) are acknowledged, the mirror has signed for \(mirror.mirrored)"
    }
    let end = min(Int(acknowledged), mirror.leaves.count, oracle.leaves.count)
    while checked < end {
      guard mirror.leaves[checked] == oracle.leaves[checked] else {
        return "entry \(checked) in the mirror is not the one recorded"
      }
      checked += 1
    }
    return nil
  }
}

/// Each fault leads to a repair or to an event, never to silence.
struct VisibilityChecker {
  /// A fault, and where in the log something must say so.
  private struct Expectation {
    var fault: FaultKind
    var from: UInt64
    var code: EventEntry.Code
    var time: UInt64
    /// The agent ended before it can be asked to have written the event: a boot tells, too.
    var mayBeBoot = false
  }
  private var expectations: [Expectation] = []
  /// µs within which an event is in the log: some commits of a medium that is slow.
  private static let writtenWithin: UInt64 = 120_000_000

  init() {}

  /// A fault was done while the log had `committed` entries: before the next boot, one of the entries from there on is an
  /// event `code`, or the word that events were lost.
  mutating func expect(
    _ code: EventEntry.Code, for fault: FaultKind, committed: UInt64, at time: UInt64
  ) {
    expectations.append(
      Expectation(fault: fault, from: committed, code: code, time: time))
  }

  /// The agent has ended with so many entries `committed`, and what it had seen of late may not be in the log; nor anything
  /// since its medium fails.
  mutating func agentEnded(at time: UInt64, committed: UInt64, failingSince: UInt64?) {
    let end = min(time, failingSince ?? time)
    for at in expectations.indices {
      expectations[at].from = min(expectations[at].from, committed)
      if expectations[at].time + VisibilityChecker.writtenWithin > end {
        expectations[at].mayBeBoot = true
      }
    }
  }

  /// An agent has started on so many entries: a medium that lies may have lost some, and its boot is told where they stood.
  mutating func agentStarted(on size: UInt64) {
    for at in expectations.indices { expectations[at].from = min(expectations[at].from, size) }
  }

  /// Nothing is written between these: the machine sleeps, or its medium is slow or refuses.
  mutating func agentWaits(from time: UInt64, until end: UInt64) {
    for at in expectations.indices
    where expectations[at].time + VisibilityChecker.writtenWithin > time {
      expectations[at].time = end
    }
  }

  /// At the end: says what nothing in the log tells of.
  func unseen(in ledger: borrowing SlotLedger) -> [String] {
    let lost = UInt64(EventEntry.Code.backlogOverflow.rawValue)
    var notable = ledger.notable[...]
    var unseen: [String] = []
    for expected in expectations.sorted(by: { $0.from < $1.from }) {
      while let first = notable.first, first.index < expected.from { notable.removeFirst() }
      let code = UInt64(expected.code.rawValue)
      let telling = notable.first { $0.code == code || $0.code == lost || $0.code == 0 }
      if let telling, telling.code != 0 || expected.mayBeBoot { continue }
      unseen.append(
        "\(expected.fault.key) at \(secondsText(expected.time)): no event \(expected.code)")
    }
    return unseen
  }
}
