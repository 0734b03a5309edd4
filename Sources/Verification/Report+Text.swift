import Metering

extension Report {
  /// The report in lines of text: what was read, findings, three verdicts with what was checked.
  public func lines(chinese: Bool, nowUTC: UInt64) -> [String] {
    var lines = [
      row(chinese ? "日志" : "log", origin),
      row(
        chinese ? "来源" : "source",
        source == .gateway
          ? (chinese ? "网关日志（分段、超级块、瓦片）" : "gateway journal (segments, superblocks, tiles)")
          : (chinese ? "汇集端日志（C2SP 布局）" : "collector log (C2SP layout)")),
    ]
    if let signedSize, let signedRoot {
      lines.append(
        row(
          chinese ? "检查点" : "checkpoint",
          chinese
            ? "已签名 \(signedSize) 个条目，根哈希 \(signedRoot)"
            : "\(signedSize) entries signed, root \(signedRoot)"))
    }
    if let tornTail {
      lines.append(
        row(
          chinese ? "提示" : "note",
          chinese
            ? "\(tornTail.path) 字节 \(tornTail.offset) 处有一次未完成且未签名的写入"
            : "\(tornTail.path): a write was cut at byte \(tornTail.offset); it was never signed"))
    }
    for finding in findings {
      lines.append(row(chinese ? "发现" : "finding", chinese ? finding.chinese : finding.english))
    }
    if findingCount > findings.count {
      let more = findingCount - findings.count
      lines.append(row("…", chinese ? "另有 \(more) 项" : "\(more) more"))
    }
    lines.append(verdictLine(.signature, signatureText(chinese), chinese))
    lines.append(verdictLine(.completeness, completenessText(chinese), chinese))
    lines.append(verdictLine(.policy, policyText(chinese, nowUTC), chinese))
    return lines
  }

  private func row(_ name: String, _ text: String) -> String {
    // Chinese characters are two columns wide.
    let width = name.unicodeScalars.reduce(0) { $0 + ($1.value > 0x2e80 ? 2 : 1) }
    return name + String(repeating: " ", count: max(1, 14 - width)) + text
  }

  private func verdictLine(_ kind: VerdictKind, _ text: String, _ chinese: Bool) -> String {
    let name =
      switch kind {
      case .signature: chinese ? "签名" : "signature"
      case .completeness: chinese ? "完整性" : "completeness"
      case .policy: chinese ? "策略" : "policy"
      }
    let answer =
      switch verdict(kind) {
      case .good: chinese ? "通过" : "good"
      case .bad: chinese ? "不通过" : "BAD"
      case .notJudged: chinese ? "未判定" : "not judged"
      }
    return row(name, "\(answer): \(text)")
  }

  private func signatureText(_ chinese: Bool) -> String {
    var text =
      chinese
      ? "已检查检查点签名、\(entryCount) 个条目的哈希与根、\(tileCount) 个瓦片"
      : "note, \(entryCount) entries hashed up to the root, \(tileCount) tiles"
    if let signedSize, entryCount > signedSize {
      text +=
        chinese
        ? "；其中 \(entryCount - signedSize) 个尚未签名" : "; \(entryCount - signedSize) not signed yet"
    }
    if !uncheckedNames.isEmpty {
      let names = uncheckedNames.joined(separator: ", ")
      text += chinese ? "；未给公钥故未检查：\(names)" : "; not checked, key not given: \(names)"
    }
    return text
  }

  private func completenessText(_ chinese: Bool) -> String {
    let s = statistics
    let readings = s.entriesByType[1]
    let good = s.readingsByStatus[0]
    return chinese
      ? "\(s.scheduledChannelCount) 个通道应有 \(s.expectedCount)，有读数 \(s.presentCount)，"
        + "已说明 \(s.shedCount)，缺失 \(s.missingCount)；读数条目 \(readings) 个，其中成功 \(good) 个"
      : "\(s.scheduledChannelCount) channels, expected \(s.expectedCount), present \(s.presentCount), "
        + "explained \(s.shedCount), missing \(s.missingCount); \(readings) readings, \(good) with a value"
  }

  private func policyText(_ chinese: Bool, _ nowUTC: UInt64) -> String {
    let s = statistics
    var parts: [String] = []
    for size in s.cosignedSizes {
      let text = size.map { "\($0)" } ?? (chinese ? "无" : "nothing")
      parts.append(chinese ? "联署至 \(text)" : "cosigned up to \(text)")
    }
    parts.append(
      chinese
        ? "时钟从未同步的条目 \(s.unsynchronisedCount)/\(s.entryCount)，校时 \(s.clockStepCount) 次"
        : "clock never synchronised in \(s.unsynchronisedCount) of \(s.entryCount) entries, "
          + "set \(s.clockStepCount) times")
    if let last = s.lastUTC {
      let age = nowUTC > last ? (nowUTC - last) / 1_000_000 : 0
      parts.append(chinese ? "最新条目距今 \(age) 秒" : "newest entry \(age) s old")
    }
    if verdict(.policy) == .notJudged {
      parts.append(chinese ? "未给出限值" : "no limits were given")
    }
    return parts.joined(separator: chinese ? "；" : "; ")
  }
}
