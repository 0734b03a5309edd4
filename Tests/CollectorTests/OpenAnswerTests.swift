import Collector
import GRDB
import HAL
import HummingbirdTesting
import MeterProtocols
import Metering
import ReadingStore
import Testing
import TransparencyLog

/// Answers of DL/T 645 meters in several frames, each frame in an entry of its own.
@Suite struct OpenAnswerTests {
  typealias Value = Result<Metering.Decimal, NoData>

  static let address = [UInt8]([0, 0, 0, 0, 0x01, 0x61])

  /// Part `part` of an answer to 0201FF00 (230.6, 231.2, 229.9 V unless told), two bytes in each.
  static func frame(_ part: UInt8, volts: [UInt8] = [0x06, 0x23, 0x12, 0x23, 0x99, 0x22])
    throws -> [UInt8]
  {
    let address = try require(DLT645Address(Self.address.span))
    let request =
      part == 0
      ? DLT645Request.read(address, identifier: 0x0201_FF00)
      : .followUp(address, identifier: 0x0201_FF00, part: part)
    let start = Int(part) * 2
    let whole = ByteWriter.bytes { writer in
      DLT645Server.writeReply(
        to: request, from: address, data: Array(volts[start..<start + 2]).span, more: part < 2,
        into: &writer)
    }
    return Array(whole.drop { $0 == 0xFE })
  }

  /// A log of two such meters.
  static func siteLog() throws -> (list: EntryList, feeder: UInt64, other: UInt64) {
    let standard = try DecodingTests.profile("dlt645-2007-three-phase")
    var list = EntryList()
    list.boot()
    let profile = list.config(.profile, "dlt645-2007-three-phase.yaml", standard)
    let requests = [
      try DecodingTests.request(standard, "import", address),
      try DecodingTests.request(standard, "voltages", address),
    ]
    let feeder = list.channel(
      device: 103, label: "feeder", address: address, profile: profile, requests: requests)
    let other = list.channel(
      device: 104, label: "other", address: address, profile: profile, requests: requests)
    return (list, feeder, other)
  }

  private static func add(
    _ part: UInt8, of channel: UInt64, slot: UInt64, status: ReadingStatus = .good,
    raw: [UInt8]?, to list: inout EntryList
  ) {
    var detail = ReadingDetail()
    detail.part = UInt32(part)
    list.reading(channel: channel, request: 1, status: status, raw: raw, detail: detail, slot: slot)
  }

  private static func add(
    _ parts: [UInt8], of channel: UInt64, slot: UInt64, to list: inout EntryList
  ) throws {
    for part in parts {
      add(part, of: channel, slot: slot, raw: try frame(part), to: &list)
    }
  }

  private static func volts(_ tenths: Int64) -> Value {
    .success(Decimal(mantissa: tenths, exponent: -1))
  }
  private static let all = [volts(2_306), volts(2_312), volts(2_299)]
  private static let none = Value.failure(.malformed)

  /// The three voltages at `index`.
  private func values(_ store: ReadingStore, _ index: UInt64) throws -> [Value] {
    try rows(store, index).map(\.value)
  }

  private func rows(_ store: ReadingStore, _ index: UInt64) throws -> [StoredReading] {
    try store.readings(ReadingQuery()).filter { $0.index == index }
  }

  private func problems(_ store: ReadingStore) throws -> [UInt64] {
    let all = try store.problems(of: TestLog.origin)
    #expect(all.allSatisfy { $0.kind == DecodeProblemKind.missingFrames.rawValue })
    return all.map(\.index)
  }

  private func onDecoded(
    _ list: EntryList, _ body: @escaping @Sendable (ReadingStore) throws -> Void
  ) async throws {
    try await DecodingTests().onDecoded(list) { (bench, _) async throws in
      try body(bench.collector.readings)
    }
  }

  @Test func `three frames give one reading, at the index and time of the first`() async throws {
    var (list, feeder, other) = try Self.siteLog()
    let first = list.next
    try Self.add([0], of: feeder, slot: 9, to: &list)
    // Other lines are polled meanwhile, one of them with the same request.
    list.reading(channel: other, request: 0, raw: DecodingTests.energy)
    let second = list.next
    try Self.add([0], of: other, slot: 9, to: &list)
    try Self.add([1], of: feeder, slot: 9, to: &list)
    try Self.add([1], of: other, slot: 9, to: &list)
    try Self.add([2], of: feeder, slot: 9, to: &list)
    try Self.add([2], of: other, slot: 9, to: &list)
    try await onDecoded(list) { (store) throws in
      #expect(try store.counts(of: TestLog.origin) == (7, 0))
      #expect(try store.openFrames(of: TestLog.origin).isEmpty)
      for (index, device) in [(first, 103), (second, 104)] as [(UInt64, UInt64)] {
        let rows = try rows(store, index)
        #expect(rows.map(\.value) == Self.all)
        #expect(
          rows.map(\.quantity) == [Quantity.voltageL1, .voltageL2, .voltageL3].map(\.rawValue))
        for row in rows {
          #expect(row.utc == EntryList.start + index * 1_000_000)
          #expect(row.device == device && row.slot == 9 && row.status == 0)
        }
      }
    }
  }

  @Test func `a missing frame takes away the values beyond it and nothing else`() async throws {
    var (list, feeder, _) = try Self.siteLog()
    var first: [UInt64] = []
    var strays: [UInt64] = []
    // The middle one is missing.
    first.append(list.next)
    try Self.add([0, 2], of: feeder, slot: 1, to: &list)
    strays.append(list.next - 1)
    // The last one is missing.
    first.append(list.next)
    try Self.add([0, 1], of: feeder, slot: 2, to: &list)
    // The first one is missing.
    try Self.add([1, 2], of: feeder, slot: 3, to: &list)
    strays += [list.next - 2, list.next - 1]
    // The middle one comes from the next poll.
    first.append(list.next)
    try Self.add([0], of: feeder, slot: 4, to: &list)
    try Self.add([1], of: feeder, slot: 5, to: &list)
    strays.append(list.next - 1)
    // The machine began anew in between.
    first.append(list.next)
    try Self.add([0], of: feeder, slot: 6, to: &list)
    list.boot()
    try Self.add([1, 2], of: feeder, slot: 6, to: &list)
    strays += [list.next - 2, list.next - 1]
    let whole = list.next
    try Self.add([0, 1, 2], of: feeder, slot: 7, to: &list)
    try await onDecoded(list) { [first, strays] (store) throws in
      let l1 = Self.volts(2_306)
      #expect(try values(store, first[0]) == [l1, Self.none, Self.none])
      #expect(try values(store, first[1]) == [l1, Self.volts(2_312), Self.none])
      #expect(try values(store, first[2]) == [l1, Self.none, Self.none])
      #expect(try values(store, first[3]) == [l1, Self.none, Self.none])
      #expect(try values(store, whole) == Self.all)
      // The start that cut the last one short stands in the log itself.
      #expect(try problems(store) == (first.dropLast() + strays).sorted())
      let newest = try store.newestProblems(of: TestLog.origin, limit: 2)
      #expect(newest.map(\.index) == strays.suffix(2).reversed())
      #expect(try store.counts(of: TestLog.origin).readings == 15)
    }
  }

  @Test func `a frame that did not come gives its reason`() async throws {
    var (list, feeder, _) = try Self.siteLog()
    let outcomes: [(ReadingStatus, [UInt8]?, NoData)] = [
      (.timeout, nil, .timeout), (.badChecksum, [1, 2, 3], .badChecksum),
      (.exception, [0x68], .exception), (.noDevice, nil, .noPort), (.good, nil, .malformed),
      (.good, try Self.frame(2), .malformed), (.good, [0x68], .malformed),
    ]
    let first = list.next
    for (slot, (status, raw, _)) in outcomes.enumerated() {
      try Self.add([0], of: feeder, slot: UInt64(slot), to: &list)
      Self.add(1, of: feeder, slot: UInt64(slot), status: status, raw: raw, to: &list)
    }
    try await onDecoded(list) { (store) throws in
      for (number, (status, _, reason)) in outcomes.enumerated() {
        let rows = try rows(store, first + UInt64(number) * 2)
        #expect(rows.map(\.value) == [Self.volts(2_306), .failure(reason), .failure(reason)])
        #expect(rows.map(\.status) == [0, status.rawValue, status.rawValue])
      }
      #expect(try store.counts(of: TestLog.origin) == (21, 0))
    }
  }

  @Test func `it makes no difference where the decoder stops, restarts and goes on`() async throws {
    var (list, feeder, other) = try Self.siteLog()
    let from = list.entries.count
    try Self.add([0], of: feeder, slot: 1, to: &list)
    try Self.add([0, 1], of: other, slot: 1, to: &list)
    try Self.add([1, 2], of: feeder, slot: 1, to: &list)
    try Self.add([2], of: other, slot: 1, to: &list)
    try Self.add([0, 2], of: feeder, slot: 2, to: &list)
    try Self.add([0, 1], of: feeder, slot: 3, to: &list)
    let log = TestLog(entries: list.entries)
    let end = list.entries.count
    // In one go, once with a commit after each entry, and with a restart after each.
    var results: [[StoredReading]] = []
    for (step, restarts) in [(end, false), (1, false), (1, true)] {
      try await withDirectory { path in
        var bench = try Bench(at: path)
        try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
        var decoding = Decoding(bench.collector)
        var size = 0
        while size < end {
          let old = size
          size = size == 0 ? min(from + step, end) : min(size + step, end)
          let (start, stop, now) = (old, size, bench)
          try await now.application.test(.router) { client async throws in
            let mirror = MirrorUnderTest(client: client, bench: now)
            try await mirror.show(log, stop)
            try await mirror.upload(log, start, stop)
          }
          await decoding.catchUp()
          #expect(bench.alarms.all.isEmpty)
          #expect(try bench.collector.readings.cursor(of: TestLog.origin) == UInt64(size))
          guard restarts else { continue }
          try bench.close()
          bench = try Bench(at: path)
          decoding = Decoding(bench.collector)
        }
        let store = bench.collector.readings
        results.append(try store.readings(ReadingQuery()))
        #expect(
          try store.openFrames(of: TestLog.origin).map(\.index) == [
            UInt64(end - 2), UInt64(end - 1),
          ])
        let broken = UInt64(from + 6)
        #expect(try problems(store) == [broken, broken + 1])
        try bench.close()
      }
    }
    #expect(results[0].map(\.value) == Self.all + Self.all + [Self.all[0], Self.none, Self.none])
    #expect(results[1] == results[0])
    #expect(results[2] == results[0])
  }

  @Test func `a database of version 1 gets the table of open answers`() async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path)
      let file = bench.directory.readings
      try bench.close()
      let queue = try DatabaseQueue(path: file)
      try await queue.write { database in
        try database.execute(
          sql: "DROP TABLE open_frame; DROP TABLE carried; PRAGMA user_version = 1")
      }
      try queue.close()
      let store = try ReadingStore(path: file)
      var batch = DecodedBatch(origin: "a/b/1", range: 0..<5)
      batch.openFrames = [StoredFrame(index: 3, entry: [1, 2])]
      try store.apply(batch)
      #expect(try store.openFrames(of: "a/b/1") == batch.openFrames)
      try store.apply(DecodedBatch(origin: "a/b/1", range: 5..<6))
      #expect(try store.openFrames(of: "a/b/1").isEmpty)
      try store.close()
    }
  }
}
