import Catalog
import Gateway
import HAL
import HostCrypto
import HostHAL
import Journal
import MirrorUplink
import Sampling
import SiteComposition
import TransparencyLog
import Uplink

/// The agent cannot start.
struct StartError: Error {
  var message: String
  var code: Int32 = 2
}

/// Everything between the command line and the running agent: site, lock, key, log, threads.
struct Start {
  let arguments: Arguments
  let language: Language
  /// Key epoch; one until a key is rotated.
  private let epoch: UInt32 = 1

  init(arguments: Arguments, language: Language) {
    self.arguments = arguments
    self.language = language
  }

  /// Starts the agent and returns when it was told to end and all is durable.
  func run() throws(StartError) {
    let site = try loadSite()
    let composition = Composition(site: site)
    try attempt { () throws(FileError) in try Files.makeDirectory(arguments.data, mode: 0o750) }
    let lock = try lockData()
    let origin = try originName(site)
    let mirrorKey: VerifierKey
    do throws(Text) { mirrorKey = try MirrorKey.load(site, data: arguments.data) } catch {
      throw failure(error)
    }
    var history = LogHistory()
    let log = try recover(site, origin, &history)
    let key = try loadKey(origin, signed: log.evidence.journal.superblock.signedSize)
    try checkKey(key, origin, log)
    try operate(
      composition, log: log, history: history, key: key, origin: origin, mirrorKey: mirrorKey)
    // The lock is held to here.
    _ = consume lock
  }

  private func failure(_ text: Text, code: Int32 = 2) -> StartError {
    StartError(message: text.text(language), code: code)
  }

  private func attempt<T: ~Copyable>(
    _ body: () throws(FileError) -> T
  ) throws(StartError) -> T {
    do { return try body() } catch {
      throw failure(.file(error))
    }
  }

  private func loadSite() throws(StartError) -> Site {
    var tried: [String] = []
    guard let share = Share.locate(option: arguments.share, tried: &tried) else {
      throw failure(.noShare(tried: tried))
    }
    switch Site.load(path: arguments.site, share: share, deviceDirectory: Share.deviceDirectory) {
    case .success(let site): return site
    case .failure(let findings):
      throw StartError(
        message: findings.text(language), code: findings.isUnreadable ? 2 : 1)
    }
  }

  private func lockData() throws(StartError) -> LockFile {
    try attempt { () throws(FileError) in try LockFile(locking: arguments.data + "/lock") }
  }

  private func originName(_ site: Site) throws(StartError) -> KeyName {
    let text = site.origin.origin(epoch: Int(epoch))
    guard let name = KeyName(text) else { throw failure(.badOrigin(text)) }
    return name
  }

  /// Loads the key, or makes the first one. Beside a log that was signed no key is ever made: another
  /// key under the same origin would be a second history.
  private func loadKey(
    _ origin: KeyName, signed: UInt64
  ) throws(StartError) -> FileKeySigner {
    let directory = arguments.data + "/keys"
    let path = directory + "/log.key"
    if signed > 0, !Files.exists(path) { throw failure(.keyLost(path: path, signed: signed)) }
    try attempt { () throws(FileError) in try Files.makeDirectory(directory, mode: 0o700) }
    let isNew = !Files.exists(path)
    do throws(KeyFileError) {
      let key = try FileKeySigner.loadOrCreate(path: path)
      try key.publishVKey(path: directory + "/log.vkey", name: origin, type: .log)
      if isNew { say(.keyMade(vkey: "\(key.verifierKey(name: origin, type: .log))")) }
      return key
    } catch {
      throw failure(.noKey(path: path, error))
    }
  }

  /// The key is the one that signed this log, and the log is the one that this key signed.
  private func checkKey(
    _ key: borrowing FileKeySigner, _ origin: KeyName,
    _ log: borrowing RecoveredLog<FileBlockStorage>
  ) throws(StartError) {
    let directory = arguments.data + "/keys"
    let mark = directory + "/log.signed"
    let signed = log.evidence.journal.superblock.signedSize
    guard signed > 0 else {
      // The boot counter is durable before the mark: a kill in between leaves no mark without it.
      let isNew = log.evidence.journal.superblock.bootCounter == 0
      if isNew, Files.exists(mark) { throw failure(.logLost(mark: mark, log: logDirectory)) }
      return
    }
    let verifierKey = key.verifierKey(name: origin, type: .log)
    do throws(NoteError) {
      _ = try Checkpoint.open(
        log.evidence.journal.signedNote.span, key: verifierKey, with: SodiumVerifier())
    } catch {
      throw failure(.otherKey(path: directory + "/log.key", signed: signed))
    }
  }

  /// Remembers beside the key that it has signed a log, before it signs the first checkpoint: a log
  /// that is gone later is then a loss and not a beginning.
  private func markSigned(_ origin: KeyName) throws(StartError) {
    let mark = arguments.data + "/keys/log.signed"
    guard !Files.exists(mark) else { return }
    try attempt { () throws(FileError) in
      try Files.replace(mark, with: Array("\(origin)\n".utf8), mode: 0o644)
    }
  }

  private var logDirectory: String { arguments.data + "/log/\(epoch)" }

  private func recover(
    _ site: Site, _ origin: KeyName, _ history: inout LogHistory
  ) throws(StartError) -> RecoveredLog<FileBlockStorage> {
    let directory = logDirectory
    let storage = try attempt { () throws(FileError) in
      try FileBlockStorage(directory: directory)
    }
    let configuration = JournalConfiguration(
      epoch: epoch, originHash: origin.hash, segmentByteCount: site.log.segmentByteCount,
      frameByteCountMax: Limits.commitByteCount)
    do throws(RecorderError) {
      return try RecoveredLog(
        storage: storage, configuration: configuration, history: &history)
    } catch {
      throw failure(.storage(path: directory, error))
    }
  }

  /// Starts both halves, runs the sampling loop on this thread, and ends the recorder after it.
  private func operate(
    _ composition: Composition, log: consuming RecoveredLog<FileBlockStorage>,
    history: LogHistory, key: consuming FileKeySigner, origin: KeyName, mirrorKey: VerifierKey
  ) throws(StartError) {
    let site = composition.site
    let clock = HostClock()
    let queue = EntryQueue()
    let report = RecorderReport()
    let torn = log.recoveryCase == .tornTail || log.recoveryCase == .oneSuperblockAndTornTail
    let isDirect = log.evidence.journal.storage.isDirect
    let identity = GatewayIdentity(
      origin: origin, mirrorKey: mirrorKey, bootID: bootID(), softwareHash: executableHash())
    let start: GatewayStart<FileBlockStorage, FileKeySigner, SodiumVerifier>
    do throws(RecorderError) {
      start = try GatewayStart(
        log: log, history: history, identity: identity, key: key, verifier: SodiumVerifier(),
        timing: RecorderTiming(
          commit: UInt64(site.log.commitMilliseconds) * 1_000,
          checkpoint: UInt64(site.log.checkpointMilliseconds) * 1_000,
          checkpointEntries: UInt64(site.log.checkpointEntryCount)),
        queue: queue, report: report)
    } catch {
      throw failure(.storage(path: arguments.data, error))
    }
    say(
      .recovered(
        size: report.committedSize, signed: report.signedSize,
        acknowledged: report.acknowledgedSize, tornTail: torn))
    if !isDirect { report.post(.storageIndirect) }
    try markSigned(origin)
    let gateway: StartedGateway<FileBlockStorage, FileKeySigner, SodiumVerifier>
    do throws(RecorderError) {
      gateway = try start.begin(
        composition.pollSite(origin: origin, epoch: epoch), at: clock.now())
    } catch {
      throw failure(.storage(path: arguments.data, error))
    }
    let loading = SiteLoading(
      arguments: arguments, origin: origin, epoch: epoch, started: site, mirrorKey: mirrorKey)
    try gateway.split { acquisition, recorder throws(StartError) in
      try work(
        composition, loading: loading, acquisition: acquisition, recorder: recorder, clock: clock,
        queue: queue, report: report)
    }
  }

  private func executableHash() -> Digest {
    var hash = FileHash()
    do throws(FileError) {
      try Files.readChunks("/proc/self/exe") { hash.update($0) }
    } catch {
      say(.noSoftwareHash(error))
      return .zero
    }
    return hash.finalize()
  }

  /// This boot of the machine; zeros where the kernel does not tell it.
  private func bootID() -> InlineArray<16, UInt8> {
    do throws(FileError) {
      if let id = try HostIdentity.bootID() { return id }
      say(.noBootID(nil))
    } catch {
      say(.noBootID(error))
    }
    return InlineArray(repeating: 0)
  }

  private func work(
    _ composition: Composition, loading: SiteLoading, acquisition: consuming Acquisition,
    recorder: consuming FileRecorder, clock: HostClock, queue: EntryQueue, report: RecorderReport
  ) throws(StartError) {
    let site = composition.site
    let wake = try attempt { () throws(FileError) in try WakeHandle() }
    Signals.watch(waking: wake)
    let control = try attempt { () throws(FileError) in
      try ControlServer(path: arguments.data + "/control")
    }
    var http = HTTPTransportConfiguration(url: site.mirror.url)
    http.authorityFile = site.mirror.certificateAuthority
    let recorderWake = try attempt { () throws(FileError) in try WakeHandle() }
    let recorderThread = RecorderThread(
      recorder: recorder, clock: clock, wake: recorderWake,
      transport: try transport("mirror", http, answered: recorderWake)
    ) { error in
      say(error.map(Text.recordingStopped) ?? .recordingAgain)
    }
    let live = try liveUplink(http)
    let ports = Ports(lines: site.lines, deviceDirectory: Share.deviceDirectory, say: say)
    say(
      .started(
        origin: site.origin.identity, lines: site.lines.count,
        devices: composition.devices.count, mirror: site.mirror.url))
    let thread = try startRecorder(recorderThread)
    var agent = Agent(
      acquisition: acquisition, ports: ports, loader: SiteLoader(loading, waking: wake),
      control: control, clock: clock, wake: wake,
      recorder: RecorderWake(queue: queue, handle: recorderWake), live: live, say: say)
    agent.run()
    recorderThread.stop()
    thread.join()
    say(.stopped(size: report.committedSize, acknowledged: report.acknowledgedSize))
    if report.hasFailed { throw failure(.endedUnrecorded, code: 1) }
  }

  private func startRecorder(_ recorder: RecorderThread) throws(StartError) -> PosixThread {
    do throws(ThreadError) {
      return try PosixThread(name: "recorder", stackByteCount: 512 << 10) { recorder.run() }
    } catch { throw failure(.noThread(errno: error.errno)) }
  }

  private func transport(
    _ name: String, _ configuration: HTTPTransportConfiguration, answered: WakeHandle
  ) throws(StartError) -> Transport {
    let wake = try attempt { () throws(FileError) in try WakeHandle() }
    do throws(ThreadError) {
      return try Transport(
        name: name, configuration: configuration, wake: wake, answered: answered)
    } catch { throw failure(.noThread(errno: error.errno)) }
  }

  private func liveUplink(_ http: HTTPTransportConfiguration) throws(StartError) -> LiveUplink? {
    let path = arguments.data + "/keys/live.token"
    guard let token = liveToken(path) else { return nil }
    let answered = try attempt { () throws(FileError) in try WakeHandle() }
    let say = say
    return LiveUplink(transport: try transport("live", http, answered: answered), token: token) {
      say(.liveAnswered(status: $0, path: path))
    }
  }

  /// The token for live values; `nil`, which is told, when there is none.
  private func liveToken(_ path: String) -> [UInt8]? {
    do throws(FileError) {
      // An editor may have left a blank or a line end of its own.
      let token = try Files.read(path, limit: 1_024).filter { $0 > 0x20 && $0 < 0x7F }
      if !token.isEmpty { return token }
      say(.emptyLiveToken(path: path))
    } catch {
      say(error == .notFound(path: path) ? .noLiveToken(path: path) : .unreadableLiveToken(error))
    }
    return nil
  }
}
