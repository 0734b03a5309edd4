import Catalog
import Collector
import Foundation
import HAL
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Metering
import ReadingStore
import Testing
import TransparencyLog

/// From cosigned entries to decimals, with nothing but the log.
@Suite struct DecodingTests {
  static func profile(_ name: String) throws -> [UInt8] {
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Sources/Catalog/Profiles/\(name).yaml")
    return [UInt8](try Data(contentsOf: path))
  }

  /// The bytes of a profile's request.
  static func request(_ yaml: [UInt8], _ name: String, _ address: [UInt8]) throws -> [UInt8] {
    let profile = try DeviceProfile.parse(yaml: yaml, file: "test").get()
    return try require(profile.requests.first { $0.name == name }).requestBytes(address: address)
  }

  /// A log of a Modbus meter (device 5) and a DL/T 645 meter (device 2, behind 100/5 A and 35/0.1 kV),
  /// whose profile is long enough for parts.
  static func siteLog() throws -> (list: EntryList, modbus: UInt64, dlt645: UInt64) {
    let eastron = try profile("eastron-sdm630")
    let standard = try profile("dlt645-2007-three-phase")
    #expect(standard.count > EntryType.bodyLimit)
    var list = EntryList()
    list.boot()
    let first = list.config(.profile, "eastron-sdm630.yaml", eastron)
    let second = list.config(.profile, "dlt645-2007-three-phase.yaml", standard)
    let modbus = list.channel(
      device: 5, label: "feeder", address: [1], profile: first,
      requests: [try request(eastron, "phases", [1])])
    let address: [UInt8] = [0, 0, 0, 0, 0x01, 0x61]
    let energy = Quantity.activeEnergyImport
    let dlt645 = list.channel(
      device: 2, label: "generator", address: address, profile: second,
      requests: [try request(standard, "import", address)],
      ratios: [Channel.Ratio(quantity: UInt64(energy.rawValue), numerator: 7_000, denominator: 1)])
    return (list, modbus, dlt645)
  }

  /// Answer of the SDM630 with nine floats: 230.6 V, 0, NaN V; 10.5, 0, 0 A; -1250.25, 0, 0 W.
  static let floats = bytes(
    hex: "0104244366999a000000007fc00000" + "412800000000000000000000" + "c49c4800"
      + "0000000000000000" + "0000")
  /// Answer of meter 000000000161 to 00010000: 123.45 kWh. Data bytes carry +33.
  static let energy = bytes(hex: "686101000000006891083333343378563433fb16")

  func onDecoded(
    _ list: EntryList, _ body: @Sendable (Bench, any TestClientProtocol) async throws -> Void
  ) async throws {
    let log = TestLog(entries: list.entries)
    try await withDirectory { path in
      let bench = try Bench(at: path)
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await bench.application.test(.router) { client async throws in
        let mirror = MirrorUnderTest(client: client, bench: bench)
        try await mirror.show(log, log.entries.count)
        try await mirror.upload(log, 0, log.entries.count)
        await Decoding(bench.collector).catchUp()
        #expect(
          try bench.collector.readings.cursor(of: TestLog.origin) == UInt64(log.entries.count))
        try await body(bench, client)
      }
    }
  }

  @Test func `frames become exact decimals with the log's own profiles`() async throws {
    let (opening, modbus, dlt645) = try Self.siteLog()
    var list = opening
    let index = list.next
    list.reading(channel: modbus, request: 0, raw: Self.floats)
    list.reading(channel: dlt645, request: 0, raw: Self.energy)
    try await onDecoded(list) { (bench, _) async throws in
      let store = bench.collector.readings
      #expect(try store.problems(of: TestLog.origin).isEmpty)
      let rows = try store.readings(ReadingQuery())
      #expect(rows.count == 10)
      func value(_ quantity: Quantity) -> Result<Metering.Decimal, NoData>? {
        rows.first { $0.quantity == quantity.rawValue }?.value
      }
      #expect(value(.voltageL1) == .success(Decimal(mantissa: 2_306, exponent: -1)))
      #expect(value(.voltageL3) == .failure(.notANumber))
      #expect(value(.currentL1) == .success(Decimal(mantissa: 105, exponent: -1)))
      // The profile says W, the quantity's unit is kW: -1250.25 W.
      #expect(value(.activePowerL1) == .success(Decimal(mantissa: -125_025, exponent: -5)))
      // 123.45 kWh × 20 × 350.
      let energy = try require(rows.first { $0.device == 2 })
      #expect(try energy.value.get().description == "864150.00")
      #expect(energy.unit == "kW.h")
      #expect(energy.label == "generator")
      #expect(energy.index == index + 1)
      #expect(energy.utc == EntryList.start + (index + 1) * 1_000_000)
      #expect(energy.mono == 90_000_000 + (index + 1) * 1_000_000)
      #expect(energy.boot == 17)
      #expect(energy.slot == index + 1)
      #expect(energy.clockQuality == ClockQuality(errorExponent: 14, source: .ntp))
      #expect(energy.channel == dlt645)
      #expect(energy.decodeVersion == 2)
    }
  }

  @Test func `a poll without a value gives the reason for each of its quantities`() async throws {
    let (opening, modbus, _) = try Self.siteLog()
    var list = opening
    let outcomes: [(ReadingStatus, [UInt8]?, NoData)] = [
      (.timeout, nil, .timeout), (.badChecksum, [1, 2, 3], .badChecksum),
      (.exception, [1, 0x84, 2, 0, 0], .exception), (.noDevice, nil, .noPort),
      (.good, nil, .malformed), (.good, [1, 4, 2, 0, 0, 0, 0], .malformed),
      (.good, [], .malformed), (.other, [1, 0x84, 2, 0, 0], .exception),
    ]
    for (status, raw, _) in outcomes {
      list.reading(channel: modbus, request: 0, status: status, raw: raw)
    }
    let first = list.next - UInt64(outcomes.count)
    try await onDecoded(list) { (bench, _) async throws in
      let rows = try bench.collector.readings.readings(ReadingQuery())
      for (offset, (status, _, reason)) in outcomes.enumerated() {
        let own = rows.filter { $0.index == first + UInt64(offset) }
        #expect(own.count == 9)
        #expect(own.allSatisfy { $0.value == .failure(reason) }, "\(status)")
        #expect(own.allSatisfy { $0.status == status.rawValue })
      }
      #expect(try bench.collector.readings.problems(of: TestLog.origin).isEmpty)
    }
  }

  @Test func `what cannot be used is reported, stored and acknowledged all the same`() async throws
  {
    let (opening, modbus, _) = try Self.siteLog()
    var list = opening
    var expected: [(UInt64, DecodeProblemKind)] = []
    func expect(_ kind: DecodeProblemKind) { expected.append((list.next, kind)) }
    expect(.notAnEntry)
    list.append(Array("no CBOR".utf8))
    expect(.notAnEntry)
    list.append([])
    expect(.otherIndex)
    list.reading(channel: modbus, request: 0, raw: Self.floats, index: 3)
    expect(.unknownChannel)
    list.reading(channel: 9_999, request: 0, raw: Self.floats)
    expect(.unknownChannel)
    list.reading(channel: 1, request: 0, raw: Self.floats)
    expect(.unknownRequest)
    list.reading(channel: modbus, request: 1, raw: Self.floats)
    expect(.badProfile)
    let badProfile = list.config(.profile, "bad.yaml", Array("profile: 99\n".utf8))
    expect(.badProfile)
    let onBad = list.channel(
      device: 9, label: "bad", address: [1], profile: badProfile, requests: [[1]])
    expect(.badProfile)
    list.reading(channel: onBad, request: 0, raw: Self.floats)
    expect(.unknownProfile)
    _ = list.channel(device: 9, label: "none", address: [1], profile: 0, requests: [[1]])
    expect(.badChannel)
    let badChannel = list.config(.channel, "odd", [0x80])
    expect(.badChannel)
    list.reading(channel: badChannel, request: 0, raw: Self.floats)
    expect(.otherHash)
    _ = list.config(.site, "site.yaml", Array("a: b\n".utf8), hash: .zero)
    let long = [UInt8](repeating: 0x23, count: 9_000)
    // Two of its three parts are there; the entry that names them comes third.
    expected.append((list.next + 2, .missingParts))
    _ = list.config(.site, "site.yaml", long, leavingOutPart: 1)
    list.reading(channel: modbus, request: 0, raw: Self.floats)
    try await onDecoded(list) { [expected] (bench, _) async throws in
      let problems = try bench.collector.readings.problems(of: TestLog.origin)
      #expect(problems.map(\.index) == expected.map(\.0))
      #expect(problems.map(\.kind) == expected.map(\.1.rawValue))
      #expect(try bench.collector.readings.counts(of: TestLog.origin).readings == 9)
    }
  }

  @Test func `decoding goes on where it stopped, across restarts and blocks`() async throws {
    let (opening, modbus, _) = try Self.siteLog()
    var list = opening
    while list.entries.count < 1_100 { list.reading(channel: modbus, request: 0, raw: Self.floats) }
    let log = TestLog(entries: list.entries)
    try await withDirectory { path in
      var start = 0
      for size in [10, 255, 256, 257, 700, 1_100] {
        // A new process each time: nothing but the files remains.
        let bench = try Bench(at: path)
        try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
        let from = start
        try await bench.application.test(.router) { client async throws in
          let mirror = MirrorUnderTest(client: client, bench: bench)
          try await mirror.show(log, size)
          try await mirror.upload(log, from, size)
        }
        await Decoding(bench.collector).catchUp()
        let counts = try bench.collector.readings.counts(of: TestLog.origin)
        #expect(counts == ((size - 7) * 9, 0))
        #expect(bench.alarms.all.isEmpty)
        try bench.close()
        start = size
      }
    }
  }

  @Test func `a batch is written with its cursor or not at all`() throws {
    let store = try ReadingStore(path: nil)
    var batch = DecodedBatch(origin: "a/b/1", range: 0..<5)
    batch.problems = [DecodeProblem(index: 1, kind: 1, detail: "x")]
    try store.apply(batch)
    #expect(try store.cursor(of: "a/b/1") == 5)
    #expect(throws: ReadingStoreError.cursorMoved(stored: 5, expected: 0)) {
      try store.apply(batch)
    }
    let next = DecodedBatch(origin: "a/b/1", range: 6..<7)
    #expect(throws: ReadingStoreError.cursorMoved(stored: 5, expected: 6)) { try store.apply(next) }
    #expect(try store.cursor(of: "a/b/1") == 5)
    #expect(try store.cursor(of: "a/c/1") == 0)
  }

  @Test func `no value takes the place of another`() throws {
    let store = try ReadingStore(path: nil)
    func reading(_ quantity: UInt16) -> StoredReading {
      StoredReading(
        origin: "a/b/1", index: 3, quantity: quantity, value: .success(Decimal(mantissa: 1)),
        unit: "kW", utc: 1, mono: 1, boot: 1, clockQuality: ClockQuality(rawValue: 0), status: 0,
        slot: nil, channel: 0, device: 1, label: "x", decodeVersion: 1)
    }
    var batch = DecodedBatch(origin: "a/b/1", range: 0..<5)
    batch.readings = [reading(1), reading(2), reading(1)]
    #expect(throws: (any Error).self) { try store.apply(batch) }
    #expect(try store.cursor(of: "a/b/1") == 0)
    batch.readings = [reading(1), reading(2)]
    try store.apply(batch)
    #expect(try store.counts(of: "a/b/1").readings == 2)
  }

  @Test func `rebuild makes the same readings from the logs`() async throws {
    let (opening, modbus, dlt645) = try Self.siteLog()
    var list = opening
    list.reading(channel: modbus, request: 0, raw: Self.floats)
    list.reading(channel: dlt645, request: 0, raw: Self.energy)
    let log = TestLog(entries: list.entries)
    try await withDirectory { path in
      let directory = CollectorDirectory(path)
      _ = try directory.initialise(name: "collector.example/m1")
      _ = try directory.enroll(vkey: TestLog.vkey())
      let clock = CosignatureClock { 1_785_000_400 }
      let collector = try directory.open(clock: clock, alarm: { Issue.record("\($0.text)") })
      let application = Application(router: collector.router())
      try await application.test(.router) { client async throws in
        let count = log.entries.count
        #expect(
          try await client.post("/add-checkpoint", log.checkpointBody(old: 0, size: count)).status
            == .ok)
        #expect(try await client.addEntries(log.entriesBody(0, count)).status == .ok)
      }
      // A collector that is told to end decodes nothing more, and the next one goes on from there.
      let ending = Task {
        while !Task.isCancelled { await Task.yield() }
        await Decoding(collector).catchUp()
      }
      ending.cancel()
      await ending.value
      #expect(try collector.readings.cursor(of: TestLog.origin) == 0)
      await Decoding(collector).catchUp()
      #expect(
        try collector.readings.cursor(of: TestLog.origin) == UInt64(log.entries.count))
      let before = try collector.readings.readings(ReadingQuery())
      try collector.readings.close()
      try collector.setting.database.close()
      #expect(before.count == 10)
      // Whatever is in the old file, nothing of it is used.
      try Data("no database".utf8).write(to: URL(filePath: directory.readings))
      let logs = try await directory.rebuild(clock: clock, alarm: { Issue.record("\($0.text)") })
      #expect(logs.map(\.readings) == [10])
      let store = try ReadingStore(path: directory.readings)
      #expect(try store.readings(ReadingQuery()) == before)
      try store.close()
    }
  }
}
