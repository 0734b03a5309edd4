import HAL
import MeterProtocols
import Metering
import Sampling
import TransparencyLog

/// Computes the CRC of Modbus RTU bit by bit, independently of the codec under test.
func modbusCRC(_ bytes: [UInt8]) -> [UInt8] {
  var crc: UInt16 = 0xFFFF
  for byte in bytes {
    crc ^= UInt16(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xA001 : crc >> 1 }
  }
  return [UInt8(crc & 0xFF), UInt8(crc >> 8)]
}

/// A read of one holding register at address 0 of `unit`.
func readRequest(unit: UInt8, address: UInt8 = 0) -> [UInt8] {
  let body: [UInt8] = [unit, 3, 0, address, 0, 1]
  return body + modbusCRC(body)
}

/// The answer to `readRequest` with the value `value`.
func answer(unit: UInt8, value: UInt16 = 7) -> [UInt8] {
  let body: [UInt8] = [unit, 3, 2, UInt8(value >> 8), UInt8(value & 0xFF)]
  return body + modbusCRC(body)
}

/// What the sampler reported, in memory that is reserved at the start so that noting allocates nothing.
struct Notes: ~Copyable, PollSink {
  struct Shed: Equatable {
    var channel: Int
    var first: UInt64
    var last: UInt64
    var reason: EventEntry.ShedReason
  }
  struct Lease {
    var outcome: LeaseOutcome
    var request: [UInt8]
    var raw: [UInt8]
  }
  var leases: [Lease] = []
  var refusals: [LeaseRefusal] = []
  var leaseCount = 0
  var outcomes: [PollOutcome] = []
  var raws: [[UInt8]] = []
  var rejected: [[UInt8]] = []
  var sheds: [Shed] = []
  var devices: [(Int, Bool)] = []
  var lines: [(Int, Bool)] = []
  var steps: [(UInt64, UInt64)] = []
  var isCountingOnly = false
  var polledCount = 0

  mutating func polled(
    _ outcome: PollOutcome, raw: UnsafeBufferPointer<UInt8>, rejected: UnsafeBufferPointer<UInt8>
  ) {
    polledCount += 1
    guard !isCountingOnly else { return }
    outcomes.append(outcome)
    raws.append(Array(raw))
    self.rejected.append(Array(rejected))
  }
  mutating func shed(
    channel: Int, first: UInt64, last: UInt64, reason: EventEntry.ShedReason, at instant: Instant
  ) {
    guard !isCountingOnly else { return }
    sheds.append(Shed(channel: channel, first: first, last: last, reason: reason))
  }
  mutating func clockStepped(from old: UInt64, to new: UInt64, at instant: Instant) {
    steps.append((old, new))
  }
  mutating func device(_ device: Int, answers: Bool, at instant: Instant) {
    devices.append((device, answers))
  }
  mutating func line(_ line: Int, isOpen: Bool, at instant: Instant) {
    lines.append((line, isOpen))
  }
  mutating func leased(
    _ outcome: LeaseOutcome, request: UnsafeBufferPointer<UInt8>, raw: UnsafeBufferPointer<UInt8>
  ) {
    leaseCount += 1
    guard !isCountingOnly else { return }
    leases.append(Lease(outcome: outcome, request: Array(request), raw: Array(raw)))
  }
  mutating func leaseRefused(line: Int, _ refusal: LeaseRefusal, at instant: Instant) {
    refusals.append(refusal)
  }
}

/// Bytes that the wire brings, and after how many µs.
struct Piece {
  var after: UInt64
  var bytes: [UInt8]
}

/// Bytes that come so many µs after the request has passed the wire.
func after(_ microseconds: UInt64, _ bytes: [UInt8]) -> Piece {
  Piece(after: microseconds, bytes: bytes)
}

/// One line with Modbus devices on it, under a virtual clock.
///
/// `reply` decides what the wire brings back for a request: bytes and the µs after which they come.
struct Bench: ~Copyable {
  static let start: UInt64 = 1_785_000_000_000_000

  var sampler: Sampler
  var notes = Notes()
  var mono: UInt64 = 1_000_000
  /// Wall clock minus monotonic clock.
  var offset: UInt64 = Bench.start
  var arriving: [(at: UInt64, bytes: [UInt8])] = []
  private let memory: [UnsafeMutableRawPointer]

  init(
    units: [UInt8], period: UInt64 = 1_000_000, requestsPerChannel: Int = 1, attempts: UInt8 = 1,
    timeout: UInt32 = 200_000, lastSlot: UInt64? = nil,
    isCritical: (UInt8) -> Bool = { _ in false }, readsTotal: (Int) -> Bool = { _ in false }
  ) {
    var memory: [UnsafeMutableRawPointer] = []
    func make<T>(_ type: T.Type, _ count: Int) -> UnsafeMutableBufferPointer<T> {
      let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: max(count, 1))
      if let base = buffer.baseAddress { memory.append(UnsafeMutableRawPointer(base)) }
      return UnsafeMutableBufferPointer(rebasing: buffer[0..<count])
    }
    let count = units.count
    var lines = FixedTable(make(LinePlan.self, 1))
    lines.append(LinePlan(configuration: UARTConfiguration(baudRate: 9_600)))
    var devices = FixedTable(make(DevicePlan.self, count))
    var channels = FixedTable(make(ChannelPlan.self, count))
    var requests = FixedTable(make(RequestPlan.self, count * requestsPerChannel))
    let bytes = make(UInt8.self, count * requestsPerChannel * 8)
    for (i, unit) in units.enumerated() {
      devices.append(
        DevicePlan(
          line: 0, meterProtocol: .modbusRTU, timeout: timeout, attempts: attempts,
          isCritical: isCritical(unit)))
      channels.append(
        ChannelPlan(
          device: i, channelIndex: UInt64(i), firstRequest: i * requestsPerChannel,
          requestCount: requestsPerChannel, period: period, offset: 0, lastSlot: lastSlot))
      for r in 0..<requestsPerChannel {
        let at = (i * requestsPerChannel + r) * 8
        for (k, byte) in readRequest(unit: unit, address: UInt8(r)).enumerated() {
          bytes[at + k] = byte
        }
        requests.append(RequestPlan(offset: at, count: 8, readsTotal: readsTotal(r)))
      }
    }
    let plan = PollPlan(
      lines: lines, devices: devices, channels: channels, requests: requests,
      bytes: UnsafeBufferPointer(bytes))
    sampler = Sampler(
      plan: plan,
      memory: Sampler.Memory(
        lines: make(LineState.self, 1), devices: make(DeviceState.self, count),
        channels: make(ChannelState.self, count),
        bytes: make(UInt8.self, Sampler.bytesPerLine)))
    self.memory = memory
  }

  deinit { for pointer in memory { pointer.deallocate() } }

  var now: Instant {
    Instant(
      mono: mono, utc: mono &+ offset, quality: ClockQuality(errorExponent: 10, source: .ntp))
  }

  /// One turn with an answer that is there at once; allocates nothing.
  mutating func exchange(_ replies: [[UInt8]]) {
    sampler.step(at: now, into: &notes)
    let output = sampler.output(line: 0)
    if !output.isEmpty {
      let unit = Int(output[0])
      sampler.sent(line: 0, count: output.count, at: now)
      mono += 20_000
      replies[unit].withUnsafeBufferPointer {
        sampler.received(line: 0, $0, at: now, into: &notes)
      }
    }
    mono = max(mono + 1_000, sampler.nextStep(after: now))
  }

  /// Sends a request, sets the wall clock by `step` µs, and only then receives the answer.
  mutating func exchange(answer: [UInt8], settingClockBy step: UInt64) {
    sampler.step(at: now, into: &notes)
    sampler.sent(line: 0, count: sampler.output(line: 0).count, at: now)
    mono += 20_000
    offset &+= step
    sampler.step(at: now, into: &notes)
    answer.withUnsafeBufferPointer {
      sampler.received(line: 0, $0, at: now, into: &notes)
    }
  }

  /// Asks for a lease of the line; `nil` when it may begin.
  mutating func lease(
    _ request: [UInt8], timeout: UInt32 = 200_000
  ) -> LeaseRefusal? {
    do throws(LeaseRefusal) {
      try sampler.lease(
        line: 0, meterProtocol: .modbusRTU, request: request.span, timeout: timeout, at: now)
      return nil
    } catch { return error }
  }

  mutating func finish() { sampler.flush(at: now, into: &notes) }

  mutating func open() { sampler.opened(line: 0, at: now, into: &notes) }

  /// The port vanishes.
  mutating func lose() { sampler.lost(line: 0, at: now, into: &notes) }

  /// Runs until `mono` has advanced by `duration` µs.
  mutating func run(
    for duration: UInt64, reply: (_ request: [UInt8]) -> [Piece]
  ) {
    let end = mono + duration
    while mono < end {
      sampler.step(at: now, into: &notes)
      let output = Array(sampler.output(line: 0))
      if !output.isEmpty {
        sampler.sent(line: 0, count: output.count, at: now)
        let wire = UInt64(output.count) * 1_146
        for piece in reply(output) { arriving.append((mono + wire + piece.after, piece.bytes)) }
        arriving.sort { $0.at < $1.at }
      }
      var next = min(sampler.nextStep(after: now), end)
      if let first = arriving.first, first.at <= next { next = first.at }
      mono = max(next, mono)
      while let first = arriving.first, first.at <= mono {
        arriving.removeFirst()
        first.bytes.withUnsafeBufferPointer {
          sampler.received(line: 0, $0, at: now, into: &notes)
        }
      }
    }
  }
}
