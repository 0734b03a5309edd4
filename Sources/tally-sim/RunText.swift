import Catalog
import Simulator
import TransparencyLog

/// What `tally-sim run` says.
enum RunText {
  case outcome(SeedOutcome)

  func text(_ language: Language) -> String {
    switch language {
    case .english: english
    case .chinese: chinese
    }
  }

  var english: String {
    switch self {
    case .outcome(let outcome):
      let result = outcome.result
      return "seed \(outcome.seed): \(outcome.deviceCount) devices, \(outcome.hours) h, "
        + "\(result.pollCount) polls, \(result.faultCounts.reduce(0, +)) faults, "
        + "\(result.startCount) starts, \(result.epochs) epochs, \(result.size) entries, "
        + "live values within \((result.liveDelayMax + 99_999) / 100_000 * 100) ms, "
        + "trace \(result.traceHash.hex.prefix(16)): "
        + RunText.verdict(result, good: "good")
    }
  }

  var chinese: String {
    switch self {
    case .outcome(let outcome):
      let result = outcome.result
      return "种子 \(outcome.seed)：设备 \(outcome.deviceCount) 台，\(outcome.hours) 小时，"
        + "轮询 \(result.pollCount) 次，故障 \(result.faultCounts.reduce(0, +)) 次，"
        + "启动 \(result.startCount) 次，纪元 \(result.epochs) 个，条目 \(result.size) 条，"
        + "实时值延迟不超过 \((result.liveDelayMax + 99_999) / 100_000 * 100) 毫秒，"
        + "轨迹 \(result.traceHash.hex.prefix(16))：" + RunText.verdict(result, good: "通过")
    }
  }

  /// Violations are for developers, and in their language.
  private static func verdict(_ result: SimulationResult, good: String) -> String {
    guard !result.violations.isEmpty else { return good }
    return result.violations.map { "\n  \($0.checker) \($0.time / 1_000_000) s: \($0.text)" }
      .joined()
  }
}
