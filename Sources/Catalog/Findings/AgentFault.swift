/// A good site that the agent does not take up all the same: as it runs, or in this version.
public enum AgentFault: Sendable, Equatable {
  /// A setting that only a restart changes.
  case needsRestart(FixedSetting)
  /// More of something than this version takes.
  case tooMany(Countable, found: Int, most: Int)

  /// What is counted.
  public enum Countable: Sendable, Equatable, CaseIterable {
    /// Serial lines of the site.
    case lines
    /// Devices of the site.
    case devices
    /// Requests of one poll stream.
    case requests
  }

  func wording(_ language: Language) -> Wording {
    switch (self, language) {
    case (.needsRestart(let setting), .english):
      Wording(
        "\(setting.key.rawValue) is \(setting.found) now",
        "\(setting.running), as when tallyd was started",
        "restart tallyd for it, or put the old value back")
    case (.needsRestart(let setting), .chinese):
      Wording(
        "\(setting.key.rawValue) 现为 \(setting.found)", "\(setting.running)（与 tallyd 启动时相同）",
        "重启 tallyd 使其生效，或恢复原值")
    case (.tooMany(let what, let found, let most), .english):
      Wording(
        "\(found) \(what.english)", "at most \(most) in this version",
        what == .requests
          ? "poll the device in several streams ('poll')" : "give some to a second gateway")
    case (.tooMany(let what, let found, let most), .chinese):
      Wording(
        "\(what.chinese) \(found)", "本版本最多 \(most)",
        what == .requests ? "用多个“poll”分组采集该设备" : "将一部分交给另一台网关")
    }
  }
}

extension AgentFault.Countable {
  fileprivate var english: String {
    switch self {
    case .lines: "lines in one site"
    case .devices: "devices in one site"
    case .requests: "requests in one poll stream"
    }
  }

  fileprivate var chinese: String {
    switch self {
    case .lines: "站点线路数为"
    case .devices: "站点设备数为"
    case .requests: "单个采集分组的请求数为"
    }
  }
}
