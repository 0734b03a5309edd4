import HostHAL
import Testing

/// What `tallyd` says of `keys/live.token` when it starts.
@Suite struct LiveTokenTests {
  enum Token: CaseIterable {
    case missing, empty, blank, large, directory

    func told(_ path: String) -> (english: String, chinese: String) {
      switch self {
      case .missing: ("\(path) is missing: ", "缺少 \(path)：")
      case .empty, .blank: ("\(path) is empty: ", "\(path) 为空：")
      case .large: ("\(path) is larger than the 1024 bytes", "\(path) 超过允许的 1024 字节")
      case .directory: ("\(path) is a directory where", "\(path) 的类型不符")
      }
    }
  }

  @Test(arguments: Token.allCases)
  func `a live token that cannot be used is told as what it is`(token: Token) throws {
    let place = try Place()
    let keys = place.path + "/data/keys"
    let path = keys + "/live.token"
    try Files.makeDirectory(keys)
    try Files.replace(keys + "/mirror.vkey", with: Array(Place.mirrorKey.utf8))
    switch token {
    case .missing: break
    case .empty: try Files.replace(path, with: [])
    case .blank: try Files.replace(path, with: Array(" \r\n".utf8))
    case .large: try Files.replace(path, with: [UInt8](repeating: UInt8(ascii: "a"), count: 1025))
    case .directory: try Files.makeDirectory(path)
    }
    let told = token.told(path)
    for (locale, text) in [("C.UTF-8", told.english), ("zh_CN.UTF-8", told.chinese)] {
      let output = try start(place, locale: locale)
      #expect(output.contains(text), "\(output)")
      #expect(output.ranges(of: path).count == 1, "\(output)")
    }
  }

  /// What the agent says until it polls, 30 s at most.
  private func start(_ place: Place, locale: String) throws -> String {
    let agent = try ChildProcess(
      running: Program.tallyd.path,
      arguments: [
        "--site", place.sampleSite, "--data", place.path + "/data", "--share", place.share,
      ],
      environment: [
        (name: "LANG", value: locale), (name: "TALLYSTICK_DEV", value: place.path + "/dev"),
      ])
    let clock = HostClock()
    let deadline = clock.microseconds() + 30_000_000
    var said: [UInt8] = []
    while clock.microseconds() < deadline, agent.poll() == nil {
      _ = agent.readOutput(into: &said)
      let text = String(decoding: said, as: UTF8.self)
      if text.contains("polling") || text.contains("采集") { break }
      clock.sleep(microseconds: 20_000)
    }
    agent.signal(.terminate)
    let (exit, rest, errors) = try finish(agent)
    #expect(exit == .exited(code: 0), "\(errors)")
    return String(decoding: said, as: UTF8.self) + rest
  }
}
