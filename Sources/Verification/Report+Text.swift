extension Report {
  /// The report in English, in lines: what was read, findings, three verdicts with what was checked.
  public func english(nowUTC: UInt64) -> [String] {
    rows(nowUTC).map { line($0.english.name, $0.english.text) }
  }

  /// 中文报告，逐行：读取的内容、发现的问题、三项结论及所检查的内容。
  public func chinese(nowUTC: UInt64) -> [String] {
    rows(nowUTC).map { line($0.chinese.name, $0.chinese.text) }
  }

  private func line(_ name: String, _ text: String) -> String {
    // Chinese characters are two columns wide.
    let width = name.unicodeScalars.reduce(0) { $0 + ($1.value > 0x2e80 ? 2 : 1) }
    return name + String(repeating: " ", count: max(1, 14 - width)) + text
  }

  private func rows(_ nowUTC: UInt64) -> [ReportRow] {
    var rows: [ReportRow] = [.log(origin), .source(source)]
    if let signedSize, let signedRoot {
      rows.append(.checkpoint(size: signedSize, root: signedRoot))
    }
    if givenUp > 0 { rows.append(.givenUp(givenUp)) }
    rows += mended.map(ReportRow.mended)
    if let tornTail { rows.append(.tornTail(path: tornTail.path, offset: tornTail.offset)) }
    if let tornSuperblock { rows.append(.tornSuperblock(path: tornSuperblock)) }
    rows += findings.map(ReportRow.finding)
    if findingCount > findings.count { rows.append(.more(findingCount - findings.count)) }
    return rows + [
      .verdict(.signature, verdict(.signature), signatureDetails),
      .verdict(.completeness, verdict(.completeness), [.slots(statistics)]),
      .verdict(.policy, verdict(.policy), policyDetails(nowUTC)),
    ]
  }

  private var signatureDetails: [ReportDetail] {
    var details: [ReportDetail] = [.hashed(entries: entryCount, tiles: tileCount)]
    if let signedSize, entryCount > signedSize {
      details.append(.notSigned(entryCount - signedSize))
    }
    if !uncheckedNames.isEmpty { details.append(.keyNotGiven(uncheckedNames)) }
    return details
  }

  private func policyDetails(_ nowUTC: UInt64) -> [ReportDetail] {
    var details = statistics.cosignedSizes.map(ReportDetail.cosigned)
    details.append(.clock(statistics))
    if let last = statistics.lastUTC {
      details.append(.age(seconds: nowUTC > last ? (nowUTC - last) / 1_000_000 : 0))
    }
    if verdict(.policy) == .notJudged { details.append(.noLimits) }
    return details
  }
}

/// A row of the report: a name, and what is to be said.
private enum ReportRow {
  case log(String)
  case source(Report.Source)
  case checkpoint(size: UInt64, root: String)
  case givenUp(UInt64)
  case mended(Range<UInt64>)
  case tornTail(path: String, offset: Int)
  case tornSuperblock(path: String)
  case finding(Finding)
  case more(Int)
  case verdict(VerdictKind, Verdict, [ReportDetail])

  var english: (name: String, text: String) {
    switch self {
    case .log(let origin): ("log", origin)
    case .source(let source): ("source", source.english)
    case .checkpoint(let size, let root): ("checkpoint", "\(size) entries signed, root \(root)")
    case .givenUp(let index):
      ("note", "entries below \(index) are no longer here: verify the collector's copy of them")
    case .mended(let run) where run.isEmpty:
      ("note", "the header of a segment was damaged on the gateway's medium and made anew")
    case .mended(let run):
      (
        "note",
        "entries \(run.lowerBound) to \(run.upperBound - 1) were damaged on the gateway's medium and came "
          + "back from the collector, as they were signed"
      )
    case .tornTail(let path, let offset):
      ("note", "\(path): a write was cut at byte \(offset); it was never signed")
    case .tornSuperblock(let path):
      ("note", "\(path): not valid, a write of it was cut; the next start writes it again")
    case .finding(let finding): ("finding", finding.english)
    case .more(let count): ("…", "\(count) more")
    case .verdict(let kind, let verdict, let details):
      (kind.english, "\(verdict.english): " + details.map(\.english).joined(separator: "; "))
    }
  }

  var chinese: (name: String, text: String) {
    switch self {
    case .log(let origin): ("日志", origin)
    case .source(let source): ("来源", source.chinese)
    case .checkpoint(let size, let root): ("检查点", "已签名 \(size) 个条目，根哈希 \(root)")
    case .givenUp(let index):
      ("提示", "条目 \(index) 之前的内容已不在本机：请核查汇集端的副本")
    case .mended(let run) where run.isEmpty: ("提示", "网关介质上一个日志段的段头曾损坏，已重建")
    case .mended(let run):
      ("提示", "条目 \(run.lowerBound) 至 \(run.upperBound - 1) 在网关介质上曾损坏，已由汇集端副本按签名内容恢复")
    case .tornTail(let path, let offset):
      ("提示", "\(path) 字节 \(offset) 处有一次未完成且未签名的写入")
    case .tornSuperblock(let path):
      ("提示", "\(path) 无效：写入曾中断；下次启动将重新写入")
    case .finding(let finding): ("发现", finding.chinese)
    case .more(let count): ("…", "另有 \(count) 项")
    case .verdict(let kind, let verdict, let details):
      (kind.chinese, "\(verdict.chinese)：" + details.map(\.chinese).joined(separator: "；"))
    }
  }
}

/// One thing that was checked for a verdict.
private enum ReportDetail {
  case hashed(entries: UInt64, tiles: Int)
  case notSigned(UInt64)
  case keyNotGiven([String])
  case slots(Statistics)
  case cosigned(size: UInt64?)
  case clock(Statistics)
  case age(seconds: UInt64)
  case noLimits

  var english: String {
    switch self {
    case .hashed(let entries, let tiles):
      "note, \(entries) entries hashed up to the root, \(tiles) tiles"
    case .notSigned(let count): "\(count) not signed yet"
    case .keyNotGiven(let names):
      "not checked, key not given: \(names.joined(separator: ", "))"
    case .slots(let s):
      "\(s.scheduledChannelCount) channels, expected \(s.expectedCount), present \(s.presentCount), "
        + "explained \(s.shedCount), missing \(s.missingCount); \(s.entriesByType[1]) readings, "
        + "\(s.readingsByStatus[0]) with a value"
    case .cosigned(let size): "cosigned up to \(size.map { "\($0)" } ?? "nothing")"
    case .clock(let s):
      "clock never synchronised in \(s.unsynchronisedCount) of \(s.entryCount) entries, "
        + "set \(s.clockStepCount) times"
    case .age(let seconds): "newest entry \(seconds) s old"
    case .noLimits: "no limits were given"
    }
  }

  var chinese: String {
    switch self {
    case .hashed(let entries, let tiles):
      "已检查检查点签名、\(entries) 个条目的哈希与根、\(tiles) 个瓦片"
    case .notSigned(let count): "其中 \(count) 个尚未签名"
    case .keyNotGiven(let names): "未给公钥故未检查：\(names.joined(separator: "、"))"
    case .slots(let s):
      "\(s.scheduledChannelCount) 个通道应有 \(s.expectedCount)，有读数 \(s.presentCount)，"
        + "已说明 \(s.shedCount)，缺失 \(s.missingCount)；读数条目 \(s.entriesByType[1]) 个，"
        + "其中成功 \(s.readingsByStatus[0]) 个"
    case .cosigned(let size): "会签至 \(size.map { "\($0)" } ?? "无")"
    case .clock(let s):
      "时钟从未同步的条目 \(s.unsynchronisedCount)/\(s.entryCount)，校时 \(s.clockStepCount) 次"
    case .age(let seconds): "最新条目距今 \(seconds) 秒"
    case .noLimits: "未给出限值"
    }
  }
}

extension Report.Source {
  fileprivate var english: String {
    switch self {
    case .gateway: "gateway journal (segments, superblocks, tiles)"
    case .collector: "collector log (C2SP layout)"
    }
  }

  fileprivate var chinese: String {
    switch self {
    case .gateway: "网关日志（分段、超级块、瓦片）"
    case .collector: "汇集端日志（C2SP 布局）"
    }
  }
}

extension VerdictKind {
  fileprivate var english: String {
    switch self {
    case .signature: "signature"
    case .completeness: "completeness"
    case .policy: "policy"
    }
  }

  fileprivate var chinese: String {
    switch self {
    case .signature: "签名"
    case .completeness: "完整性"
    case .policy: "策略"
    }
  }
}

extension Verdict {
  fileprivate var english: String {
    switch self {
    case .good: "good"
    case .bad: "BAD"
    case .notJudged: "not judged"
    }
  }

  fileprivate var chinese: String {
    switch self {
    case .good: "通过"
    case .bad: "不通过"
    case .notJudged: "未判定"
    }
  }
}
