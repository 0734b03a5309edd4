import HostHAL

/// Why a run ended badly.
enum DemoFailure: Error {
  /// Another run has the directory.
  case running(pid: Int32, directory: String)
  case file(FileError)
  case spawn(SpawnError)
  /// An option has a value that it cannot have.
  case badOption(name: String, value: String, expected: String)
  /// A program that is run once, for keys, said no.
  case step(command: String, how: ChildExit, output: String)
  /// The site file is not as a run needs it.
  case site(path: String)
  /// The collector found no port from the first to the last free.
  case noPort(first: UInt16, last: UInt16)
  /// A child ended though nobody asked it to.
  case ended(role: DemoRole, how: ChildExit, log: String, lastLines: [String])
  /// A child is not ready in time.
  case notReady(role: DemoRole, log: String, lastLines: [String])
  /// SIGINT or SIGTERM came before everything was ready.
  case interrupted

  /// The exit code: 1 for a finding, 2 for usage and I/O. What a program of the run refuses with 2 is
  /// usage or I/O of the run.
  var code: Int32 {
    switch self {
    case .running, .file, .spawn, .badOption, .site, .noPort: 2
    case .step(_, let how, _), .ended(_, let how, _, _): how == .exited(code: 2) ? 2 : 1
    case .notReady, .interrupted: 1
    }
  }

  /// What happened and what to do.
  var english: String {
    switch self {
    case .running(let pid, let directory):
      "process \(pid) runs in \(directory) already: stop it, or give another --directory"
    case .file(let error): error.english
    case .spawn(let error): error.english
    case .badOption(let name, let value, let expected):
      "--\(name) \(value): expected \(expected)"
    case .step(let command, let how, let output): "\(command) \(how.english):\n\(output)"
    case .site(let path): "\(path) has no 'mirror:' with a 'url:'"
    case .noPort(let first, let last): "no port from \(first) to \(last) is free on 127.0.0.1"
    case .ended(let role, let how, let log, let lastLines):
      "the \(role.english) \(how.english). The end of \(log):\n" + quoted(lastLines)
    case .notReady(let role, let log, let lastLines):
      "the \(role.english) was not ready within \(role.startSeconds) s. The end of \(log):\n"
        + quoted(lastLines)
    case .interrupted: "interrupted before everything was ready"
    }
  }

  /// 发生了什么，应当怎么办。
  var chinese: String {
    switch self {
    case .running(let pid, let directory):
      "进程 \(pid) 已在 \(directory) 中运行：请先停止它，或另给 --directory"
    case .file(let error): error.chinese
    case .spawn(let error): error.chinese
    case .badOption(let name, let value, let expected): "--\(name) \(value)：应为 \(expected)"
    case .step(let command, let how, let output): "\(command) \(how.chinese)：\n\(output)"
    case .site(let path): "\(path) 中没有带“url:”的“mirror:”"
    case .noPort(let first, let last): "127.0.0.1 上 \(first) 至 \(last) 没有空闲端口"
    case .ended(let role, let how, let log, let lastLines):
      "\(role.chinese)\(how.chinese)。\(log) 的末尾：\n" + quoted(lastLines)
    case .notReady(let role, let log, let lastLines):
      "\(role.chinese)未能在 \(role.startSeconds) 秒内就绪。\(log) 的末尾：\n" + quoted(lastLines)
    case .interrupted: "尚未就绪即被中断"
    }
  }

  /// Runs something that fails with a file's error.
  static func file<Value>(_ body: () throws(FileError) -> Value) throws(DemoFailure) -> Value {
    do { return try body() } catch { throw .file(error) }
  }

  private func quoted(_ lines: [String]) -> String {
    lines.map { "  | " + $0 }.joined(separator: "\n")
  }
}

extension ChildExit {
  /// How it ended, as the end of a sentence.
  var english: String {
    switch self {
    case .exited(let code): "ended with exit code \(code)"
    case .killed(let signal): "was killed by signal \(signal)"
    }
  }

  /// 结束方式。
  var chinese: String {
    switch self {
    case .exited(let code): "已结束，退出码 \(code)"
    case .killed(let signal): "被信号 \(signal) 终止"
    }
  }
}
