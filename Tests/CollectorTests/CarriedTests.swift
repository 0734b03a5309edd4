import Collector
import Foundation
import GRDB
import HummingbirdTesting
import Metering
import ReadingStore
import Testing
import TransparencyLog

/// Readings that a new epoch logs anew are counted once, whichever log brings them first.
@Suite struct CarriedTests {
  /// A gateway whose old epoch has three readings at the end, and whose new epoch carries the last two over.
  struct Gateway {
    var old: EntryList
    var new: EntryList
    /// Index of the first of the three readings.
    let first: UInt64
    /// Channel of the new log.
    let channel: UInt64

    init() throws {
      let (opening, modbus, _) = try DecodingTests.siteLog()
      old = opening
      first = old.next
      for _ in 0..<3 { old.reading(channel: modbus, request: 0, raw: DecodingTests.floats) }
      new = EntryList()
      new.boot(
        origin: EpochTests.origin(2), reason: .newEpoch, previousSize: first + 1,
        previousRoot: try TestLog(entries: old.entries).root(Int(first + 1)))
      let eastron = try DecodingTests.profile("eastron-sdm630")
      let profile = new.config(.profile, "eastron-sdm630.yaml", eastron)
      let request = try DecodingTests.request(eastron, "phases", [1])
      channel = new.channel(
        device: 5, label: "feeder", address: [1], profile: profile, requests: [request])
      carried = new.next
      for index in first + 1..<first + 3 {
        try new.carry(old.entries[Int(index)], channel: channel, from: 1, index)
      }
      new.reading(channel: channel, request: 0, raw: DecodingTests.floats)
    }
    /// Index of the first carried entry in the new log.
    let carried: UInt64
  }

  /// Uploads the first `count` entries of a log under an origin, and decodes them.
  private func take(
    _ list: EntryList, _ count: Int, as origin: String, _ client: any TestClientProtocol,
    _ bench: Bench
  ) async throws {
    let mirror = MirrorUnderTest(client: client, bench: bench, origin: origin)
    let log = TestLog(entries: list.entries)
    let next = Int(try await mirror.state().next)
    try await mirror.show(log, count)
    try await mirror.upload(log, next, count)
    await Decoding(bench.collector).catchUp()
    #expect(try bench.collector.readings.cursor(of: origin) == UInt64(count))
    #expect(try bench.collector.readings.problems(of: origin).isEmpty)
  }

  private func onBench(
    _ body: @Sendable (any TestClientProtocol, Bench) async throws -> Void
  ) async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path)
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await bench.application.test(.router) { client in try await body(client, bench) }
    }
  }

  /// Where the readings stand: epoch and index, by time.
  private func places(_ bench: Bench) throws -> [[UInt64]] {
    var places: [[UInt64]] = []
    var query = ReadingQuery()
    query.gateway = EpochTests.identity
    for reading in try bench.collector.readings.readings(query) {
      let epoch = try require(reading.origin.split(separator: "/").last.flatMap { UInt64($0) })
      let place = [epoch, reading.index]
      if places.last != place { places.append(place) }
    }
    return places
  }

  private func duplicates(_ bench: Bench) throws -> Int {
    try bench.collector.readings.duplicateCount(of: EpochTests.origin(2))
  }

  @Test func `what the old epoch did not deliver comes with the new one, at its own time`()
    async throws
  {
    let site = try Gateway()
    try await onBench { (client, bench) async throws in
      try await take(site.old, Int(site.first + 1), as: TestLog.origin, client, bench)
      try await take(site.new, site.new.entries.count, as: EpochTests.origin(2), client, bench)
      let carried = site.carried
      // The last one was read at a time of the new log, which the test has begin at the same second.
      #expect(
        Set(try places(bench)) == [
          [1, site.first], [2, carried], [2, carried + 1], [2, carried + 2],
        ])
      #expect(try duplicates(bench) == 0)
      let row = try require(
        try bench.collector.readings.readings(ReadingQuery()).first { $0.index == carried })
      #expect(row.utc == EntryList.start + (site.first + 1) * 1_000_000)
      #expect(row.channel == site.channel && row.label == "feeder")
    }
  }

  @Test func `what both epochs bring is stored once, and the old one has it`() async throws {
    let site = try Gateway()
    for oldFirst in [true, false] {
      try await onBench { (client, bench) async throws in
        let old = Int(site.first + 2)
        // One of the two was delivered, and the gateway did not know.
        try await take(site.old, oldFirst ? old : 1, as: TestLog.origin, client, bench)
        try await take(site.new, site.new.entries.count, as: EpochTests.origin(2), client, bench)
        #expect(try duplicates(bench) == (oldFirst ? 1 : 0))
        if !oldFirst { try await take(site.old, old, as: TestLog.origin, client, bench) }
        #expect(
          Set(try places(bench)) == [
            [1, site.first], [1, site.first + 1], [2, site.carried + 1], [2, site.carried + 2],
          ])
        #expect(try duplicates(bench) == 1)
        #expect(try bench.collector.readings.readings(ReadingQuery()).count == 4 * 9)
        let answer = try await client.get("/api/status")
        let status = try JSONDecoder().decode(StatusAnswer.self, from: Data(answer.content))
        #expect(status.logs.map(\.duplicates) == [0, 1])
        #expect(status.logs.map(\.readings) == [18, 18])
      }
    }
  }

  @Test func `another reading at the place is no duplicate`() async throws {
    // The medium was set back: what the old epoch delivered there is not what the gateway has.
    var site = try Gateway()
    let (opening, channel, _) = try DecodingTests.siteLog()
    site.old = opening
    site.old.delay = 1
    while site.old.next < site.first + 3 {
      site.old.reading(channel: channel, request: 0, raw: DecodingTests.floats)
    }
    for oldFirst in [true, false] {
      try await onBench { [site] (client, bench) async throws in
        let old = site.old.entries.count
        try await take(site.old, oldFirst ? old : 1, as: TestLog.origin, client, bench)
        try await take(site.new, site.new.entries.count, as: EpochTests.origin(2), client, bench)
        if !oldFirst { try await take(site.old, old, as: TestLog.origin, client, bench) }
        #expect(try duplicates(bench) == 0)
        #expect(
          Set(try places(bench)).isSuperset(of: [[2, site.carried], [2, site.carried + 1]]))
      }
    }
  }

  @Test func `what is carried over twice is stored once`() async throws {
    let site = try Gateway()
    var third = EntryList()
    third.boot(origin: EpochTests.origin(3), reason: .newEpoch)
    let eastron = try DecodingTests.profile("eastron-sdm630")
    let profile = third.config(.profile, "eastron-sdm630.yaml", eastron)
    let request = try DecodingTests.request(eastron, "phases", [1])
    let channel = third.channel(
      device: 5, label: "feeder", address: [1], profile: profile, requests: [request])
    for index in site.first + 1..<site.first + 3 {
      try third.carry(site.old.entries[Int(index)], channel: channel, from: 1, index)
    }
    // What names a place in its own or a later epoch was not carried over from there.
    for epoch in [3, 4] as [UInt64] {
      try third.carry(site.old.entries[Int(site.first)], channel: channel, from: epoch, 0)
    }
    try await onBench { [third] (client, bench) async throws in
      try await take(site.old, Int(site.first + 1), as: TestLog.origin, client, bench)
      // Of the second epoch, the first of the two arrived.
      try await take(site.new, Int(site.carried + 1), as: EpochTests.origin(2), client, bench)
      try await take(third, third.entries.count, as: EpochTests.origin(3), client, bench)
      let next = third.next
      #expect(
        Set(try places(bench)) == [
          [1, site.first], [2, site.carried], [3, next - 3], [3, next - 2], [3, next - 1],
        ])
      #expect(try bench.collector.readings.duplicateCount(of: EpochTests.origin(3)) == 1)
    }
  }

  @Test func `an answer in several frames is carried over between what is asked now`() async throws
  {
    var (old, feeder, _) = try OpenAnswerTests.siteLog()
    let first = old.next
    for part in 0...2 as ClosedRange<UInt8> {
      var detail = ReadingDetail()
      detail.part = UInt32(part)
      old.reading(
        channel: feeder, request: 1, raw: try OpenAnswerTests.frame(part), detail: detail, slot: 9)
    }
    var (new, channel, _) = try OpenAnswerTests.siteLog()
    let carried = new.next
    for part in 0...2 as ClosedRange<UInt8> {
      let index = first + UInt64(part)
      try new.carry(old.entries[Int(index)], channel: channel, from: 1, index)
      // The same request, asked anew.
      var detail = ReadingDetail()
      detail.part = UInt32(part)
      new.reading(
        channel: channel, request: 1, raw: try OpenAnswerTests.frame(part), detail: detail, slot: 99
      )
    }
    try await onBench { [old, new] (client, bench) async throws in
      // Two of the three frames had arrived: they give nothing without the third.
      try await take(old, Int(first + 2), as: TestLog.origin, client, bench)
      try await take(new, new.entries.count, as: EpochTests.origin(2), client, bench)
      #expect(Set(try places(bench)) == [[2, carried], [2, carried + 1]])
      #expect(
        try bench.collector.readings.readings(ReadingQuery()).allSatisfy {
          (try? $0.value.get()) != nil
        })
      // The third came after all.
      try await take(old, Int(first + 3), as: TestLog.origin, client, bench)
      #expect(Set(try places(bench)) == [[1, first], [2, carried + 1]])
      #expect(try duplicates(bench) == 1)
    }
  }

  @Test func `the readings of a gateway are those of all its epochs`() async throws {
    let store = try ReadingStore(path: nil)
    for origin in [
      "a/b/1", "a/b/2", "a/b/10", "a/b/x", "a/b/2/1", "a/b/1x", "a/b", "a/c/1", "xa/b/1",
    ] {
      var batch = DecodedBatch(origin: origin, range: 0..<1)
      batch.readings = [
        StoredReading(
          origin: origin, index: 0, quantity: 1, value: .success(Decimal(mantissa: 1)), unit: "kW",
          utc: 1, mono: 1, boot: 1, clockQuality: ClockQuality(rawValue: 0), status: 0, slot: nil,
          channel: 0, device: 1, label: "x", decodeVersion: 1)
      ]
      try store.apply(batch)
    }
    func origins(_ gateway: String) throws -> [String] {
      var query = ReadingQuery()
      query.gateway = gateway
      return try store.readings(query).map(\.origin)
    }
    #expect(try origins("a/b") == ["a/b/1", "a/b/2", "a/b/10"])
    #expect(try origins("a/b/2") == ["a/b/2/1"])
    #expect(try origins("a/*") == [])
    #expect(try origins("a") == [])
    var query = ReadingQuery()
    query.gateway = "a/b"
    query.origin = "a/b/2"
    #expect(try store.readings(query).map(\.origin) == ["a/b/2"])
  }

  @Test func `a database of version 2 gets the table of what was carried over`() async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path)
      let file = bench.directory.readings
      try bench.close()
      let queue = try DatabaseQueue(path: file)
      try await queue.write { database in
        try database.execute(sql: "DROP TABLE carried; PRAGMA user_version = 2")
      }
      try queue.close()
      let store = try ReadingStore(path: file)
      #expect(try store.duplicateCount(of: TestLog.origin) == 0)
      try store.close()
    }
  }
}
