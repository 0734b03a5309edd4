import CLinux

/// How a child process ended.
public enum ChildExit: Equatable, Sendable {
  /// By itself, with this code.
  case exited(code: Int32)
  /// By a signal: 9 is SIGKILL, 15 SIGTERM.
  case killed(signal: Int32)

  /// Exit code 0.
  public var isSuccess: Bool { self == .exited(code: 0) }
}

/// A program could not be started.
public struct SpawnError: Error, Equatable, Sendable {
  /// What was to be run.
  public var executable: String
  /// The errno of exec.
  public var errno: Int32

  /// Makes an error.
  public init(executable: String, errno: Int32) {
    self.executable = executable
    self.errno = errno
  }

  /// What happened.
  public var english: String { "cannot start \(executable): \(systemErrorText(errno))" }
  /// 发生了什么。
  public var chinese: String { "无法启动 \(executable)：\(systemErrorText(errno))" }
}

/// A signal to send.
public enum ChildSignal: Int32, Sendable {
  case hangUp = 1
  case kill = 9
  case terminate = 15
}

/// A child process, for whoever supervises it. Not for several threads at once.
///
/// A child that still runs when the value goes away runs on; end it first.
public final class ChildProcess {
  /// Where standard output or standard error goes.
  public enum Output: Equatable, Sendable {
    /// To ours.
    case inherited
    /// To a pipe, read with `readOutput` or `readErrors`.
    case pipe
    /// To a file, appended.
    case file(path: String)
  }

  /// The process id.
  public let processID: Int32
  /// It leads a process group of its own.
  public let hasOwnGroup: Bool
  /// Set once it has ended and was reaped.
  public private(set) var exit: ChildExit?
  private var output: Int32
  private var errors: Int32

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - executable: a path; PATH is not searched.
  ///   - arguments: without the program's name.
  ///   - environment: set in addition to ours.
  ///   - directory: the working directory; ours when `nil`.
  ///   - ownGroup: give it a process group of its own, so that Ctrl-C at the terminal does not reach it
  ///     and `signal(_:group:)` reaches its children.
  ///   - group: the process group of another child that it joins, if it does not lead its own.
  ///   - diesWithParent: it gets SIGKILL when the *thread* that started it ends, however that happens:
  ///     start such children from the main thread.
  public init(
    running executable: String, arguments: [String] = [],
    environment: [(name: String, value: String)] = [], directory: String? = nil,
    output: Output = .pipe, errors: Output = .pipe, ownGroup: Bool = false,
    joining group: Int32? = nil, diesWithParent: Bool = false
  ) throws(SpawnError) {
    var flags: Int32 = 0
    if ownGroup { flags |= CLINUX_SPAWN_OWN_GROUP }
    if diesWithParent { flags |= CLINUX_SPAWN_DIES_WITH_PARENT }
    let out = try Ends(output, executable)
    let err: Ends
    do throws(SpawnError) {
      err = try Ends(errors, executable)
    } catch {
      out.closeAll()
      throw error
    }
    let words = CStrings([executable] + arguments)
    let variables = CStrings(ChildProcess.variables(adding: environment))
    let pid =
      if let directory {
        clinux_spawn(
          executable, words.list, variables.list, directory, -1, out.child, err.child, flags,
          group ?? 0)
      } else {
        clinux_spawn(
          executable, words.list, variables.list, nil, -1, out.child, err.child, flags, group ?? 0)
      }
    words.deallocate()
    variables.deallocate()
    guard pid >= 0 else {
      out.closeAll()
      err.closeAll()
      throw SpawnError(executable: executable, errno: -pid)
    }
    out.closeChild()
    err.closeChild()
    processID = pid
    hasOwnGroup = ownGroup
    self.output = out.own
    self.errors = err.own
  }

  deinit {
    if output >= 0 { _ = clinux_close(output) }
    if errors >= 0 { _ = clinux_close(errors) }
  }

  /// Our environment without the names that are set anew, and those.
  private static func variables(adding new: [(name: String, value: String)]) -> [String] {
    var result: [String] = []
    var i = 0
    while let entry = clinux_environment_entry(i) {
      i += 1
      let text = String(cString: entry)
      if !new.contains(where: { text.hasPrefix("\($0.name)=") }) { result.append(text) }
    }
    return result + new.map { "\($0.name)=\($0.value)" }
  }

  /// The reading end of its standard output, non-blocking, for `PollLoop.watch`; `nil` without a pipe
  /// and after the end.
  public var outputDescriptor: Int32? { output >= 0 ? output : nil }
  /// The same of its standard error.
  public var errorDescriptor: Int32? { errors >= 0 ? errors : nil }

  /// Appends what it has written to standard output; `false` at the end, when every writer closed it.
  public func readOutput(into bytes: inout [UInt8]) -> Bool { read(&output, into: &bytes) }

  /// Appends what it has written to standard error; `false` at the end.
  public func readErrors(into bytes: inout [UInt8]) -> Bool { read(&errors, into: &bytes) }

  private func read(_ descriptor: inout Int32, into bytes: inout [UInt8]) -> Bool {
    guard descriptor >= 0 else { return false }
    let number = descriptor
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { room in
      let n = clinux_read(number, room.baseAddress, room.count)
      if n > 0 {
        bytes.append(contentsOf: room[..<n])
        return true
      }
      if n == -Int(clinux_error_again()) { return true }
      _ = clinux_close(number)
      descriptor = -1
      return false
    }
  }

  /// How it ended, or `nil` while it runs. Never blocks.
  @discardableResult public func poll() -> ChildExit? {
    if let exit { return exit }
    var code: Int32 = 0
    var signal: Int32 = 0
    let result = clinux_wait(processID, 0, &code, &signal)
    guard result != 0 else { return nil }
    // An error means that somebody else reaped it: how it ended is not known.
    exit =
      result < 0 ? .exited(code: -1) : signal != 0 ? .killed(signal: signal) : .exited(code: code)
    return exit
  }

  /// Waits for its end, at most until `CLOCK_BOOTTIME` reaches `deadline`, in µs; `nil` if it runs on.
  /// Looks every 2 ms; it does not read the pipes.
  public func wait(until deadline: UInt64) -> ChildExit? {
    while true {
      if let exit = poll() { return exit }
      if clinux_boot_us() >= deadline { return nil }
      clinux_sleep_us(2000)
    }
  }

  /// Sends a signal, with `group` to all of its process group; nothing once it was reaped.
  public func signal(_ signal: ChildSignal, group: Bool = false) {
    precondition(!group || hasOwnGroup, "the child has no group of its own")
    guard exit == nil else { return }
    _ = clinux_kill(group ? -processID : processID, signal.rawValue)
  }
}

/// The two ends of one output.
private struct Ends {
  var own: Int32 = -1
  var child: Int32 = -1

  init(_ output: ChildProcess.Output, _ executable: String) throws(SpawnError) {
    switch output {
    case .inherited: return
    case .pipe:
      let result = clinux_pipe(&own, &child)
      guard result >= 0 else { throw SpawnError(executable: executable, errno: -result) }
    case .file(let path):
      let flags = CLINUX_OPEN_WRITE | CLINUX_OPEN_CREATE | CLINUX_OPEN_APPEND
      child = clinux_open(path, flags, 0o644)
      guard child >= 0 else { throw SpawnError(executable: path, errno: -child) }
    }
  }

  func closeChild() {
    if child >= 0 { _ = clinux_close(child) }
  }

  func closeAll() {
    closeChild()
    if own >= 0 { _ = clinux_close(own) }
  }
}

/// A null-terminated list of C strings.
private struct CStrings {
  let list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  let count: Int

  init(_ texts: [String]) {
    count = texts.count
    list = .allocate(capacity: count + 1)
    for (i, text) in texts.enumerated() {
      let bytes = text.utf8CString
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
      for (j, byte) in bytes.enumerated() { (copy + j).initialize(to: byte) }
      (list + i).initialize(to: copy)
    }
    (list + count).initialize(to: nil)
  }

  func deallocate() {
    for i in 0..<count { list[i]?.deallocate() }
    list.deallocate()
  }
}
