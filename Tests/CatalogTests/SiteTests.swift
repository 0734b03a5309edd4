import HAL
import MeterProtocols
import Metering
import Testing

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
        == [FixedSetting(key: "origin.serial", running: "sim-0001", found: "sim-0002")])
    other.origin.domain = "other.invalid"
    other.mirror.url = "https://collector.example"
    other.mirror.certificateAuthority = "/etc/ca.pem"
    other.log.commitMilliseconds += 1
    other.log.checkpointMilliseconds += 1
    other.log.checkpointEntryCount += 1
    other.log.segmentByteCount *= 2
    #expect(
      site.fixedSettings(changedBy: other).map(\.key) == [
        "origin.domain", "origin.serial", "mirror.url", "mirror.ca", "log.commit_ms",
        "log.checkpoint_ms", "log.checkpoint_entries", "log.segment_bytes",
      ])
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
    #expect(text.contains("grows by about 338 MiB a day"))
    #expect(text.contains("quota of 1024 MiB is not enforced"))
    site.log.commitMilliseconds = 60_000
    // A minute has some 260 entries of about a hundred bytes: some blocks, hardly a padding.
    #expect(site.bytesPerDay > site.entriesPerDay * 80)
    #expect(site.bytesPerDay < site.entriesPerDay * 140)
    site.lines = []
    #expect(site.bytesPerDay == 0)
  }

  @Test func `the load of a line is the sum that a hand computes`() throws {
    let site = try simulatedSite()
    let poll = try #require(site.lines[1].load.polls.first { $0.name.hasSuffix("/phases") })
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
}
