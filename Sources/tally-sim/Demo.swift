import AgentClient
import Catalog
import HostHAL

/// A whole run: keys, three programs, the view, the end in order.
struct Demo {
  /// What the command line says.
  struct Options {
    var directory: String
    var share: String
    /// The folder with site and plant; `nil` for the sample of the share.
    var board: String?
    /// Seconds after everything is ready; `nil` runs until a signal.
    var seconds: UInt64?
    var fresh: Bool
    var speed: UInt64
    var language: Language
    var port: UInt16
  }

  let options: Options
  let paths: DemoPaths
  let keys: DemoKeys
  let clock = HostClock()
  let wake: WakeHandle
  var view: DemoView
  /// In the order of starting.
  var children: [DemoChild] = []
  var port: UInt16 = 0
  /// When everything was ready, µs since boot.
  var readyAt: UInt64 = 0
  /// The same in µs since 1970.
  var readyAtUTC: UInt64 = 0
  /// Entries that were acknowledged before this run.
  var acknowledgedBefore = 0
  /// The newest status.
  var status: GatewayStatus?
  private var sawAcknowledgement = false

  init(_ options: Options) throws(DemoFailure) {
    self.options = options
    do throws(FileError) {
      paths = try DemoPaths(directory: options.directory)
      wake = try WakeHandle()
    } catch {
      throw .file(error)
    }
    keys = DemoKeys(paths: paths)
    view = DemoView(language: options.language)
  }

  /// Runs until a signal, the time given or the death of a child; returns the exit code.
  mutating func run() -> Int32 {
    Signals.watch(waking: wake, supervising: true)
    do throws(DemoFailure) {
      let lock = try lockDirectory()
      if options.fresh {
        let paths = paths
        try DemoFailure.file { () throws(FileError) in try paths.removeData() }
      }
      try start()
      let code = try watch()
      _ = consume lock
      return code
    } catch {
      view.leave()
      stopAll()
      writeStandardError(
        "tally-sim demo: "
          + (options.language == .chinese ? error.chinese : error.english) + "\n")
      return error.code
    }
  }

  private func lockDirectory() throws(DemoFailure) -> LockFile {
    do throws(FileError) {
      return try LockFile(locking: paths.lock)
    } catch {
      if case .locked(_, let pid) = error { throw .running(pid: pid, directory: paths.root) }
      throw .file(error)
    }
  }

  // MARK: start

  private mutating func start() throws(DemoFailure) {
    let isNew = !keys.isComplete
    try keys.makeCollectorKeys()
    let board = options.board ?? options.share + "/boards/native/sim"
    // Where the collector listens is known once it does; until then only the gateway would ask.
    try DemoSite.write(
      from: board + "/site.yaml", to: paths.site, url: "http://127.0.0.1:\(options.port)")
    try keys.enrolGateway(share: options.share)
    if isNew { view.say(.keysMade) }

    try startChild(
      .simulator,
      ["site", "--board", board, "--site", paths.site, "--dev", paths.devices]
        + ["--speed", String(options.speed)])
    try waitUntilReady { $0.hasPrinted("ready") }
    try startCollector()
    try DemoSite.write(
      from: board + "/site.yaml", to: paths.site, url: "http://127.0.0.1:\(port)")
    try startChild(.gateway, ["--site", paths.site, "--data", paths.gateway])
    let directory = paths.gateway
    try waitUntilReady { _ in
      (try? GatewayStatus.read(fromDataDirectory: directory, timeoutMilliseconds: 500)) != nil
    }
    readyAt = clock.microseconds()
    readyAtUTC = clock.utcMicroseconds()
    acknowledgedBefore = readStatus()?.log.acknowledged ?? 0
    view.say(.ready(url: "http://127.0.0.1:\(port)"))
  }

  /// Starts the collector on the port asked for, or on one of the twenty after it.
  ///
  /// The collector itself takes the port and says which: whoever looked first whether it is free could
  /// find it taken a moment later.
  private mutating func startCollector() throws(DemoFailure) {
    let first = options.port
    let last = first == 0 ? 0 : UInt16(clamping: Int(first) + 20)
    view.say(.starting(.collector))
    for candidate in first...last {
      try launch(
        .collector, ["serve", "--listen", "127.0.0.1:\(candidate)", "--data", paths.collector])
      do throws(DemoFailure) {
        try waitUntilReady { $0.readyPort != nil }
      } catch {
        // Usage or I/O, and the port is taken: the collector could not have it.
        guard case .ended(.collector, .exited(code: 2), _, _) = error, candidate != 0,
          LoopbackHTTP.isListening(port: candidate)
        else { throw error }
        children.removeLast()
        continue
      }
      port = children.last?.readyPort ?? candidate
      if port != first { view.say(.otherPort(asked: first, taken: port)) }
      return
    }
    throw .noPort(first: first, last: last)
  }

  private mutating func startChild(_ role: DemoRole, _ arguments: [String]) throws(DemoFailure) {
    view.say(.starting(role))
    try launch(role, arguments)
  }

  private mutating func launch(_ role: DemoRole, _ arguments: [String]) throws(DemoFailure) {
    let environment = [
      (name: "TALLYSTICK_SHARE", value: options.share),
      (name: "TALLYSTICK_DEV", value: paths.devices),
    ]
    let group = children.first?.process.processID
    children.append(
      try DemoChild(
        role, paths: paths, arguments: arguments, environment: environment, group: group))
  }

  private func waitUntilReady(_ isReady: (DemoChild) -> Bool) throws(DemoFailure) {
    guard let child = children.last else { return }
    let deadline = clock.microseconds() + child.role.startSeconds * 1_000_000
    while !isReady(child) {
      for child in children { try child.check() }
      if Signals.take().wantsEnd { throw .interrupted }
      if clock.microseconds() > deadline { throw child.notReady }
      _ = wake.wait(microseconds: 100_000)
    }
  }

  // MARK: run

  private mutating func watch() throws(DemoFailure) -> Int32 {
    var next = clock.microseconds()
    while true {
      for child in children { try child.check() }
      let signals = Signals.take()
      if signals.wantsEnd { return finish(isTimed: false) }
      let now = clock.microseconds()
      let elapsed = (now - readyAt) / 1_000_000
      if let seconds = options.seconds, elapsed >= seconds { return finish(isTimed: true) }
      if now >= next || signals.windowChanged {
        update(elapsed)
        next = max(next + 1_000_000, now + 100_000)
      }
      _ = wake.wait(microseconds: Int64(max(next, now + 1) - now))
    }
  }

  private mutating func update(_ elapsed: UInt64) {
    guard let new = readStatus() else { return }
    status = new
    if !sawAcknowledgement, new.log.acknowledged > acknowledgedBefore {
      sawAcknowledgement = true
      firstAcknowledgementSeconds = elapsed
    }
    view.show(new, seconds: elapsed, note: note)
  }

  /// Seconds from readiness to the first acknowledgement, once there was one.
  private(set) var firstAcknowledgementSeconds: UInt64?

  private var note: String {
    let data = DemoText.dataLies(paths.root).text(options.language)
    return DemoText.stopHint.text(options.language) + "  " + data
  }

  mutating func readStatus() -> GatewayStatus? {
    do throws(AgentError) {
      return try GatewayStatus.read(fromDataDirectory: paths.gateway, timeoutMilliseconds: 900)
    } catch {
      // A gateway that is busy for a second is no failure; one that has died is noticed as a child.
      return nil
    }
  }
}
