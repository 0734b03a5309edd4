import ArgumentParser
import Catalog
import Collector
import CommandLineFrame
import HostHAL
import Metering

/// The head end of Tallystick on the command line.
@main
struct CollectorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tally-collector",
    abstract: "Receive, check, store and countersign the logs of gateways. 接收、核验、存储并会签网关日志。",
    discussion: """
      Ends with 0 when all is good, with 1 when something was found, and with 2 when it cannot \
      work: wrong usage, files, network.

      退出码：0 正常，1 发现问题，2 无法工作（用法、文件或网络错误）。
      """,
    subcommands: [
      Init.self, Enroll.self, Serve.self, Import.self, Status.self, Rebuild.self,
    ])

  static func main() async { await CommandLineFrame.run(CollectorCommand.self) }
}

/// What every command takes.
struct SharedOptions: ParsableArguments {
  @Option(help: "The collector's data directory. 数据目录。")
  var data = "/var/lib/tallystick-collector"

  @OptionGroup var texts: LanguageOption

  /// Where everything lies.
  var directory: CollectorDirectory {
    var path = data[...]
    while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
    return CollectorDirectory(String(path))
  }

  /// Chinese is asked for.
  var isChinese: Bool { texts.language == .chinese }

  /// The wording in the language that is asked for.
  func text(_ message: Message) -> String { isChinese ? message.chinese : message.english }

  /// Runs `body`; an error is told on standard error and ends the program with 2.
  func reporting(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let exit as ExitCode {
      throw exit
    } catch {
      let failure = CollectorFailure(error)
      tell("tally-collector: \(isChinese ? failure.chinese : failure.english)")
      throw ExitCode(2)
    }
  }

  /// Writes a line on standard error.
  func tell(_ line: String) { writeStandardError(line + "\n") }
}

/// `init`: keys and token.
struct Init: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make the mirror's key and the read token unless they are there. 生成镜像密钥与读取令牌。")

  @OptionGroup var options: SharedOptions

  @Option(
    help: """
      Name of the mirror key, such as collector.example/m1; needed the first time. \
      镜像密钥名称，首次必须给出。
      """)
  var name: String?

  func run() async throws {
    try await options.reporting {
      let key = try options.directory.initialise(name: name)
      print(options.text(.mirrorKey("\(key)")))
      print(options.text(.readToken(path: options.directory.readToken)))
    }
  }
}

/// `enroll`: admits a gateway.
struct Enroll: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Admit the log of a gateway; also while the collector serves. 登记网关日志。")

  @Argument(help: "The gateway's verifier key, as \"tally keys show\" prints it. 网关验证公钥。")
  var vkey: String

  @OptionGroup var options: SharedOptions

  func run() async throws {
    try await options.reporting {
      let log = try options.directory.enroll(vkey: vkey)
      print(options.text(.enrolled(origin: log.origin)))
      print(options.text(.liveToken(log.liveToken)))
    }
  }
}

/// `serve`: the collector itself.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Receive logs until SIGTERM or SIGINT. 接收日志，直至收到终止信号。")

  @Option(help: "Where to listen. 监听地址。")
  var listen = "127.0.0.1:8470"

  @Flag(
    help: """
      Cosign only while the kernel calls the clock synchronised (adjtimex); else answer 503. \
      Containers often cannot tell. 仅在系统时钟已同步时会签。
      """)
  var requireSynchronisedClock = false

  @Option(
    help: """
      Seconds that a request other than an upload of entries may take to arrive, 1 to 3600. \
      除条目上传外，单个请求的最长接收时间（秒）。
      """)
  var requestSeconds = 60

  @OptionGroup var options: SharedOptions

  func validate() throws {
    guard (1...3_600).contains(requestSeconds) else {
      throw ValidationError("--request-seconds takes 1 to 3600. 取值范围 1 至 3600。")
    }
  }

  func run() async throws {
    try await options.reporting {
      guard let address = ListenAddress(listen) else { throw CollectorFailure.badAddress(listen) }
      let clock = HostClock()
      if clock.quality().isNeverSynchronised { options.tell(options.text(.clockNotSynchronised)) }
      let server = CollectorServer(
        directory: options.directory, address: address,
        clock: .wall(clock, requiresSynchronisation: requireSynchronisedClock),
        limits: RequestLimits(body: .seconds(requestSeconds)), language: options.texts.language)
      try await server.run { url in
        // Not `print`: a supervisor waits for this line, and a pipe would be buffered.
        writeStandardOutput("ready \(url)\n")
      }
    }
  }
}

/// `status`: what is mirrored.
struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: """
      Show what is mirrored and decoded; ends with 1 if a log forked or cosignatures are ahead of the \
      clock. 显示镜像与解码状态。
      """)

  @OptionGroup var options: SharedOptions

  func run() async throws {
    try await options.reporting {
      let logs = try options.directory.status(
        clock: .wall(HostClock(), requiresSynchronisation: false))
      if logs.isEmpty { print(options.text(.noLogs)) }
      for log in logs { print(options.text(.log(log))) }
      for alarm in logs.flatMap(\.alarms) { print(options.text(.alarm(alarm))) }
      if logs.contains(where: \.needsAPerson) { throw ExitCode(1) }
    }
  }
}

/// `rebuild`: decodes everything again.
struct Rebuild: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make readings.sqlite anew from the logs; not while the collector serves. 重建读数库。")

  @OptionGroup var options: SharedOptions

  func run() async throws {
    try await options.reporting {
      let directory = options.directory
      try directory.requireInitialised()
      let lock = try LockFile(locking: directory.lock)
      let logs = try await directory.rebuild(
        clock: .wall(HostClock(), requiresSynchronisation: false),
        alarm: { [language = options.texts.language] in
          writeStandardError($0.text(language) + "\n")
        })
      for log in logs { print(options.text(.log(log))) }
      _ = consume lock
      if logs.contains(where: { $0.decoderCursor < $0.mirroredSize }) { throw ExitCode(1) }
    }
  }
}
