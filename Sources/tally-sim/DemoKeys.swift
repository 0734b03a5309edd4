import HostHAL

/// The keys and tokens of a run: made on first use, kept afterwards.
///
/// Nobody trusts by default: the collector gets its keys, the gateway the collector's public key, the
/// collector the gateway's by enrolment, and the gateway the token for live values.
struct DemoKeys {
  let paths: DemoPaths

  private var mirrorKey: String { paths.collector + "/keys/mirror.vkey" }
  private var readToken: String { paths.collector + "/keys/read.token" }
  private var gatewayMirrorKey: String { paths.gateway + "/" + DemoSite.keyFile }
  private var gatewayKey: String { paths.gateway + "/keys/log.vkey" }
  private var liveToken: String { paths.gateway + "/keys/live.token" }

  /// Nothing is missing.
  var isComplete: Bool {
    [mirrorKey, readToken, gatewayMirrorKey, gatewayKey, liveToken].allSatisfy(Files.exists)
  }

  /// Makes the collector's keys and gives the gateway the public one; the site file needs that.
  func makeCollectorKeys() throws(DemoFailure) {
    if !Files.exists(mirrorKey) {
      _ = try run(
        "tally-collector",
        ["init", "--data", paths.collector, "--name", "sim.tallystick.invalid/m1"])
    }
    let source = mirrorKey
    let target = gatewayMirrorKey
    try DemoFailure.file { () throws(FileError) in
      try Files.makeDirectory(Files.parent(of: target), mode: 0o700)
      let key = try Files.read(source)
      if Files.exists(target), try Files.read(target) == key { return }
      try Files.replace(target, with: key)
    }
  }

  /// Makes the gateway's key, enrols it and hands over the token.
  func enrolGateway(share: String) throws(DemoFailure) {
    if !Files.exists(gatewayKey) {
      let arguments = ["keys", "create", "--data", paths.gateway, "--site", paths.site]
      _ = try run("tally", arguments + ["--share", share])
    }
    guard !Files.exists(liveToken) else { return }
    let output = try run(
      "tally-collector", ["enroll", try text(of: gatewayKey), "--data", paths.collector])
    guard let token = DemoKeys.token(in: output) else {
      throw .step(
        command: "tally-collector enroll", how: .exited(code: 0), output: output)
    }
    let target = liveToken
    try DemoFailure.file { () throws(FileError) in
      try Files.replace(target, with: Array((token + "\n").utf8), mode: 0o600)
    }
  }

  /// The gateway's and the collector's verifier keys.
  func verifierKeys() throws(DemoFailure) -> (log: String, mirror: String) {
    (try text(of: gatewayKey), try text(of: mirrorKey))
  }

  /// The token for reading from the collector.
  func token() throws(DemoFailure) -> String { try text(of: readToken) }

  /// The last word of the line that names the live token.
  static func token(in output: String) -> String? {
    output.split(separator: "\n").first { $0.contains("live") && $0.contains("token") }
      .flatMap { $0.split(separator: " ").last.map(String.init) }
  }

  private func text(of path: String) throws(DemoFailure) -> String {
    let bytes = try DemoFailure.file { () throws(FileError) in try Files.read(path, limit: 4096) }
    return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
  }

  /// Runs a program to its end and returns what it printed.
  private func run(_ program: String, _ arguments: [String]) throws(DemoFailure) -> String {
    let outcome = try DemoKeys.outcome(paths.program(program), arguments)
    guard outcome.exit.isSuccess else {
      throw .step(
        command: ([program] + arguments).joined(separator: " "), how: outcome.exit,
        output: outcome.output)
    }
    return outcome.output
  }

  /// Runs a program to its end: how it ended and what it printed on both outputs.
  static func outcome(
    _ program: String, _ arguments: [String]
  ) throws(DemoFailure) -> (exit: ChildExit, output: String) {
    let process: ChildProcess
    do {
      process = try ChildProcess(running: program, arguments: arguments, diesWithParent: true)
    } catch {
      throw .spawn(error)
    }
    var output: [UInt8] = []
    var errors: [UInt8] = []
    let clock = HostClock()
    let deadline = clock.microseconds() + 120_000_000
    while process.outputDescriptor != nil || process.errorDescriptor != nil {
      _ = process.readOutput(into: &output)
      _ = process.readErrors(into: &errors)
      if clock.microseconds() > deadline { process.signal(.kill) }
      _ = process.wait(until: clock.microseconds() + 2000)
    }
    let exit = process.wait(until: deadline) ?? .exited(code: -1)
    return (exit, String(decoding: output + errors, as: UTF8.self))
  }
}
