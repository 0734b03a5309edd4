import Catalog
import Simulator
import TransparencyLog

/// What `tally-sim run` says.
enum RunText {
  /// What came of a seed.
  case outcome(SeedOutcome)
  /// Which faults struck in it, in the words of a file of faults.
  case faults(SeedOutcome)
  /// Polls of all seeds, and the CPU time of the thread that simulated them, µs.
  case rate(polls: UInt64, microseconds: UInt64)

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
    case .faults(let outcome): return "faults of seed \(outcome.seed): \(RunText.faults(outcome))"
    case .rate(let polls, let used):
      return "\(polls) polls in \(RunText.seconds(used)) s of CPU time: "
        + "\(RunText.rate(polls, used)) polls a second and core"
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
    case .faults(let outcome): return "种子 \(outcome.seed) 的故障：\(RunText.faults(outcome))"
    case .rate(let polls, let used):
      return "轮询 \(polls) 次，用 CPU 时间 \(RunText.seconds(used)) 秒：每核每秒 \(RunText.rate(polls, used)) 次"
    }
  }

  private static func faults(_ outcome: SeedOutcome) -> String {
    FaultKind.allCases.compactMap { kind in
      let count = outcome.result.faultCounts[Int(kind.rawValue)]
      return count > 0 ? "\(kind.key) \(count)" : nil
    }.joined(separator: ", ")
  }

  /// With one digit after the point.
  private static func seconds(_ microseconds: UInt64) -> String {
    tenthsText(Int((microseconds + 50_000) / 100_000))
  }

  private static func rate(_ polls: UInt64, _ microseconds: UInt64) -> UInt64 {
    polls * 1_000_000 / max(microseconds, 1)
  }

  /// Violations are for developers, and in their language.
  private static func verdict(_ result: SimulationResult, good: String) -> String {
    guard !result.violations.isEmpty else { return good }
    return result.violations.map { "\n  \($0.checker) \($0.time / 1_000_000) s: \($0.text)" }
      .joined()
  }
}
