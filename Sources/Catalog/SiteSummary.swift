import HAL

/// What a site amounts to, for whoever checks it.
public struct SiteSummary: Sendable {
  private let site: Site

  /// The summary of a site.
  public init(_ site: Site) { self.site = site }

  /// Some lines of text.
  public func text(_ language: Language) -> String {
    var lines: [String] = []
    let devices = site.lines.reduce(0) { $0 + $1.devices.count }
    switch language {
    case .english:
      lines.append("\(site.origin.identity): \(devices) devices on \(site.lines.count) lines")
    case .chinese:
      lines.append("\(site.origin.identity)：\(site.lines.count) 条线路，\(devices) 台设备")
    }
    for line in site.lines { lines.append(text(of: line, language)) }
    for line in site.lines {
      for device in line.devices { lines.append("  " + text(of: device, on: line, language)) }
    }
    if site.packages == nil { lines.append(catchUpText(language)) }
    let unverified = site.profiles.reduce(0) { sum, profile in
      sum + profile.requests.reduce(0) { $0 + $1.points.count { !$0.verified } }
    }
    switch language {
    case .english:
      lines.append(
        "\(site.entriesPerDay) entries a day; the log grows by at most \(mebibytesPerDay) MiB a day, and with the "
          + "board's quota of \(site.board.storage.quotaMebibytes) MiB the gateway can \(lasts(language)) for at least "
          + "\(tenthsText(site.offlineTenths)) days before it polls less. Full segments are compressed: tally status tells "
          + "what that gives")
      if unverified > 0 {
        lines.append(
          "\(unverified) values of these profiles are marked doubtful: see 'doubt' there")
      }
    case .chinese:
      lines.append(
        "每天 \(site.entriesPerDay) 条记录；日志每天最多增长 \(mebibytesPerDay) MiB，"
          + "按板卡配额 \(site.board.storage.quotaMebibytes) MiB，\(lasts(language))至少 \(tenthsText(site.offlineTenths)) 天后才会降低轮询。"
          + "写满的段会压缩，实际天数见 tally status")
      if unverified > 0 { lines.append("所用设备档案中有 \(unverified) 个测点存疑，见其“doubt”") }
    }
    lines.append(commitText(language))
    if let packages = site.packages { lines.append(text(of: packages, language)) }
    return lines.map { $0 + "\n" }.joined()
  }

  /// The commit interval, what it costs at a power cut, and what it leaves of the medium.
  private func commitText(_ language: Language) -> String {
    let commit = site.log.commitMilliseconds
    let follows = site.log.isCommitStated ? nil : site.log.years
    let day = site.wear.day(commitEvery: commit).total
    let mebibytes = (day + (1 << 19)) >> 20
    var text: String
    switch language {
    case .english:
      text = "a commit every \(commit) ms"
      if let follows { text += ", as follows from the \(follows) years that the medium must last" }
      text +=
        ": a power cut loses at most that much; about \(mebibytes) MiB a day are written to the medium"
    case .chinese:
      text = "每 \(commit) ms 提交一次"
      if let follows { text += "（由介质须用 \(follows) 年推算）" }
      text += "：断电最多丢失一个提交间隔的数据；每天约向介质写入 \(mebibytes) MiB"
    }
    guard let endurance = site.endurance, let tenths = site.mediumTenths else {
      return text
    }
    return switch language {
    case .english:
      text + ", which a new one of \(endurance.terabytes) TB bears for \(tenthsText(tenths)) years "
        + "(flash writes \(MediumWear.amplification) times that; \(endurance.source))"
    case .chinese:
      text + "，\(endurance.terabytes) TB 的新介质可用 \(tenthsText(tenths)) 年"
        + "（闪存写放大按 \(MediumWear.amplification) 倍计；出处：\(endurance.source)）"
    }
  }

  private func catchUpText(_ language: Language) -> String {
    let kilobytes = (site.uploadBytesPerDay + 999) / 1_000
    return switch (language, site.mirror.catchUp, site.drainHours) {
    case (.english, let rate?, let hours?):
      "about \(kilobytes) kB a day to the collector, at most \(rate.text): a day without a link drains in \(hours) h"
    case (.chinese, let rate?, let hours?):
      "每天约向汇集端发送 \(kilobytes) kB，上限 \(rate.text)：断网一天的积压约 \(hours) 小时清空"
    case (.english, _, _):
      "about \(kilobytes) kB a day to the collector; history drains as fast as the link takes it (mirror: catch_up limits it)"
    case (.chinese, _, _):
      "每天约向汇集端发送 \(kilobytes) kB；积压按链路能力发送（可用 mirror: catch_up 限速）"
    }
  }

  private func text(of packages: PackageSettings, _ language: Language) -> String {
    let every = durationText(packages.everySeconds, in: language)
    let retention = durationText(packages.retentionSeconds, in: language)
    return switch language {
    case .english:
      "one way: nothing is called; signed packages go to \(packages.directory) every \(every), live values "
        + "nowhere, and what is in packages is kept for \(retention) of running time and takes room until then, unless "
        + "an acknowledgement is carried back"
    case .chinese:
      "单向：不向外呼叫；每 \(every)将签名数据包写入 \(packages.directory)，不上传实时值；"
        + "已写入数据包的内容按运行时间保留 \(retention)，其间占用空间，除非带回确认文件"
    }
  }

  /// What fills the log.
  private func lasts(_ language: Language) -> String {
    switch (language, site.packages == nil) {
    case (.english, true): "be offline"
    case (.english, false): "go without an acknowledgement"
    case (.chinese, true): "断网"
    case (.chinese, false): "未带回确认"
    }
  }

  private var mebibytesPerDay: Int { max(1, (site.bytesPerDay + (1 << 19)) >> 20) }

  private func text(of line: Line, _ language: Language) -> String {
    let port = line.devicePath ?? line.portName
    let rate = line.uart.shortText
    return switch language {
    case .english:
      "  \(line.name): \(port), \(rate), \(line.devices.count) devices, busy \(line.load.percentText)"
    case .chinese:
      "  \(line.name)：\(port)，\(rate)，\(line.devices.count) 台设备，占用 \(line.load.percentText)"
    }
  }

  private func text(of device: Device, on line: Line, _ language: Language) -> String {
    let periods = device.streams.map { "\($0.requests.count) × \($0.periodMilliseconds) ms" }
      .joined(separator: ", ")
    let label = language == .english ? device.label.english : device.label.chinese
    let colon = language == .english ? ": " : "："
    return
      "  \(device.number) \(label)\(colon)\(line.name)/\(device.addressText), \(device.profile.name), \(periods)"
  }
}
