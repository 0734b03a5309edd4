/// What the operator of a collector is told while it serves.
public enum CollectorAlarm: Equatable, Sendable {
  /// The last cosignature lies so many seconds after the collector's clock: that clock was ahead once, or
  /// is behind now.
  case cosignaturesAhead(origin: String, seconds: UInt64)
  /// A log signed two histories, or what it sent does not follow from what it sent before.
  case checkpointRefused(origin: String, reason: String)
  /// The proof of that could not be kept for the auditor.
  case refusedCheckpointNotKept(origin: String, problem: String)
  /// The mirror of a log could neither store nor sign.
  case mirrorFailed(origin: String, problem: String)
  /// The list of logs could not be read.
  case stateUnreadable(problem: String)
  /// The entries of a log, or with `nil` of any, could not be turned into readings; they stay stored.
  case decodingFailed(origin: String?, problem: String)

  /// Both wordings, as they stand in the collector's log.
  public var text: String { "\(english) \(chinese)" }

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .cosignaturesAhead(let origin, let seconds):
      "\(origin): cosignatures are \(seconds) s ahead of this clock, since their time never goes back: "
        + "gateways with a good clock refuse them. If the clock is right now, it was wrong when one was "
        + "made: let the gateway begin a new epoch. If it is behind, set it."
    case .checkpointRefused(let origin, let reason):
      "\(origin): a well-signed checkpoint was refused: \(reason)"
    case .refusedCheckpointNotKept(let origin, let problem):
      "\(origin): the refused checkpoint could not be kept: \(problem)"
    case .mirrorFailed(let origin, let problem): "\(origin): the mirror failed: \(problem)"
    case .stateUnreadable(let problem): "the state cannot be read: \(problem)"
    case .decodingFailed(let origin, let problem):
      "decoding" + (origin.map { " \($0)" } ?? "") + ": \(problem)"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .cosignaturesAhead(let origin, let seconds):
      "\(origin)：会签时间比本机时钟快 \(seconds) 秒（会签时间从不倒退），时钟可靠的网关会拒绝。"
        + "若本机时钟现已正确，则此前会签时时钟有误：请让网关开始新纪元；若本机时钟偏慢，请校时。"
    case .checkpointRefused(let origin, let reason): "\(origin)：拒绝了签名有效的检查点：\(reason)"
    case .refusedCheckpointNotKept(let origin, let problem):
      "\(origin)：被拒绝的检查点无法保存：\(problem)"
    case .mirrorFailed(let origin, let problem): "\(origin)：镜像失败：\(problem)"
    case .stateUnreadable(let problem): "无法读取汇集端状态：\(problem)"
    case .decodingFailed(let origin, let problem):
      "解码" + (origin.map { " \($0) " } ?? "") + "失败：\(problem)"
    }
  }
}
