/// How polling a device goes.
public enum DeviceState: Equatable, Sendable {
  /// Not asked yet.
  case waiting
  /// It answers.
  case answering
  /// It is silent and asked rarely.
  case silent
  /// Its line's port is gone and looked for.
  case portLost
  /// A state that this version does not know.
  case other(String)

  /// The state by its key in the status.
  public init(key: String) {
    switch key {
    case "waiting": self = .waiting
    case "good": self = .answering
    case "silent": self = .silent
    case "no-port": self = .portLost
    default: self = .other(key)
    }
  }

  /// The key in the status.
  public var key: String {
    switch self {
    case .waiting: "waiting"
    case .answering: "good"
    case .silent: "silent"
    case .portLost: "no-port"
    case .other(let key): key
    }
  }

  /// The word.
  public var english: String {
    switch self {
    case .waiting: "waiting"
    case .answering: "answers"
    case .silent: "silent"
    case .portLost: "no port"
    case .other(let key): key
    }
  }

  /// 状态词。
  public var chinese: String {
    switch self {
    case .waiting: "等待"
    case .answering: "应答"
    case .silent: "无应答"
    case .portLost: "端口断开"
    case .other(let key): key
    }
  }
}

/// How the connection to the mirror is.
public enum LinkState: Equatable, Sendable {
  /// Nothing was sent yet.
  case unknown
  case up
  case down
  /// The mirror refuses this log: a person must look. Some refusals are asked again.
  case refused
  /// A state that this version does not know.
  case other(String)

  /// The state by its key in the status.
  public init(key: String) {
    switch key {
    case "unknown": self = .unknown
    case "up": self = .up
    case "down": self = .down
    case "refused": self = .refused
    default: self = .other(key)
    }
  }

  /// The key in the status.
  public var key: String {
    switch self {
    case .unknown: "unknown"
    case .up: "up"
    case .down: "down"
    case .refused: "refused"
    case .other(let key): key
    }
  }

  /// The word.
  public var english: String {
    switch self {
    case .unknown: "not tried yet"
    case .up: "up"
    case .down: "down"
    case .refused: "refuses this log"
    case .other(let key): key
    }
  }

  /// 状态词。
  public var chinese: String {
    switch self {
    case .unknown: "尚未连接"
    case .up: "正常"
    case .down: "中断"
    case .refused: "拒绝本日志"
    case .other(let key): key
    }
  }
}
