/// What is wrong with the time of cosignatures, for the operator.
public enum CosignatureAlarm: Equatable, Sendable {
  /// The last cosignature lies so many seconds after the collector's clock: that clock was ahead once, or
  /// is behind now.
  case ahead(origin: String, seconds: UInt64)

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .ahead(let origin, let seconds):
      "\(origin): cosignatures are \(seconds) s ahead of this clock, since their time never goes back: "
        + "gateways with a good clock refuse them. If the clock is right now, it was wrong when one was "
        + "made: let the gateway begin a new epoch. If it is behind, set it."
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .ahead(let origin, let seconds):
      "\(origin)：会签时间比本机时钟快 \(seconds) 秒（会签时间从不倒退），时钟可靠的网关会拒绝。"
        + "若本机时钟现已正确，则此前会签时时钟有误：请让网关开始新纪元；若本机时钟偏慢，请校时。"
    }
  }
}
