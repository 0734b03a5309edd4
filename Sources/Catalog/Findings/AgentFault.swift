/// A good site that the agent does not take up all the same: as it runs, or in this version.
public enum AgentFault: Sendable, Equatable, Worded {
  /// A setting that only a restart changes.
  case needsRestart(FixedSetting)
  /// More serial lines than this version takes.
  case tooManyLines(Int, most: Int)
  /// More devices than this version takes.
  case tooManyDevices(Int, most: Int)

  var english: Wording {
    switch self {
    case .needsRestart(let setting):
      Wording(
        "\(setting.key.rawValue) is \(setting.found) now",
        "\(setting.running), as when tallyd was started",
        "restart tallyd for it, or put the old value back")
    case .tooManyLines(let count, let most):
      Wording(
        "\(count) lines in one site", "at most \(most) in this version",
        "give some to a second gateway")
    case .tooManyDevices(let count, let most):
      Wording(
        "\(count) devices in one site", "at most \(most) in this version",
        "give some to a second gateway")
    }
  }

  var chinese: Wording {
    switch self {
    case .needsRestart(let setting):
      Wording(
        "\(setting.key.rawValue) 现为 \(setting.found)", "\(setting.running)（与 tallyd 启动时相同）",
        "重启 tallyd 使其生效，或恢复原值")
    case .tooManyLines(let count, let most):
      Wording("站点线路数为 \(count)", "本版本最多 \(most)", "将一部分交给另一台网关")
    case .tooManyDevices(let count, let most):
      Wording("站点设备数为 \(count)", "本版本最多 \(most)", "将一部分交给另一台网关")
    }
  }
}
