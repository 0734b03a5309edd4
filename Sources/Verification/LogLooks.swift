import TransparencyLog

/// Looks at the journal of a gateway that may be running, as often as it takes to tell damage from change.
///
/// The gateway seals, recycles and gives up segments while they are read, so one look may miss what is there. What a
/// look finds counts at once if the picture stood still, and else if the next look finds it again: damage stays
/// where it is. Only what comes and goes is left out, and a look that finds nothing ends it in any case.
struct LogLooks {
  let files: LogFiles
  let policy: Policy
  /// So often a gateway that seals all the time may disturb a look, and looks take from a second to a minute.
  static let countMax = 8

  /// What changes with every signature and with every segment that is begun, sealed or given up.
  private struct Picture: Equatable {
    var names: [String]
    var superblocks: [[UInt8]?]
  }

  private func picture() throws(ReadFailure) -> Picture {
    Picture(
      names: try files.list?("seg").sorted() ?? [],
      superblocks: [try files.read("super.a"), try files.read("super.b")])
  }

  /// The report of the look that settles it.
  func report() throws(ReadFailure) -> Report {
    var previous: Report?
    var before = try picture()
    for _ in 0..<LogLooks.countMax {
      var verifier = GatewayVerifier(files: files, policy: policy)
      try verifier.run()
      var report = verifier.report
      let after = try picture()
      if after == before { return report }
      before = after
      // The writer was at it, so neither was cut short.
      report.tornTail = nil
      report.tornSuperblock = nil
      guard report.findings.contains(where: \.mayComeOfChange) else { return report }
      if let previous, let settled = settled(report, previous) { return settled }
      previous = report
    }
    throw ReadFailure(
      english:
        "the log changed each of the \(LogLooks.countMax) times that it was read, and nothing in it was found "
        + "damaged twice: run tally verify again, or stop the gateway before",
      chinese: "读取 \(LogLooks.countMax) 次，日志每次都在变化，且没有重复出现的损坏：请重新运行 tally verify，或先停止网关")
  }

  /// The report with what both looks found; `nil` if that is nothing that only damage explains.
  private func settled(_ report: Report, _ previous: Report) -> Report? {
    var settled = report
    settled.keepFindings { finding in
      !finding.mayComeOfChange || previous.findings.contains { $0.isAgain(finding) }
    }
    return settled.findings.contains(where: \.mayComeOfChange) ? settled : nil
  }
}

extension Finding {
  /// Reading a log that changes may feign it.
  fileprivate var mayComeOfChange: Bool { kind != .policy }

  /// It is what another look found, although the log has grown, a segment was sealed, or the other superblock is now the
  /// newest.
  fileprivate func isAgain(_ other: Finding) -> Bool {
    if let damaged = damagedRange, let again = other.damagedRange { return damaged.overlaps(again) }
    return switch (self, other) {
    case (.badNote(_, let one), .badNote(_, let two)): one == two
    case (.wrongRoot, .wrongRoot), (.entriesMissing, .entriesMissing): true
    case (.missingSlots(let one, let first, let a), .missingSlots(let two, let second, let b)):
      one == two && first == second && a.overlaps(b)
    default: self == other
    }
  }

  private var damagedRange: Range<UInt64>? {
    switch self {
    case .damagedEntry(let index, _, _): index..<(index + 1)
    case .damagedEntries(let range, _, _): range
    default: nil
    }
  }
}
