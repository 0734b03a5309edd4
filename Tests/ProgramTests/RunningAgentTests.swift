import HostHAL
import Testing

/// `tally` against a `tallyd` that polls simulated meters.
@Suite(.serialized) struct RunningAgentTests {
  @Test func `what a reload refuses has its line`() throws {
    let agent = try RunningAgent()
    agent.edit { text in
      text.replacing("commit_ms: 1000", with: "commit_ms: 2000").replacing(
        "serial: sim-0001", with: "serial: sim-0002")
    }
    let lines = agent.lines
    let commit = try #require(lines.firstIndex { $0.contains("commit_ms: 2000") }) + 1
    let serial = try #require(lines.firstIndex { $0.contains("serial: sim-0002") }) + 1
    for (language, word) in [("en", " error: "), ("zh", " 错误：")] {
      let (exit, _, errors) = try agent.tally(["reload", "--lang", language])
      #expect(exit == .exited(code: 1))
      #expect(
        errors.contains("\(agent.site):\(commit):14:\(word)log.commit_ms"), "\(errors)")
      #expect(errors.contains("\(agent.site):\(serial):11:\(word)origin.serial"), "\(errors)")
    }
    agent.edit { $0 }
    try Files.replace(
      agent.data + "/keys/mirror.vkey",
      with: Array(
        "mrv.example/gw/7f3a01c2/1+7e8b7297+AfHmEuGpPT56bR1hcqb2+qc/pdyWctEJfrm1W84kIUnM\n".utf8))
    let other = try agent.tally(["reload"])
    #expect(other.exit == .exited(code: 1))
    #expect(
      other.errors.contains("\(agent.data)/keys/mirror.vkey:1:1: error: the mirror's key is"),
      "\(other.errors)")
    #expect(other.errors.contains("its type is 1, a mirror's is 4"))
    try Files.remove(agent.data + "/keys/mirror.vkey")
    let none = try agent.tally(["reload"])
    #expect(none.errors.contains("\(agent.site):13:14: error: the mirror's key"), "\(none.errors)")
  }

  @Test func `a site that was changed and not reloaded is not asked by`() throws {
    let agent = try RunningAgent()
    try agent.awaitValue(of: "Feed water pump")
    let whole = try agent.tally(["read", "Feed water pump", "--live"])
    #expect(whole.exit == .exited(code: 0), "\(whole.output)\(whole.errors)")
    #expect(whole.output.contains("Voltage, phase L1"), "\(whole.output)")
    // The pump and the compressor change places.
    agent.edit {
      $0.replacing("address: 1\n", with: "address: 9\n")
        .replacing("address: 2\n", with: "address: 1\n")
        .replacing("address: 9\n", with: "address: 2\n")
    }
    for (language, word) in [("en", "tally reload"), ("zh", "未重新加载")] {
      let (exit, output, errors) = try agent.tally([
        "read", "Feed water pump", "--live", "--lang", language,
      ])
      #expect(exit == .exited(code: 2), "\(output)")
      #expect(output.isEmpty && errors.contains(word) && errors.contains(agent.site), "\(errors)")
    }
    #expect(try agent.tally(["reload"]).exit == .exited(code: 0))
    let taken = try agent.tally(["read", "Feed water pump", "--live"])
    #expect(taken.exit != .exited(code: 2) && taken.output.contains("@2"), "\(taken.errors)")
  }

  @Test func `live readings wait for each other`() throws {
    let agent = try RunningAgent()
    try agent.awaitValue(of: "Feed water pump")
    let readings = try (0..<4).map { _ in
      try agent.start(["read", "Feed water pump", "--live", "--json"])
    }
    for reading in readings {
      let (exit, output, errors) = try finish(reading)
      #expect(exit == .exited(code: 0), "\(output)\(errors)")
    }
  }

  @Test func `old values say that they are old`() throws {
    let agent = try RunningAgent()
    try agent.awaitValue(of: "Feed water pump")
    let fresh = try agent.tally(["read", "Feed water pump"])
    #expect(!fresh.output.contains("old"), "\(fresh.output)")
    agent.unplug()
    #expect(agent.wait { $0.output.contains("no port") })
    let (exit, output, _) = try agent.tally(["read", "Feed water pump"])
    #expect(exit == .exited(code: 1))
    #expect(output.contains("The values are old: the port of the line is gone"), "\(output)")
    let chinese = try agent.tally(["read", "给水泵", "--lang", "zh"])
    #expect(chinese.output.contains("数值已旧：线路端口已断开"), "\(chinese.output)")
  }
}

/// The sample site with its simulated meters and a gateway in a directory of the test's own. The collector is
/// not there: nobody listens at port 9.
private final class RunningAgent {
  private let place: Place
  private let original: String
  private let simulator: ChildProcess
  private let agent: ChildProcess

  var site: String { place.path + "/site.yaml" }
  var data: String { place.path + "/data" }
  private let environment: [(name: String, value: String)]

  init() throws {
    place = try Place()
    original = String(decoding: try Files.read(place.sampleSite), as: UTF8.self)
      .replacing("127.0.0.1:8470", with: "127.0.0.1:9")
    try Files.replace(place.path + "/site.yaml", with: Array(original.utf8))
    try Files.makeDirectory(place.path + "/data/keys")
    try Files.replace(
      place.path + "/data/keys/mirror.vkey", with: Array(Place.mirrorKey.utf8))
    environment = [
      (name: "LANG", value: "C.UTF-8"), (name: "TALLYSTICK_DEV", value: place.path + "/dev"),
      (name: "TALLYSTICK_SHARE", value: place.share),
    ]
    let silent = ChildProcess.Output.file(path: "/dev/null")
    simulator = try ChildProcess(
      running: Program.simulator.path,
      arguments: [
        "site", "--board", Place.repository + "/boards/native/sim", "--site",
        place.path + "/site.yaml", "--dev", place.path + "/dev",
      ], environment: environment, output: silent, errors: silent)
    agent = try ChildProcess(
      running: Program.tallyd.path,
      arguments: ["--site", place.path + "/site.yaml", "--data", place.path + "/data"],
      environment: environment, output: silent, errors: silent)
    try #require(wait { $0.exit != .exited(code: 2) }, "tallyd does not answer")
  }

  deinit {
    let deadline = HostClock().microseconds() + 20_000_000
    for process in [agent, simulator] {
      process.signal(.terminate)
      if process.wait(until: deadline) == nil { process.signal(.kill) }
      _ = process.wait(until: deadline + 1_000_000)
    }
  }

  /// The lines of the site file as it is.
  var lines: [Substring] {
    let text = String(decoding: (try? Files.read(site)) ?? [], as: UTF8.self)
    return text.split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// Writes the site file anew: the first one, changed.
  func edit(_ change: (String) -> String) {
    try? Files.replace(site, with: Array(change(original).utf8))
  }

  func start(_ arguments: [String]) throws -> ChildProcess {
    try ChildProcess(
      running: Program.tally.path, arguments: arguments + ["--data", data],
      environment: environment)
  }

  func tally(
    _ arguments: [String]
  ) throws -> (exit: ChildExit, output: String, errors: String) {
    try finish(try start(arguments))
  }

  /// Waits until the status is as it should be, 30 s at most.
  func wait(
    _ isDue: ((exit: ChildExit, output: String, errors: String)) -> Bool
  ) -> Bool {
    let clock = HostClock()
    let deadline = clock.microseconds() + 30_000_000
    while clock.microseconds() < deadline {
      if let status = try? tally(["status"]), isDue(status) { return true }
      clock.sleep(microseconds: 100_000)
    }
    return false
  }

  func awaitValue(of label: String) throws {
    try #require(
      wait { status in
        status.output.split(separator: "\n").contains {
          $0.contains(label) && $0.contains("answers")
        }
      }, "\(label) does not answer")
  }

  /// Takes the simulated adapters away.
  func unplug() {
    simulator.signal(.terminate)
    _ = simulator.wait(until: HostClock().microseconds() + 10_000_000)
  }
}
