import Catalog

/// What a run says about itself.
enum DemoText {
  case otherPort(asked: UInt16, taken: UInt16)
  case keysMade
  case starting(DemoRole)
  case ready(url: String)
  case firstAcknowledgement(seconds: UInt64)
  case stopHint
  case stopping(DemoRole)
  case killed(DemoRole)
  case acknowledged(Int, new: Int)
  case nothingAcknowledged
  case readings(Int)
  case noReadings(String)
  case verified
  case notVerified(code: Int32)
  case dataLies(String)
  case verifyWith(String)

  func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  var english: String {
    switch self {
    case .otherPort(0, let taken): "the collector listens on port \(taken)"
    case .otherPort(let port, let taken): "port \(port) is busy: the collector listens on \(taken)"
    case .keysMade: "keys and tokens made, gateway enrolled"
    case .starting(let role): "starting the \(role.english)"
    case .ready(let url): "everything is ready; the collector is at \(url)"
    case .firstAcknowledgement(let seconds): "first acknowledgement \(seconds) s after that"
    case .stopHint: "Ctrl-C ends it"
    case .stopping(let role): "stopping the \(role.english)"
    case .killed(let role): "the \(role.english) did not end within 20 s and was killed"
    case .acknowledged(let count, let new):
      "entries acknowledged: \(count), of which \(new) in this run"
    case .nothingAcknowledged: "NOTHING was acknowledged in this run"
    case .readings(let count): "readings of this run in the collector's database: \(count) or more"
    case .noReadings(let why): "NO readings of this run are in the collector's database: \(why)"
    case .verified: "the collector's log is verified"
    case .notVerified(let code): "the collector's log is NOT verified (exit code \(code))"
    case .dataLies(let path): "data: \(path)"
    case .verifyWith(let command): "verify it: \(command)"
    }
  }

  var chinese: String {
    switch self {
    case .otherPort(0, let taken): "汇集端监听端口 \(taken)"
    case .otherPort(let port, let taken): "端口 \(port) 被占用：汇集端改用 \(taken)"
    case .keysMade: "已生成密钥与令牌，网关已登记"
    case .starting(let role): "启动\(role.chinese)"
    case .ready(let url): "全部就绪；汇集端地址 \(url)"
    case .firstAcknowledgement(let seconds): "就绪后 \(seconds) 秒收到首次确认"
    case .stopHint: "按 Ctrl-C 结束"
    case .stopping(let role): "停止\(role.chinese)"
    case .killed(let role): "\(role.chinese)未在 20 秒内结束，已被强制终止"
    case .acknowledged(let count, let new): "已确认条目：\(count)，其中本次运行 \(new)"
    case .nothingAcknowledged: "本次运行没有任何条目得到确认"
    case .readings(let count): "汇集端数据库中本次运行的读数：不少于 \(count)"
    case .noReadings(let why): "汇集端数据库中没有本次运行的读数：\(why)"
    case .verified: "汇集端日志核查通过"
    case .notVerified(let code): "汇集端日志核查未通过（退出码 \(code)）"
    case .dataLies(let path): "数据位于：\(path)"
    case .verifyWith(let command): "核查命令：\(command)"
    }
  }
}
