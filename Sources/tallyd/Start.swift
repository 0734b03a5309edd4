import Catalog
import DirectoryUplink
import Gateway
import HAL
import HostCodec
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

  init(arguments: Arguments, language: Language) {
    self.arguments = arguments
    self.language = language
  }

  /// How a run ended.
  enum Ending {
    /// It was told to end, and all is durable.
    case told
    /// Its epoch is over: a process that starts now begins the next one.
    case epochOver
  }

  /// Starts the agent and returns when it has ended.
  func run() throws(StartError) -> Ending {
    let site = try loadSite()
    let composition = Composition(site: site)
    let isOneWay = site.packages != nil
    try attempt { () throws(FileError) in try Files.makeDirectory(arguments.data, mode: 0o750) }
    let lock = try lockData()
    let mirrorKey: VerifierKey
    do throws(Text) { mirrorKey = try MirrorKey.load(site, data: arguments.data) } catch {
      throw failure(error)
    }
    let shelf = asking(http(site), try shelf(site))
    var history = LogHistory()
    let opened: OpenedLog<LogStorage>
    do throws(RecorderError) {
      opened = try OpenedLog(on: shelf, signedEpoch: signedEpoch(site), history: &history)
    } catch {
      throw failure(.storage(path: arguments.data, error))
    }
    let origin = shelf.origin(opened.epoch)
    for run in history.mended { say(.mended(run)) }
    if let end = opened.end { say(.epochBegins(origin: "\(origin)", end, isOneWay: isOneWay)) }
    let key = try loadKey(origin, signed: opened.signedSize)
    try checkKey(key, origin, opened)
    let why = try operate(
      composition, opened: opened, history: history, key: key, origin: origin, mirrorKey: mirrorKey)
    guard let why else { return .told }
    let over = try self.shelf(site)
    do throws(RecorderError) {
      // The next epoch's superblocks: from now on it is the newest one.
      let next = try OpenedLog(on: over, ended: (over.newestEpoch, why), history: &history)
      let origin = "\(over.origin(next.epoch))"
      if let end = next.end {
        say(.epochBegins(origin: origin, end, isOneWay: isOneWay))
      } else {
        say(.earlierLogsGone(origin: origin))
      }
    } catch {
      throw failure(.storage(path: arguments.data, error))
    }
    // The lock is held to here.
    _ = consume lock
    return .epochOver
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

  /// The key is the one that signed this log.
  private func checkKey(
    _ key: borrowing FileKeySigner, _ origin: KeyName,
    _ opened: borrowing OpenedLog<LogStorage>
  ) throws(StartError) {
    let signed = opened.log.evidence.journal.superblock.signedSize
    guard signed > 0 else { return }
    let verifierKey = key.verifierKey(name: origin, type: .log)
    do throws(NoteError) {
      _ = try Checkpoint.open(
        opened.log.evidence.journal.signedNote.span, key: verifierKey, with: SodiumVerifier())
    } catch {
      throw failure(.otherKey(path: arguments.data + "/keys/log.key", signed: signed))
    }
  }

  private var mark: String { arguments.data + "/keys/log.signed" }

  /// The newest epoch of this gateway that its key has signed, as far as the mark beside the key says; 0 if
  /// it has signed none.
  private func signedEpoch(_ site: Site) -> UInt32 {
    guard let bytes = try? Files.read(mark, limit: 1_024) else { return 0 }
    let origin = String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
    guard let slash = origin.lastIndex(of: "/"), origin[..<slash] == site.origin.identity else {
      return 0
    }
    return UInt32(origin[origin.index(after: slash)...]) ?? 0
  }

  /// Remembers beside the key the newest log that it signs, before it signs the first checkpoint: a log
  /// that is gone later is then a loss and not a beginning.
  private func markSigned(_ origin: KeyName) throws(StartError) {
    let text = Array("\(origin)\n".utf8)
    if let marked = try? Files.read(mark, limit: 1_024), marked == text { return }
    try attempt { () throws(FileError) in try Files.replace(mark, with: text, mode: 0o644) }
  }

  /// The logs of all epochs, `DIR/log/<epoch>`.
  private func shelf(_ site: Site) throws(StartError) -> LogShelf<LogStorage> {
    let directory = arguments.data + "/log"
    guard let first = KeyName(site.origin.origin(epoch: 1)) else {
      throw failure(.badOrigin(site.origin.origin(epoch: 1)))
    }
    let newest = try attempt { () throws(FileError) in
      try FileBlockStorage.newestEpoch(in: directory)
    }
    return LogShelf(
      newestEpoch: newest, segmentByteCount: site.log.segmentByteCount,
      quotaByteCount: UInt64(site.board.storage.quotaMebibytes) << 20,
      origin: { KeyName(site.origin.origin(epoch: Int($0))) ?? first },
      holds: { Files.exists("\(directory)/\($0)") },
      storage: { epoch throws(StorageError) in
        do throws(FileError) {
          return SealingStorage(
            base: try FileBlockStorage(directory: "\(directory)/\(epoch)"),
            codec: ZstdCodec(memoryByteCount: SealingMemory.byteCount))
        } catch {
          throw error.storageError
        }
      })
  }

  /// Starts both halves, runs the sampling loop on this thread, and ends the recorder after it. Returns
  /// why the epoch is over, if it is.
  private func operate(
    _ composition: Composition, opened: consuming OpenedLog<LogStorage>,
    history: LogHistory, key: consuming FileKeySigner, origin: KeyName, mirrorKey: VerifierKey
  ) throws(StartError) -> EpochEndKind? {
    let site = composition.site
    let clock = HostClock()
    let queue = EntryQueue()
    let report = RecorderReport()
    let torn = [.tornTail, .oneSuperblockAndTornTail].contains(opened.log.recoveryCase)
    let isDirect = opened.log.evidence.journal.storage.base.isDirect
    let epoch = opened.epoch
    let identity = GatewayIdentity(
      origin: origin, mirrorKey: mirrorKey, bootID: bootID(), softwareHash: executableHash(),
      packages: terms(site, origin))
    let start: GatewayStart<LogStorage, FileKeySigner, SodiumVerifier>
    do throws(RecorderError) {
      start = try GatewayStart(
        opened: opened, history: history, identity: identity, key: key, verifier: SodiumVerifier(),
        timing: RecorderTiming(
          commit: UInt64(site.log.commitMilliseconds) * 1_000,
          checkpoint: UInt64(site.log.checkpointMilliseconds) * 1_000,
          checkpointEntries: UInt64(site.log.checkpointEntryCount)),
        uplink: MirrorConfiguration(catchUp: site.mirror.catchUp.map(CatchUpBudget.init)),
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
    let gateway: StartedGateway<LogStorage, FileKeySigner, SodiumVerifier>
    do throws(RecorderError) {
      gateway = try start.begin(
        composition.pollSite(origin: origin, epoch: epoch), at: clock.now())
    } catch {
      if let why = report.epochEnd { return why }
      throw failure(.storage(path: arguments.data, error))
    }
    let loading = SiteLoading(
      arguments: arguments, origin: origin, epoch: epoch, started: site, mirrorKey: mirrorKey)
    try gateway.split { acquisition, recorder throws(StartError) in
      try work(
        composition, loading: loading, acquisition: acquisition, recorder: recorder, clock: clock,
        queue: queue, report: report)
    }
    return report.epochEnd
  }

  /// What the site declares of packages, and how far this log stands in them.
  private func terms(_ site: Site, _ origin: KeyName) -> PackageTerms? {
    site.packages.map { packages in
      PackageTerms(
        every: UInt64(packages.everySeconds) * 1_000_000,
        retention: UInt64(packages.retentionSeconds) * 1_000_000,
        writtenSize: PackageCursor(data: arguments.data).size(of: origin))
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
    let recorderWake = try attempt { () throws(FileError) in try WakeHandle() }
    let way = try wayOut(site, loading.origin, answered: recorderWake)
    let recorderThread = RecorderThread(
      recorder: recorder, clock: clock, wake: recorderWake, way: way
    ) { error in
      say(error.map(Text.recordingStopped) ?? .recordingAgain)
    }
    let live = try liveUplink(site, answered: wake)
    let ports = Ports(lines: site.lines, deviceDirectory: Share.deviceDirectory, say: say)
    if report.beginsEpoch { say(.carriedOver(report.carriedCount)) }
    say(
      .started(
        origin: site.origin.identity, lines: site.lines.count,
        devices: composition.devices.count, to: way))
    let thread = try startRecorder(recorderThread)
    var agent = Agent(
      acquisition: acquisition, ports: ports, loader: SiteLoader(loading, waking: wake),
      control: control, clock: clock, wake: wake,
      recorder: RecorderWake(queue: queue, handle: recorderWake), live: live,
      isOneWay: site.packages != nil, say: say)
    agent.run()
    recorderThread.stop()
    thread.join()
    say(.stopped(size: report.committedSize, acknowledged: report.acknowledgedSize))
    guard report.hasFailed else { return }
    // The next log is begun all the same.
    guard report.epochEnd != nil else { throw failure(.endedUnrecorded, code: 1) }
    say(.endedUnrecorded)
  }

  private func startRecorder(_ recorder: RecorderThread) throws(StartError) -> PosixThread {
    do throws(ThreadError) {
      return try PosixThread(name: "recorder", stackByteCount: 512 << 10) { recorder.run() }
    } catch { throw failure(.noThread(errno: error.errno)) }
  }

  /// The way that the site declares, with its thread.
  private func wayOut(
    _ site: Site, _ origin: KeyName, answered: WakeHandle
  ) throws(StartError) -> WayOut {
    if let http = http(site) {
      return .network(try transport("mirror", http, answered: answered), url: http.url)
    }
    let path = site.packages?.directory ?? ""
    let wake = try attempt { () throws(FileError) in try WakeHandle() }
    let directory = PackageDirectory(
      path: path, cursor: PackageCursor(data: arguments.data), origin: origin)
    do throws(ThreadError) {
      return .directory(
        try PackageThread(directory: directory, wake: wake, answered: answered), path: path)
    } catch { throw failure(.noThread(errno: error.errno)) }
  }

  /// Where the mirror is called; `nil` where nothing may call out.
  private func http(_ site: Site) -> HTTPTransportConfiguration? {
    site.mirror.url.map {
      HTTPTransportConfiguration(url: $0, authorityFile: site.mirror.certificateAuthority)
    }
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

  /// `answered` wakes the sampling thread: an answer may have the next post due at once.
  private func liveUplink(
    _ site: Site, answered: WakeHandle
  ) throws(StartError) -> LiveUplink? {
    guard let http = http(site) else { return nil }
    let path = arguments.data + "/keys/live.token"
    guard let token = liveToken(path) else { return nil }
    let say = say
    return LiveUplink(transport: try transport("live", http, answered: answered), token: token) {
      say(.liveAnswered(status: $0, path: path))
    }
  }

  /// The token for live values; `nil`, which is told, when there is none.
  func liveToken(_ path: String) -> [UInt8]? {
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

extension CatchUpBudget {
  /// The budget that a site gives.
  init(_ rate: DataRate) {
    self.init(byteCount: UInt64(rate.byteCount), seconds: UInt64(rate.period.seconds))
  }
}
