/// A line that cannot carry what is asked of it.
public enum LineFault: Worded, Sendable, Equatable {
  /// The serial format is not spelled as `8N1`.
  case serialFormat(String)
  /// A rate that serial ports do not have.
  case baudRate(found: String, nearest: Int)
  /// A setting beyond what the board allows.
  case boardLimit(BoardLimit, found: Int, limit: Int)
  /// The offset is not shorter than the period.
  case offsetNotBelowPeriod(offset: Int, period: Int)
  /// One attempt ends before the reply can have come.
  case timeoutTooShort(milliseconds: Int, needed: Int, request: String)
  /// The poll plan needs more time than the line has.
  case overloaded(LineLoad)
  /// The poll plan leaves little room for retries.
  case busy(LineLoad)
  /// Devices of more than one protocol on the line.
  case mixedProtocols(line: String)

  /// The configuration is usable in spite of it.
  public var isWarning: Bool {
    switch self {
    case .busy, .mixedProtocols: true
    case .serialFormat, .baudRate, .boardLimit, .offsetNotBelowPeriod, .timeoutTooShort,
      .overloaded:
      false
    }
  }

  var english: Wording {
    switch self {
    case .serialFormat(let found):
      Wording(
        "'format' is '\(found)'",
        "data bits 7 or 8, parity N, E or O, stop bits 1 or 2, for example 8E1",
        "DL/T 645 meters use 8E1; for Modbus read the device's menu")
    case .baudRate(let found, let nearest):
      Wording(
        "'baud' is \(found)",
        "one of " + LineSettings.baudRates.map(String.init).joined(separator: ", "),
        "did you mean \(nearest)?")
    case .boardLimit(let what, let found, let limit):
      Wording(
        "\(what.english): \(found)", "at most \(limit) on this board",
        "ask for less, or take another board"
      )
    case .offsetNotBelowPeriod(let offset, let period):
      Wording(
        "'offset_ms' is \(offset)", "less than the period of \(period) ms",
        "choose a smaller offset")
    case .timeoutTooShort(let milliseconds, let needed, let request):
      Wording(
        "'timeout_ms' is \(milliseconds)",
        "at least \(needed) ms: the turnaround and the reply to '\(request)' take that long",
        "choose a longer timeout")
    case .overloaded(let load):
      Wording(
        "line '\(load.line)' needs \(load.percentText) of its time", "at most 100 %",
        "poll less often, raise the baud rate or use another line:\n" + load.arithmetic(.english))
    case .busy(let load):
      Wording(
        "line '\(load.line)' is busy for \(load.percentText) of its time",
        "at most 80 %, so that retries find room",
        "poll less often, raise the baud rate or use another line:\n" + load.arithmetic(.english))
    case .mixedProtocols(let line):
      Wording(
        "devices on line '\(line)' speak different protocols", "one protocol a line",
        "frames of one can look like frames of the other: use two lines if you can")
    }
  }

  var chinese: Wording {
    switch self {
    case .serialFormat(let found):
      Wording(
        "“format”为“\(found)”", "数据位 7 或 8、校验 N、E 或 O、停止位 1 或 2，如 8E1",
        "DL/T 645 电表用 8E1；Modbus 设备见其菜单")
    case .baudRate(let found, let nearest):
      Wording(
        "“baud”为 \(found)",
        LineSettings.baudRates.map(String.init).joined(separator: "、") + " 之一", "是否想写 \(nearest)？")
    case .boardLimit(let what, let found, let limit):
      Wording("\(what.chinese)：\(found)", "此板卡最多 \(limit)", "减少数量，或换用其他板卡")
    case .offsetNotBelowPeriod(let offset, let period):
      Wording("“offset_ms”为 \(offset)", "小于周期 \(period) ms", "改小偏移")
    case .timeoutTooShort(let milliseconds, let needed, let request):
      Wording(
        "“timeout_ms”为 \(milliseconds)", "至少 \(needed) ms：设备响应及“\(request)”的应答需要这么久",
        "加长超时")
    case .overloaded(let load):
      Wording(
        "线路“\(load.line)”需要占用 \(load.percentText) 的时间", "不超过 100 %",
        "降低轮询频率、提高波特率或分到另一条线路：\n" + load.arithmetic(.chinese))
    case .busy(let load):
      Wording(
        "线路“\(load.line)”占用 \(load.percentText) 的时间", "不超过 80 %，以便留出重试的余地",
        "降低轮询频率、提高波特率或分到另一条线路：\n" + load.arithmetic(.chinese))
    case .mixedProtocols(let line):
      Wording(
        "线路“\(line)”上的设备使用不同协议", "每条线路一种协议", "一种协议的帧可能被当成另一种：尽量分成两条线路")
    }
  }
}

extension LineLoad {
  /// The share as people read it, for example `41.7 %`.
  public var percentText: String { tenthsText(permille) + " %" }

  /// How the share comes about, one line a poll.
  public func arithmetic(_ language: Language) -> String {
    var lines = polls.prefix(12).map { poll in
      let turnaround = milliseconds(poll.turnaroundMicroseconds)
      let silence = milliseconds(poll.silenceMicroseconds)
      let sum = milliseconds(poll.microseconds)
      let formula = "\(poll.byteCount) × 11 / \(baudRate)"
      return switch language {
      case .english:
        "      \(poll.device.english)/\(poll.request): \(formula) + \(turnaround) turnaround + \(silence) silence"
          + " = \(sum), every \(poll.periodMilliseconds) ms"
      case .chinese:
        "      \(poll.device.chinese)/\(poll.request)：\(formula) + 响应 \(turnaround) + 静默 \(silence)"
          + " = \(sum)，每 \(poll.periodMilliseconds) ms"
      }
    }
    if polls.count > 12 { lines.append("      …") }
    return lines.joined(separator: "\n")
  }

  private func milliseconds(_ microseconds: Int) -> String {
    "\(microseconds / 1000).\(microseconds / 100 % 10) ms"
  }
}

/// What a board has only so much of.
public enum BoardLimit: Sendable, Equatable, CaseIterable {
  /// Serial lines.
  case lines
  /// Devices on one line.
  case devices
  /// Poll streams of the whole site.
  case streams
  /// The rate of a port, baud.
  case baudRate

  fileprivate var english: String {
    switch self {
    case .lines: "lines"
    case .devices: "devices on this line"
    case .streams: "poll streams"
    case .baudRate: "baud"
    }
  }

  fileprivate var chinese: String {
    switch self {
    case .lines: "线路数"
    case .devices: "本线路设备数"
    case .streams: "采集分组数"
    case .baudRate: "波特率"
    }
  }
}
