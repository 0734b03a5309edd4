import Gateway
import HAL
import Metering
import Sampling
import TransparencyLog
import Uplink

/// What a simulation is about.
public struct SimulationPlan: Sendable {
  /// Determines everything that is left to chance.
  public var seed: UInt64
  /// µs in which anything may fail.
  public var safety: UInt64
  /// µs after that in which everything must come to rest.
  public var liveness: UInt64
  /// How often things fail.
  public var faults: FaultModel
  /// The trace is kept as text.
  public var keepsLines = false
  /// A defect is planted: halfway, the agent dies and its last commit is gone, as if it had been said to be
  /// durable and was not. A run that passes all the same proves nothing.
  public var hasCanary = false
  /// Bytes that fit on the gateway's medium.
  public var mediumByteCount = Int.max
  /// µs from the beginning in which nothing gets through to the mirror.
  public var offline: UInt64 = 0

  /// A plan of two hours, an hour of rest, and no faults.
  public init(
    seed: UInt64, safety: UInt64 = 7_200_000_000, liveness: UInt64 = 3_600_000_000,
    faults: FaultModel = FaultModel()
  ) {
    self.seed = seed
    self.safety = safety
    self.liveness = liveness
    self.faults = faults
  }
}

/// A whole gateway with all that surrounds it, in one thread and in its own time.
///
/// First anything may fail that the fault model has (*safety*: nothing bad may happen), then nothing fails
/// any more (*liveness*: everything good must happen). Nothing depends on the machine that it runs on: no
/// clock, no random number of the system, no order of a dictionary.
public final class Simulation<Key: Signer & ~Copyable, Verifier: SignatureVerifier> {
  let plan: SimulationPlan
  let machine: SimulatedMachine<Key, Verifier>
  private let gateway: SimulatedGateway<Key, Verifier>
  /// The epochs of the log, from 1 on.
  var epochs: [SimulatedEpoch<Key, Verifier>]
  let disk: SimulatedDisk
  var network: SimulatedNetwork
  var cables: SimulatedCables
  var time = SimulatedTime()
  var entropy: SeededEntropy
  var jitter: SeededEntropy
  var trace: Trace
  var timed: [(kind: FaultKind, at: UInt64)] = []
  /// When the machine has power again, the agent starts again, the clock is set.
  var startsAt: UInt64? = 0
  var boots: UInt64 = 0
  var clockSetAt: UInt64?
  var asleepUntil: UInt64 = 0
  var cutAt: UInt64?
  var isCalm = false

  var violations: [Violation] = []
  var faultCounts = [UInt64](repeating: 0, count: FaultKind.allCases.count)
  var pollCount: UInt64 = 0
  var startCount: UInt64 = 0
  /// How many starts in a row have failed now.
  var refusedStartCount = 0
  /// Since when nothing can be recorded; `nil` while it can.
  var failingSince: UInt64?
  /// What this start has seen and its log will have to say.
  var expectedOfStart: [(code: EventEntry.Code, fault: FaultKind)] = []
  /// When an event was expected last, or could not be recorded.
  var expectedAt: UInt64 = 0
  /// What arrives at the mirror now is a copy of what arrived before.
  private var arrivesLate = false
  /// What was committed when the agent ended last.
  var committed: UInt64 = 0
  /// The epoch that it was committed to.
  var committedEpoch: UInt32 = 0
  /// A start has begun an epoch, and none that began so has come to its end since.
  var isBeginning = false
  /// Epochs that ended. Where others had filled the medium what of them need not be kept went before the next could be begun,
  /// and a later start calls them damaged.
  var endedEpochs: Set<UInt32> = []
  /// The medium takes whatever is written, as long as it has room.
  lazy var takesAllWrites = FaultKind.allCases.allSatisfy {
    !$0.spoilsWrites || plan.faults[$0] == 0
  }
  /// The first entry behind those that this start begins with, which a full medium keeps in memory.
  var firstOfStart: UInt64 = 0
  /// In this start the mirror did not answer what it was asked, or the medium failed.
  var isMendingDisturbed = false
  /// How often what the medium held came to harm, and how often when it was last looked at.
  var damageCount = 0
  var damageFound = 0
  /// What the mirror has seen of an epoch, and the medium has forgotten that it was signed.
  var forgotten: (epoch: UInt32, size: UInt64, root: Digest)?
  /// The medium lost or changed what it had, and no start has read what is left of it yet; what is missing then is no
  /// fault of the gateway.
  var mediumFailed = false
  /// The newest epoch there was when the medium forgot something last; 0 if it never did.
  var forgetfulUpTo: UInt32 = 0
  var live: LiveChecker
  var budget: BudgetChecker
  private var lastSizes: (UInt64, UInt64, UInt64) = (0, 0, 0)
  private var lastStep = GivingWay.nothing
  /// When the witness looks again.
  private var witnessAt: UInt64 = 0
  var quota: QuotaChecker
  var commits: CommitChecker
  var bootNumbers = BootChecker()
  /// What the meters have answered.
  private let answers = AnswerBook()
  let plant: Plant

  /// Puts a world together.
  ///
  /// - Parameters:
  ///   - lines: one for each line of the gateway's site, in its order.
  ///   - plant: what the meters measure.
  public init(
    _ plan: SimulationPlan, gateway: SimulatedGateway<Key, Verifier>, lines: [SimulatedLine],
    plant: Plant
  ) {
    precondition(lines.count == gateway.site.lines.count, "one for each line")
    self.plan = plan
    self.plant = plant
    var root = SeededEntropy(seed: plan.seed ^ 0x5EED)
    func branch() -> SeededEntropy { SeededEntropy(seed: root.next()) }
    entropy = branch()
    jitter = branch()
    disk = SimulatedDisk(
      faults: plan.faults, capacity: plan.mediumByteCount, entropy: branch())
    quota = QuotaChecker(
      quotaByteCount: gateway.quotaByteCount, segmentByteCount: gateway.segmentByteCount)
    network = SimulatedNetwork(faults: plan.faults, entropy: branch())
    cables = SimulatedCables(
      lines.map { SimulatedCable(line: $0, faults: plan.faults, entropy: branch()) })
    machine = SimulatedMachine(gateway, disk: disk)
    self.gateway = gateway
    live = LiveChecker(gateway.site)
    budget = BudgetChecker(gateway.catchUp)
    commits = CommitChecker(interval: gateway.timing.commit)
    epochs = []
    trace = Trace(keepsLines: plan.keepsLines)
    for kind in FaultKind.allCases where kind.isTimed { schedule(kind) }
    disk.attempted = { [unowned self] in wrote($0, $1, $2, $3) }
    disk.happened = { [unowned self] in happened($0) }
    disk.begins = { [unowned self] in ends($0) }
    machine.fetch = { [unowned self] in fetch($0) }
    for line in lines {
      let count = line.meters.count - Set(line.meters.map(\.model.address)).count
      for _ in 0..<count { self.count(.duplicateAddress) }
    }
    for line in cables.indices {
      // A request waits for its time at most, and then the device is left alone for as long.
      let times = gateway.site.devices.filter { $0.line == line }.map { 2 * UInt64($0.timeout) }
      cables.change(line: line) { cable in
        cable.answers = answers
        cable.patience = times.min() ?? .max
      }
    }
    goOn(in: 1)
  }

  /// The epoch that goes on. A medium that was set back far enough goes on in an earlier one for a while.
  var epoch: SimulatedEpoch<Key, Verifier> {
    // A start that failed may have begun one.
    goOn(in: machine.epoch)
    return epochs[max(Int(machine.epoch), 1) - 1]
  }

  /// The log goes on in an epoch; those up to it are made.
  func goOn(in number: UInt32) {
    while epochs.count < Int(number) {
      add(SimulatedEpoch(UInt32(epochs.count + 1), gateway: gateway, answers: answers))
    }
  }

  private func add(_ epoch: SimulatedEpoch<Key, Verifier>) {
    epoch.mirror.posted = { [unowned self] post in
      if let problem = live.posted(post, isCopy: arrivesLate) { violate(.live, problem) }
    }
    epochs.append(epoch)
  }

  /// Runs both phases.
  public func run() -> SimulationResult {
    trace.note(.phase("safety"), at: 0)
    network.downUntil = plan.offline
    if plan.hasCanary {
      advance(to: plan.safety / 2) { false }
      plantDefect()
    }
    advance(to: plan.safety) { false }
    calm()
    trace.note(.phase("liveness"), at: time.now)
    let begin = time.now
    var rested: UInt64?
    advance(to: begin + plan.liveness) { [self] in
      // What was under way gets a minute, and what was held back.
      if machine.eventsHeldUntil > 0 { expectedAt = time.now }
      guard time.now > max(begin, expectedAt) + 60_000_000, isAtRest() else { return false }
      rested = time.now - begin
      return true
    }
    finish(rested: rested)
    return SimulationResult(
      traceHash: trace.digest, violations: violations, pollCount: pollCount,
      size: machine.report.committedSize, faultCounts: faultCounts, startCount: startCount,
      acknowledged: epoch.mirror.mirrored, epochs: epochs.count,
      eventCounts: SimulationResult.eventCounts(epochs.map(\.ledger)),
      rested: rested, livePostCount: live.postCount, liveDelayMax: live.longest,
      lines: trace.lines)
  }

  /// What had to be acknowledged, of the epoch that goes on, and since when that is so. A gateway that commits faster
  /// than it signs never has all of it acknowledged in one moment.
  private var restGoal: (epoch: UInt32, size: UInt64, since: UInt64?) = (0, 0, nil)

  /// Everything that was recorded is acknowledged, or for five minutes everything that had been; and every channel
  /// reaches up to now.
  private func isAtRest() -> Bool {
    let report = machine.report
    guard machine.isRunning, !report.hasFailed, report.linkState == .up else { return false }
    if restGoal.epoch != machine.epoch { restGoal = (machine.epoch, report.committedSize, nil) }
    // What was acknowledged gives room for all that is polled.
    guard report.room.step == .nothing, report.acknowledgedSize >= restGoal.size,
      report.acknowledgedSize == report.signedSize, report.signedSize > 0
    else { return false }
    if restGoal.since == nil { restGoal.since = time.now }
    guard
      report.committedSize == report.signedSize
        || time.now - (restGoal.since ?? 0) > 300_000_000
    else { return false }
    return epoch.ledger.silentChannels(at: time.instant.utc).isEmpty
  }

  // MARK: time

  /// Lets time pass until `end`, or until `isDone` says so after a turn of the recorder.
  private func advance(to end: UInt64, _ isDone: () -> Bool) {
    while time.now < end {
      let next = max(nextEvent(), time.now)
      if next > end { return time.pass(to: end) }
      time.pass(to: next)
      disk.now = time.now
      if turn(), isDone() { return }
    }
  }

  private func nextEvent() -> UInt64 {
    var next = UInt64.max
    for (_, at) in timed { next = min(next, at) }
    next = min(next, startsAt ?? .max, clockSetAt ?? .max, cutAt ?? .max)
    for (_, until) in disk.refusals { next = min(next, until) }
    guard machine.isRunning else { return next }
    if asleepUntil > time.now { return min(next, asleepUntil) }
    if let arrival = network.nextArrival { next = min(next, arrival) }
    next = min(next, time.time(ofMono: min(machine.samplingDue, machine.recorderDue)))
    if !network.isBusy(.live), let due = machine.liveDue {
      next = min(next, time.time(ofMono: due))
    }
    return min(next, cables.nextWake(after: time.now))
  }

  /// Does what is due now. Returns whether the recorder had a turn.
  private func turn() -> Bool {
    strikeTimed()
    if let at = clockSetAt, at <= time.now {
      clockSetAt = nil
      time.set(offset: 0)
      expect(.clockStepped, for: .clockLost)
    }
    disk.refusals.removeAll { $0.until <= time.now }
    if let at = cutAt, at <= time.now {
      cutAt = nil
      disk.cut()
      powerIsGone()
    }
    if let at = startsAt, at <= time.now { start() }
    guard machine.isRunning, asleepUntil <= time.now else { return false }
    arrivesLate = true
    network.deliverCopies(at: time.now) { [self] in deliver($0, isCopy: true) }
    arrivesLate = false
    let response = network.receive(.record, at: time.now)
    plugIn()
    let now = time.instant
    for line in cables.indices where cables.isDue(line: line, at: time.now) { receive(line, now) }
    if now.mono >= machine.samplingDue {
      machine.sample(at: now) { line, bytes in
        pollCount += 1
        trace.mix(bytes)
        cables.change(line: line) { $0.send(bytes, at: time.now) }
      }
    }
    lookAtCommits()
    postLive(at: now)
    if response != nil { machine.wakeRecorder(at: now) }
    guard now.mono >= machine.recorderDue else { return false }
    record(at: now, response)
    return true
  }

  /// What the sampling thread does with live values, and the look at it.
  private func postLive(at now: Instant) {
    machine.tellChanges { live.read(point: $0, utc: $1, at: time.now) }
    if let response = network.receive(.live, at: time.now) {
      live.answered(isTaken: response.status == 200 && response.body.isEmpty, at: time.now)
      machine.receiveLive(response, at: now, entropy: &jitter)
    }
    if let problem = live.look(at: time.now) { violate(.live, problem) }
    guard !network.isBusy(.live), let request = machine.livePost(at: now) else { return }
    request.body.withUnsafeBufferPointer { trace.mix($0) }
    let isBad = network.submit(request, at: time.now) { [self] in deliver($0) }
    // An answer that is late comes within 100 s, one that never comes is given up after 60.
    if isBad { live.excuse(until: time.now + 101_000_000 + LiveChecker.within) }
  }

  private func record(at now: Instant, _ response: UplinkResponse?) {
    if let response { take(response) }
    // What comes in this turn comes behind the look at the room.
    let acknowledged = machine.report.acknowledgedSize
    let turn = machine.record(
      at: now, response: response, canSubmit: !network.isBusy(.record), entropy: &jitter)
    if disk.isDead { return powerIsGone() }
    if turn?.failure != nil { excuseCommits() }
    lookAtStanding()
    if failingSince != nil { expectedAt = time.now }
    lookAtWriting()
    if let why = machine.report.epochEnd {
      quota.acknowledgedAtEnd = acknowledged
      return endEpoch(why)
    }
    disk.keepImage()
    guard let turn else { return }
    if let failure = turn.failure { trace.note(.recorderFailed("\(failure)"), at: time.now) }
    noteSizes()
    guard let request = turn.request else { return }
    trace.note(.request("\(request.path.text)", byteCount: request.body.count), at: time.now)
    request.body.withUnsafeBufferPointer { trace.mix($0) }
    let problem = epoch.look(
      at: request, durable: mediumFailed ? nil : disk.signedSize(machine.epoch))
    if let problem { violate(.checkpoints, problem) }
    if let problem = budget.look(byteCount: request.body.count, at: time.now) {
      violate(.budget, problem)
    }
    network.submit(request, at: time.now) { [self] in deliver($0) }
  }

  private func take(_ response: UplinkResponse) {
    trace.note(.answer(status: response.status), at: time.now)
    if response.status == 0, machine.report.linkState == .up {
      expect(.linkDown, for: .linkDown)
    }
  }

  /// A copy is looked at where the mirror takes it: else it may stem from before the medium was set back.
  private func deliver(_ request: UplinkRequest, isCopy: Bool = false) -> UplinkResponse {
    for epoch in epochs.reversed() {
      epoch.mirror.clock = (SimulatedTime.begin + time.now) / 1_000_000
      let answer = epoch.mirror.answer(request)
      guard answer.status != 404 else { continue }
      if !isCopy || answer.status == 200,
        let problem = epoch.arrived(request, status: answer.status)
      {
        violate(.checkpoints, problem)
      }
      return answer
    }
    return UplinkResponse(status: 404)
  }

  private func noteSizes() {
    let report = machine.report
    if report.room.step != lastStep {
      lastStep = report.room.step
      trace.note(.room("\(lastStep)", thousandths: report.room.share), at: time.now)
    }
    let sizes = (report.committedSize, report.signedSize, report.acknowledgedSize)
    guard sizes != lastSizes else { return }
    if sizes.2 != lastSizes.2,
      let problem = epoch.look(acknowledged: sizes.2)
    {
      violate(.acknowledgements, problem)
    }
    if sizes.2 != lastSizes.2, time.now >= witnessAt {
      witnessAt = time.now + 600_000_000
      if let problem = epoch.lookAsWitness() { violate(.checkpoints, problem) }
    }
    lastSizes = sizes
    committed = sizes.0
    trace.note(.sizes(committed: sizes.0, signed: sizes.1, acknowledged: sizes.2), at: time.now)
  }
}
