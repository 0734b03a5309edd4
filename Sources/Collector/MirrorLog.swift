import Dispatch
import Glibc
import HAL
import HostCrypto
import HostHAL
import TransparencyLog

/// What a log needs from the collector that holds it.
public struct MirrorSetting: Sendable {
  /// Directory with one directory for each log.
  public var logsDirectory: String
  /// The collector's state.
  public var database: MirrorDatabase
  /// The key of the cosignatures.
  public var key: MirrorKey
  /// The clock of the cosignatures.
  public var clock: CosignatureClock
  /// What goes into the third line of 202 and 409.
  public var tickets: TicketScheme
  /// Test probe of the durable writes.
  public var probe: DurableProbe
  /// Told of every alarm.
  public var alarm: @Sendable (CollectorAlarm) -> Void

  /// Takes all parts.
  public init(
    logsDirectory: String, database: MirrorDatabase, key: MirrorKey, clock: CosignatureClock,
    tickets: TicketScheme = .none, probe: @escaping DurableProbe = { _ in },
    alarm: @escaping @Sendable (CollectorAlarm) -> Void = { _ in }
  ) {
    self.logsDirectory = logsDirectory
    self.database = database
    self.key = key
    self.clock = clock
    self.tickets = tickets
    self.probe = probe
    self.alarm = alarm
  }
}

/// Why a log answers 500 although the request is good. Each is a matter for a person.
public enum MirrorFault: Error, Equatable, Sendable {
  /// Fewer entries are stored than were cosigned.
  case lostEntries(stored: UInt64, cosigned: UInt64)
  /// More entries are stored than the log ever showed: `collector.sqlite` is an older copy.
  case olderDatabase(stored: UInt64, pending: UInt64)
  /// A stored file is not what was written.
  case damagedFile(String)
  /// What is stored has not the root that the log signed.
  case otherRoot(size: UInt64)
  /// The key gave no signature.
  case noSignature
}

/// The mirror of one log: `add-checkpoint` and `add-entries` (C2SP tlog-mirror).
///
/// The actor is the serialisation that the protocol asks for: each method runs to its end without a
/// suspension, so "compare, write, answer" is one step. It runs on a queue of its own, because every
/// step waits for a disk and the threads that serve readers must not.
///
/// Always `mirror.size ≤ next ≤ pending.size`. Memory is a copy of the disk: after any failure it is
/// thrown away and `recover()` reads it again, which is also how a start works.
public actor MirrorLog {
  /// The log.
  public nonisolated let log: EnrolledLog
  /// Lowercase hexadecimal SHA-256 of the origin.
  public nonisolated let hash: String
  nonisolated let verifierKey: VerifierKey
  nonisolated let setting: MirrorSetting
  nonisolated let files: DurableFiles
  private nonisolated let queue: QueueExecutor

  /// `nil` until it was read from disk.
  private var state: MirrorState?
  /// Index of the first entry that is not stored.
  private(set) var next: UInt64 = 0
  /// What the database called its content when `state` was read: another process moves it.
  private var stateVersion: Int64 = 0
  /// Held while a request is worked on; see `enter`.
  private var lock: LogLock?
  private var depth = 0
  /// It was said that cosignatures are ahead of the clock.
  private var isAheadKnown = false

  /// Takes over an enrolled log. Nothing is read before the first request.
  public init(_ log: EnrolledLog, setting: MirrorSetting) throws(Malformed) {
    self.log = log
    self.setting = setting
    hash = originHash(log.origin)
    guard let key = VerifierKey(vkey: Array(log.verifierKey.utf8).span), key.type == .log else {
      throw Malformed("the enrolled key of \(log.origin) is not the key of a log")
    }
    verifierKey = key
    files = DurableFiles(root: "\(setting.logsDirectory)/\(hash)", probe: setting.probe)
    queue = QueueExecutor(label: "mirror \(log.origin)")
  }

  /// The queue that all disk work of this log runs on.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

  // MARK: state

  /// What is known, read from disk if need be: at first, after a failure, and when another process wrote.
  public func currentState() throws -> (state: MirrorState, next: UInt64) {
    let version = try setting.database.version()
    if let state, version == stateVersion { return (state, next) }
    try enter()
    defer { leave() }
    let recovered = try recover()
    stateVersion = version
    return (recovered, next)
  }

  /// Begins a step that writes: no other process works on this log until `leave`. `import` may do so while `serve`
  /// runs, and both would use the same temporary files.
  func enter() throws {
    if depth == 0 { lock = try LogLock(files) }
    depth += 1
  }

  /// Ends it.
  func leave() {
    depth -= 1
    if depth == 0 { lock = nil }
  }

  /// Forgets what memory says: the next request reads the disk again.
  func distrustMemory() { state = nil }

  func setState(_ new: MirrorState) { state = new }
  func setNext(_ new: UInt64) { next = new }

  /// Reads the state and makes good what an interrupted write left undone.
  ///
  /// `next` is what complete files hold. A level-0 tile that is missing beside its bundle is made from
  /// it; a `checkpoint` that is older than the database is published again. Everything else that an
  /// interrupted request can leave (temporary files, tiles ahead of the checkpoint) is either
  /// removed or written again with the same bytes.
  private func recover() throws -> MirrorState {
    let found = try setting.database.state(of: log.origin)
    try files.prepare()
    let cosigned = found.mirror?.size ?? 0
    var stored = Block.number(of: cosigned) * 256
    while let width = try recoverBlock(Block.number(of: stored)) {
      stored += UInt64(width)
      if width < Block.entryCount { break }
    }
    guard stored >= cosigned else {
      throw MirrorFault.lostEntries(stored: stored, cosigned: cosigned)
    }
    let pending = found.pending?.size ?? 0
    guard stored <= pending else {
      throw MirrorFault.olderDatabase(stored: stored, pending: pending)
    }
    if let note = found.mirror?.note, try files.read("checkpoint") != note {
      try files.publish("checkpoint", note)
    }
    next = stored
    state = found
    return found
  }

  /// How many entries of a block are stored; `nil` for none.
  private func recoverBlock(_ block: UInt64) throws -> Int? {
    guard let width = try storedWidth(of: block) else { return nil }
    let tile = TilePath.hashes(0, block, width: width)
    if !files.exists(tile.text) {
      let bundle = try storedBundle(block, width: width)
      try files.publish(tile.text, HashTile.bytes(bundle.leaves(width)))
    }
    return width
  }

  /// Width of the widest bundle of a block, `nil` if there is none.
  func storedWidth(of block: UInt64) throws -> Int? {
    let full = TilePath.bundle(block)
    if files.exists(full.text) { return Block.entryCount }
    return try files.names(in: full.partialDirectory).compactMap { Int($0) }
      .filter { (1...255).contains($0) }.max()
  }

  /// The bundle of exactly `width` entries.
  func storedBundle(_ block: UInt64, width: Int) throws -> IndexedBundle {
    let path = TilePath.bundle(block, width: width).text
    guard let bytes = try files.read(path), let bundle = IndexedBundle(bytes),
      bundle.ranges.count == width
    else { throw MirrorFault.damagedFile(path) }
    return bundle
  }

  /// Alarms, once until it is over, when cosignatures carry a time that this clock has long not reached.
  func noteLead(of time: UInt64, over now: UInt64) {
    let isAhead = time - now > CosignatureClock.leadMax
    if isAhead, !isAheadKnown {
      setting.alarm(.cosignaturesAhead(origin: log.origin, seconds: time - now))
    }
    isAheadKnown = isAhead
  }

  /// Turns a failure into the answer 500, tells the operator, and distrusts memory.
  func failed(_ error: any Error) -> MirrorAnswer {
    distrustMemory()
    setting.alarm(
      .mirrorFailed(
        origin: log.origin, reason: AlarmReason(error, database: setting.database.path)))
    return .refused(500, "the collector cannot store now; its operator was told")
  }
}

/// Runs an actor's jobs one after another on a dispatch queue.
final class QueueExecutor: SerialExecutor {
  private let queue: DispatchQueue

  init(label: String) { queue = DispatchQueue(label: label) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }
}

/// Keeps other processes from a log while it lives. It waits: a step takes milliseconds, and a process that dies lets
/// go.
private final class LogLock {
  private let descriptor: Int32

  init(_ files: DurableFiles) throws {
    try files.makeRoot()
    let path = "\(files.root)/lock"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError(errno, .open, path) }
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else {
        let error = FileError(errno, .lock, path)
        close(descriptor)
        throw error
      }
    }
  }

  deinit { close(descriptor) }
}
