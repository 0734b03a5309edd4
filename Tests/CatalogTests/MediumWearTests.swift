import Articles
import Testing

@testable import Catalog

/// What the plan writes, against figures that were computed without this code: by hand, and the intervals by trying all
/// of them in Python (integers, from the terms in *Store and forward*).
@Suite struct MediumWearTests {
  /// One stream that makes an entry of 100 bytes every second; its line is busy for 50 ms with it.
  private func wear(period: Int = 1_000, entries: Int = 86_400, busy: Int = 50) -> MediumWear {
    MediumWear(
      entries: entries, entryBytes: entries * 100,
      bursts: [MediumWear.Burst(period: period, offset: 0, duration: busy)], streamCount: 1,
      checkpointMilliseconds: 60_000, checkpointEntryCount: 256, isAcknowledged: true,
      segmentByteCount: 4 << 20, quotaByteCount: 1 << 30)
  }

  @Test func `a day is the sum that a hand computes`() {
    let day = wear().day(commitEvery: 1_000)
    // 86,400 commits of one block each.
    #expect(day.frames == 86_400 * 4_096)
    // 1,440 checkpoints, each signed and acknowledged.
    #expect(day.superblocks == 1_440 * 2 * 4_096)
    // 353,894,400 / 4,190,208 = 84.5 segments: 85 headers, and 85 times 16 KiB of summary and a superblock.
    #expect(day.segmentHeaders == 85 * 4_096)
    #expect(day.summaries == 85 * 20_480)
    // 86,400 × 8,192 / 65,280 = 10,842.4.
    #expect(day.tiles == 10_843)
    // A quarter of the frames once more.
    #expect(day.sealed == 88_473_600)
    #expect(day.total == 456_264_283)
  }

  @Test func `frames of several blocks have half a block of padding`() {
    // A minute has 60 entries, 6,000 bytes: 1,440 × (6,000 + 44 + 2,048).
    #expect(wear().day(commitEvery: 60_000).frames == 1_440 * 8_092)
    #expect(wear().day(commitEvery: 60_000).total == 26_446_651)
  }

  @Test func `an interval in which nothing falls due has no commit`() {
    // 64 devices once a minute take 6.4 s: seven or eight commits of a second each, not sixty.
    let burst = wear(period: 60_000, entries: 64 * 1_440, busy: 6_400)
    #expect(burst.commits(every: 1_000) == 1_440 + 1_440 * 64 / 10)
    #expect(burst.day(commitEvery: 1_000).total == 66_637_102)
    #expect(wear(entries: 0).day(commitEvery: 1_000).total == 0)
  }

  @Test func `without a mirror nothing is acknowledged`() {
    var carried = wear()
    carried.isAcknowledged = false
    #expect(carried.day(commitEvery: 1_000).superblocks == 1_440 * 4_096)
  }

  @Test(arguments: [
    (10, 6, 1_115 as Int?), (10, 2, 3_556), (20, 3, 4_895), (10, 1, 7_859), (50, 1, nil),
  ])
  func `the interval is the shortest that lasts`(years: Int, terabytes: Int, expected: Int?) {
    let endurance = Endurance(terabytes: terabytes, source: "-").byteCount
    #expect(
      wear().shortestCommit(years: years, endurance: endurance, longest: 60_000) == expected)
  }

  @Test
  func `years follow from bytes, flash writes four times as much, and the quota is written once`() {
    // (20 × 10^12 − 2^30) / (367,790,683 × 4 × 365.25) = 37.2 years.
    #expect(
      wear().tenthsOfYears(endurance: 20_000_000_000_000, bytesPerDay: 367_790_683) == 372)
    #expect(wear().budget(endurance: 20_000_000_000_000) == (20_000_000_000_000 - 1 << 30) / 4)
    #expect(wear().tenthsOfYears(endurance: 20_000_000_000_000, bytesPerDay: 0) == nil)
  }

  @Test func `a longer interval never writes more`() throws {
    let (found, _) = try site { $0 }
    for wear in [wear(), MediumWear(try #require(found))] {
      var before = Int.max
      for milliseconds in 1...60_000 {
        let total = wear.day(commitEvery: milliseconds).total
        #expect(total <= before, "\(milliseconds) ms")
        before = total
      }
    }
  }

  // MARK: sites

  /// The simulated site on the board of the article, whose medium endures 20 TB.
  private func site(_ change: (String) -> String) throws -> (site: Site?, findings: [Finding]) {
    let share = try ArticleShare(try Article("AddingABoard"))
    return try share.site { text in
      change(
        text.replacing("board: native/sim", with: "board: acme/edge-1")
          .replacing("port: line-a", with: "port: rs485-1")
          .replacing("port: line-b", with: "port: rs485-2"))
    }
  }

  @Test func `the interval of a site follows from its years`() throws {
    let (found, findings) = try site { $0.replacing("commit_ms: 1000", with: "years: 50") }
    #expect(findings.isEmpty)
    let site = try #require(found)
    let commit = site.log.commitMilliseconds
    let endurance = try #require(site.board.storage.endurance)
    #expect(endurance.terabytes == 20)
    #expect(commit > 1_000 && commit < 5_000)
    let wear = site.wear
    #expect(wear.lasts(years: 50, endurance: endurance.byteCount, commitEvery: commit))
    #expect(!wear.lasts(years: 50, endurance: endurance.byteCount, commitEvery: commit - 1))
    let english = SiteSummary(site).text(.english)
    #expect(
      english.contains(
        "a commit every \(commit) ms, as follows from the 50 years that the medium must last: a power cut loses "
          + "at most that much"))
    #expect(english.contains("which a new one of 20 TB bears for 50.0 years (flash writes 4 times"))
    let chinese = SiteSummary(site).text(.chinese)
    #expect(chinese.contains("每 \(commit) ms 提交一次（由介质须用 50 年推算）：断电最多丢失一个提交间隔的数据"))
    #expect(chinese.contains("20 TB 的新介质可用 50.0 年"))
    // Without years the interval is the one it always was.
    #expect(
      try self.site { $0.replacing("commit_ms: 1000", with: "") }.site?.log.commitMilliseconds
        == 5_000)
  }

  /// The medium in a gateway may be another than its board's maker puts in, and most boards say nothing of theirs.
  @Test func `a site states what its own medium endures, with the source`() throws {
    func years(_ log: String) throws -> (site: Site?, findings: [Finding]) {
      try site { $0.replacing("commit_ms: 1000", with: log) }
    }
    let source = "\n  endurance_source: data sheet of the card, table 2"
    let twice = try #require(try years("years: 50\n  endurance_tb: 40" + source).site)
    #expect(twice.endurance == Endurance(terabytes: 40, source: "data sheet of the card, table 2"))
    let board = try #require(try years("years: 50").site)
    #expect(board.endurance?.terabytes == 20)
    #expect(twice.log.commitMilliseconds < board.log.commitMilliseconds)
    #expect(SiteSummary(twice).text(.english).contains("which a new one of 40 TB bears for"))
    // A figure without its source is a guess.
    let (found, findings) = try years("years: 50\n  endurance_tb: 40")
    #expect(found == nil && findings.count == 1)
    #expect(findings.first?.text(.english).contains("endurance_source") == true)
  }

  @Test func `an interval that follows is followed, one that is stated needs a restart`() throws {
    let followed = try #require(
      try site { $0.replacing("commit_ms: 1000", with: "years: 50") }.site)
    var other = followed
    other.log.commitMilliseconds += 1
    #expect(followed.fixedSettings(changedBy: other).isEmpty)
    other.log.isCommitStated = true
    #expect(followed.fixedSettings(changedBy: other).map(\.key) == [.logCommit])
  }

  @Test func `a stated interval that wears the medium out is a warning with both figures`() throws {
    let followed = try #require(
      try site { $0.replacing("commit_ms: 1000", with: "years: 50") }.site)
    let enough = followed.log.commitMilliseconds
    let (found, findings) = try site {
      $0.replacing("commit_ms: 1000", with: "commit_ms: 1000\n  years: 50")
    }
    let site = try #require(found)
    #expect(site.log.commitMilliseconds == 1_000)
    let finding = try #require(findings.first)
    #expect(findings.count == 1 && finding.isWarning)
    #expect(finding.place.line == 16)
    let years = tenthsText(try #require(site.mediumTenths))
    let english = finding.text(.english)
    #expect(english.contains("with 'commit_ms' at 1000 a medium of 20 TB lasts \(years) years"))
    #expect(english.contains("write commit_ms: \(enough) or more"))
    let chinese = finding.text(.chinese)
    #expect(chinese.contains("“commit_ms”为 1000 时，20 TB 的介质可用 \(years) 年"))
    #expect(chinese.contains("写成 commit_ms: \(enough) 或更大"))
    // What does last is no finding.
    let good = try self.site {
      $0.replacing("commit_ms: 1000", with: "commit_ms: \(enough)\n  years: 50")
    }
    #expect(good.findings.isEmpty)
  }

  @Test func `a medium that lasts with no interval is an error with what to do`() throws {
    // Checkpoints of a second alone are two blocks a second: 708 MB a day.
    let (found, findings) = try site {
      $0.replacing("commit_ms: 1000", with: "years: 50")
        .replacing("checkpoint_ms: 5000", with: "checkpoint_ms: 1000")
    }
    #expect(found == nil)
    let finding = try #require(findings.first)
    #expect(findings.count == 1 && !finding.isWarning)
    let english = finding.text(.english)
    #expect(english.contains("even with a commit every 1000 ms a medium of 20 TB lasts"))
    #expect(english.contains("a larger medium, fewer channels, or a longer 'period_ms'"))
    let chinese = finding.text(.chinese)
    #expect(chinese.contains("即使每 1000 ms 提交一次，20 TB 的介质也只能用"))
    #expect(chinese.contains("换用更大的介质，减少通道"))
  }
}
