import Sampling

/// Something that people should know for as long as it lasts, and that the log has told once; the gravest first.
public enum StandingCondition: UInt8, CaseIterable, Sendable {
  /// The log has no room: nothing is polled.
  case eventsOnly = 1
  /// It has little: totals alone are polled.
  case totalsOnly = 2
  /// It has less than it should: what is not critical is polled less often.
  case slowed = 3
  /// The file system has less room than the quota allows.
  case mediumShort = 4
  /// The file system refuses direct input and output: what is read back may come from its cache.
  case storageIndirect = 5
  /// The log was damaged when the agent started, and came back from the mirror.
  case mended = 6
  /// This log began when the agent started, for the one before had ended.
  case newLog = 7

  /// The word of the status answer.
  public var key: StaticString {
    switch self {
    case .eventsOnly: "events-only"
    case .totalsOnly: "totals-only"
    case .slowed: "slowed"
    case .mediumShort: "medium-short"
    case .storageIndirect: "storage-indirect"
    case .mended: "mended"
    case .newLog: "new-log"
    }
  }

  /// What it means and what to do, where a mirror is called or where the log leaves in packages and nothing may call
  /// out.
  public func english(isOneWay: Bool) -> String {
    let remedy =
      isOneWay
      ? "Bring an acknowledgement back, shorten 'retention' of the site, or raise quota_mib of the board"
      : "Mend the link to the collector"
    return switch self {
    case .eventsOnly:
      isOneWay
        ? "NOTHING IS POLLED: the log has no room left. \(remedy)"
        : "NOTHING IS POLLED: the log has no room left. \(remedy), free the medium of what others wrote, "
          + "or give the log more room"
    case .totalsOnly: "only totals are polled: the log has hardly any room left. \(remedy)"
    case .slowed:
      "devices that are not critical are polled ten times less often, for the log runs out of room. \(remedy)"
    case .mediumShort:
      "the file system has less room than the log's quota (quota_mib of the board), and counts instead. Free some"
    case .storageIndirect:
      "the file system refuses direct I/O, so a failing medium may be found late. Put the data on ext4"
    case .mended:
      "the log was damaged at the last start, and what was damaged came back from the collector: watch the medium, "
        + "and replace it if this comes again"
    case .newLog:
      "a new log began at the last start, for the one before had ended: the agent's messages say why, and its first entry "
        + "names what was signed last"
    }
  }

  /// 含义和处理方法；禁止外联、以数据包送出时另有处理方法。
  public func chinese(isOneWay: Bool) -> String {
    let remedy =
      isOneWay ? "请带回确认文件，缩短站点的 retention，或增大板卡的 quota_mib" : "请恢复与汇集端的通信"
    return switch self {
    case .eventsOnly:
      isOneWay
        ? "已停止轮询：日志没有空间。\(remedy)" : "已停止轮询：日志没有空间。\(remedy)，清理介质上的其他文件，或增大日志空间"
    case .totalsOnly: "仅轮询累计量：日志空间即将用尽。\(remedy)"
    case .slowed: "日志空间不足，非关键设备的轮询频率降为十分之一。\(remedy)"
    case .mediumShort: "文件系统空间小于日志配额（板卡的 quota_mib），以实际空间为准。请清理空间"
    case .storageIndirect: "文件系统不支持直接读写，介质故障可能较晚才被发现。请将数据放在 ext4 上"
    case .mended: "上次启动时日志有损坏，已用汇集端的副本修复：请留意介质，若再次出现请更换"
    case .newLog: "上次启动时旧日志已终止，改用新日志：原因见代理的运行消息，新日志首条记录载有旧日志最后的签名"
    }
  }

  /// It holds now.
  func holds(in report: RecorderReport) -> Bool {
    switch self {
    case .eventsOnly, .totalsOnly, .slowed: report.room.step.condition == self
    case .mediumShort: report.isMediumShort
    case .storageIndirect: report.isIndirect
    case .mended: report.isMended
    case .newLog: report.beginsEpoch
    }
  }
}

extension GivingWay {
  /// The condition that stands while this gives way; `nil` while nothing does.
  public var condition: StandingCondition? {
    switch self {
    case .nothing: nil
    case .slowed: .slowed
    case .totalsOnly: .totalsOnly
    case .eventsOnly: .eventsOnly
    }
  }
}
