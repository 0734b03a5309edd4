import HAL
import Journal
import MeterProtocols
import Metering
import Sampling
import TransparencyLog
import Uplink

/// What an agent is, apart from its site: constant while it runs.
public struct GatewayIdentity: Sendable {
  /// Origin of the log.
  public var origin: KeyName
  /// Key whose signature acknowledges.
  public var mirrorKey: VerifierKey
  /// The kernel's identifier of this boot of the machine; zeros where it is not known.
  public var bootID: InlineArray<16, UInt8>
  /// SHA-256 of the agent's program; zeros where it cannot be read.
  public var softwareHash: Digest
  /// How the log leaves where nothing may call out; `nil` where the mirror is called.
  public var packages: PackageTerms?

  /// Takes the fields.
  public init(
    origin: KeyName, mirrorKey: VerifierKey, bootID: InlineArray<16, UInt8>, softwareHash: Digest,
    packages: PackageTerms? = nil
  ) {
    self.packages = packages
    self.origin = origin
    self.mirrorKey = mirrorKey
    self.bootID = bootID
    self.softwareHash = softwareHash
  }
}

/// An agent between the recovery of its log and its first poll.
///
/// Two steps, with room between them for what a host does once the boot is counted and before anything
/// is signed: `init` counts the boot durably and makes the recorder; `begin` writes the boot entry and
/// the documents that the log lacks, makes them durable and signs them.
public struct GatewayStart<
  Storage: BlockStorage & ~Copyable, Key: Signer & ~Copyable, Verifier: SignatureVerifier
>: ~Copyable {
  /// How often an agent has started on this log, this time included.
  public let boot: UInt32
  private let identity: GatewayIdentity
  private let queue: EntryQueue
  private let report: RecorderReport
  private let previous: (size: UInt64, root: Digest)
  private let beginsEpoch: Bool
  // Spelt out, so that it has no value of its own before `init` gives one: Swift 6.2.3 takes that for set when
  // something throws.
  private var carryOver: Optional<CarryOver<Storage>>
  private let history: LogHistory
  private var recorder: Recorder<Storage, Key, Verifier>

  /// Counts this start in the superblock and makes the recorder.
  ///
  /// `opened` is the log, recovered, and `history` what recovery learnt from its entries.
  /// - Throws: `journal` when the superblock cannot be written.
  public init(
    opened: consuming OpenedLog<Storage>, history: LogHistory, identity: GatewayIdentity,
    key: consuming Key, verifier: Verifier, timing: RecorderTiming,
    uplink: MirrorConfiguration = MirrorConfiguration(), queue: EntryQueue, report: RecorderReport
  ) throws(RecorderError) {
    let before = opened.before
    let isNew = opened.isNew && before != nil
    let room = opened.room
    var carryOver = opened.carryOver.take()
    if let before {
      carryOver?.acknowledged = before.firstOwed(to: identity.mirrorKey, with: verifier)
    }
    var evidence = opened.log.takeEvidence()
    let superblock = evidence.journal.superblock
    let boot = try GatewayStart.count(boot: before?.bootCounter ?? 0, in: &evidence)
    self.boot = boot
    beginsEpoch = isNew
    self.carryOver = carryOver.take()
    previous =
      isNew
      ? (before?.signedSize ?? 0, before?.signedRoot ?? .zero)
      : (superblock.signedSize, superblock.signedRoot)
    self.identity = identity
    self.history = history
    report.isMended = !history.mended.isEmpty
    report.beginsEpoch = isNew
    if history.isMendingRefused { report.post(.storageDegraded) }
    self.queue = queue
    self.report = report
    let acknowledged = evidence.journal.acknowledgement(under: identity.mirrorKey, with: verifier)
    let mirror = MirrorClient(
      origin: identity.origin, mirrorKey: identity.mirrorKey, acknowledgedSize: acknowledged.size,
      acknowledged: acknowledged.note, releasedSize: superblock.releasedSize,
      signedSize: superblock.signedSize, configuration: uplink)
    let packages = identity.packages.map { terms in
      var terms = terms
      // Beside a log that was set back, or with a digit of it changed, it says nothing.
      if terms.writtenSize > superblock.signedSize { terms.writtenSize = 0 }
      return PackageClient(
        origin: identity.origin, mirrorKey: identity.mirrorKey,
        acknowledgedSize: acknowledged.size, terms: terms)
    }
    recorder = Recorder(
      evidence: evidence, origin: identity.origin, key: key, verifier: verifier, mirror: mirror,
      packages: packages, timing: timing, room: room, queue: queue, report: report)
  }

  private static func count(
    boot earlier: UInt32, in evidence: inout Evidence<Storage>
  ) throws(RecorderError) -> UInt32 {
    do throws(JournalError) { return try evidence.journal.recordBoot(after: earlier) } catch {
      throw .journal(error)
    }
  }

  /// Writes the first entries of this boot, makes them durable, signs them, and gives both halves of the
  /// agent.
  ///
  /// On a medium without any room they wait in memory as readings do, and what was signed before is handed over: that is
  /// what makes room.
  /// - Throws: what kept the entries from becoming durable or signed. If the report says that the epoch is over, no start
  ///   on this log ever gets further.
  public consuming func begin(
    _ site: PollSite, at now: Instant
  ) throws(RecorderError) -> StartedGateway<Storage, Key, Verifier> {
    let opening = try open(site, at: now)
    report.carriedCount = opening.history.carried.count
    let acquisition = Acquisition(
      site: site, starts: opening.starts, history: opening.history, opened: now,
      nextIndex: opening.nextIndex, boot: UInt64(boot), queue: queue, report: report)
    return StartedGateway(acquisition: acquisition, recorder: recorder)
  }

  private mutating func open(
    _ site: PollSite, at now: Instant
  ) throws(RecorderError) -> (nextIndex: UInt64, starts: [ChannelStart], history: LogHistory) {
    let isAlone = !beginsEpoch && carryOver == nil
    var problem: RecorderError?
    func drain() {
      // A medium that has refused is not asked again by each entry that follows: this start has failed.
      guard problem == nil else { return }
      if !isAlone { recorder.sealIfShort() }
      do throws(RecorderError) { try recorder.settle(at: now) } catch { problem = error }
    }
    var opening = OpeningEntries(
      nextIndex: recorder.evidence.journal.committedSize, boot: UInt64(boot), at: now,
      history: history, queue: queue)
    limitRoom(isAlone: isAlone, at: now)
    var carryOver = carryOver.take()
    // What of the old log stays must leave room for the new one.
    let others =
      recorder.room.earlierByteCount
      - min(recorder.room.earlierByteCount, carryOver?.byteCount ?? 0)
    func hasRoom(_ byteCount: UInt64) -> Bool {
      problem != nil || recorder.hasRoom(beside: others + byteCount)
    }
    carryOver?.removeAcknowledged(until: hasRoom)
    opening.boot(
      bootID: identity.bootID, previousSize: previous.size, previousRoot: previous.root,
      beginsEpoch: beginsEpoch, softwareHash: identity.softwareHash, origin: identity.origin,
      drain: drain)
    for run in history.mended { opening.mended(run, drain: drain) }
    do throws(JournalError) {
      try carryOver?.run(&opening, drain: drain, hasRoom: hasRoom)
    } catch {
      throw .journal(error)
    }
    let starts = opening.index(of: site, drain: drain)
    drain()
    if let problem {
      try goOn(despite: problem, isAlone: isAlone, isQueued: opening.isQueued)
    } else {
      // Of what is durable alone: its indices are another entry's otherwise if this start ends now.
      keepCopy(of: KnownDocuments.encode(opening.known))
    }
    if let carryOver = carryOver.take() { settle(carryOver, beside: others) }
    return (opening.nextIndex, starts, opening.history)
  }

  /// A log that goes on alone on a medium without room does so with first entries that are queued: what would make room is in
  /// the log, and only an agent that runs hands it over.
  private mutating func goOn(
    despite problem: RecorderError, isAlone: Bool, isQueued: Bool
  ) throws(RecorderError) {
    if isAlone { recorder.endIfUsedUp(roomFor: 1) }
    guard isAlone, isQueued, problem.isFullMedium, report.epochEnd == nil,
      recorder.evidence.journal.superblock.signedSize > 0
    else { throw problem }
    recorder.offerSigned()
  }

  /// Keeps the documents beside the log. A copy that cannot be written is one that is not there when it is needed.
  private mutating func keepCopy(of documents: [UInt8]) {
    documents.withUnsafeBytes { bytes in
      do throws(StorageError) {
        try recorder.evidence.journal.storage.publish(.documents, from: bytes)
      } catch {
        report.post(.storageDegraded)
      }
    }
  }

  /// Beside another log a new one may need more than its room for a while; one that goes on alone never does.
  private mutating func limitRoom(isAlone: Bool, at now: Instant) {
    if isAlone {
      recorder.keepRoom(at: now)
    } else {
      recorder.limitSegmentsOfStart()
    }
  }

  /// What the old log held is durable here: of its segments no more stay beside `others` than a start that finds it so would
  /// leave (`LogShelf.room`), for the next one may be years away.
  private mutating func settle(_ old: consuming CarryOver<Storage>, beside others: UInt64) {
    var old = old
    old.recount()
    if recorder.evidence.journal.superblock.signedSize > 0,
      others + old.byteCount > recorder.room.earlierByteCountMax
    {
      old.removeSegments()
    }
    _ = recorder.hasRoom(beside: others + old.byteCount)
  }
}

/// Both halves of an agent that runs. A host gives each a thread, a simulation calls them in turn.
public struct StartedGateway<
  Storage: BlockStorage & ~Copyable, Key: Signer & ~Copyable, Verifier: SignatureVerifier
>: ~Copyable {
  /// Polls and makes entries.
  public var acquisition: Acquisition
  /// Makes entries durable, signs them and hands them to the mirror.
  public var recorder: Recorder<Storage, Key, Verifier>

  /// Puts the halves together.
  init(
    acquisition: consuming Acquisition, recorder: consuming Recorder<Storage, Key, Verifier>
  ) {
    self.acquisition = acquisition
    self.recorder = recorder
  }

  /// Gives each half to `body`.
  public consuming func split<Result: ~Copyable, Failure: Error>(
    _ body: (consuming Acquisition, consuming Recorder<Storage, Key, Verifier>) throws(Failure) ->
      Result
  ) throws(Failure) -> Result {
    // One after the other: Swift 6.2.3 takes both at once for an overlap.
    let acquisition = self.acquisition
    let recorder = self.recorder
    return try body(acquisition, recorder)
  }
}
