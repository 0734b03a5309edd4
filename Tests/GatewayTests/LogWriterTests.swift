import CAllocationCount
import Gateway
import HAL
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog
import Uplink

/// One Modbus meter on one line, sampled into a queue.
struct Meter: ~Copyable {
  static let fingerprint = Digest(bytes: InlineArray(repeating: 0x2A))
  var acquisition: Acquisition
  let queue: EntryQueue
  private(set) var mono: UInt64 = 1_000_000
  /// µs by which the wall clock is ahead of what it was.
  var ahead: Int64 = 0
  private let reply: [UInt8]

  init(report: RecorderReport = RecorderReport()) throws {
    // Unit 17, function 3, address 0x007C, 2 registers, and its answer 141, 142 (pymodbus
    // test_framer.py).
    let request: [UInt8] = [0x11, 0x03, 0x00, 0x7C, 0x00, 0x02, 0x07, 0x43]
    reply = [0x11, 0x03, 0x04, 0x00, 0x8D, 0x00, 0x8E, 0xFB, 0xBD]
    queue = EntryQueue()
    var lines = FixedTable(Self.memory(LinePlan.self, 1))
    lines.append(LinePlan(configuration: UARTConfiguration(baudRate: 115_200)))
    var devices = FixedTable(Self.memory(DevicePlan.self, 1))
    devices.append(
      DevicePlan(line: 0, meterProtocol: .modbusRTU, timeout: 100_000, attempts: 1))
    var channels = FixedTable(Self.memory(ChannelPlan.self, 1))
    channels.append(
      ChannelPlan(
        device: 0, channelIndex: 7, firstRequest: 0, requestCount: 1, period: 10_000, offset: 0))
    var requests = FixedTable(Self.memory(RequestPlan.self, 1))
    requests.append(RequestPlan(offset: 0, count: 8))
    let bytes = Self.memory(UInt8.self, 8)
    for i in 0..<8 { bytes[i] = request[i] }
    let plan = PollPlan(
      lines: lines, devices: devices, channels: channels, requests: requests,
      bytes: UnsafeBufferPointer(bytes))
    let point = LivePoint(
      device: 0, quantity: .voltageL1, unit: .volt,
      rule: ValueRule(
        layout: .modbus(register: 0, type: .uint16, order: .abcd), scale: Ratio(1, 10)))
    let writer = LogWriter(
      nextIndex: 100, boot: 3, plan: plan, live: LiveTable(pointsOfRequests: [[point]]),
      queue: queue)
    acquisition = Acquisition(
      sampler: Sampler(
        plan: plan,
        memory: Sampler.Memory(
          lines: Self.memory(LineState.self, 1), devices: Self.memory(DeviceState.self, 1),
          channels: Self.memory(ChannelState.self, 1),
          bytes: Self.memory(UInt8.self, Sampler.bytesPerLine))),
      writer: writer, report: report,
      names: SiteNames(
        devices: [
          SiteNames.Device(
            number: 201, label: Array("Pump \"A\"".utf8), labelChinese: Array("泵".utf8),
            address: Array("17".utf8))
        ], lines: [SiteNames.Line(name: Array("b".utf8), device: Array("ttyS1".utf8))],
        origin: Array("mrv.example/gw/test/1".utf8), epoch: 1,
        sitePath: Array("/etc/tallystick/site.yaml".utf8), fingerprint: Self.fingerprint))
  }

  private static func memory<T>(_ type: T.Type, _ count: Int) -> UnsafeMutableBufferPointer<T> {
    .allocate(capacity: count)
  }

  var now: Instant { Rig.instant(mono, ahead: ahead) }

  mutating func open() { acquisition.opened(line: 0, at: now) }

  /// One turn: step, send, and the answer at once.
  mutating func turn() {
    acquisition.step(at: now)
    let output = acquisition.sampler.output(line: 0)
    if !output.isEmpty {
      acquisition.sampler.sent(line: 0, count: output.count, at: now)
      mono += 2_000
      reply.withUnsafeBufferPointer { acquisition.received(line: 0, $0, at: now) }
    }
    mono = max(mono + 100, acquisition.sampler.nextStep(after: now))
  }

  /// Takes everything out of the queue.
  func drain() -> [[UInt8]] { queue.takeAll() }
}

@Suite struct LogWriterTests {
  @Test func `a poll becomes a reading entry with the frame verbatim`() throws {
    var meter = try Meter()
    meter.open()
    for _ in 0..<40 { meter.turn() }
    let entries = meter.drain()
    var readings = 0
    for (offset, bytes) in entries.enumerated() {
      let entry = try Entry.decode(bytes.span)
      #expect(entry.head.index == 100 + UInt64(offset))
      #expect(entry.head.boot == 3)
      guard case .reading(let reading) = entry else { continue }
      readings += 1
      #expect(reading.channel == 7 && reading.request == 0 && reading.status == .good)
      let raw = try Rig.required(reading.raw)
      #expect(
        Array(bytes[raw]) == [0x11, 0x03, 0x04, 0x00, 0x8D, 0x00, 0x8E, 0xFB, 0xBD])
      #expect(reading.slot == reading.head.time.utc / 10_000)
    }
    #expect(readings >= 15)
    #expect(meter.acquisition.writer.live.values[0].value == Decimal(mantissa: 141, exponent: -1))
  }

  @Test func `what does not fit the queue is shed, and every slot stays explained`() throws {
    var meter = try Meter()
    meter.open()
    var entries: [[UInt8]] = []
    while meter.acquisition.writer.droppedCount < 500 { meter.turn() }
    entries += meter.drain()
    for _ in 0..<100 { meter.turn() }
    meter.acquisition.flush(at: meter.now)
    entries += meter.drain()
    var explained: Set<UInt64> = []
    var shedByRing = 0
    for (offset, bytes) in entries.enumerated() {
      let entry = try Entry.decode(bytes.span)
      #expect(entry.head.index == 100 + UInt64(offset), "no index is skipped")
      switch entry {
      case .reading(let reading): explained.insert(try Rig.required(reading.slot))
      case .event(let event):
        guard let shed = event.shed(in: bytes.span) else { continue }
        explained.formUnion(shed.firstSlot...shed.lastSlot)
        if shed.reasonCode == UInt64(EventEntry.ShedReason.ringFull.rawValue) { shedByRing += 1 }
      default: break
      }
    }
    #expect(shedByRing == 1)
    let first = try Rig.required(explained.min())
    let last = try Rig.required(explained.max())
    #expect(UInt64(explained.count) == last - first + 1)
  }

  /// Without the step the same slots would seem to have two readings.
  @Test func `a step of the clock is never lost, and several that did not fit are one`() throws {
    var meter = try Meter()
    meter.open()
    while meter.acquisition.writer.droppedCount < 100 { meter.turn() }
    for ahead in [-5_000_000, -3_000_000, -8_000_000] as [Int64] {
      meter.ahead = ahead
      for _ in 0..<50 { meter.turn() }
    }
    var entries = meter.drain()
    for _ in 0..<600 { meter.turn() }
    meter.acquisition.flush(at: meter.now)
    entries += meter.drain()
    var before: Set<UInt64> = []
    var after: [UInt64] = []
    var steps: [(old: UInt64, new: UInt64)] = []
    for bytes in entries {
      switch try Entry.decode(bytes.span) {
      case .reading(let reading):
        let slot = try Rig.required(reading.slot)
        if steps.isEmpty { before.insert(slot) } else { after.append(slot) }
      case .event(let event) where event.code == .clockStepped:
        let old = try Rig.required(event.argument(0, in: bytes.span))
        steps.append((old, try Rig.required(event.argument(1, in: bytes.span))))
      default: break
      }
    }
    try #require(steps.count == 1)
    // By all three together, give or take what a poll lasts.
    let back = Int64(bitPattern: steps[0].old &- steps[0].new)
    #expect((7_900_000...8_100_000).contains(back))
    #expect(after.contains { before.contains($0) }, "slots come again")
    #expect(Set(after).count == after.count)
  }

  // Off under sanitizers, which own malloc.
  @Test(.enabled(if: alloc_count_enabled() == 1))
  func `from a received byte to an entry in the queue 100,000 polls allocate nothing`() throws {
    var meter = try Meter()
    meter.open()
    let sink = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4_096)
    defer { sink.deallocate() }
    var polls = 0
    var before: UInt64 = 0
    while polls < 101_000 {
      if polls == 1_000, before == 0 { before = alloc_count_thread() }
      meter.turn()
      while meter.queue.ring.peek(into: sink) > 0 {
        meter.queue.ring.removeFirst()
        polls += 1
      }
    }
    let count = alloc_count_thread() - before
    #expect(before > 0)
    #expect(count == 0)
  }

  @Test func `live values are JSON with decimals as strings`() throws {
    var meter = try Meter()
    meter.open()
    for _ in 0..<4 { meter.turn() }
    let text = String(decoding: meter.acquisition.liveReport(session: 1), as: UTF8.self)
    let changes = meter.acquisition.liveChanges
    #expect(changes > 0)
    #expect(
      text.hasPrefix(
        #"{"origin":"mrv.example/gw/test/1","session":1,"change":\#(changes),"values":[{"device":201,"#
      ))
    #expect(text.contains(#""label":"Pump \"A\"","quantity":"\#(Quantity.voltageL1.key)""#))
    #expect(text.contains(#""value":"14.1","unit":"V""#))
    // Only what has changed since.
    let rest = String(
      decoding: meter.acquisition.liveReport(after: changes, session: 1), as: UTF8.self)
    #expect(rest.hasSuffix(#""values":[]}"#))
    for _ in 0..<4 { meter.turn() }
    let more = meter.acquisition.liveReport(after: changes, session: 1)
    #expect(meter.acquisition.liveChanges > changes && more.count > rest.utf8.count)
  }

  @Test(arguments: [
    (LinkState.refused, "not-enrolled"), (.down, "timeout"), (.up, ""), (.unknown, ""),
  ])
  func `the status tells why the mirror is not reached or refuses`(
    state: LinkState, reason: String
  ) throws {
    let meter = try Meter()
    meter.acquisition.report.linkState = state
    meter.acquisition.report.linkFailure = .timeout
    meter.acquisition.report.alarm = .notEnrolled
    let bytes = ByteWriter.bytes {
      meter.acquisition.writeStatus(at: meter.now, liveRefusal: 401, to: &$0)
    }
    let link = ByteWriter.bytes { writer in
      writer.cbor(text: "link")
      writer.cbor(mapOf: 3)
      writer.cbor(text: "state")
      writer.cbor(text: state.key)
      writer.cbor(text: "reason")
      if reason.isEmpty { writer.cborNull() } else { writer.cbor(text: Array(reason.utf8).span) }
      writer.cbor(text: "live_refusal")
      writer.cbor(401)
    }
    #expect(bytes.indices.contains { bytes[$0...].starts(with: link) })
  }

  @Test func `the status answer is one CBOR map`() throws {
    var meter = try Meter()
    meter.open()
    for _ in 0..<4 { meter.turn() }
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 65_536)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    let counters = UARTErrorCounters(parity: 2, framing: 0x1_0000, overrun: 0, breaks: 1)
    meter.acquisition.writeStatus(at: meter.now, errors: { _ in counters }, to: &writer)
    let isWhole = !writer.overflowed
    #expect(isWhole)
    let bytes = Array(writer.written)
    // "errors": [2, 65,536, 0, 1]
    let errors = Array("\u{66}errors".utf8) + [0x84, 2, 0x1A, 0, 1, 0, 0, 0, 1]
    #expect(bytes.indices.contains { bytes[$0...].starts(with: errors) })
    var reader = CBORReader(bytes.span)
    let keys = try reader.map()
    var names: [String] = []
    for _ in 0..<keys {
      names.append(String(decoding: bytes[try reader.text()], as: UTF8.self))
      _ = try reader.skip()
    }
    try reader.finish()
    #expect(
      names == [
        "log", "now", "link", "room", "site", "wear", "clock", "lines", "devices", "dropped",
        "conditions", "fingerprint",
      ])
    let fingerprint: [UInt8] = [0x58, 32] + Array(repeating: 0x2A, count: 32)
    #expect(Array(bytes.suffix(34)) == fingerprint)
  }
}
