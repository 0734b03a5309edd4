@testable import Gateway
import HAL
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog

@Suite struct ReloadTests {
  private let two = Station.site("two", [.init(unit: 1), .init(unit: 2)])

  /// A change in the middle of polling, and polling on for ten seconds; the log must hold together.
  private func change(
    _ first: PollSite, to second: PollSite, keeps: Set<String> = ["a", "b"]
  ) throws -> (report: SiteChangeReport, log: ReadLog) {
    let station = Station(first)
    station.run(10_300_000)
    let report = try Rig.required(station.reload(second, keeps: keeps))
    station.run(10_000_000)
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    return (report, log)
  }

  @Test func `the same site changes nothing and logs nothing`() throws {
    let station = Station(two)
    station.run(10_300_000)
    let before = station.acquisition.writer.nextIndex
    #expect(!station.begin(two))
    #expect(station.acquisition.changeState == .none)
    #expect(station.acquisition.writer.nextIndex == before)
  }

  @Test func `a device that is added is polled, and the others lose no slot`() throws {
    let three = Station.site("three", [.init(unit: 3), .init(unit: 1), .init(unit: 2)])
    let (report, log) = try change(two, to: three)
    #expect(report.kept == 2 && report.begun == 1 && report.ended == 0 && report.entries == 2)
    #expect(log.sites.map(\.text) == ["two", "three"])
    for unit in 1...2 {
      let channels = log.channels(of: unit)
      #expect(channels.count == 1)
      let slots = channels.flatMap { $0.channel.readings[0] ?? [] }
      #expect(slots.count >= 20)
      // The last slot may have been due when the agent ended.
      #expect(channels.flatMap(\.channel.sheds).allSatisfy { $0.reason == 6 })
    }
    let third = try Rig.required(log.channels(of: 3).first)
    #expect(third.index < log.sites[1].index, "the site's entry comes when all else is logged")
    #expect((third.channel.readings[0] ?? []).count >= 10)
  }

  @Test func `a device that is removed is polled until the site's entry and not after it`() throws {
    let station = Station(two)
    station.run(10_300_000)
    let one = Station.site("one", [.init(unit: 2)])
    let report = try Rig.required(station.reload(one))
    #expect(report.kept == 1 && report.begun == 0 && report.ended == 1 && report.entries == 1)
    let asked = station.asked
    station.run(5_000_000)
    station.end()
    #expect(station.asked[1] == asked[1])
    #expect((station.asked[2] ?? 0) >= (asked[2] ?? 0) + 4)
    let log = try ReadLog(station.log)
    log.check()
    #expect(log.shed(2, .siteReloaded).isEmpty)
  }

  @Test func `another address or period is another channel, and its device goes on`() throws {
    for meter in [Station.Meter(unit: 2, period: 2_000), .init(unit: 2, requests: 2)] {
      let (report, log) = try change(two, to: Station.site("other", [.init(unit: 1), meter]))
      #expect(report.kept == 1 && report.begun == 1 && report.ended == 1)
      #expect(log.channels(of: 2).count == 2)
      #expect(log.channels(of: 1).count == 1)
      #expect(log.channels(of: 1).flatMap(\.channel.sheds).allSatisfy { $0.reason == 6 })
    }
  }

  @Test func `another profile is another entry of all its channels`() throws {
    let other = Station.site("two", [.init(unit: 1), .init(unit: 2)], profile: "p: 2\n")
    let (report, log) = try change(two, to: other)
    #expect(report.kept == 0 && report.begun == 2 && report.ended == 2 && report.entries == 3)
    #expect(log.sites.count == 1, "the site's file is the same")
  }

  @Test func `another line speed closes the port, and no channel ends for it`() throws {
    let fast = Station.site("fast", [.init(unit: 1), .init(unit: 2)], baudRates: ["a": 38_400])
    let (report, log) = try change(two, to: fast, keeps: [])
    #expect(report.kept == 2 && report.begun == 0 && report.ended == 0)
    #expect(report.keptLines == 0)
    let site = log.sites[1].index
    let lost = try Rig.required(log.events.first { $0.code == .portLost })
    #expect(lost.index < site)
    #expect(log.events.contains { $0.code == .portReturned && $0.index > site })
    #expect(log.channels(of: 1).count == 1)
  }

  @Test func `a silent device on a line that was set anew is asked at once`() throws {
    let station = Station(two)
    station.silent = [2]
    station.run(120_000_000)
    let asked = try Rig.required(station.asked[2])
    #expect(asked < 20, "it is left alone for up to a minute")
    station.silent = []
    let fast = Station.site("fast", [.init(unit: 1), .init(unit: 2)], baudRates: ["a": 38_400])
    _ = try Rig.required(station.reload(fast, keeps: []))
    station.run(3_000_000)
    #expect((station.asked[2] ?? 0) >= asked + 2)
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    #expect(log.events.contains { $0.code == .deviceAnswers })
  }

  @Test func `a line that is added is a new one, and the one behind it keeps its port`() throws {
    let one = Station.site("one", [.init(unit: 2, line: "b")], baudRates: ["b": 9_600])
    let both = Station.site(
      "both", [.init(unit: 1, line: "a"), .init(unit: 2, line: "b")],
      baudRates: ["a": 19_200, "b": 9_600])
    let (report, log) = try change(one, to: both)
    #expect(report.kept == 1 && report.begun == 1 && report.keptLines == 1)
    #expect(!log.events.contains { $0.code == .portLost })
    #expect((log.channels(of: 1).first?.channel.readings[0]?.count ?? 0) >= 9)
    #expect((log.channels(of: 2).first?.channel.readings[0]?.count ?? 0) >= 19)
  }

  @Test func `back and forth the channels go on under their entries, and absence is explained`()
    throws
  {
    let station = Station(two)
    let one = Station.site("one", [.init(unit: 2)])
    station.run(5_300_000)
    for _ in 0..<5 {
      _ = try Rig.required(station.reload(one))
      station.run(4_000_000)
      let back = try Rig.required(station.reload(two))
      #expect(back.kept == 1 && back.begun == 1 && back.entries == 1)
      station.run(4_000_000)
    }
    let documents = station.acquisition.history.documents.count
    #expect(documents == 2 + 1 + 2, "what the agent remembers does not grow")
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    #expect(log.channels(of: 1).count == 1)
    #expect(log.channels(of: 2).count == 1)
    #expect(log.sites.count == 11, "the newest entry says which site is in force")
    let absent = log.shed(1, .siteReloaded)
    #expect(absent.reduce(0) { $0 + $1.count } >= 5 * 3)
    #expect(log.shed(1, .agentStopped).isEmpty)
    #expect(log.shed(2, .siteReloaded).isEmpty)
  }

  @Test func `back within one slot asks nothing twice`() throws {
    let slow = Station.site(
      "slow", [.init(unit: 1, period: 10_000), .init(unit: 2, period: 10_000)])
    let none = Station.site("none", [.init(unit: 2, period: 10_000)])
    let station = Station(slow)
    station.run(12_000_000)
    for _ in 0..<4 {
      _ = try Rig.required(station.reload(none))
      station.run(300_000)
      _ = try Rig.required(station.reload(slow))
      station.run(300_000)
    }
    station.run(30_000_000)
    station.end()
    try ReadLog(station.log).check()
  }

  @Test func `a request that is out gets its answer before the site changes`() throws {
    let station = Station(two)
    station.run(10_000_000)
    while station.acquisition.sampler.isAtRest { station.turn() }
    let readings = try ReadLog(station.log).channels(of: 1).flatMap {
      $0.channel.readings[0] ?? []
    }.count
    let one = Station.site("one", [.init(unit: 2)])
    _ = try Rig.required(station.reload(one))
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    let after = log.channels(of: 1).flatMap { $0.channel.readings[0] ?? [] }.count
    #expect(after == readings + 1)
  }

  @Test func `a device that is silent holds up the change for one try only`() throws {
    let station = Station(Station.site("one", [.init(unit: 1, attempts: 5)]))
    station.silent = [1]
    while station.acquisition.sampler.isAtRest { station.turn() }
    let begun = station.mono
    _ = try Rig.required(station.reload(two))
    #expect(station.mono - begun < 300_000, "its time is 200 ms")
  }

  @Test func `a document longer than the queue is logged in pieces while polling goes on`() throws {
    let text = String(repeating: "# a line of comment\n", count: 20_000)
    #expect(text.utf8.count > Limits.ringByteCount)
    let (report, log) = try change(two, to: Station.site(text, [.init(unit: 1), .init(unit: 2)]))
    #expect(report.kept == 2 && report.entries == 1)
    #expect(log.sites.map(\.text) == ["two", text])
    #expect(log.channels(of: 1).flatMap(\.channel.sheds).allSatisfy { $0.reason == 6 })
  }

  @Test func `when the medium takes nothing the change is given up and the old site goes on`()
    throws
  {
    let station = Station(two)
    station.run(5_300_000)
    station.isRecording = false
    let text = String(repeating: "# a line of comment\n", count: 20_000)
    let long = Station.site(text, [.init(unit: 1)])
    #expect(station.reload(long) == nil)
    #expect(station.acquisition.writer.droppedCount == 0, "documents leave half of the queue free")
    station.isRecording = true
    station.drain()
    station.run(5_000_000)
    let report = try Rig.required(station.reload(Station.site("one", [.init(unit: 1)])))
    #expect(report.kept == 1 && report.ended == 1)
    station.run(5_000_000)
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    #expect(log.sites.map(\.text) == ["two", "one"])
    #expect(log.channels(of: 1).flatMap(\.channel.sheds).allSatisfy { $0.reason == 6 })
  }

  @Test func `after a restart the site in force is the newest, and slots go on`() throws {
    let one = Station.site("one", [.init(unit: 2)])
    var station = Station(two)
    station.run(5_300_000)
    _ = try Rig.required(station.reload(one))
    station.run(3_000_000)
    // Killed: nothing is flushed. Another start with the first site, and a reload to the second.
    station.drain()
    station = Station(two, log: station.log, at: station.mono + 2_000_000)
    station.run(5_300_000)
    _ = try Rig.required(station.reload(one))
    station.run(3_000_000)
    _ = try Rig.required(station.reload(two))
    station.run(3_000_000)
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    #expect(log.sites.map(\.text) == ["two", "one", "two", "one", "two"])
    #expect(log.channels(of: 1).count == 1)
    #expect(log.channels(of: 2).count == 1)
  }

  @Test func `a kill at any entry of a change leaves a log that goes on`() throws {
    let text = String(repeating: "# a line of comment\n", count: 1_000)
    let other = Station.site(text, [.init(unit: 2), .init(unit: 3)], profile: "p: 3\n")
    let station = Station(two)
    station.run(3_300_000)
    let before = station.log.count
    _ = try Rig.required(station.reload(other))
    station.run(100_000)
    station.drain()
    let (log, mono) = (station.log, station.mono)
    #expect(log.count > before + 9)
    for end in before..<log.count {
      for site in [two, other] {
        let again = Station(site, log: Array(log[..<end]), at: mono + 500_000)
        again.run(3_000_000)
        again.end()
        let read = try ReadLog(again.log)
        read.check()
        #expect(read.sites.last?.text == String(decoding: site.document.body, as: UTF8.self))
      }
    }
  }

  @Test func `a tool that waits for a line is told to try again`() throws {
    let station = Station(two)
    station.run(5_300_000)
    while station.acquisition.sampler.isAtRest { station.turn() }
    let request: [UInt8] = [0x11, 0x03, 0x00, 0x7C, 0x00, 0x02, 0x07, 0x43]
    try station.acquisition.sampler.lease(
      line: 0, meterProtocol: .modbusRTU, request: request.span, timeout: 100_000,
      at: station.now)
    station.acquisition.writer.leases.wait(line: 0, ticket: 9)
    let begun = station.begin(Station.site("one", [.init(unit: 2)]))
    #expect(begun)
    station.acquisition.sampler.isHeld = true
    while station.acquisition.changeState == .underWay { station.turn() }
    guard station.acquisition.changeState == .ready else { throw Rig.Missing() }
    _ = station.acquisition.changeSite(at: station.now)
    let isAnswered = station.acquisition.writer.leases.isAnswered(line: 0)
    #expect(isAnswered)
    #expect(station.asked[17] == nil)
    station.run(3_000_000)
    #expect(station.asked[17] == nil, "it does not begin in the new plan")
    station.end()
    try ReadLog(station.log).check()
  }

  @Test func `newest values of channels that go on stay`() throws {
    let station = Station(two)
    station.run(5_300_000)
    let three = Station.site("three", [.init(unit: 3), .init(unit: 1), .init(unit: 2)])
    _ = try Rig.required(station.reload(three))
    let values = Array(station.acquisition.writer.live.values)
    #expect(values[0].noData == .notYet)
    #expect(values[1].value == Decimal(mantissa: 1) && values[1].noData == nil)
    #expect(values[2].value == Decimal(mantissa: 2) && values[2].noData == nil)
  }

  @Test func `a slot that was half asked when its channel ended is explained when it is back`()
    throws
  {
    let both = Station.site(
      "both", [.init(unit: 1, period: 5_000, requests: 3), .init(unit: 2, period: 5_000)])
    let one = Station.site("one", [.init(unit: 2, period: 5_000)])
    let station = Station(both)
    station.run(12_000_000)
    var asked = station.asked[1] ?? 0
    // The first request of a slot is out.
    while asked % 3 != 0 || (station.asked[1] ?? 0) == asked {
      asked = station.asked[1] ?? 0
      station.turn()
    }
    _ = try Rig.required(station.reload(one))
    station.run(7_000_000)
    _ = try Rig.required(station.reload(both))
    station.run(12_000_000)
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    let counts = Set(log.channels(of: 1).flatMap { $0.channel.readings.values.map(\.count) })
    #expect(counts.count > 1, "a slot has an answer to its first request only")
  }

  @Test func `a queue that is emptied slowly loses runs of slots, and claims no slot that it has`()
    throws
  {
    let station = Station(
      Station.site("many", [.init(unit: 1, period: 100), .init(unit: 2, period: 100)]))
    station.isRecording = false
    while station.acquisition.writer.droppedCount < 10 { station.turn() }
    for number in 0..<600 {
      station.turn()
      if number % 3 == 0 { station.takeOne() }
    }
    station.isRecording = true
    station.run(2_000_000)
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    for unit in 1...2 {
      let runs = log.shed(unit, .ringFull)
      #expect(runs.count == 1)
      let readings = log.channels(of: unit).flatMap { $0.channel.readings[0] ?? [] }
      #expect(!readings.contains { slot in runs.contains { $0.contains(slot) } })
    }
  }

  @Test func `what is shed at the end of the agent is logged even if the queue is full`() throws {
    let station = Station(
      Station.site("many", [.init(unit: 1, period: 100), .init(unit: 2, period: 100)]))
    station.isRecording = false
    while station.acquisition.writer.droppedCount < 50 { station.turn() }
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    let current = station.now.utc / 100_000
    for unit in 1...2 {
      let last = log.channels(of: unit).flatMap { channel in
        (channel.channel.readings[0] ?? []) + channel.channel.sheds.map(\.range.upperBound)
      }.max()
      #expect(try Rig.required(last) + 1 >= current)
    }
  }

  @Test func `what did not fit the queue before a change is explained after it`() throws {
    let station = Station(
      Station.site("many", [.init(unit: 1, period: 100), .init(unit: 2, period: 100)]))
    station.run(2_000_000)
    station.isRecording = false
    while station.acquisition.writer.droppedCount < 100 { station.turn() }
    let one = Station.site("one", [.init(unit: 2, period: 100)])
    #expect(station.begin(one))
    for _ in 0..<20 { station.turn() }
    #expect(station.acquisition.changeState == .underWay)
    station.isRecording = true
    station.drain()
    while station.acquisition.changeState == .underWay { station.turn() }
    #expect(station.acquisition.changeState == .ready)
    guard station.acquisition.changeState == .ready else { return }
    _ = station.acquisition.changeSite(at: station.now)
    station.run(1_000_000)
    station.end()
    let log = try ReadLog(station.log)
    log.check()
    #expect(!log.shed(1, .ringFull).isEmpty)
  }
}
