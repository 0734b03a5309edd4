import CAllocationCount
import HAL
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog

/// Counts outcomes by status and keeps nothing else.
private struct CountingSink: ~Copyable, PollSink {
  var byStatus = InlineArray<10, Int>(repeating: 0)
  var followUps = 0
  var sheds = 0
  var silences = 0
  var losses = 0
  var steps = 0

  mutating func polled(
    _ outcome: PollOutcome, raw: UnsafeBufferPointer<UInt8>, rejected: UnsafeBufferPointer<UInt8>
  ) {
    byStatus[Int(outcome.status.rawValue)] += 1
    if outcome.part > 0 { followUps += 1 }
  }
  mutating func shed(
    channel: Int, first: UInt64, last: UInt64, reason: EventEntry.ShedReason, at instant: Instant
  ) { sheds += 1 }
  mutating func clockStepped(from old: UInt64, to new: UInt64, at instant: Instant) { steps += 1 }
  mutating func device(_ device: Int, answers: Bool, at instant: Instant) {
    if !answers { silences += 1 }
  }
  mutating func line(_ line: Int, isOpen: Bool, at instant: Instant) {
    if !isOpen { losses += 1 }
  }
  mutating func leased(
    _ outcome: LeaseOutcome, request: UnsafeBufferPointer<UInt8>, raw: UnsafeBufferPointer<UInt8>
  ) {}
  mutating func leaseRefused(line: Int, _ refusal: LeaseRefusal, at instant: Instant) {}
}

/// A Modbus device and a DL/T 645 meter on one line that has every kind of trouble, in memory that is
/// made at the start.
private struct TroubledLine: ~Copyable {
  var sampler: Sampler
  var sink: CountingSink
  var mono: UInt64
  var utc: UInt64
  /// What the line brings for a request of Modbus, of DL/T 645, and for a follow-up request.
  private let modbus: [[UInt8]]
  private let meter: [[UInt8]]
  private let followUp: [[UInt8]]
  private var turn: Int

  private static func memory<T>(_ type: T.Type, _ count: Int) -> UnsafeMutableBufferPointer<T> {
    .allocate(capacity: count)
  }

  private static func frame(
    _ request: DLT645Request, _ address: DLT645Address, _ data: [UInt8], more: Bool
  ) -> [UInt8] {
    ByteWriter.bytes(limit: 256) {
      DLT645Server.writeReply(to: request, from: address, data: data.span, more: more, into: &$0)
    }
  }

  /// A sampler that polls both devices twice a second.
  private static func sampler(asking requests: [[UInt8]]) -> Sampler {
    var lines = FixedTable(memory(LinePlan.self, 1))
    lines.append(LinePlan(configuration: UARTConfiguration(baudRate: 9_600)))
    var devices = FixedTable(memory(DevicePlan.self, 2))
    var channels = FixedTable(memory(ChannelPlan.self, 2))
    var plans = FixedTable(memory(RequestPlan.self, 2))
    let bytes = memory(UInt8.self, requests[0].count + requests[1].count)
    var at = 0
    for (number, request) in requests.enumerated() {
      for (place, byte) in request.enumerated() { bytes[at + place] = byte }
      plans.append(RequestPlan(offset: at, count: request.count))
      at += request.count
      devices.append(
        DevicePlan(
          line: 0, meterProtocol: number == 0 ? .modbusRTU : .dlt645, timeout: 100_000,
          attempts: 2))
      channels.append(
        ChannelPlan(
          device: number, channelIndex: UInt64(number), firstRequest: number, requestCount: 1,
          period: 500_000, offset: 0))
    }
    return Sampler(
      plan: PollPlan(
        lines: lines, devices: devices, channels: channels, requests: plans,
        bytes: UnsafeBufferPointer(bytes)),
      memory: Sampler.Memory(
        lines: memory(LineState.self, 1), devices: memory(DeviceState.self, 2),
        channels: memory(ChannelState.self, 2),
        bytes: memory(UInt8.self, Sampler.bytesPerLine)))
  }

  /// What can throw comes first: Swift 6.2.3 cannot compile a throw after a property is set.
  init() throws {
    let address = try #require(DLT645Address("003411001043"))
    let read = DLT645Request.read(address, identifier: 0x0201_FF00)
    let part = DLT645Request.followUp(address, identifier: 0x0201_FF00, part: 1)
    let requests = [readRequest(unit: 1), ByteWriter.bytes(limit: 64) { read.write(into: &$0) }]
    var found: DLT645Query?
    let sent = requests[1]
    if case .query(_, let query) = DLT645Server.scan(sent.span) { found = query }
    let query = try #require(found)
    let refusal = ByteWriter.bytes(limit: 64) {
      DLT645Server.writeRefusal(
        of: query, from: address, error: DLT645ErrorByte(rawValue: 2), into: &$0)
    }
    let good = answer(unit: 1)
    let exception: [UInt8] = [1, 0x83, 2]
    var damaged = good
    damaged[4] ^= 0x40
    mono = 1_000_000
    utc = Bench.start
    turn = 0
    modbus = [
      good, exception + modbusCRC(exception), [], damaged, requests[0] + good, [0, 0, 0, 0] + good,
      answer(unit: 2), [],
    ]
    let whole = Self.frame(read, address, [6, 0x23, 0x12, 0x23], more: false)
    let first = Self.frame(read, address, [6, 0x23, 0x12], more: true)
    var broken = whole
    broken[broken.count - 2] ^= 1
    meter = [whole, first, refusal, [], broken, requests[1] + whole, first, [0x68, 0x68, 0x16]]
    let last = Self.frame(part, address, [0x23, 0x99, 0x22], more: false)
    followUp = [last, [], last, refusal]

    var sampler = Self.sampler(asking: requests)
    var sink = CountingSink()
    sampler.opened(
      line: 0, at: Instant(mono: mono, utc: utc, quality: .unknown), into: &sink)
    self.sampler = sampler
    self.sink = sink
  }

  var now: Instant { Instant(mono: mono, utc: utc, quality: .unknown) }

  private mutating func pass(_ microseconds: UInt64) {
    mono += microseconds
    utc += microseconds
  }

  /// A step, and what the line brings for the request that it put out, in two pieces. Each kind of
  /// trouble lasts for some turns; now and then the port is pulled under a request, or the clock set.
  mutating func step() {
    turn += 1
    if turn % 1_009 == 0 { utc += 5_000_000 }
    sampler.step(at: now, into: &sink)
    let output = sampler.output(line: 0)
    if !output.isEmpty {
      // The meter's request says in its byte 12 (four FE before it) whether it is a follow-up.
      let kind = output.count == 8 ? 0 : output[12] == 0x12 ? 2 : 1
      sampler.sent(line: 0, count: output.count, at: now)
      if turn % 997 < 3 {
        sampler.lost(line: 0, at: now, into: &sink)
        pass(300_000)
        sampler.opened(line: 0, at: now, into: &sink)
        return
      }
      pass(30_000)
      let trouble = turn / 40
      let reply = (kind == 0 ? modbus : kind == 1 ? meter : followUp)[
        kind == 2 ? turn % followUp.count : trouble % modbus.count]
      reply.withUnsafeBufferPointer { bytes in
        let half = bytes.count / 2
        for isSecond in 0..<2 {
          let piece = isSecond == 0 ? 0..<half : half..<bytes.count
          sampler.received(
            line: 0, UnsafeBufferPointer(rebasing: bytes[piece]), at: now, into: &sink)
        }
      }
    }
    let wait = sampler.nextStep(after: now) - mono
    pass(max(wait, 1_000))
  }
}

@Suite struct AllocationTests {
  // Off under sanitizers, which own malloc.
  @Test(.enabled(if: alloc_count_enabled() == 1))
  func `two protocols in every kind of trouble allocate nothing`() throws {
    var line = try TroubledLine()
    for _ in 0..<2_000 { line.step() }
    let before = alloc_count_thread()
    for _ in 0..<100_000 { line.step() }
    #expect(alloc_count_thread() - before == 0)
    // All of it happened.
    for status in [ReadingStatus.good, .timeout, .badChecksum, .exception, .noDevice] {
      let count = line.sink.byStatus[Int(status.rawValue)]
      #expect(count > 20, "\(status): \(count)")
    }
    let (followUps, sheds) = (line.sink.followUps, line.sink.sheds)
    let (silences, losses, steps) = (line.sink.silences, line.sink.losses, line.sink.steps)
    #expect(followUps > 20 && sheds > 20 && silences > 20 && losses > 20 && steps > 20)
  }
}
