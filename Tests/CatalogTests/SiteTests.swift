import Foundation
import HAL
import MeterProtocols
import Metering
import Testing
import TransparencyLog

@testable import Catalog

@Suite struct SiteTests {
  private func simulatedSite() throws -> Site {
    let share = try SharedFiles()
    return try Site.load(
      path: repositoryPath + "/boards/native/sim/site.yaml", share: share.share,
      deviceDirectory: "/run/dev"
    ).get()
  }

  @Test func `the simulated site is as the issue wants it`() throws {
    let site = try simulatedSite()
    #expect(site.origin.origin(epoch: 1) == "sim.tallystick.invalid/gw/sim-0001/1")
    #expect(site.mirror.url == "http://127.0.0.1:8470")
    #expect(site.log.commitMilliseconds == 1000)
    #expect(site.log.checkpointMilliseconds == 5000)
    #expect(site.warnings.isEmpty)
    let a = try #require(site.lines.first)
    #expect(a.devicePath == "/run/dev/line-a")
    #expect(a.uart == UARTConfiguration(baudRate: 2400, parity: .even))
    #expect(a.devices.count == 4)
    #expect(a.devices.allSatisfy { $0.profile.meterProtocol == .dlt645 })
    #expect(a.devices.allSatisfy { $0.streams.map(\.periodMilliseconds) == [10_000] })
    let b = try #require(site.lines.last)
    #expect(b.uart == UARTConfiguration(baudRate: 9600))
    #expect(b.devices.map { $0.streams[0].periodMilliseconds } == [1000, 1000, 5000, 5000, 5000])
  }

  @Test func `a running agent takes up devices and lines, and nothing of log and mirror`() throws {
    let site = try simulatedSite()
    var other = site
    other.lines[0].devices.removeLast()
    other.lines[1].uart.baudRate = 19_200
    other.timezone = "Europe/Vienna"
    #expect(site.fixedSettings(changedBy: other).isEmpty)
    other.origin.serial = "sim-0002"
    #expect(
      site.fixedSettings(changedBy: other)
        == [FixedSetting(key: .originSerial, running: "sim-0001", found: "sim-0002")])
    other.origin.domain = "other.invalid"
    other.mirror.url = "https://collector.example"
    other.mirror.certificateAuthority = "/etc/ca.pem"
    other.packages = PackageSettings(
      directory: "/media/stick", everySeconds: 3_600, retentionSeconds: 86_400)
    other.log.commitMilliseconds += 1
    other.log.checkpointMilliseconds += 1
    other.log.checkpointEntryCount += 1
    other.log.segmentByteCount *= 2
    #expect(
      site.fixedSettings(changedBy: other).map(\.key.rawValue) == [
        "origin.domain", "origin.serial", "mirror.url", "mirror.ca", "uplink.directory",
        "uplink.every", "uplink.retention", "log.commit_ms", "log.checkpoint_ms",
        "log.checkpoint_entries", "log.segment_bytes",
      ])
  }

  @Test func `every key that an agent may refuse has its place`() throws {
    let path = repositoryPath + "/boards/native/sim/site.yaml"
    let share = try SharedFiles()
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    func place(_ text: String, _ value: String) throws -> YAMLPlace {
      let line = try #require(lines.firstIndex { $0.contains(text) })
      let range = try #require(lines[line].range(of: value))
      let column = lines[line].distance(from: lines[line].startIndex, to: range.lowerBound) + 1
      return YAMLPlace(line: line + 1, column: column)
    }
    let site = try Site.load(path: path, share: share.share, deviceDirectory: "/run/dev").get()
    let expected: [SiteKey: YAMLPlace] = [
      .originDomain: try place("domain:", "sim."), .originSerial: try place("serial: sim", "sim-"),
      .mirrorURL: try place("url:", "http"), .mirrorVerifierKey: try place("vkey_file:", "keys/"),
      // Not there: the section's place.
      .mirrorAuthority: try place("mirror:", "mirror"),
      .mirrorCatchUp: try place("mirror:", "mirror"),
      .uplinkDirectory: .start, .uplinkEvery: .start, .uplinkRetention: .start,
      .logCommit: try place("commit_ms", "1000"),
      .logCheckpoint: try place("checkpoint_ms", "5000"),
      .logCheckpointEntries: try place("log:", "log"), .logSegment: try place("log:", "log"),
    ]
    for (key, place) in expected { #expect(site.place(of: key) == place, "\(key.rawValue)") }
    #expect(expected.count == SiteKey.allCases.count)
  }

  /// The simulated site as one that may call nobody, which says so on its last line.
  private func oneWaySite(
    every: String, retention: String, _ share: borrowing SharedFiles
  ) throws -> (site: Site?, findings: [Finding], line: Int) {
    let yaml = try String(
      contentsOfFile: repositoryPath + "/boards/native/sim/site.yaml", encoding: .utf8
    ).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let lines =
      yaml.filter { !$0.contains("url:") } + [
        "uplink: {directory: /media/stick, every: \(every), retention: \(retention)}"
      ]
    let (site, findings) = Site.check(
      yaml: Array((lines.joined(separator: "\n") + "\n").utf8), path: "site.yaml",
      share: share.share)
    return (site, findings, lines.count)
  }

  @Test(arguments: [
    ("1h", 3_600, "400d", 34_560_000), ("1s", 1, "1d", 86_400),
    ("7d", 604_800, "36500d", 3_153_600_000),
    ("90m", 5_400, "24h", 86_400),
  ])
  func `a station that may call nobody declares where packages go`(
    every: String, seconds: Int, retention: String, kept: Int
  ) throws {
    let share = try SharedFiles()
    let (checked, findings, _) = try oneWaySite(every: every, retention: retention, share)
    let site = try #require(checked, "\(findings)")
    #expect(site.mirror.url == nil)
    #expect(
      site.packages
        == PackageSettings(
          directory: "/media/stick", everySeconds: seconds, retentionSeconds: kept))
    for language in Language.allCases {
      #expect(SiteSummary(site).text(language).contains("/media/stick"))
    }
  }

  @Test func `a retention that the quota has no room for is a warning that says what would do`()
    throws
  {
    let share = try SharedFiles()
    let (found, findings, line) = try oneWaySite(every: "1m", retention: "400d", share)
    let site = try #require(found)
    #expect(findings.count == 1)
    let warning = try #require(findings.first)
    #expect(warning.isWarning && warning.place.line == line)
    // Four fifths of 1,024 MiB less two segments of 4 MiB.
    let tenths = (1_016 << 20) * 8 / site.bytesPerDay
    #expect(site.offlineTenths == tenths && tenths >= 10 && tenths < 100)
    let room = "\(tenths / 10).\(tenths % 10)"
    let english = warning.text(.english)
    #expect(
      english.contains(
        "'retention' is 400d, and the board's quota of 1024 MiB has room for \(room) days"))
    #expect(
      english.contains(
        "write retention: \(tenths / 10)d or less, or raise quota_mib of the board to "))
    #expect(english.contains("carry acknowledgements back at least every \(room) days"))
    #expect(warning.text(.chinese).contains("板卡配额 1024 MiB 只够本采集计划 \(room) 天"))
    // What it says would do does.
    let (_, none, _) = try oneWaySite(every: "1m", retention: "\(tenths / 10)d", share)
    #expect(none.isEmpty)
    var larger = site
    larger.board.storage.quotaMebibytes = site.quotaMebibytes(forSeconds: 400 * 86_400)
    #expect(larger.offlineTenths >= 4_000 && larger.offlineTenths < 4_010)

    let summary = SiteSummary(site).text(.chinese)
    #expect(summary.contains("每 1 分钟将签名数据包写入"))
    #expect(summary.contains("保留 400 天，"))
    #expect(summary.contains("未带回确认至少 \(room) 天后"))
    #expect(!summary.contains("断网"))
    #expect(
      SiteSummary(site).text(.english).contains(
        "can go without an acknowledgement for at least \(room) days"))
    #expect(SiteSummary(site).text(.english).contains("kept for 400d of running time"))
  }

  @Test func `a directory stands for the site file in it`() throws {
    let share = try SharedFiles()
    let folder = repositoryPath + "/boards/native/sim"
    let site = try Site.load(path: folder, share: share.share).get()
    #expect(site.path == folder + "/site.yaml")
    let (none, findings) = Site.check(path: capturesPath, share: share.share)
    #expect(none == nil)
    #expect(findings.map(\.kind) == [.file(.notFound(capturesPath + "/site.yaml"))])
  }

  @Test func `the fingerprint follows site and profiles`() throws {
    let site = try simulatedSite()
    #expect(site.fingerprint == (try simulatedSite()).fingerprint)
    var other = site
    other.yaml.append(0x0A)
    #expect(other.fingerprint != site.fingerprint)
    other = site
    for device in other.lines[0].devices.indices {
      other.lines[0].devices[device].profile.yaml.append(0x0A)
    }
    #expect(other.fingerprint != site.fingerprint)
  }

  @Test func `a key of the other type is told as that, and not as no key`() throws {
    let log = "mrv.example/gw/7f3a01c2/1+7e8b7297+AfHmEuGpPT56bR1hcqb2+qc/pdyWctEJfrm1W84kIUnM"
    let mirror = "collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ"
    #expect("\(try VerifierKey(log, expecting: .log))" == log)
    #expect("\(try VerifierKey(mirror, expecting: .cosigner))" == mirror)
    #expect(throws: VerifierKeyFault.type(1)) { try VerifierKey(log, expecting: .cosigner) }
    #expect(throws: VerifierKeyFault.type(4)) { try VerifierKey(mirror, expecting: .log) }
    #expect(throws: VerifierKeyFault.hash) {
      try VerifierKey(mirror.replacing("m1+", with: "m2+"), expecting: .cosigner)
    }
    for type in [KeyType.log, .cosigner] {
      let fault = VerifierKeyFault.type(9)
      #expect(fault.english(type).contains("9") && fault.chinese(type).contains("9"))
      #expect(fault.english(type).contains("\(type.rawValue)"))
      #expect(fault.chinese(type).contains("\(type.rawValue)"))
      #expect(fault.advice(type) != VerifierKeyFault.parts.advice(type))
      #expect(fault.chineseAdvice(type) != VerifierKeyFault.parts.chineseAdvice(type))
    }
  }

  @Test func `the simulated lines stay below four fifths of their time`() throws {
    for line in try simulatedSite().lines { #expect(line.load.permille < 800, "\(line.name)") }
  }

  @Test func `the numbers and labels of devices differ`() throws {
    let devices = try simulatedSite().lines.flatMap(\.devices)
    #expect(Set(devices.map(\.number)).count == devices.count)
    #expect(Set(devices.map(\.label.english)).count == devices.count)
    #expect(devices.allSatisfy { $0.label.chinese != $0.label.english })
  }

  @Test func `an address is kept in the order of the nameplate`() throws {
    let device = try simulatedSite().lines[0].devices[0]
    #expect(device.address == [0x20, 0x26, 0x11, 0x00, 0x01, 0x01])
    #expect(device.addressText == "202611000101")
    #expect(try simulatedSite().lines[1].devices[0].addressText == "1")
  }

  @Test func `entries of a day are the requests of all slots`() throws {
    // Line a: 4 meters × 4 requests × 8640; line b: (2 + 3) × 86400 + 3 × 17280.
    #expect(try simulatedSite().entriesPerDay == 4 * 4 * 8640 + 5 * 86_400 + 3 * 17_280)
  }

  @Test func `the log grows by whole blocks, one for each commit at least`() throws {
    var site = try simulatedSite()
    // Seven entries a second, below a block: 86,400 commits of one block are 337.5 MiB.
    #expect(site.log.commitMilliseconds == 1000)
    #expect(site.bytesPerDay == 86_400 * 4096)
    let text = SiteSummary(site).text(.english)
    #expect(text.contains("grows by at most 338 MiB a day"))
    #expect(text.contains("quota of 1024 MiB the gateway can be offline for at least 2.4 days"))
    let chinese = SiteSummary(site).text(.chinese)
    #expect(chinese.contains("日志每天最多增长 338 MiB，按板卡配额 1024 MiB，断网至少 2.4 天后"))
    site.log.commitMilliseconds = 60_000
    // A minute has some 260 entries of about a hundred bytes: some blocks, hardly a padding.
    #expect(site.bytesPerDay > site.entriesPerDay * 80)
    #expect(site.bytesPerDay < site.entriesPerDay * 140)
    site.lines = []
    #expect(site.bytesPerDay == 0)
  }

  @Test func `the load of a line is the sum that a hand computes`() throws {
    let site = try simulatedSite()
    let poll = try #require(site.lines[1].load.polls.first { $0.request == "phases" })
    // Request 8 bytes, reply 5 + 2 × 18; a character of 11 bits at 9600 Bd is 1145.8 µs, rounded up.
    #expect(poll.byteCount == 8 + 41)
    #expect(poll.microseconds == 49 * 1146 + 20_000 + poll.silenceMicroseconds)
  }

  @Test func `transformer ratios multiply what stands behind transformers`() throws {
    var device = try simulatedSite().lines[0].devices[0]
    device.ratios = .none
    #expect(device.channelRatios(of: device.streams[0]).isEmpty)
    device.ratios = TransformerRatios(
      current: try #require(Ratio(text: "600/5")), voltage: try #require(Ratio(text: "10000/100")))
    let ratios = device.channelRatios(of: device.streams[0])
    #expect(
      ratios.map { "\($0.quantity.key) \($0.factor.numerator)/\($0.factor.denominator)" } == [
        "active-energy-import 12000/1", "active-energy-export 12000/1", "active-power 12000/1",
        "voltage-l1 100/1", "voltage-l2 100/1", "voltage-l3 100/1",
      ])
  }

  @Test func `the share is found where the option says and nowhere else`() throws {
    var tried: [String] = []
    let share = try SharedFiles()
    #expect(Share.locate(option: share.share.path, tried: &tried) == share.share)
    #expect(Share.locate(option: "/nonexistent", tried: &tried) == nil)
    #expect(tried == ["/nonexistent"])
    #expect(share.share.boardNames.contains("native/sim"))
  }

  @Test func `a rate is bytes in a time`() {
    let good = [
      ("64 kB/s", 64_000 * 86_400), ("64kB/s", 64_000 * 86_400), ("20 MB/day", 20_000_000),
      ("500 MB/month", 500_000_000 / 30), ("1 GB/s", 1_000_000_000 * 86_400), ("1 kB/day", 1_000),
      ("10 B/min", 14_400), ("100 B/h", 2_400),
    ]
    for (text, perDay) in good {
      #expect(DataRate(text: text)?.bytesPerDay == perDay, "\(text)")
      #expect(DataRate(text: text)?.text.filter { $0 != " " } == text.filter { $0 != " " })
    }
    for text in [
      "", "64", "kB/s", "64 kB", "64 kbit/s", "64 KB/s", "-1 kB/s", "010 kB/s", "1.5 MB/day",
      "0 B/s",
      "999 B/day", "2 GB/s", "9999999999 B/s", "1 kB/s/s", "1 kB /s", "1 kB/ s", "1 MB/year",
    ] { #expect(DataRate(text: text) == nil, "\(text)") }
  }

  @Test func `what a day without a link costs is told`() throws {
    var site = try simulatedSite()
    // Some 600,000 entries of about a hundred bytes.
    let day = site.uploadBytesPerDay
    #expect((80...140).contains(day / site.entriesPerDay))
    #expect(site.drainHours == nil)
    #expect(SiteSummary(site).text(.english).contains("drains as fast as the link takes it"))
    site.mirror.catchUp = DataRate(byteCount: 3 * day, period: .day)
    #expect(site.drainHours == 12)
    #expect(SiteSummary(site).text(.english).contains("drains in 12 h"))
    #expect(SiteSummary(site).text(.chinese).contains("约 12 小时清空"))
    site.mirror.catchUp = DataRate(byteCount: day, period: .day)
    #expect(site.drainHours == nil)
  }
}
