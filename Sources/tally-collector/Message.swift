import Collector

/// What the commands print.
enum Message {
  case mirrorKey(String)
  case readToken(path: String)
  case enrolled(origin: String)
  case liveToken(String)
  case clockNotSynchronised
  case noLogs
  case log(LogStatus)
  case alarm(CollectorAlarm)

  var english: String {
    switch self {
    case .mirrorKey(let key): "mirror key: \(key)"
    case .readToken(let path): "read token: in \(path)"
    case .enrolled(let origin): "enrolled: \(origin)"
    case .liveToken(let token): "live token: \(token)"
    case .clockNotSynchronised:
      "warning: the kernel does not call this machine's clock synchronised; cosignatures carry its "
        + "time all the same (see --require-synchronised-clock)"
    case .noLogs: "no log is enrolled: tally-collector enroll VKEY"
    case .log(let log):
      """
      \(log.origin)
        cosigned \(log.mirroredSize), announced \(log.pendingSize), decoded \(log.decoderCursor)
        readings \(log.readings), duplicates left out \(log.duplicates)
        entries not understood \(log.problems), forks \(log.forks)
        last cosignature \(log.lastCosignature ?? "none")
        path \(log.hash)
      """
    case .alarm(let alarm): alarm.english
    }
  }

  var chinese: String {
    switch self {
    case .mirrorKey(let key): "镜像公钥: \(key)"
    case .readToken(let path): "读取令牌: 位于 \(path)"
    case .enrolled(let origin): "已登记: \(origin)"
    case .liveToken(let token): "实时值令牌 (live token): \(token)"
    case .clockNotSynchronised:
      "警告：内核未报告本机时钟已同步；会签仍使用本机时间（参见 --require-synchronised-clock）"
    case .noLogs: "尚无已登记的日志：tally-collector enroll VKEY"
    case .log(let log):
      """
      \(log.origin)
        已会签 \(log.mirroredSize)，已公布 \(log.pendingSize)，已解码 \(log.decoderCursor)
        读数 \(log.readings)，略去的重复 \(log.duplicates)
        未能理解的条目 \(log.problems)，分叉 \(log.forks)
        最近会签 \(log.lastCosignature ?? "无")
        路径 \(log.hash)
      """
    case .alarm(let alarm): alarm.chinese
    }
  }
}
