import Gateway
import HAL
import Journal
import Metering
import Sampling
import TransparencyLog
import Uplink

/// What a gateway is made with; the same at every start.
public struct SimulatedGateway<Key: Signer & ~Copyable, Verifier: SignatureVerifier> {
  /// What it polls; the names in it are those of the first epoch.
  public var site: PollSite
  /// Origin of its log in an epoch.
  public var origin: (UInt32) -> KeyName
  /// The mirror's key.
  public var mirrorKey: VerifierKey
  /// When it commits and signs.
  public var timing: RecorderTiming
  /// Bytes of a journal segment.
  public var segmentByteCount: Int
  /// What its record may send; `nil` for as much as the link takes.
  public var catchUp: CatchUpBudget?
  /// Bytes that all segments may take.
  public var quotaByteCount: UInt64
  /// Bytes of the queue between its halves, a power of two.
  public var queueByteCount: Int
  /// Full segments become shorter when they are sealed.
  public var isCompressing: Bool
  /// Makes its key, which lies in a file.
  public var makeKey: () -> Key
  /// Makes the mirror's key, whose public half is `mirrorKey`.
  public var makeMirrorKey: () -> Key
  /// Checks signatures.
  public var verifier: Verifier

  /// Takes the parts.
  public init(
    site: PollSite, origin: @escaping (UInt32) -> KeyName, mirrorKey: VerifierKey,
    timing: RecorderTiming, catchUp: CatchUpBudget? = nil, segmentByteCount: Int,
    quotaByteCount: UInt64, isCompressing: Bool = true,
    queueByteCount: Int = Limits.ringByteCount, makeKey: @escaping () -> Key,
    makeMirrorKey: @escaping () -> Key, verifier: Verifier
  ) {
    self.site = site
    self.origin = origin
    self.mirrorKey = mirrorKey
    self.timing = timing
    self.catchUp = catchUp
    self.segmentByteCount = segmentByteCount
    self.quotaByteCount = quotaByteCount
    self.isCompressing = isCompressing
    self.queueByteCount = queueByteCount
    self.makeKey = makeKey
    self.makeMirrorKey = makeMirrorKey
    self.verifier = verifier
  }
}

/// The storage of a log as the simulated agent has it.
typealias SimulatedLogStorage = SealingStorage<SimulatedStorage, RunLengthCodec>

/// The process of an agent; gone with all its memory when nobody holds it.
private final class SimulatedProcess<Key: Signer & ~Copyable, Verifier: SignatureVerifier> {
  var gateway: StartedGateway<SimulatedLogStorage, Key, Verifier>
  var live: LiveClient

  init(_ gateway: consuming StartedGateway<SimulatedLogStorage, Key, Verifier>, session: UInt64) {
    self.gateway = gateway
    live = LiveClient(token: SimulatedMachine<Key, Verifier>.liveToken, session: session)
  }

  /// A turn of the sampling half, then whatever it has to send. Returns when the next is due.
  func sample(
    at now: Instant, lineCount: Int, _ send: (Int, UnsafeBufferPointer<UInt8>) -> Void
  ) -> UInt64 {
    gateway.acquisition.turn(at: now, lineCount: lineCount, send)
  }
}

extension Acquisition {
  /// What the sampling thread does in one turn.
  fileprivate mutating func turn(
    at now: Instant, lineCount: Int, _ send: (Int, UnsafeBufferPointer<UInt8>) -> Void
  ) -> UInt64 {
    step(at: now)
    for line in 0..<lineCount {
      let output = sampler.output(line: line)
      guard !output.isEmpty else { continue }
      send(line, output)
      sampler.sent(line: line, count: output.count, at: now)
    }
    return nextStep(after: now)
  }
}

/// The machine on which the agent runs: it loses power, its process dies, and it starts again.
///
/// The agent itself is the shipped one: what stands here is what `tallyd` has in its threads.
final class SimulatedMachine<Key: Signer & ~Copyable, Verifier: SignatureVerifier> {
  private let gateway: SimulatedGateway<Key, Verifier>
  let disk: SimulatedDisk
  private var process: SimulatedProcess<Key, Verifier>?
  private(set) var report = RecorderReport()
  private var queue = EntryQueue()
  private var bootID = InlineArray<16, UInt8>(repeating: 0)
  /// When the recorder has its next turn, µs since boot.
  private(set) var recorderDue: UInt64 = 0
  /// The last turn took longer than any that meets no slow medium.
  private(set) var isSlow = false
  /// Until when it holds some events back, µs since boot.
  private(set) var eventsHeldUntil: UInt64 = 0
  /// When the sampling half has its next one.
  private(set) var samplingDue: UInt64 = 0
  /// Every line of the site is open.
  private(set) var isWholeOpen = false

  /// Changes of values up to this one were told.
  private var toldChanges: UInt64 = 0
  /// The token that the collector gave; it protects nothing.
  static var liveToken: [UInt8] { Array("live".utf8) }

  /// The epoch of the log that it goes on with; 0 before the first start.
  private(set) var epoch: UInt32 = 0
  /// Answers what a start asks of the mirror, and says how many µs that took.
  var fetch: (BundleRequest) -> (answer: BundleAnswer, duration: UInt64) = { _ in (.refused, 0) }
  /// What the last start put back into the log.
  private(set) var mended: [Range<UInt64>] = []
  /// Entries that this start found in its log.
  private(set) var recoveredSize: UInt64 = 0
  /// The epoch that must not go on.
  private var ended: (epoch: UInt32, why: EpochEndKind)?

  init(_ gateway: SimulatedGateway<Key, Verifier>, disk: SimulatedDisk) {
    self.gateway = gateway
    self.disk = disk
  }

  var isRunning: Bool { process != nil }

  /// The machine has booted: the kernel gives a new identifier.
  func boot(number: UInt64) {
    for i in 0..<8 { bootID[i] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(i))) }
  }

  /// Starts the agent; throws what keeps it from starting. `begins` is told why a new epoch begins, if it does, before
  /// that holds anything.
  ///
  /// `session` is drawn for each start.
  func start(
    at now: Instant, session: UInt64, begins: (EpochEnd) -> Void
  ) throws(RecorderError) {
    precondition(process == nil, "it runs already")
    queue = EntryQueue(byteCount: gateway.queueByteCount)
    report = RecorderReport()
    eventsHeldUntil = 0
    var history = LogHistory()
    var waited: UInt64 = 0
    let fetch = fetch
    mended = []
    var shelf = shelf()
    shelf.uptime = { now.mono + waited }
    shelf.bundles = { request in
      let (answer, duration) = fetch(request)
      waited += duration
      return answer
    }
    // The process that found that an epoch is over begins the next one; where that fails nobody knows it any more.
    var over: (epoch: UInt32, why: EpochEndKind)?
    defer { ended = over }
    let opened = try OpenedLog(on: shelf, ended: ended, history: &history)
    recoveredSize = opened.log.evidence.journal.committedSize
    mended = history.mended
    epoch = opened.epoch
    if let end = opened.end { begins(end) }
    let start = try GatewayStart(
      opened: opened, history: history,
      identity: GatewayIdentity(
        origin: gateway.origin(epoch), mirrorKey: gateway.mirrorKey, bootID: bootID,
        softwareHash: SHA256.hash([1].span)), key: gateway.makeKey(), verifier: gateway.verifier,
      timing: gateway.timing, uplink: MirrorConfiguration(catchUp: gateway.catchUp), queue: queue,
      report: report)
    toldChanges = 0
    do throws(RecorderError) {
      process = SimulatedProcess(try start.begin(gateway.site, at: now), session: session)
    } catch {
      over = report.epochEnd.map { (epoch, $0) }
      throw error
    }
    isWholeOpen = false
    recorderDue = now.mono + waited
    samplingDue = now.mono + waited
  }

  /// The logs of all epochs on the medium.
  private func shelf() -> LogShelf<SimulatedLogStorage> {
    let disk = disk
    let isCompressing = gateway.isCompressing
    return LogShelf(
      newestEpoch: disk.newestEpoch, segmentByteCount: gateway.segmentByteCount,
      quotaByteCount: gateway.quotaByteCount, origin: gateway.origin,
      holds: { Int($0) <= disk.volumes.count },
      storage: { epoch throws(StorageError) in
        disk.begin(epoch: epoch)
        return SealingStorage(
          base: try SimulatedStorage(opening: epoch, on: disk),
          codec: RunLengthCodec(
            memoryByteCount: SealingMemory.byteCount, isCompressing: isCompressing))
      })
  }

  /// The epoch is over: the next start begins another.
  func endEpoch(_ why: EpochEndKind) { ended = (epoch, why) }

  /// This epoch is over, and this is why.
  func isEnded(_ epoch: UInt32, _ why: EpochEndKind) -> Bool {
    ended.map { $0 == (epoch, why) } ?? false
  }

  /// The process is gone, with all that it had in memory.
  func kill() {
    process = nil
    ended = nil
  }

  /// Ends as the agent does on SIGTERM; throws what could not be made durable.
  func stop(at now: Instant) throws(RecorderError) {
    process?.gateway.acquisition.flush(at: now)
    var rounds = 0
    while process?.gateway.acquisition.finish(at: now) == false, rounds < 100 {
      try process?.gateway.recorder.settle(at: now)
      rounds += 1
    }
    try process?.gateway.recorder.settle(at: now)
    process = nil
  }

  /// The index that the next entry gets, whatever became of those before it; `nil` while nothing runs.
  var nextIndex: UInt64? { process?.gateway.acquisition.writer.nextIndex }

  // MARK: what the threads do

  /// A turn of the sampling half, then whatever it has to send.
  func sample(at now: Instant, _ send: (Int, UnsafeBufferPointer<UInt8>) -> Void) {
    guard let process else { return }
    samplingDue = process.sample(at: now, lineCount: gateway.site.lines.count, send)
    eventsHeldUntil = process.gateway.acquisition.eventsHeldUntil
    // The sampling thread wakes the recorder when the queue fills.
    if queue.isHalfFull { recorderDue = min(recorderDue, now.mono) }
  }

  func received(line: Int, _ bytes: [UInt8], at now: Instant) {
    bytes.withUnsafeBufferPointer { process?.gateway.acquisition.received(line: line, $0, at: now) }
    samplingDue = now.mono
  }

  func opened(line: Int, at now: Instant) {
    process?.gateway.acquisition.opened(line: line, at: now)
    isWholeOpen = gateway.site.lines.indices.allSatisfy { isOpen(line: $0) }
    samplingDue = now.mono
  }

  func lost(line: Int, at now: Instant) {
    process?.gateway.acquisition.lost(line: line, at: now)
    eventsHeldUntil = process?.gateway.acquisition.eventsHeldUntil ?? 0
    isWholeOpen = false
    samplingDue = now.mono
  }

  func isOpen(line: Int) -> Bool {
    process?.gateway.acquisition.sampler.isOpen(line: line) ?? false
  }

  // MARK: live values

  /// When the live uplink may have something to send, µs since boot; `nil` if nothing has changed.
  var liveDue: UInt64? {
    guard let process else { return nil }
    return process.live.wakeAt(changes: process.gateway.acquisition.liveChanges)
  }

  /// The post of live values that is due.
  func livePost(at now: Instant) -> UplinkRequest? {
    guard let process else { return nil }
    let session = process.live.session
    return process.live.nextRequest(
      now: now.mono, changes: process.gateway.acquisition.liveChanges
    ) { process.gateway.acquisition.liveReport(after: $0, session: session) }
  }

  func receiveLive<Entropy: EntropySource & ~Copyable>(
    _ response: UplinkResponse, at now: Instant, entropy: inout Entropy
  ) { _ = process?.live.receive(response, now: now.mono, randomness: &entropy) }

  /// Tells the points, by their place in the plan, whose values have changed since the last call, with their time.
  func tellChanges(_ tell: (Int, UInt64) -> Void) {
    guard let process, process.gateway.acquisition.liveChanges != toldChanges else { return }
    // Mostly one answer; several timeouts may end in one step.
    let isOne = process.gateway.acquisition.liveChanges == toldChanges + 1
    let points =
      isOne
      ? process.gateway.acquisition.writer.live.changed
      : 0..<process.gateway.acquisition.writer.live.points.count
    for point in points {
      let value = process.gateway.acquisition.writer.live.values[point]
      if value.change > toldChanges { tell(point, value.instant.utc) }
    }
    toldChanges = process.gateway.acquisition.liveChanges
  }

  /// A turn of the recorder. Its operations take time, in which it has no other.
  func record<Entropy: EntropySource & ~Copyable>(
    at now: Instant, response: UplinkResponse?, canSubmit: Bool, entropy: inout Entropy
  ) -> RecorderTurn? {
    let turn = process?.gateway.recorder.turn(
      at: now, response: response, canSubmit: canSubmit, entropy: &entropy)
    let duration = disk.takeDuration()
    isSlow = duration > CommitChecker.slack / 4
    recorderDue = max(turn?.due ?? .max, now.mono + duration)
    return turn
  }

  /// The recorder has something to do at once: an answer is there.
  func wakeRecorder(at now: Instant) { recorderDue = min(recorderDue, now.mono) }
}
