/// What the operator of a collector is told while it serves.
public enum CollectorAlarm: Equatable, Sendable {
  /// The last cosignature lies so many seconds after the collector's clock: that clock was ahead once, or
  /// is behind now.
  case cosignaturesAhead(origin: String, seconds: UInt64)
  /// A log signed two histories, or what it sent does not follow from what it sent before.
  case checkpointRefused(origin: String, reason: CheckpointContradiction)
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
      "\(origin): a well-signed checkpoint was refused: \(reason.english). It is kept as proof. Stop the "
        + "gateway, and find out whether its data directory was copied or an old copy of it put back."
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
    case .checkpointRefused(let origin, let reason):
      "\(origin)：拒绝了签名有效的检查点：\(reason.chinese)，并已留作证据。请停止该网关，查明其数据目录是否被复制或恢复成旧副本。"
    case .refusedCheckpointNotKept(let origin, let problem):
      "\(origin)：被拒绝的检查点无法保存：\(problem)"
    case .mirrorFailed(let origin, let problem): "\(origin)：镜像失败：\(problem)"
    case .stateUnreadable(let problem): "无法读取汇集端状态：\(problem)"
    case .decodingFailed(let origin, let problem):
      "解码" + (origin.map { " \($0) " } ?? "") + "失败：\(problem)"
    }
  }
}

/// What a well-signed checkpoint contradicts (C2SP tlog-mirror, add-checkpoint).
public enum CheckpointContradiction: Equatable, Sendable {
  /// Size 0 with a root that is not the empty one.
  case emptyWithRoot
  /// A consistency proof from size 0.
  case proofFromNothing
  /// A consistency proof between equal sizes.
  case proofBetweenEqualSizes
  /// Another root at the size of the checkpoint before it.
  case otherRoot
  /// The proof does not lead from the checkpoint before it to this one.
  case inconsistent

  /// What it is; also kept with the note.
  public var english: String {
    switch self {
    case .emptyWithRoot: "size 0 with a root that is not the empty one"
    case .proofFromNothing: "a proof from size 0"
    case .proofBetweenEqualSizes: "a proof between equal sizes"
    case .otherRoot: "another root at the same size"
    case .inconsistent: "not consistent with the checkpoint before it"
    }
  }

  /// 矛盾所在。
  public var chinese: String {
    switch self {
    case .emptyWithRoot: "大小为 0 而根哈希不为空树的根"
    case .proofFromNothing: "自大小 0 起的一致性证明"
    case .proofBetweenEqualSizes: "相同大小之间的一致性证明"
    case .otherRoot: "同一大小有另一个根哈希"
    case .inconsistent: "与之前的检查点不一致"
    }
  }
}
