import Catalog
import Metering

/// The words around the numbers of a status.
enum StatusWord {
  case line, log, mirror, packages, clock, use
  case entries, signed, packaged, acknowledged, backlog, unacknowledged, journal, lost
  case state, value, age, quality, roundTrip, device, devicesAnswer, open, portLost, failed
  case errors, framing, parity, overrun, breaks
  case room, offline, offlineAtLeast, unfilled, unfilledAtLeast, days, day
  case notYetKnown, notYetMeasured, written

  func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  var english: String {
    switch self {
    case .line: "line"
    case .log: "log"
    case .mirror: "mirror"
    case .packages: "packages"
    case .clock: "clock"
    case .use: "in use"
    case .entries: "entries"
    case .signed: "signed"
    case .packaged: "in packages"
    case .acknowledged: "acknowledged"
    case .backlog: "backlog"
    case .unacknowledged: "not acknowledged"
    case .journal: "on disk"
    case .lost: "readings lost"
    case .state: "state"
    case .value: "value"
    case .age: "age"
    case .quality: "quality"
    case .roundTrip: "answer"
    case .device: "device"
    case .devicesAnswer: "devices answer"
    case .open: "open"
    case .portLost: "port lost"
    case .failed: "NOTHING CAN BE RECORDED"
    case .errors: "errors since the machine started:"
    case .framing: "framing (baud rate?)"
    case .parity: "parity"
    case .overrun: "overrun"
    case .breaks: "breaks"
    case .room: "room taken"
    case .offline: "can be offline for"
    case .unfilled: "without an acknowledgement room for"
    case .offlineAtLeast: "can be offline for at least"
    case .unfilledAtLeast: "without an acknowledgement room for at least"
    case .days: "days"
    case .day: "day"
    case .notYetKnown: "… (known after ten minutes)"
    case .notYetMeasured: "(measured after ten minutes)"
    case .written: "medium takes"
    }
  }

  var chinese: String {
    switch self {
    case .line: "线路"
    case .log: "日志"
    case .mirror: "镜像"
    case .packages: "数据包"
    case .clock: "时钟"
    case .use: "占用"
    case .entries: "条目"
    case .signed: "已签名"
    case .packaged: "已写入数据包"
    case .acknowledged: "已确认"
    case .backlog: "待上传"
    case .unacknowledged: "待确认"
    case .journal: "占用磁盘"
    case .lost: "丢失读数"
    case .state: "状态"
    case .value: "数值"
    case .age: "时效"
    case .quality: "质量"
    case .roundTrip: "响应"
    case .device: "设备"
    case .devicesAnswer: "台设备应答"
    case .open: "已打开"
    case .portLost: "端口断开"
    case .failed: "无法记录"
    case .errors: "开机以来的线路错误："
    case .framing: "帧错误（波特率？）"
    case .parity: "校验位错误"
    case .overrun: "溢出"
    case .breaks: "中断信号"
    case .room: "空间占用"
    case .offline: "可离线"
    case .unfilled: "若无确认尚可存"
    case .offlineAtLeast: "至少可离线"
    case .unfilledAtLeast: "若无确认至少尚可存"
    case .days: "天"
    case .day: "天"
    case .notYetKnown: "……（十分钟后可知）"
    case .notYetMeasured: "（十分钟后可实测）"
    case .written: "介质写入"
    }
  }
}

/// How a poll ended, in a word; `nil` stands for a number that this version does not know.
struct ReadingQuality {
  let status: ReadingStatus?

  init(_ number: Int) {
    status = UInt8(exactly: number).flatMap(ReadingStatus.init(rawValue:))
  }

  func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  var english: String {
    switch status {
    case .good: "good"
    case .timeout: "timeout"
    case .badChecksum: "checksum"
    case .exception: "refused"
    case .noDevice: "absent"
    case .outOfRange: "range"
    case .exchanged: "exchanged"
    case .maintenance: "service"
    case .substitute: "replaced"
    case .other, nil: "other"
    }
  }

  var chinese: String {
    switch status {
    case .good: "良好"
    case .timeout: "超时"
    case .badChecksum: "校验错"
    case .exception: "拒绝"
    case .noDevice: "无设备"
    case .outOfRange: "超量程"
    case .exchanged: "已更换"
    case .maintenance: "维护"
    case .substitute: "替代值"
    case .other, nil: "其他"
    }
  }
}

/// Why the collector does not take live values, in words.
struct LiveRefusal {
  /// The HTTP status it answers with.
  let status: Int

  func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  var english: String {
    switch status {
    case 401:
      "live values: the collector refuses the token in keys/live.token. Copy what tally-collector enroll "
        + "printed, and restart tallyd. The record is not concerned"
    case let other:
      "live values: the collector refuses them with HTTP status \(other). The record is not concerned"
    }
  }

  var chinese: String {
    switch status {
    case 401:
      "实时值：汇集端拒收 keys/live.token 中的令牌。请写入 tally-collector enroll 给出的令牌并重启 tallyd。日志记录不受影响"
    case let other: "实时值：汇集端以 HTTP 状态 \(other) 拒收。日志记录不受影响"
    }
  }
}

/// How well the agent knows the time, in words.
struct ClockWording {
  let quality: ClockQuality

  func text(_ language: Language) -> String { language == .chinese ? chinese : english }

  var english: String {
    if isUnknown { return "not synchronised" }
    return "\(source), within \(error)"
  }

  var chinese: String {
    if isUnknown { return "未同步" }
    return "\(source)，误差不超过 \(error)"
  }

  private var isUnknown: Bool {
    quality.errorExponent == 31 || quality.source == .some(.none)
  }

  private var source: String {
    switch quality.source {
    case .some(.none), nil: "?"
    case .rtc: "RTC"
    case .ntp: "NTP"
    case .nts: "NTS"
    case .ptp: "PTP"
    case .gnss: "GNSS"
    }
  }

  /// 2^e µs in the unit that needs the fewest digits.
  private var error: String {
    let microseconds = 1 << Int(quality.errorExponent)
    switch microseconds {
    case ..<1000: return "\(microseconds) µs"
    case ..<1_000_000: return "\(microseconds / 1000) ms"
    default: return "\(microseconds / 1_000_000) s"
    }
  }
}
