import TransparencyLog

/// A site whose parts do not fit together, or that names what does not exist.
public enum SiteFault: Worded, Sendable, Equatable {
  /// The origin's domain or serial cannot stand in a log's name.
  case origin(key: String, found: String)
  /// Not a verifier key.
  case verifierKey(found: String, VerifierKeyFault)
  /// Neither `vkey` nor `vkey_file`, or both.
  case verifierKeyChoice(both: Bool)
  /// Not a URL that the uplink can use.
  case url(String)
  /// A key of `mirror` that is for calling it, beside `uplink`, which says that nothing may call out.
  case callsBesideDirectory(key: String)
  /// The directory for packages is no absolute path.
  case directory(String)
  /// Not a time such as 1h, or one outside its range (seconds).
  case duration(key: String, found: String, lower: Int, upper: Int)
  /// No such time zone.
  case timezone(String, nearest: [String])
  /// No board of that name.
  case unknownBoard(String, nearest: [String])
  /// The board has no such serial port.
  case unknownPort(String, known: [String])
  /// Two lines on one port.
  case portTaken(String, firstLine: Int)
  /// More serial lines than this version takes.
  case tooManyLines(Int)
  /// More devices than this version takes.
  case tooManyDevices(Int)
  /// Not bytes in a time.
  case dataRate(String)
  /// The poll plan makes as much as the record may send, or more.
  case neverDrains(DataRate, bytesPerDay: Int)
  /// In one-way mode what nobody acknowledges is kept longer (seconds) than the quota (MiB) has room for it (tenths of
  /// days); one that would do.
  case retentionBeyondQuota(seconds: Int, quota: Int, tenths: Int, enough: Int)
  /// Years are stated, and the board does not say what its medium endures.
  case enduranceUnknown(years: Int, board: String)
  /// The medium does not last the years with the stated commit interval (ms), but tenths of years; one that would do.
  case wearsOut(years: Int, Endurance, commit: Int, tenths: Int, enough: Int)
  /// It does with none; with the longest (ms) it lasts so many tenths of years.
  case neverLasts(years: Int, Endurance, longest: Int, tenths: Int)

  /// The configuration is usable in spite of it.
  public var isWarning: Bool {
    switch self {
    case .wearsOut, .retentionBeyondQuota: true
    default: false
    }
  }

  var english: Wording {
    switch self {
    case .origin(let key, let found):
      Wording(
        "origin '\(key)' is '\(found)'",
        "letters, digits, '-', '.' and '_' only: no blank, no '+', no '/'",
        "it becomes part of the log's name and must never change: choose it with care")
    case .verifierKey(let found, let fault):
      Wording(
        "the mirror's key is '\(excerpt(found))': \(fault.english(.cosigner))",
        "name+8 hex digits+base64",
        fault.advice(.cosigner))
    case .verifierKeyChoice(true):
      Wording("'vkey' and 'vkey_file' both stand here", "one of the two", "remove one")
    case .verifierKeyChoice(false):
      Wording(
        "'mirror' names no key", "'vkey' with the mirror's verifier key, or 'vkey_file'",
        "copy the line that 'tally-collector init' prints")
    case .url(let found):
      Wording(
        "'url' is '\(found)'",
        "http://HOST:PORT or https://HOST, a port up to 65535, no user, query or slash at the end",
        "correct it, for example https://collector.example:8470")
    case .callsBesideDirectory(let key):
      Wording(
        "'mirror' has '\(key)', and 'uplink' has a directory",
        "one way out: a mirror that is called, or packages in a directory, where nothing may call out",
        "remove '\(key)' if this station may not call out, else remove 'uplink'")
    case .directory(let found):
      Wording(
        "'directory' is '\(found)'", "an absolute path such as /media/stick/tallystick",
        "name a folder on the stick or of the diode; tallyd never makes it, so that a stick that is not "
          + "mounted is told")
    case .duration(let key, let found, let lower, let upper):
      Wording(
        "'\(key)' is '\(found)'",
        "\(durationText(lower)) to \(durationText(upper)), a whole number with s, m, h or d",
        "write it for example as \(durationText(key == "every" ? 3_600 : 400 * 86_400))")
    case .timezone(let found, let nearest):
      Wording(
        "there is no time zone '\(found)'", "a name such as Asia/Shanghai",
        suggestion(nearest) ?? "see 'timedatectl list-timezones'")
    case .unknownBoard(let found, let nearest):
      Wording(
        "there is no board '\(found)'", "a folder vendor/board under boards/",
        suggestion(nearest) ?? "see 'ls' of the share's boards/")
    case .unknownPort(let found, let known):
      Wording(
        "the board has no port '\(found)'", "one of \(known.joined(separator: ", "))",
        "correct the name, or add the port to board.yaml")
    case .portTaken(let port, let line):
      Wording(
        "port '\(port)' is used by two lines", "one line a port (first on line \(line))",
        "move the devices to one line")
    case .tooManyLines(let count):
      Wording(
        "\(count) lines in one site", "at most \(Site.linesMax) in this version",
        "give some to a second gateway")
    case .tooManyDevices(let count):
      Wording(
        "\(count) devices in one site", "at most \(Site.devicesMax) in this version",
        "give some to a second gateway")
    case .dataRate(let found):
      Wording(
        "'catch_up' is '\(found)'",
        "bytes in a time, as 64 kB/s or 500 MB/month: B, kB, MB or GB in s, min, h, day or month, from 1 kB/day "
          + "to 1 GB/s",
        "write it so; bits are an eighth of a byte. Leave it out to send as fast as the link takes it"
      )
    case .neverDrains(let rate, let bytes):
      Wording(
        "'catch_up' is \(rate.text), and the poll plan makes \((bytes + 999) / 1_000) kB a day",
        "more than the plan makes, so that a backlog ever ends",
        "allow more, or poll less often")
    case .retentionBeyondQuota(let seconds, let quota, let tenths, let enough):
      Wording(
        "'retention' is \(durationText(seconds)), and the board's quota of \(quota) MiB has room for "
          + "\(tenthsText(tenths)) days of this poll plan",
        "a retention that fits: what nobody acknowledged is kept so long although it is in packages, and when the "
          + "room runs out less is polled",
        (tenths < 10 ? "" : "write retention: \(tenths / 10)d or less, or ")
          + "raise quota_mib of the board to \(enough), or carry acknowledgements back at least every "
          + "\(tenthsText(tenths)) days")
    case .enduranceUnknown(let years, let board):
      Wording(
        "'years' is \(years), and board \(board) does not say what its medium endures",
        "'endurance_tb' and 'endurance_source' beside it, as endurance_tb: 20 and endurance_source: data sheet, table 7",
        "state how many TB the medium's maker lets be written to it (TBW) and where that stands, or leave 'years' out"
      )
    case .wearsOut(let years, let endurance, let commit, let tenths, let enough):
      Wording(
        "with 'commit_ms' at \(commit) a medium of \(endurance.terabytes) TB lasts \(tenthsText(tenths)) years",
        "\(years) years, as 'years' says",
        "write commit_ms: \(enough) or more, or leave it out and it follows; a power cut then loses at most "
          + "that much")
    case .neverLasts(let years, let endurance, let longest, let tenths):
      Wording(
        "even with a commit every \(longest) ms a medium of \(endurance.terabytes) TB lasts \(tenthsText(tenths)) years",
        "\(years) years, as 'years' says",
        "take a larger medium, fewer channels, or a longer 'period_ms' or 'checkpoint_ms'")
    }
  }

  var chinese: Wording {
    switch self {
    case .origin(let key, let found):
      Wording(
        "origin 的“\(key)”为“\(found)”", "仅限字母、数字、“-”、“.”和“_”，不含空格、“+”和“/”",
        "它将成为日志名的一部分且不得更改，请慎重选定")
    case .verifierKey(let found, let fault):
      Wording(
        "镜像密钥为“\(excerpt(found))”：\(fault.chinese(.cosigner))", "名称+8 位十六进制+base64",
        fault.chineseAdvice(.cosigner))
    case .verifierKeyChoice(true): Wording("同时写了“vkey”和“vkey_file”", "二者之一", "删除其一")
    case .verifierKeyChoice(false):
      Wording(
        "“mirror”未给出密钥", "“vkey”（镜像的验证公钥）或“vkey_file”",
        "复制“tally-collector init”打印的那一行")
    case .url(let found):
      Wording(
        "“url”为“\(found)”", "http://主机:端口 或 https://主机，端口不超过 65535，不含用户名、查询串，结尾无斜杠",
        "改正，例如 https://collector.example:8470")
    case .callsBesideDirectory(let key):
      Wording(
        "“mirror”含有“\(key)”，而“uplink”已指定目录", "只能有一种出口：呼叫镜像，或在禁止外联处写入目录的数据包",
        "若本站不得外联，删除“\(key)”；否则删除“uplink”")
    case .directory(let found):
      Wording(
        "“directory”为“\(found)”", "绝对路径，如 /media/stick/tallystick",
        "写明 U 盘上或单向网闸的文件夹；tallyd 不会创建它，以便提示 U 盘未挂载")
    case .duration(let key, let found, let lower, let upper):
      Wording(
        "“\(key)”为“\(found)”", "\(durationText(lower)) 至 \(durationText(upper))，整数加 s、m、h 或 d",
        "例如写成 \(durationText(key == "every" ? 3_600 : 400 * 86_400))")
    case .timezone(let found, let nearest):
      Wording(
        "没有时区“\(found)”", "如 Asia/Shanghai 的名称",
        chineseSuggestion(nearest) ?? "参见“timedatectl list-timezones”")
    case .unknownBoard(let found, let nearest):
      Wording(
        "没有板卡“\(found)”", "boards/ 下的文件夹“厂商/板卡”",
        chineseSuggestion(nearest) ?? "查看 share 目录下的 boards/")
    case .unknownPort(let found, let known):
      Wording(
        "板卡没有串口“\(found)”", known.joined(separator: "、") + " 之一",
        "改正名称，或在 board.yaml 中添加该串口")
    case .portTaken(let port, let line):
      Wording("两条线路使用同一串口“\(port)”", "每个串口一条线路（首次在第 \(line) 行）", "把设备并到一条线路")
    case .tooManyLines(let count):
      Wording("站点有 \(count) 条线路", "本版本最多 \(Site.linesMax) 条", "将一部分交给另一台网关")
    case .tooManyDevices(let count):
      Wording("站点有 \(count) 台设备", "本版本最多 \(Site.devicesMax) 台", "将一部分交给另一台网关")
    case .dataRate(let found):
      Wording(
        "“catch_up”为“\(found)”",
        "每段时间的字节数，如 64 kB/s 或 500 MB/month：单位 B、kB、MB、GB，时间 s、min、h、day、month，"
          + "1 kB/day 至 1 GB/s",
        "按此书写；8 比特为 1 字节。省略则按链路能力发送")
    case .neverDrains(let rate, let bytes):
      Wording(
        "“catch_up”为 \(rate.text)，而采集计划每天产生 \((bytes + 999) / 1_000) kB",
        "大于计划产生的数据量，积压才能清空", "提高限额，或降低采集频率")
    case .retentionBeyondQuota(let seconds, let quota, let tenths, let enough):
      Wording(
        "“retention”为 \(durationText(seconds))，而板卡配额 \(quota) MiB 只够本采集计划 \(tenthsText(tenths)) 天",
        "配额容得下的保留时间：未确认的内容即使已写入数据包也保留这么久，空间用尽时会降低轮询",
        (tenths < 10 ? "" : "写成 retention: \(tenths / 10)d 或更短，或")
          + "将板卡的 quota_mib 增大到 \(enough)，或至少每 \(tenthsText(tenths)) 天带回一次确认文件")
    case .enduranceUnknown(let years, let board):
      Wording(
        "“years”为 \(years)，而板卡 \(board) 未说明存储介质的写入寿命",
        "同一节中写明“endurance_tb”和“endurance_source”，如 endurance_tb: 20 和 endurance_source: 产品手册表 7",
        "写明介质厂家给出的总写入量（TBW，单位 TB）及其出处，或删除“years”")
    case .wearsOut(let years, let endurance, let commit, let tenths, let enough):
      Wording(
        "“commit_ms”为 \(commit) 时，\(endurance.terabytes) TB 的介质可用 \(tenthsText(tenths)) 年",
        "“years”要求的 \(years) 年",
        "写成 commit_ms: \(enough) 或更大，或删除它由程序推算；断电最多丢失一个提交间隔的数据")
    case .neverLasts(let years, let endurance, let longest, let tenths):
      Wording(
        "即使每 \(longest) ms 提交一次，\(endurance.terabytes) TB 的介质也只能用 \(tenthsText(tenths)) 年",
        "“years”要求的 \(years) 年", "换用更大的介质，减少通道，或加大“period_ms”或“checkpoint_ms”")
    }
  }
}

/// "did you mean …?"; `nil` when nothing comes near.
func suggestion(_ words: [String]) -> String? {
  words.isEmpty ? nil : "did you mean " + words.map { "'\($0)'" }.joined(separator: " or ") + "?"
}

/// The same in Chinese.
func chineseSuggestion(_ words: [String]) -> String? {
  words.isEmpty ? nil : "是否想写" + words.map { "“\($0)”" }.joined(separator: "或") + "？"
}

/// A time as a site file has it, in the largest unit that leaves no rest: 86,400 s are `1d`.
func durationText(_ seconds: Int) -> String {
  for (unit, letter) in [(86_400, "d"), (3_600, "h"), (60, "m")]
  where seconds >= unit && seconds % unit == 0 {
    return "\(seconds / unit)\(letter)"
  }
  return "\(seconds)s"
}

/// A time in words; in English as a site file has it.
func durationText(_ seconds: Int, in language: Language) -> String {
  let text = durationText(seconds)
  guard language == .chinese else { return text }
  let units: [Character: String] = ["d": "天", "h": "小时", "m": "分钟", "s": "秒"]
  return "\(text.dropLast()) " + (text.last.flatMap { units[$0] } ?? "")
}

/// Tenths as people write them: 123 is `12.3`.
package func tenthsText(_ tenths: Int) -> String { "\(tenths / 10).\(abs(tenths % 10))" }
