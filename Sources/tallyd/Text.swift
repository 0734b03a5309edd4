import Catalog
import Gateway
import HostCrypto
import HostHAL
import Journal
import Sampling
import Uplink

/// Everything that `tallyd` says to people, in English and Chinese.
enum Text: Error {
  case usage
  case unknownFlag(String)
  case missingValue(flag: String)
  case missingFlag(String)
  case file(FileError)
  case noKey(path: String, KeyFileError)
  case keyMade(vkey: String)
  case keyLost(path: String, signed: UInt64)
  case otherKey(path: String, signed: UInt64)
  case epochBegins(origin: String, EpochEnd, isOneWay: Bool)
  /// Segments that earlier logs still held were removed, and the full log goes on.
  case earlierLogsGone(origin: String)
  case mended(Range<UInt64>)
  case carriedOver(UInt64)
  case copyAsked
  case copyRefused(status: Int)
  case copyOutOfReach(LinkFailure)
  case noRestart(errno: Int32)
  case noMirrorKey(site: String, YAMLPlace, path: String, FileError)
  case noLiveToken(path: String)
  case emptyLiveToken(path: String)
  case unreadableLiveToken(FileError)
  case liveAnswered(status: Int, path: String)
  case storage(path: String, RecorderError)
  case recovered(size: UInt64, signed: UInt64, acknowledged: UInt64, tornTail: Bool)
  case noBootID(FileError?)
  case noSoftwareHash(FileError)
  case started(origin: String, lines: Int, devices: Int, to: WayOut)
  case portOpened(line: String, path: String)
  case portMissing(line: String, SerialError)
  case portLost(line: String)
  case portClosed(line: String)
  case recordingStopped(RecorderError)
  case recordingAgain
  case endedUnrecorded
  case linkUp
  case linkDown(LinkFailure?)
  case mirrorAlarm(MirrorAlarm)
  case packagesTaken
  case packagesRefused(LinkFailure?)
  case timeUnchecked
  case room(GivingWay, isOneWay: Bool)
  case stopped(size: UInt64, acknowledged: UInt64)
  case noShare(tried: [String])
  case badOrigin(String)
  case noThread(errno: Int32)
  case finding(Finding)
  case queueFull
  case reloaded(SiteChangeReport)
  case nothingChanged
  case notReloaded
  case repeated(english: String, chinese: String, count: UInt64, seconds: UInt64)

  func text(_ language: Language) -> String {
    switch language {
    case .english: english
    case .chinese: chinese
    }
  }

  var english: String {
    switch self {
    case .usage:
      """
      usage: tallyd --site FILE --data DIR [--share DIR]
        --site   the site file: which meters are polled, where the log goes
        --data   the data directory: keys, log, control socket
        --share  profiles and boards (else TALLYSTICK_SHARE, else beside the program)
      """
    case .unknownFlag(let flag): "unknown flag \(flag)"
    case .missingValue(let flag): "\(flag) needs a value"
    case .missingFlag(let flag): "\(flag) is missing"
    case .file(let error): error.english
    case .noKey(let path, let problem):
      "the log key \(path) cannot be used: \(problem.english)"
    case .keyMade(let vkey):
      "made the log key; enrol this gateway at the collector: tally-collector enroll \(vkey)"
    case .keyLost(let path, let signed):
      "\(path) is gone, and the log beside it has \(signed) signed entries: put the key back from its "
        + "backup. A new key may not continue this log; for a new log use another --data directory and "
        + "serial, and keep this one for the auditor"
    case .otherKey(let path, let signed):
      "\(path) is not the key that signed this log (\(signed) entries): put the right key back. "
        + "For a new log use another --data directory and serial"
    case .epochBegins(let origin, let end, let isOneWay):
      "a new log begins, \(origin): \(end.english(isOneWay: isOneWay))."
        + (end.gaveUpAll
          ? " Of the old one the last signed size and root are kept"
          : " The old one stays where it is, for the auditor, as long as there is room")
    case .earlierLogsGone(let origin):
      "\(origin) has used up its room: what earlier logs still held for the auditor was removed, and it goes on. It is all with "
        + "the collector or in this log"
    case .mended(let run) where run.isEmpty:
      "the header of a segment of the log was damaged and was made anew: watch the medium"
    case .mended(let run):
      "entries \(run.lowerBound) to \(run.upperBound - 1) of the log were damaged; the collector gave them back, and "
        + "with them the log is the one that was signed. Watch the medium, and replace it if this comes again"
    case .carriedOver(0): "of the old log nothing was left to carry over"
    case .carriedOver(let count):
      "\(count) entries that the collector did not have were carried over into the new log"
    case .copyAsked:
      "the log is damaged: asking the collector for what stood there, for "
        + "\(Limits.mendingPatience / 1_000_000) s at most. Nothing is polled meanwhile"
    case .copyRefused(let status):
      "the log is damaged, and the collector does not give its copy back (HTTP status \(status))"
    case .copyOutOfReach(let failure):
      "the log is damaged, and the collector, which has a copy, cannot be reached: \(failure.english)"
    case .noRestart(let errno): "the agent cannot start anew (error \(errno)): restart it"
    case .noMirrorKey(let site, let place, let path, let problem):
      "\(site):\(place.line):\(place.column): error: the mirror's key \(path) cannot be read: "
        + "\(problem.english)\n"
        + "    expected: the file that holds the mirror's key, found from the data directory\n"
        + "    to do:    copy the collector's mirror.vkey there"
    case .noLiveToken(let path):
      "\(path) is missing: live values are not posted (tally-collector enroll prints the token)"
    case .emptyLiveToken(let path):
      "\(path) is empty: live values are not posted (tally-collector enroll prints the token)"
    case .unreadableLiveToken(let problem):
      "\(problem.english). Live values are not posted: put the token there that tally-collector enroll "
        + "printed, and restart tallyd"
    case .liveAnswered(200, _): "the collector takes live values"
    case .liveAnswered(401, let path):
      "the collector refuses live values: \(path) does not hold this gateway's token. Copy what "
        + "tally-collector enroll printed, and restart tallyd. The record is not concerned"
    case .liveAnswered(let status, _):
      "the collector refuses live values with HTTP status \(status). The record is not concerned"
    case .storage(let path, let problem): "the log in \(path) cannot be used: \(problem.english)"
    case .recovered(let size, let signed, let acknowledged, let torn):
      "log: \(size) entries, \(signed) signed, \(acknowledged) acknowledged"
        + (torn ? "; a torn tail was removed" : "")
    case .noBootID(let problem):
      (problem?.english ?? "\(HostIdentity.bootIDPath) holds no boot identifier")
        + ". The boot entry has zeros in its place, and a start of the machine cannot be told from one of "
        + "the agent: mount /proc"
    case .noSoftwareHash(let problem):
      "\(problem.english). The boot entry has zeros in place of this program's hash, and does not tell which "
        + "version ran: mount /proc, and let this user read the program"
    case .started(let origin, let lines, let devices, .network(_, let url)):
      "\(origin): polling \(devices) devices on \(lines) lines, uploading to \(url)"
    case .started(let origin, let lines, let devices, .directory(_, let path)):
      "\(origin): polling \(devices) devices on \(lines) lines, calling nobody, packages go to \(path)"
    case .portOpened(let line, let path): "line \(line): \(path) open"
    case .portMissing(let line, let problem): "line \(line): \(problem.english); trying again"
    case .portLost(let line): "line \(line): port lost; trying again"
    case .portClosed(let line): "line \(line): closed, the new site does not use it so"
    case .recordingStopped(let problem):
      "nothing can be recorded now: \(problem.english). Sampling goes on into memory, only what is recorded "
        + "already is signed, and writing is tried again, after 5 s and then at growing intervals up to 80 s."
    case .recordingAgain: "recording again: the medium takes entries, and signing goes on"
    case .endedUnrecorded: "readings after the recording stopped were not kept"
    case .linkUp: "the collector answers"
    case .linkDown(let failure):
      "the collector cannot be reached" + (failure.map { ": \($0.english)" } ?? "")
        + ". Entries are kept and sent later"
    case .mirrorAlarm(let alarm): "\(alarm.english)"
    case .packagesTaken: "the directory for packages is there, and takes them"
    case .packagesRefused(let failure):
      "no package can be written" + (failure.map { ": \($0.english)" } ?? "")
        + ". Entries are kept and written later"
    case .timeUnchecked:
      "the collector's signatures are taken, but their time cannot be checked: the clock here is not "
        + "synchronised. Set up NTP"
    case .room(let step, let isOneWay):
      step.condition?.english(isOneWay: isOneWay) ?? "the log has room again: everything is polled"
    case .stopped(let size, let acknowledged):
      "stopped: \(size) entries durable, \(acknowledged) acknowledged"
    case .noShare(let tried):
      "no device profiles found (tried \(tried.joined(separator: ", "))); give --share DIR or set "
        + "TALLYSTICK_SHARE"
    case .badOrigin(let text): "\"\(text)\" is no origin: at most 255 bytes, no space and no +"
    case .noThread(let errno): "no further thread can be started (error \(errno))"
    case .finding(let finding): finding.text(.english)
    case .queueFull:
      "the new site could not be logged for 30 s: the medium does not take entries. Reload again when "
        + "it does"
    case .reloaded(let report):
      "site reloaded: \(report.kept) channels go on, \(report.begun) begin, \(report.ended) end; "
        + "\(report.entries) config entries"
    case .nothingChanged: "site reloaded: nothing changed"
    case .notReloaded: "the site was not reloaded, the old one stays in force:"
    case .repeated(let english, _, let count, let seconds):
      "\(english) [the newest of \(count) such messages in \((seconds + 59) / 60) min]"
    }
  }

  var chinese: String {
    switch self {
    case .usage:
      """
      用法：tallyd --site 文件 --data 目录 [--share 目录]
        --site   站点文件：采集哪些仪表，日志上传到哪里
        --data   数据目录：密钥、日志、控制套接字
        --share  设备档案与板卡目录（否则取 TALLYSTICK_SHARE，再否则取程序旁边的目录）
      """
    case .unknownFlag(let flag): "未知选项 \(flag)"
    case .missingValue(let flag): "\(flag) 缺少取值"
    case .missingFlag(let flag): "缺少 \(flag)"
    case .file(let error): error.chinese
    case .noKey(let path, let problem): "无法使用日志密钥 \(path)：\(problem.chinese)"
    case .keyMade(let vkey):
      "已生成日志密钥；请在汇集端登记本网关：tally-collector enroll \(vkey)"
    case .keyLost(let path, let signed):
      "\(path) 丢失，而旁边的日志已签名 \(signed) 条：请从备份恢复密钥。新密钥不得续写本日志；"
        + "如需新日志，请另用 --data 目录和序列号，并保留本目录供核查"
    case .otherKey(let path, let signed):
      "\(path) 不是签署本日志（\(signed) 条）的密钥：请恢复正确的密钥。如需新日志，请另用 --data 目录和序列号"
    case .epochBegins(let origin, let end, let isOneWay):
      "开始新日志 \(origin)：\(end.chinese(isOneWay: isOneWay))。"
        + (end.gaveUpAll ? "旧日志只保留最后签名的大小和根哈希" : "旧日志原样保留，供核查，直到需要其空间")
    case .earlierLogsGone(let origin):
      "\(origin) 空间已用尽：已删除更早日志为核查保留的数据（均已在汇集端或本日志中），本日志继续"
    case .mended(let run) where run.isEmpty: "一个日志段的段头曾损坏，已重建：请留意介质"
    case .mended(let run):
      "日志条目 \(run.lowerBound) 至 \(run.upperBound - 1) 曾损坏；已由汇集端取回，与已签名内容一致。"
        + "请留意介质，若再次出现请更换"
    case .carriedOver(0): "旧日志没有需要转入的记录"
    case .carriedOver(let count): "汇集端尚未收到的 \(count) 条记录已转入新日志"
    case .copyAsked:
      "日志有损坏：正在向汇集端索取原有内容，最多 \(Limits.mendingPatience / 1_000_000) 秒，其间不轮询"
    case .copyRefused(let status): "日志损坏，而汇集端未交还副本（HTTP 状态 \(status)）"
    case .copyOutOfReach(let failure): "日志损坏，而无法连接持有副本的汇集端：\(failure.chinese)"
    case .noRestart(let errno): "程序无法重新启动自身（错误 \(errno)）：请重启"
    case .noMirrorKey(let site, let place, let path, let problem):
      "\(site):\(place.line):\(place.column): 错误：无法读取镜像公钥 \(path)：\(problem.chinese)\n"
        + "    应为：存有镜像公钥的文件，相对于数据目录\n"
        + "    处理：将汇集端的 mirror.vkey 复制到此处"
    case .noLiveToken(let path):
      "缺少 \(path)：不上传实时值（tally-collector enroll 会给出令牌）"
    case .emptyLiveToken(let path):
      "\(path) 为空：不上传实时值（tally-collector enroll 会给出令牌）"
    case .unreadableLiveToken(let problem):
      "\(problem.chinese)。不上传实时值：请写入 tally-collector enroll 给出的令牌并重启 tallyd"
    case .liveAnswered(200, _): "汇集端接受实时值"
    case .liveAnswered(401, let path):
      "汇集端拒收实时值：\(path) 中不是本网关的令牌。请写入 tally-collector enroll 给出的令牌并重启 tallyd。日志记录不受影响"
    case .liveAnswered(let status, _): "汇集端以 HTTP 状态 \(status) 拒收实时值。日志记录不受影响"
    case .storage(let path, let problem): "无法使用 \(path) 中的日志：\(problem.chinese)"
    case .recovered(let size, let signed, let acknowledged, let torn):
      "日志：\(size) 条，已签 \(signed)，已确认 \(acknowledged)" + (torn ? "；已清除残缺尾部" : "")
    case .noBootID(let problem):
      (problem?.chinese ?? "\(HostIdentity.bootIDPath) 中没有启动标识")
        + "。启动条目中以零代替，无法区分整机启动与程序启动：请挂载 /proc"
    case .noSoftwareHash(let problem):
      "\(problem.chinese)。启动条目中程序散列值以零代替，无法得知运行的版本：请挂载 /proc，并允许当前用户读取该程序"
    case .started(let origin, let lines, let devices, .network(_, let url)):
      "\(origin)：采集 \(lines) 条线路上的 \(devices) 台设备，上传到 \(url)"
    case .started(let origin, let lines, let devices, .directory(_, let path)):
      "\(origin)：采集 \(lines) 条线路上的 \(devices) 台设备，不向外呼叫，数据包写入 \(path)"
    case .portOpened(let line, let path): "线路 \(line)：\(path) 已打开"
    case .portMissing(let line, let problem): "线路 \(line)：\(problem.chinese)；继续重试"
    case .portLost(let line): "线路 \(line)：串口丢失；继续重试"
    case .portClosed(let line): "线路 \(line)：已关闭，新站点不再如此使用"
    case .recordingStopped(let problem):
      "目前无法记录：\(problem.chinese)。采样继续并暂存于内存，仅签署已记录的条目，5 秒后重试写入，间隔逐渐延长至 80 秒。"
    case .recordingAgain: "恢复记录：介质可以写入，签名继续"
    case .endedUnrecorded: "记录停止之后的读数未保存"
    case .linkUp: "汇集端已应答"
    case .linkDown(let failure):
      "无法连接汇集端" + (failure.map { "：\($0.chinese)" } ?? "") + "。数据保留，稍后上传"
    case .mirrorAlarm(let alarm): "\(alarm.chinese)"
    case .packagesTaken: "数据包目录可用，可以写入"
    case .packagesRefused(let failure):
      "无法写入数据包" + (failure.map { "：\($0.chinese)" } ?? "") + "。数据保留，稍后写入"
    case .timeUnchecked: "接受汇集端的签名，但无法核对其时间：本机时钟未同步。请配置 NTP"
    case .room(let step, let isOneWay):
      step.condition?.chinese(isOneWay: isOneWay) ?? "日志又有空间：全部照常轮询"
    case .stopped(let size, let acknowledged):
      "已停止：\(size) 条已落盘，\(acknowledged) 条已确认"
    case .noShare(let tried):
      "找不到设备档案（已查找 \(tried.joined(separator: "、"))）；请用 --share 指定或设置 TALLYSTICK_SHARE"
    case .badOrigin(let text): "“\(text)” 不是有效来源：最多 255 字节，不含空格与 +"
    case .noThread(let errno): "无法启动线程（错误 \(errno)）"
    case .finding(let finding): finding.text(.chinese)
    case .queueFull: "30 秒内无法将新站点写入日志：介质不接受条目。请在介质恢复后重新加载"
    case .reloaded(let report):
      "站点已重新加载：\(report.kept) 个通道继续，\(report.begun) 个开始，\(report.ended) 个结束；"
        + "写入 \(report.entries) 条配置"
    case .nothingChanged: "站点已重新加载：没有变化"
    case .notReloaded: "站点未重新加载，旧站点继续有效："
    case .repeated(_, let chinese, let count, let seconds):
      "\(chinese)［\((seconds + 59) / 60) 分钟内同类消息 \(count) 条，此为最新］"
    }
  }
}
