@testable import Gateway
import HAL
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog

/// A gateway with emulated Modbus meters that keeps the log it makes, and can be started again on it.
final class Station {
  var acquisition: Acquisition
  let queue: EntryQueue
  /// The log: everything that was queued.
  private(set) var log: [[UInt8]]
  private(set) var mono: UInt64
  /// Units that do not answer.
  var silent: Set<UInt8> = []
  /// While false nothing is taken out of the queue.
  var isRecording = true
  /// Requests that went out, by unit.
  private(set) var asked: [UInt8: Int] = [:]
  /// What a unit will answer, and when.
  private var replies: [(line: Int, at: UInt64, bytes: [UInt8])] = []
  private(set) var lines: [String]
  /// µs by which the wall clock is ahead.
  var clockOffset: Int64
  /// The copy of the documents in force that stands beside the log.
  let documents: [UInt8]

  /// A meter of a site: unit address, period in ms, name of the line.
  struct Meter {
    var unit: UInt8
    var period: UInt64 = 1_000
    var line = "a"
    var requests = 1
    var attempts: UInt8 = 2
  }

  /// A site with these meters; `text` is its file.
  static func site(
    _ text: String, _ meters: [Meter], baudRates: [String: UInt32] = ["a": 19_200],
    profile: String = "p: 1\n"
  ) -> PollSite {
    let lines = baudRates.keys.sorted()
    return PollSite(
      document: Document(kind: .site, name: Array("site.yaml".utf8), body: Array(text.utf8)),
      profiles: [
        Document(kind: .profile, name: Array("meter".utf8), body: Array(profile.utf8))
      ],
      lines: lines.map {
        LinePlan(configuration: UARTConfiguration(baudRate: baudRates[$0] ?? 9_600))
      },
      devices: meters.map {
        DevicePlan(
          line: lines.firstIndex(of: $0.line) ?? 0, meterProtocol: .modbusRTU, timeout: 200_000,
          attempts: $0.attempts)
      },
      channels: meters.map { meter in
        ChannelDocument(
          device: UInt32(meter.unit), label: Array("meter \(meter.unit)".utf8), serial: nil,
          port: Array(meter.line.utf8), address: [meter.unit], profile: 0,
          requests: (0..<meter.requests).map { request(meter.unit, UInt16($0)) },
          periodMilliseconds: meter.period, offsetMilliseconds: 0, ratios: [])
      },
      deviceOfChannel: Array(meters.indices),
      livePoints: meters.enumerated().flatMap { number, meter in
        (0..<meter.requests).map { _ in
          [
            LivePoint(
              device: number, quantity: .voltageL1, unit: .volt,
              rule: ValueRule(layout: .modbus(register: 0, type: .uint16, order: .abcd)))
          ]
        }
      },
      names: SiteNames(
        devices: meters.map {
          SiteNames.Device(
            number: UInt32($0.unit), label: Array("meter \($0.unit)".utf8), labelChinese: [],
            address: [])
        }, lines: lines.map { SiteNames.Line(name: Array($0.utf8), device: Array($0.utf8)) },
        origin: Array("mrv.example/gw/test/1".utf8), epoch: 1,
        sitePath: Array("/etc/tallystick/site.yaml".utf8), fingerprint: .zero))
  }

  private static func request(_ unit: UInt8, _ address: UInt16) -> [UInt8] {
    bytes { writer in
      ModbusRequest(unit: unit, function: .readHoldingRegisters, address: address, count: 1)?
        .write(into: &writer)
    }
  }

  private static func bytes(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 512)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    body(&writer)
    return Array(writer.written)
  }

  /// Starts on a log, empty or left by another station, at a time in µs.
  convenience init(_ site: PollSite, log: [[UInt8]] = [], at mono: UInt64 = 1_000_000) {
    self.init(site, log: log, at: mono, clockOffset: 0, boot: 1) { _, _ in }
  }

  /// Starts likewise, in a boot; `before` logs what comes before the site.
  init<Failure: Error>(
    _ site: PollSite, log: [[UInt8]], at mono: UInt64, clockOffset: Int64, boot: UInt64,
    before: (inout OpeningEntries, () -> Void) throws(Failure) -> Void
  ) throws(Failure) {
    self.mono = mono
    self.log = log
    self.clockOffset = clockOffset
    queue = EntryQueue()
    lines = site.names.lines.map { String(decoding: $0.name, as: UTF8.self) }
    var history = LogHistory()
    for (index, entry) in log.enumerated() { history.take(index: UInt64(index), entry.span) }
    let queue = queue
    var taken: [[UInt8]] = []
    var opening = OpeningEntries(
      nextIndex: UInt64(log.count), boot: boot, at: Rig.instant(mono, ahead: clockOffset),
      history: history, queue: queue)
    try before(&opening) { taken += queue.takeAll() }
    let starts = opening.index(of: site) { taken += queue.takeAll() }
    documents = KnownDocuments.encode(opening.known)
    acquisition = Acquisition(
      site: site, starts: starts, history: opening.history,
      opened: Rig.instant(mono, ahead: clockOffset), nextIndex: opening.nextIndex, boot: boot,
      queue: queue, report: RecorderReport())
    self.log += taken
    drain()
    for line in lines.indices { acquisition.opened(line: line, at: now) }
  }

  var now: Instant { Rig.instant(mono, ahead: clockOffset) }

  func drain() { log += queue.takeAll() }

  /// Takes one entry out of the queue.
  func takeOne() {
    if let entry = queue.takeOne() { log.append(entry) }
  }

  /// One turn of the loop, and the time to the next.
  func turn() {
    for reply in replies where reply.at <= mono {
      reply.bytes.withUnsafeBufferPointer {
        acquisition.received(line: reply.line, $0, at: now)
      }
    }
    replies.removeAll { $0.at <= mono }
    acquisition.step(at: now)
    for line in lines.indices {
      let output = acquisition.sampler.output(line: line)
      guard !output.isEmpty, let request = ModbusRequest(parsing: output.span) else { continue }
      asked[request.unit, default: 0] += 1
      acquisition.sampler.sent(line: line, count: output.count, at: now)
      guard !silent.contains(request.unit) else { continue }
      let reply = Self.bytes {
        ModbusServer.writeReply(to: request, data: [0, request.unit].span, into: &$0)
      }
      replies.append((line, mono + 30_000, reply))
    }
    let next = min(
      acquisition.nextStep(after: now), replies.map(\.at).min() ?? .max)
    mono = max(mono + 100, next)
    if isRecording { drain() }
  }

  /// Turns for so many µs.
  func run(_ duration: UInt64) {
    let end = mono + duration
    while mono < end { turn() }
  }

  /// Begins a change; ports stay open where `keeps` has the line's name. `false` if nothing changes.
  func begin(_ site: PollSite, keeps: Set<String> = ["a", "b"]) -> Bool {
    acquisition.beginChange(
      to: site, keptLines: kept(by: site, keeps), at: now)
  }

  private func kept(by site: PollSite, _ keeps: Set<String>) -> [Int] {
    site.names.lines.map { line in
      let name = String(decoding: line.name, as: UTF8.self)
      return keeps.contains(name) ? lines.firstIndex(of: name) ?? -1 : -1
    }
  }

  /// Goes through with it, as the shell does; `nil` if nothing changes or it is given up.
  func reload(
    _ site: PollSite, keeps: Set<String> = ["a", "b"]
  ) -> SiteChangeReport? {
    let kept = kept(by: site, keeps)
    guard begin(site, keeps: keeps) else { return nil }
    while acquisition.changeState == .underWay { turn() }
    guard acquisition.changeState == .ready else {
      acquisition.endChange()
      return nil
    }
    let report = acquisition.changeSite(at: now)
    lines = site.names.lines.map { String(decoding: $0.name, as: UTF8.self) }
    if isRecording { drain() }
    for line in lines.indices where kept[line] < 0 { acquisition.opened(line: line, at: now) }
    return report
  }

  /// Ends as the agent does.
  func end() {
    acquisition.flush(at: now)
    drain()
    while !acquisition.finish(at: now) { drain() }
    drain()
  }
}

/// What a log says, read from nothing but its entries.
struct ReadLog {
  struct Channel: Equatable {
    var label: String
    var readings: [Int: [UInt64]] = [:]
    var sheds: [(range: ClosedRange<UInt64>, reason: UInt64)] = []
    var requestCount = 0

    static func == (left: Channel, right: Channel) -> Bool { left.label == right.label }
  }
  var channels: [UInt64: Channel] = [:]
  var sites: [(index: UInt64, text: String)] = []
  var events: [(index: UInt64, code: EventEntry.Code?)] = []
  private var parts: [UInt8] = []

  init(_ log: [[UInt8]]) throws {
    for (index, bytes) in log.enumerated() { try take(bytes, UInt64(index)) }
  }

  private mutating func take(_ bytes: [UInt8], _ index: UInt64) throws {
    let entry = try Entry.decode(bytes.span)
    #expect(entry.head.index == index, "no index is skipped")
    switch entry {
    case .config(let config):
      if config.kind == .part {
        if config.part(in: bytes.span) == 0 { parts = [] }
        parts += Array(bytes[try Rig.required(config.body)])
        return
      }
      let body = config.body.map { Array(bytes[$0]) } ?? parts
      #expect(SHA256.hash(body.span) == config.sha256)
      if config.kind == .site { sites.append((index, String(decoding: body, as: UTF8.self))) }
      guard config.kind == .channel else { return }
      channels[index] = Channel(
        label: String(decoding: bytes[config.name], as: UTF8.self),
        requestCount: try TransparencyLog.Channel.decode(body.span).requestCount)
    case .reading(let reading):
      #expect(channels[reading.channel] != nil, "its channel stands before it")
      channels[reading.channel]?.readings[Int(reading.request), default: []].append(
        try Rig.required(reading.slot))
    case .event(let event):
      events.append((index, event.code))
      guard let shed = event.shed(in: bytes.span) else { return }
      channels[shed.channel]?.sheds.append((shed.firstSlot...shed.lastSlot, shed.reasonCode))
    default: break
    }
  }

  /// The channels of a label, in the order of their entries.
  func channels(of unit: Int) -> [(index: UInt64, channel: Channel)] {
    channels.filter { $0.value.label == "meter \(unit)" }.sorted { $0.key < $1.key }
      .map { ($0.key, $0.value) }
  }

  /// Slots shed for a reason, of the channels of a label.
  func shed(_ unit: Int, _ reason: EventEntry.ShedReason) -> [ClosedRange<UInt64>] {
    channels(of: unit).flatMap { $0.channel.sheds }
      .filter { $0.reason == UInt64(reason.rawValue) }.map(\.range)
  }

  /// Between the first and the last slot of each channel every slot has one reading of each request or
  /// is shed, and none has two. Those of the last slot may be to come.
  func check(sourceLocation: SourceLocation = #_sourceLocation) {
    for (index, channel) in channels {
      let shed = Set(channel.sheds.flatMap { Array($0.range) })
      let all = channel.readings.values.flatMap(\.self) + Array(shed)
      guard let first = all.min(), let last = all.max() else { continue }
      for request in 0..<channel.requestCount {
        let slots = channel.readings[request] ?? []
        let present = Set(slots)
        #expect(
          present.count == slots.count, "\(channel.label) (\(index)): a slot has two readings",
          sourceLocation: sourceLocation)
        let missing = (first...last).filter {
          $0 != last && !present.contains($0) && !shed.contains($0)
        }
        #expect(
          missing.isEmpty, "\(channel.label) (\(index)): \(missing) missing",
          sourceLocation: sourceLocation)
      }
    }
  }
}
