/// A good site that the agent does not take up as it runs.
public enum AgentFault: Sendable, Equatable, Worded {
  /// A setting that only a restart changes.
  case needsRestart(FixedSetting)

  var english: Wording {
    switch self {
    case .needsRestart(let setting):
      Wording(
        "\(setting.key.rawValue) is \(setting.found) now",
        "\(setting.running), as when tallyd was started",
        "restart tallyd for it, or put the old value back")
    }
  }

  var chinese: Wording {
    switch self {
    case .needsRestart(let setting):
      Wording(
        "\(setting.key.rawValue) 现为 \(setting.found)", "\(setting.running)（与 tallyd 启动时相同）",
        "重启 tallyd 使其生效，或恢复原值")
    }
  }
}
