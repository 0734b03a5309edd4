import HostHAL

/// One of the three programs while it runs.
final class DemoChild {
  let role: DemoRole
  let process: ChildProcess
  private let log: String

  /// Starts the program; what it prints goes to its log, after that of the run before was set aside.
  init(
    _ role: DemoRole, paths: DemoPaths, arguments: [String],
    environment: [(name: String, value: String)], group: Int32?
  ) throws(DemoFailure) {
    self.role = role
    log = paths.log(of: role)
    let old = log
    try DemoFailure.file { () throws(FileError) in
      if Files.exists(old) {
        try Files.replace(old + ".old", with: Files.read(old, limit: 64 << 20))
      }
      try Files.remove(old)
    }
    do {
      // All three are in one process group, which is not the terminal's: Ctrl-C reaches this process
      // alone, and it ends them in order. If this process is killed, they die with it.
      process = try ChildProcess(
        running: paths.program(role.program), arguments: arguments,
        environment: environment + DemoChild.shortBacktrace,
        directory: paths.root, output: .file(path: log), errors: .file(path: log),
        ownGroup: group == nil, joining: group, diesWithParent: true)
    } catch {
      throw .spawn(error)
    }
  }

  /// A crash of Swift code prints where it was; without registers and images that is 20 lines.
  private static var shortBacktrace: [(name: String, value: String)] {
    guard ProcessEnvironment.value(of: "SWIFT_BACKTRACE") == nil else { return [] }
    let options = "enable=yes,interactive=no,color=no,registers=none,images=none,limit=12"
    return [(name: "SWIFT_BACKTRACE", value: options)]
  }

  /// The last lines that it printed, at most 20.
  var lastLines: [String] {
    guard let bytes = try? Files.read(log, limit: 64 << 20) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(20).map(String.init)
  }

  /// It printed this line.
  func hasPrinted(_ line: String) -> Bool { linePrinted { $0 == line } != nil }

  /// The port of the URL with which the collector said that it listens; `nil` before that.
  var readyPort: UInt16? {
    linePrinted { $0.hasPrefix("ready http://") }?.split(separator: ":").last
      .flatMap { UInt16($0) }
  }

  /// The first line that it printed of this kind.
  private func linePrinted(_ isMeant: (Substring) -> Bool) -> Substring? {
    guard let bytes = try? Files.read(log, limit: 64 << 20) else { return nil }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first(where: isMeant)
  }

  /// Throws if it has ended.
  func check() throws(DemoFailure) {
    guard let how = process.poll() else { return }
    throw .ended(role: role, how: how, log: log, lastLines: lastLines)
  }

  /// It was not ready in time.
  var notReady: DemoFailure { .notReady(role: role, log: log, lastLines: lastLines) }

  /// Asks it to end and waits 20 s, then kills it; `false` if that was necessary.
  func stop(now: UInt64) -> Bool {
    process.signal(.terminate)
    if process.wait(until: now + 20_000_000) != nil { return true }
    process.signal(.kill)
    _ = process.wait(until: now + 25_000_000)
    return false
  }
}
