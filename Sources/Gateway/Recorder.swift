import HAL
import Journal
import Metering
import Sampling
import TransparencyLog
import Uplink

/// When the recorder commits and signs.
public struct RecorderTiming: Sendable {
  /// µs between two group commits: what a power cut can cost at most.
  public var commit: UInt64
  /// µs between two checkpoints.
  public var checkpoint: UInt64
  /// Entries after which a checkpoint is signed before its time.
  public var checkpointEntries: UInt64

  /// Times in µs.
  public init(commit: UInt64, checkpoint: UInt64, checkpointEntries: UInt64) {
    self.commit = commit
    self.checkpoint = checkpoint
    self.checkpointEntries = checkpointEntries
  }
}

/// Makes entries durable, grows the tree, signs it and hands it to the mirror.
///
/// The rule that must never break: a checkpoint leaves the gateway only after its entries are durable
/// and read back, and after the note itself is durable. The order below is that rule, and there is no
/// other way through this file: stage → commit (write, read back, compare) → tree → sign → superblock
/// (write, read back, compare) → mirror.
public struct Recorder<
  Storage: BlockStorage & ~Copyable, Key: Signer & ~Copyable, Verifier: SignatureVerifier
>: ~Copyable {
  /// The log.
  public var evidence: Evidence<Storage>
  /// The way to the mirror.
  public var mirror: MirrorClient
  /// The way through a directory, where nothing may call out; the mirror is asked nothing then.
  public var packages: PackageClient?

  private let origin: KeyName
  var key: Key
  let verifier: Verifier
  private let timing: RecorderTiming
  /// What the log may take of the medium.
  var room: LogRoom
  private let queue: EntryQueue
  let report: RecorderReport
  private let entry: UnsafeMutableBufferPointer<UInt8>
  private let leaves: UnsafeMutableBufferPointer<Digest>
  private let note: UnsafeMutableBufferPointer<UInt8>
  private var committedAt: UInt64 = 0
  private var checkpointAt: UInt64 = 0
  private var abandoned: UInt32 = 0
  /// The checkpoint that was signed last may stand on the medium, although its write was reported as failed.
  private(set) var isSignedDoubtful = false
  /// The acknowledgement that came last, while it is not durable.
  private var unkept: (size: UInt64, note: [UInt8])?
  /// How often in a row entries could not be read back for the mirror, and how often they were not what was signed.
  private var unreadable = 0
  private var changed = 0
  /// How often the mirror wanted what was given up, since it took anything: what answers now and then may be no mirror.
  private var missing = 0
  /// When the room is looked at next, µs since boot, and what stood on the medium the last time, with how many free segments.
  var roomAt: UInt64 = 0
  var roomStanding = UInt64.max
  var roomFree: UInt64 = 0
  /// When it is looked next whether unacknowledged entries are old enough to go, µs since boot.
  var ageAt: UInt64 = 0
  /// How fast the log grows and the medium is written to.
  var rates = ByteRates()
  /// Why entries could not be summed up, where they are damaged, and how often in a row it was that place.
  var damage: (error: JournalError, count: Int)?
  /// What could be given up the last time was not, for the medium refused.
  var isRoomDoubtful = false
  /// µs since boot before which a medium that refused is not written to.
  var retryAt: UInt64 = 0
  /// How often in a row it refused entries, up to `Limits.storageRetryDoublings`.
  var refusals = 0
  /// µs since boot before which nothing is sealed.
  var sealAt: UInt64 = 0

  /// A recorder over a log that `RecoveredLog` has read.
  public init(
    evidence: consuming Evidence<Storage>, origin: KeyName, key: consuming Key,
    verifier: Verifier, mirror: consuming MirrorClient, packages: PackageClient? = nil,
    timing: RecorderTiming, room: LogRoom, queue: EntryQueue, report: RecorderReport
  ) {
    self.evidence = evidence
    self.origin = origin
    self.key = key
    self.verifier = verifier
    self.mirror = mirror
    self.packages = packages
    self.timing = timing
    self.room = room
    self.queue = queue
    self.report = report
    entry = .allocate(capacity: Limits.entryByteCountMax)
    entry.initialize(repeating: 0)
    leaves = .allocate(capacity: Limits.commitEntriesMax)
    leaves.initialize(repeating: .zero)
    note = .allocate(capacity: Checkpoint.noteByteLimit)
    note.initialize(repeating: 0)
    publish()
  }

  deinit {
    entry.deallocate()
    leaves.deallocate()
    note.deallocate()
  }

  /// Takes what the sampler queued, commits and signs what is due.
  ///
  /// After it throws, entries that were not committed are still staged or queued: a later call tries
  /// again, in a fresh segment. What was committed before is signed all the same: handed over, it may make room on a medium
  /// that is full.
  public mutating func step(at now: Instant) throws(RecorderError) {
    do throws(RecorderError) {
      try absorb(at: now)
      if now.mono &- committedAt >= commitInterval {
        try commit()
        committedAt = now.mono
      }
    } catch {
      // What refused the entries is what is told; that this was refused, too, the report says.
      try? checkpointIfDue(at: now)
      throw error
    }
    try checkpointIfDue(at: now)
  }

  /// Makes everything durable and signed at once; for the end of the agent and for its first entries.
  public mutating func settle(at now: Instant) throws(RecorderError) {
    try absorb(at: now)
    try commit()
    try sign(at: now)
  }

  /// Something of recording failed and has not succeeded since.
  public var hasFailed: Bool { report.hasFailed }

  /// When there is something to do next, µs since boot, if nothing else happens; nothing is committed before `retryAt`.
  func nextTurn(after now: Instant) -> UInt64 {
    var next = committedAt &+ commitInterval
    if next < retryAt { next = retryAt }
    // What is handed over does not wait for a medium that refuses, for it may be what makes room there; what had its time and
    // gave nothing to hand over waits for the commit.
    if let wake = packages == nil ? mirror.wakeAt : packages?.wakeAt, wake < next,
      wake > now.mono || retryAt <= now.mono
    {
      next = wake
    }
    return next > now.mono ? next : now.mono
  }

  /// The one that the agent was started with, until a changed site has another.
  private var commitInterval: UInt64 { report.commitInterval ?? timing.commit }

  private mutating func absorb(at now: Instant) throws(RecorderError) {
    var count = queue.ring.peek(into: entry)
    while count > 0 {
      let bytes = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(entry)[0..<count])
      if evidence.journal.stagedCount == Limits.commitEntriesMax
        || !evidence.journal.stage(bytes.span)
      {
        try commit()
        let fits = evidence.journal.stage(bytes.span)
        precondition(fits, "an empty frame takes the longest entry")
      }
      queue.ring.removeFirst()
      count = queue.ring.peek(into: entry)
    }
  }

  /// One group commit, and the tree over it.
  private mutating func commit() throws(RecorderError) {
    let count = Int(evidence.journal.stagedCount)
    guard count > 0 else { return }
    let added = UnsafeMutableBufferPointer(rebasing: leaves[0..<count])
    let isHashed = Tree.leaves(ofBundle: evidence.journal.staged.span, into: added)
    precondition(isHashed, "what is staged is a bundle")
    do { try evidence.journal.commit() } catch {
      report.note(.entries, failed: true)
      throw .journal(error)
    }
    report.note(.entries, failed: false)
    var rest = UnsafeBufferPointer(added)
    while !rest.isEmpty {
      let taken = evidence.tiles.append(rest)
      if evidence.tiles.filledLevelCount > 1 { keepFilledTiles() }
      rest = UnsafeBufferPointer(rebasing: rest[taken...])
    }
    if evidence.journal.abandonedSegmentCount != abandoned {
      abandoned = evidence.journal.abandonedSegmentCount
      report.post(.storageDegraded)
    }
    publish()
  }

  /// Writes the tiles that the last leaf completed. One that cannot be written is computed anew from the entries when it
  /// is needed (`Evidence.loadTile`), or by the next start: a failure is reported and costs time, not evidence.
  private mutating func keepFilledTiles() {
    for level in 1..<OpenTiles.levelCount where level < evidence.tiles.filledLevelCount {
      do { try evidence.keepTile(level: level) } catch { report.post(.storageDegraded) }
    }
  }

  private mutating func checkpointIfDue(at now: Instant) throws(RecorderError) {
    let fresh = evidence.journal.committedSize &- evidence.journal.superblock.signedSize
    guard fresh > 0 else { return }
    guard fresh >= timing.checkpointEntries || now.mono &- checkpointAt >= timing.checkpoint
    else { return }
    try sign(at: now)
  }

  private mutating func sign(at now: Instant) throws(RecorderError) {
    let size = evidence.journal.committedSize
    guard size > evidence.journal.superblock.signedSize else { return }
    precondition(evidence.tiles.size == size, "the tree is over the committed entries")
    let root = evidence.tiles.root()
    var writer = ByteWriter(note)
    let checkpoint = Checkpoint(origin: origin, size: size, root: root)
    let isSigned = checkpoint.sign(with: &key, to: &writer)
    report.note(.key, failed: !isSigned)
    guard isSigned else { throw .keyUnavailable }
    do {
      try evidence.journal.recordSigned(size: size, root: root, note: writer.written.span)
    } catch {
      report.note(.superblock, failed: true)
      isSignedDoubtful = true
      throw .journal(error)
    }
    report.note(.superblock, failed: false)
    isSignedDoubtful = false
    checkpointAt = now.mono
    report.signedAt = now.utc
    offer(note: Array(writer.written), signedAt: now.utc / 1_000_000)
    publish()
  }

  // MARK: the mirror

  /// Hands over what an earlier start has signed, before this one can sign anything.
  mutating func offerSigned() {
    guard evidence.journal.superblock.signedSize > acknowledgedSize else { return }
    offer(note: Array(evidence.journal.signedNote), signedAt: 0)
  }

  private mutating func offer(note: [UInt8], signedAt: UInt64) {
    if packages == nil {
      mirror.noteSigned(note: note, signedAt: signedAt)
    } else {
      packages?.noteSigned(note: note)
    }
  }

  /// The next request to the mirror, if one is due.
  ///
  /// Entries that cannot be read back are not sent; the client asks again later, and says so.
  public mutating func nextRequest(at now: Instant) -> UplinkRequest? {
    guard packages == nil else { return nil }
    do throws(HashSourceError) {
      let request = try mirror.nextRequest(
        now: now.mono, source: &evidence, isSignedDoubtful: isSignedDoubtful)
      if request != nil { noteReadable() }
      if mirror.offersEntries { missing = 0 }
      if let size = mirror.offeredSize { evidence.journal.noteReleased(size: size) }
      return request
    } catch {
      noteUnreadable(error)
      report.alarm = mirror.alarm
      if mirror.alarm != nil { setLink(.refused) }
      return nil
    }
  }

  /// What is to be handed over could be read.
  mutating func noteReadable() { (unreadable, changed) = (0, 0) }

  /// It could not. Whoever asked for it asks again after half a minute, and what cannot be read then can never be handed
  /// over: at once where it is not what was signed, and in the end where the medium refuses.
  mutating func noteUnreadable(_ error: HashSourceError) {
    report.post(.storageDegraded)
    switch error {
    case .unreadable:
      unreadable += 1
      if unreadable == Limits.unreadableAttemptsMax { report.epochEnd = .damaged }
    case .damaged:
      changed += 1
      if changed == Limits.recoveryAttemptsMax { report.epochEnd = .damaged }
    case .missing:
      missing += 1
      if missing == Limits.recoveryAttemptsMax { report.epochEnd = .givenUp }
    }
  }

  /// Takes the mirror's answer. Throws when an acknowledgement could not be made durable; a later turn tries again.
  public mutating func receive<Entropy: EntropySource & ~Copyable>(
    _ response: UplinkResponse, at now: Instant, entropy: inout Entropy
  ) throws(RecorderError) {
    let events = mirror.receive(
      response, now: now.mono, utc: now.utc, quality: now.quality, verifier: verifier,
      randomness: &entropy)
    report.alarm = mirror.alarm
    if response.status != 0, mirror.alarm == nil { setLink(.up) }
    if response.status == 0 { report.linkFailure = response.failure }
    for event in events { try act(on: event) }
  }

  /// Does what the way out says.
  mutating func act(on event: MirrorEvent) throws(RecorderError) {
    switch event {
    case .acknowledged(let size, let note, let timeChecked):
      // The signature acknowledges all the same: a gateway whose clock was never set must be able to
      // hand over its log. That its time is not vouched for here is said.
      report.isTimeUnchecked = !timeChecked
      try acknowledge(size, note)
    case .linkUp, .stored: break
    case .rolledBack: report.epochEnd = .rolledBack
    case .linkDown: setLink(.down)
    case .alarm: setLink(.refused)
    }
  }

  private mutating func acknowledge(_ size: UInt64, _ note: [UInt8]) throws(RecorderError) {
    missing = 0
    // A new collector catches up with the one before, whose acknowledgement the superblock still has: from there
    // on its own is written down.
    guard size > evidence.journal.superblock.acknowledgedSize else { return publish() }
    do {
      try evidence.journal.recordAcknowledged(size: size, cosignedNote: note.span)
    } catch {
      report.note(.superblock, failed: true)
      unkept = (size, note)
      throw .journal(error)
    }
    unkept = nil
    report.note(.superblock, failed: false)
    publish()
  }

  /// Makes the acknowledgement durable that could not be when it came. Nobody gives it again where nothing new is signed, as
  /// on a full medium, which it may make room on.
  mutating func keepAcknowledgement() throws(RecorderError) {
    if let unkept { try acknowledge(unkept.size, unkept.note) }
  }

  func setLink(_ state: LinkState) {
    guard report.linkState != state else { return }
    report.linkState = state
    switch state {
    case .up: report.post(.linkUp)
    case .down: report.post(.linkDown)
    case .refused: report.post(.mirrorRefuses)
    case .unknown: break
    }
  }

  /// Everything below is acknowledged under the configured key, and durably so under that or an earlier one: what
  /// may be given up.
  var acknowledgedSize: UInt64 {
    let durable = evidence.journal.superblock.acknowledgedSize
    let own = packages?.acknowledgedSize ?? mirror.acknowledgedSize
    return own < durable ? own : durable
  }

  func publish() {
    let superblock = evidence.journal.superblock
    report.committedSize = evidence.journal.committedSize
    report.signedSize = superblock.signedSize
    report.acknowledgedSize = acknowledgedSize
    report.byteCount = evidence.journal.usedByteCount
    report.packagedSize = packages?.writtenSize
  }
}
