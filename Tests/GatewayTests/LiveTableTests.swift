import CAllocationCount
import Gateway
import HAL
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog

/// One DL/T 645 meter that answers its voltage block in several frames, sampled into a queue.
private struct LongAnswerMeter: ~Copyable {
  var acquisition: Acquisition
  let queue: EntryQueue
  /// What it says to the request and to the follow-ups 1, 2 …; `nil`: nothing.
  var replies: [[UInt8]?]
  private(set) var mono: UInt64

  static var address: DLT645Address {
    get throws { try Rig.required(DLT645Address("000000000161")) }
  }

  /// The frames that carry 230.6, 231.2 and 229.9 V, `byteCount` bytes of data in each.
  static func frames(of byteCount: Int, volts: [UInt8] = volts) throws -> [[UInt8]?] {
    let address = try address
    return stride(from: 0, to: volts.count, by: byteCount).map { start in
      let part = UInt8(start / byteCount)
      let request =
        part == 0
        ? DLT645Request.read(address, identifier: 0x0201_FF00)
        : .followUp(address, identifier: 0x0201_FF00, part: part)
      let end = min(start + byteCount, volts.count)
      return bytes { writer in
        DLT645Server.writeReply(
          to: request, from: address, data: Array(volts[start..<end]).span,
          more: end < volts.count, into: &writer)
      }
    }
  }
  static let volts: [UInt8] = [0x06, 0x23, 0x12, 0x23, 0x99, 0x22]

  static func bytes(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    let memory = memory(UInt8.self, 256)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    body(&writer)
    return Array(writer.written)
  }

  /// What can throw comes first: Swift 6.2.3 cannot compile a throw after a property is set.
  init(replies: [[UInt8]?]) throws {
    let address = try Self.address
    self.replies = replies
    mono = 1_000_000
    let request = Self.bytes {
      DLT645Request.read(address, identifier: 0x0201_FF00).write(into: &$0)
    }
    queue = EntryQueue()
    var lines = FixedTable(Self.memory(LinePlan.self, 1))
    lines.append(LinePlan(configuration: UARTConfiguration(baudRate: 115_200)))
    var devices = FixedTable(Self.memory(DevicePlan.self, 1))
    devices.append(DevicePlan(line: 0, meterProtocol: .dlt645, timeout: 100_000, attempts: 1))
    var channels = FixedTable(Self.memory(ChannelPlan.self, 1))
    channels.append(
      ChannelPlan(
        device: 0, channelIndex: 7, firstRequest: 0, requestCount: 1, period: 1_000_000, offset: 0))
    var requests = FixedTable(Self.memory(RequestPlan.self, 1))
    requests.append(RequestPlan(offset: 0, count: request.count))
    let bytes = Self.memory(UInt8.self, request.count)
    for i in request.indices { bytes[i] = request[i] }
    let plan = PollPlan(
      lines: lines, devices: devices, channels: channels, requests: requests,
      bytes: UnsafeBufferPointer(bytes))
    let points = [Quantity.voltageL1, .voltageL2, .voltageL3].enumerated().map { phase, quantity in
      LivePoint(
        device: 0, quantity: quantity, unit: .volt,
        rule: ValueRule(
          layout: .bcd(offset: UInt8(phase * 2), byteCount: 2, signed: false), exponent: -1))
    }
    let writer = LogWriter(
      nextIndex: 100, boot: 3, plan: plan, live: LiveTable(pointsOfRequests: [points]),
      queue: queue)
    acquisition = Acquisition(
      sampler: Sampler(
        plan: plan,
        memory: Sampler.Memory(
          lines: Self.memory(LineState.self, 1), devices: Self.memory(DeviceState.self, 1),
          channels: Self.memory(ChannelState.self, 1),
          bytes: Self.memory(UInt8.self, Sampler.bytesPerLine))),
      writer: writer,
      report: RecorderReport(),
      names: SiteNames(
        devices: [
          SiteNames.Device(
            number: 103, label: Array("feeder".utf8), labelChinese: Array("进线".utf8),
            address: Array("000000000161".utf8))
        ], lines: [SiteNames.Line(name: Array("a".utf8), device: Array("ttyS1".utf8))],
        origin: Array("gw/test/1".utf8), epoch: 1, sitePath: [], fingerprint: .zero))
    acquisition.opened(line: 0, at: Rig.instant(mono))
  }

  private static func memory<T>(_ type: T.Type, _ count: Int) -> UnsafeMutableBufferPointer<T> {
    .allocate(capacity: count)
  }

  /// One step, and the answer if a request is out. Gives whether something was asked.
  mutating func turn() -> Bool {
    let now = Rig.instant(mono)
    acquisition.step(at: now)
    let output = acquisition.sampler.output(line: 0)
    let isAsked = !output.isEmpty
    if isAsked {
      let part = Int(DLT645Request(parsing: output.span)?.part ?? 0)
      acquisition.sampler.sent(line: 0, count: output.count, at: now)
      mono += 20_000
      if part < replies.count, let reply = replies[part] {
        reply.withUnsafeBufferPointer {
          acquisition.received(line: 0, $0, at: Rig.instant(mono))
        }
      }
    }
    mono = max(mono + 100, acquisition.sampler.nextStep(after: Rig.instant(mono)))
    return isAsked
  }

  /// Asks `count` times, and goes on until a following request would be due.
  mutating func ask(_ count: Int) {
    var asked = 0
    while asked < count { if turn() { asked += 1 } }
  }

  /// Lets a request that is out run into its deadline.
  mutating func wait() { acquisition.step(at: Rig.instant(mono)) }

  var values: [LiveValue] { Array(acquisition.writer.live.values) }
  var results: [Result<Decimal, NoData>] {
    values.map { value in value.noData.map { .failure($0) } ?? .success(value.value) }
  }
}

@Suite struct LiveTableTests {
  private func volts(_ tenths: Int64) -> Result<Decimal, NoData> {
    .success(Decimal(mantissa: tenths, exponent: -1))
  }
  private var all: [Result<Decimal, NoData>] { [volts(2_306), volts(2_312), volts(2_299)] }

  @Test(arguments: [1, 2, 3, 4, 5, 6])
  func `values are read from all frames of an answer`(byteCount: Int) throws {
    var meter = try LongAnswerMeter(replies: try LongAnswerMeter.frames(of: byteCount))
    let frameCount = meter.replies.count
    meter.ask(frameCount)
    let results = meter.results
    #expect(results == all)
    let values = meter.values
    #expect(values.allSatisfy { $0.status == .good && $0.roundTrip != nil })
    // The meter took them when it was asked first.
    let moments = Set(values.map(\.instant.mono))
    #expect(moments.count == 1)
    let last = meter.mono
    #expect(frameCount == 1 || moments.allSatisfy { last - $0 > UInt64(frameCount) * 10_000 })
  }

  @Test func `while an answer is coming the values before it stay`() throws {
    var meter = try LongAnswerMeter(replies: try LongAnswerMeter.frames(of: 3))
    meter.ask(1)
    var results = meter.results
    #expect(results == Array(repeating: .failure(.notYet), count: 3))
    meter.ask(1)
    results = meter.results
    #expect(results == all)
    meter.replies = try LongAnswerMeter.frames(of: 3, volts: [1, 0, 2, 0, 3, 0])
    meter.ask(1)
    results = meter.results
    #expect(results == all)
    meter.ask(1)
    results = meter.results
    #expect(results == [volts(1), volts(2), volts(3)])
  }

  @Test func `values beyond the frame that did not come say why`() throws {
    var meter = try LongAnswerMeter(replies: try LongAnswerMeter.frames(of: 2))
    meter.ask(3)
    meter.replies[1] = nil
    meter.ask(2)
    meter.wait()
    var results = meter.results
    #expect(results == [volts(2_306), .failure(.timeout), .failure(.timeout)])
    let statuses = meter.values.map(\.status)
    #expect(statuses == [.good, .timeout, .timeout])
    meter.replies = try LongAnswerMeter.frames(of: 2)
    let query = LongAnswerMeter.bytes { writer in
      guard let address = try? LongAnswerMeter.address else { return }
      DLT645Request.followUp(address, identifier: 0x0201_FF00, part: 2).write(into: &writer)
    }
    guard case .query(_, let parsed) = DLT645Server.scan(query.span) else {
      Issue.record("not a request")
      return
    }
    let address = try LongAnswerMeter.address
    meter.replies[2] = LongAnswerMeter.bytes {
      DLT645Server.writeRefusal(
        of: parsed, from: address, error: DLT645ErrorByte(rawValue: 2), into: &$0)
    }
    meter.ask(3)
    results = meter.results
    #expect(results == [volts(2_306), volts(2_312), .failure(.exception)])
  }

  // Off under sanitizers, which own malloc.
  @Test(.enabled(if: alloc_count_enabled() == 1))
  func `100,000 frames of answers in several allocate nothing`() throws {
    var meter = try LongAnswerMeter(replies: try LongAnswerMeter.frames(of: 2))
    let sink = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4_096)
    defer { sink.deallocate() }
    var frames = 0
    var before: UInt64 = 0
    while frames < 101_000 {
      if frames >= 1_000, before == 0 { before = alloc_count_thread() }
      _ = meter.turn()
      while meter.queue.ring.peek(into: sink) > 0 {
        meter.queue.ring.removeFirst()
        frames += 1
      }
    }
    let count = alloc_count_thread() - before
    #expect(before > 0)
    #expect(count == 0)
    let results = meter.results
    #expect(results == all)
  }
}
