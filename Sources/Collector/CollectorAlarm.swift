import Catalog

/// What the operator of a collector is told while it serves.
public enum CollectorAlarm: Equatable, Sendable {
  /// The last cosignature lies so many seconds after the collector's clock: that clock was ahead once, or
  /// is behind now.
  case cosignaturesAhead(origin: String, seconds: UInt64)
  /// The clock of this machine may not be cosigned with.
  case clockUnusable
  /// A log signed two histories, or what it sent is not shown to follow from what it sent before.
  case checkpointRefused(origin: String, reason: CheckpointContradiction, isKept: Bool)
  /// The note of that could not be kept for the auditor.
  case refusedCheckpointNotKept(origin: String, reason: AlarmReason)
  /// A gateway began a new epoch by itself: it lost entries that it had signed. The new log was enrolled.
  case newEpoch(origin: String, previous: String)
  /// The mirror of a log could neither store nor sign.
  case mirrorFailed(origin: String, reason: AlarmReason)
  /// The list of logs could not be read.
  case stateUnreadable(reason: AlarmReason)
  /// The entries of a log, or with `nil` of any, could not be turned into readings; they stay stored.
  case decodingFailed(origin: String?, reason: AlarmReason)

  /// The wording in a language.
  public func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .cosignaturesAhead(let origin, let seconds):
      "\(origin): cosignatures are \(seconds) s ahead of this clock, since their time never goes back: "
        + "gateways with a good clock refuse them. If the clock is right now, it was wrong when one was "
        + "made: let the gateway begin a new epoch. If it is behind, set it."
    case .clockUnusable: "the clock of this machine is not usable: nothing is cosigned until it is"
    case .checkpointRefused(let origin, let reason, let isKept):
      "\(origin): a well-signed checkpoint was refused: \(reason.english). "
        + (isKept ? "It is kept for the auditor. " : "") + reason.advice
    case .refusedCheckpointNotKept(let origin, let reason):
      "\(origin): the refused checkpoint could not be kept: \(reason.english)"
    case .newEpoch(let origin, let previous):
      "\(origin): the gateway of \(previous) began a new epoch by itself, because it lost entries that it "
        + "had signed: its medium was damaged, or set back to an older state. The new log is taken under "
        + "the same key, and what the old one delivered stays. Look at the gateway's medium, and replace it "
        + "if it is worn out or if this comes again."
    case .mirrorFailed(let origin, let reason):
      "\(origin): nothing can be stored now: \(reason.english). Nothing is lost: the gateway keeps what is not "
        + "acknowledged and sends it again; packages are to be imported again."
    case .stateUnreadable(let reason): "the state cannot be read: \(reason.english)."
    case .decodingFailed(let origin, let reason):
      (origin.map { "\($0): no readings" } ?? "no readings")
        + " are made of what came: \(reason.english). The entries stay stored, and are decoded once that is mended."
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .cosignaturesAhead(let origin, let seconds):
      "\(origin)：会签时间比本机时钟快 \(seconds) 秒（会签时间从不倒退），时钟可靠的网关会拒绝。"
        + "若本机时钟现已正确，则此前会签时时钟有误：请让网关开始新纪元；若本机时钟偏慢，请校时。"
    case .clockUnusable: "本机时钟不可用：在其可用之前不会签"
    case .checkpointRefused(let origin, let reason, let isKept):
      "\(origin)：拒绝了签名有效的检查点：\(reason.chinese)。"
        + (isKept ? "已为核查留存。" : "") + reason.chineseAdvice
    case .refusedCheckpointNotKept(let origin, let reason):
      "\(origin)：被拒绝的检查点无法保存：\(reason.chinese)"
    case .newEpoch(let origin, let previous):
      "\(origin)：\(previous) 所属网关丢失了已签名的条目（存储介质损坏，或被恢复到较旧的状态），"
        + "已自行开始新纪元。新日志以同一密钥登记，旧日志已送达的内容保留。请检查该网关的存储介质；"
        + "若已老化或再次发生，请更换。"
    case .mirrorFailed(let origin, let reason):
      "\(origin)：目前无法存储：\(reason.chinese)。数据不会丢失：网关保留未确认的内容并会重新发送；数据包须重新导入。"
    case .stateUnreadable(let reason): "无法读取汇集端状态：\(reason.chinese)。"
    case .decodingFailed(let origin, let reason):
      (origin.map { "\($0)：" } ?? "") + "无法由收到的条目生成读数：\(reason.chinese)。条目仍完整保存，排除原因后自动解码。"
    }
  }
}

/// Why a well-signed checkpoint does not go on from the one before it (C2SP tlog-mirror, add-checkpoint).
public enum CheckpointContradiction: Equatable, Sendable, CaseIterable {
  /// Size 0 with a root that is not the empty one.
  case emptyWithRoot
  /// Another root at the size of the checkpoint before it.
  case otherRoot
  /// The proof does not lead from the checkpoint before it to this one. A proof is not signed, so this alone
  /// does not show that the log forked.
  case inconsistent

  /// The note convicts the log by itself, beside the one before it.
  public var isProof: Bool {
    switch self {
    case .emptyWithRoot, .otherRoot: true
    case .inconsistent: false
    }
  }

  /// What it is; also kept with the note.
  public var english: String {
    switch self {
    case .emptyWithRoot: "size 0 with a root that is not the empty one"
    case .otherRoot: "another root at the same size"
    case .inconsistent: "not consistent with the checkpoint before it"
    }
  }

  /// 矛盾所在。
  public var chinese: String {
    switch self {
    case .emptyWithRoot: "大小为 0 而根哈希不为空树的根"
    case .otherRoot: "同一大小有另一个根哈希"
    case .inconsistent: "与之前的检查点不一致"
    }
  }

  /// What to do about it, in English.
  var advice: String {
    switch self {
    case .emptyWithRoot, .otherRoot:
      "The log has two histories. Stop the gateway, and find out whether its data directory was copied or "
        + "an old copy of it put back."
    case .inconsistent:
      "The proof it came with is wrong: the gateway's tiles are damaged, or an old copy of its data "
        + "directory was put back, or somebody else sent it. Let tally verify look at the gateway."
    }
  }

  /// 处理办法。
  var chineseAdvice: String {
    switch self {
    case .emptyWithRoot, .otherRoot: "该日志有两份历史。请停止该网关，查明其数据目录是否被复制或恢复成旧副本。"
    case .inconsistent: "随附的证明有误：网关瓦片损坏、数据目录被恢复成旧副本，或由他人发送。请用 tally verify 核查该网关。"
    }
  }
}
