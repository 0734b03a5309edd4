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
  case noPackages
  case package(ImportedPackage)
  case imported(ImportedLog)
  case acknowledgement(ImportedLog, path: String)
  case again(ImportedLog, path: String)

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
        entries not understood \(log.problems), forks \(log.forks)\(problems(of: log, \.english, ": "))
        last cosignature \(log.lastCosignature ?? "none")
        path \(log.hash)
      """
    case .alarm(let alarm): alarm.english
    case .noPackages: "there is no package: their names end in .package"
    case .package(let package):
      switch package.outcome {
      case .taken: "\(package.path): taken"
      case .known: "\(package.path): known already"
      case .waiting: "\(package.path): good, kept here until the entries before it come"
      case .refused(let refusal): "\(package.path): refused: it \(refusal.english)"
      }
    case .imported(let log):
      (["\(log.origin): \(log.size) entries are stored and cosigned"]
        + log.gaps.map { gap in
          "\(log.origin): entries \(gap.lowerBound) to \(gap.upperBound - 1) are missing: look for their package, "
            + "or put a file \(log.againName) with the line \(gap.lowerBound) into the gateway's directory, which "
            + "writes them again (--ack DIR writes that file, too)"
        }).joined(separator: "\n")
    case .acknowledgement(let log, let path):
      "\(path): the acknowledgement of \(log.size) entries, to be put into the gateway's directory as "
        + log.acknowledgementName
    case .again(_, let path):
      "\(path): asks the gateway for what is missing, to be put into its directory"
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
        未能理解的条目 \(log.problems)，分叉 \(log.forks)\(problems(of: log, \.chinese, "："))
        最近会签 \(log.lastCosignature ?? "无")
        路径 \(log.hash)
      """
    case .alarm(let alarm): alarm.chinese
    case .noPackages: "没有数据包：其文件名以 .package 结尾"
    case .package(let package):
      switch package.outcome {
      case .taken: "\(package.path)：已导入"
      case .known: "\(package.path)：此前已导入"
      case .waiting: "\(package.path)：完好，留存等待其前面的条目"
      case .refused(let refusal): "\(package.path)：拒绝，该文件\(refusal.chinese)"
      }
    case .imported(let log):
      (["\(log.origin)：已存储并会签 \(log.size) 条"]
        + log.gaps.map { gap in
          "\(log.origin)：缺少第 \(gap.lowerBound) 至 \(gap.upperBound - 1) 条：请寻找其数据包，"
            + "或在网关的目录中放入内容为 \(gap.lowerBound) 的文件 \(log.againName)，网关会重新写出"
            + "（--ack 目录 会同时写出该文件）"
        }).joined(separator: "\n")
    case .acknowledgement(let log, let path):
      "\(path)：\(log.size) 条的确认文件，请放入网关的目录，文件名 \(log.acknowledgementName)"
    case .again(_, let path): "\(path)：向网关索取缺失内容，请放入其目录"
    }
  }

  /// The newest entries that were not understood, each in a line of its own.
  private func problems(
    of log: LogStatus, _ wording: KeyPath<StatusProblem, String>, _ colon: String
  ) -> String {
    log.newestProblems.map { "\n    \(log.origin) \($0.index)\(colon)\($0[keyPath: wording])" }
      .joined()
  }
}
