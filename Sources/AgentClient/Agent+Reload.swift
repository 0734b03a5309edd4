import Gateway
import TransparencyLog

extension Agent {
  /// Makes the agent read its site anew and gives what came of it.
  ///
  /// The agent gives up after half a minute by itself; loading and another reload may come before.
  public func reload() throws(AgentError) -> ReloadOutcome {
    let bytes = try ask(.reload, timeoutMilliseconds: 90_000)
    do throws(CBORError) { return ReloadOutcome(try ReloadAnswer(decoding: bytes.span)) } catch {
      throw .answer(error)
    }
  }
}

/// What came of a reload, in words.
public struct ReloadOutcome: Sendable {
  private let answer: ReloadAnswer

  /// The words of an answer.
  public init(_ answer: ReloadAnswer) { self.answer = answer }

  /// The old site stays in force, and the words say why.
  public var isRefused: Bool { answer.outcome == .refused }

  /// What changed, or what is wrong and what to do.
  public var english: String {
    let report = answer.report
    switch answer.outcome {
    case .reloaded:
      return "reloaded: \(report.kept) channels go on, \(report.begun) begin, \(report.ended) end; "
        + "\(report.entries) config entries"
    case .unchanged: return "nothing changed"
    case .refused:
      let more = answer.omittedCount > 0 ? ["and \(answer.omittedCount) more: see tally check"] : []
      return (["not reloaded, the old site stays in force:"] + findings(\.english) + more)
        .joined(separator: "\n")
    }
  }

  /// 变更内容，或问题及处理办法。
  public var chinese: String {
    let report = answer.report
    switch answer.outcome {
    case .reloaded:
      return "已重新加载：\(report.kept) 个通道继续，\(report.begun) 个开始，\(report.ended) 个结束；"
        + "写入 \(report.entries) 条配置"
    case .unchanged: return "没有变化"
    case .refused:
      let more = answer.omittedCount > 0 ? ["另有 \(answer.omittedCount) 项：请运行 tally check"] : []
      return (["未重新加载，旧站点继续有效："] + findings(\.chinese) + more).joined(separator: "\n")
    }
  }

  private func findings(_ text: KeyPath<ReloadAnswer.Finding, [UInt8]>) -> [String] {
    answer.findings.map { String(decoding: $0[keyPath: text], as: UTF8.self) }
  }
}
