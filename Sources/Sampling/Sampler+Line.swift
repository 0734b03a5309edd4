import HAL
import MeterProtocols
import Metering
import TransparencyLog

extension Sampler {
  func outputBuffer(_ line: Int) -> UnsafeMutableBufferPointer<UInt8> {
    let start = line &* Sampler.bytesPerLine
    return .init(rebasing: bytes[start..<start &+ Sampler.requestByteCountMax])
  }

  func receiveBuffer(_ line: Int) -> UnsafeMutableBufferPointer<UInt8> {
    let start = line &* Sampler.bytesPerLine &+ Sampler.requestByteCountMax
    return .init(rebasing: bytes[start..<start &+ Sampler.receiveByteCount])
  }

  func rejectedBuffer(_ line: Int) -> UnsafeMutableBufferPointer<UInt8> {
    let start =
      line &* Sampler.bytesPerLine &+ Sampler.requestByteCountMax &+ Sampler.receiveByteCount
    return .init(rebasing: bytes[start..<start &+ Sampler.rejectedByteCount])
  }

  /// The request that is out: the plan's bytes, or the follow-up made from them.
  func request(_ line: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: outputBuffer(line)[0..<lines[line].outputCount])
  }

  func received(_ line: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: receiveBuffer(line)[0..<lines[line].receivedCount])
  }

  /// Silence that a protocol wants before a request on this line, µs.
  func silence(_ line: Int, of spoken: MeterProtocol) -> UInt64 {
    wide(
      spoken.silenceMicroseconds(
        baudRate: plan.lines[line].configuration.baudRate))
  }

  /// Puts the current request out (again).
  mutating func beginAttempt(_ line: Int, at now: Instant) {
    let channel = plan.channels[lines[line].channel]
    let source = plan.bytes(ofRequest: channel.firstRequest &+ lines[line].request)
    let buffer = outputBuffer(line)
    var i = 0
    while i < source.count {
      buffer[i] = source[i]
      i &+= 1
    }
    begin(line, speaking: spoken(line), outputCount: source.count, at: now)
  }

  /// What the device of the line's channel speaks.
  private func spoken(_ line: Int) -> MeterProtocol {
    plan.devices[plan.channels[lines[line].channel].device].meterProtocol
  }

  /// Asks for the next part of an answer that did not fit one frame.
  mutating func beginFollowUp(_ line: Int, at now: Instant) {
    let channel = plan.channels[lines[line].channel]
    let source = plan.bytes(ofRequest: channel.firstRequest &+ lines[line].request)
    lines[line].part &+= 1
    lines[line].attempt = 1
    lines[line].rejectedCount = 0
    var writer = ByteWriter(outputBuffer(line))
    lines[line].protocolSpoken.writeFollowUp(
      request: source.span, part: lines[line].part, into: &writer)
    precondition(!writer.overflowed, "a follow-up request fits the output buffer")
    begin(line, speaking: spoken(line), outputCount: writer.count, at: now)
  }

  /// Sends what stands in the output buffer.
  mutating func begin(
    _ line: Int, speaking spoken: MeterProtocol, outputCount: Int, at now: Instant
  ) {
    lines[line].protocolSpoken = spoken
    lines[line].outputCount = outputCount
    lines[line].sentCount = 0
    lines[line].receivedCount = 0
    lines[line].errorCode = 0
    lines[line].activity = .sending
    lines[line].begunAt = now.mono
    // A port that takes nothing for two seconds is as good as silent.
    lines[line].deadline = now.mono &+ 2_000_000
  }

  /// Reports how the current attempt ended and frees the line for the next request.
  mutating func end<Sink: PollSink & ~Copyable>(
    _ line: Int, status: ReadingStatus, frame: Range<Int>, at now: Instant, into sink: inout Sink
  ) {
    let state = lines[line]
    let instant = status == .good || status == .exception ? state.lastByte : now
    let outcome = PollOutcome(
      channel: state.channel, request: state.request, slot: state.slot,
      status: status, part: state.part, attempts: state.attempt, errorCode: state.errorCode,
      roundTrip: roundTrip(line), instant: instant)
    let raw = UnsafeBufferPointer(rebasing: received(line)[frame])
    let rejected = UnsafeBufferPointer(
      rebasing: rejectedBuffer(line)[0..<state.rejectedCount])
    sink.polled(outcome, raw: raw, rejected: rejected)
    rest(line, at: now)
  }

  /// µs from the last byte sent to the last received; `nil` when nothing came.
  func roundTrip(_ line: Int) -> UInt64? {
    let state = lines[line]
    guard state.receivedCount > 0 else { return nil }
    return state.lastByte.mono >= state.sentAt ? state.lastByte.mono &- state.sentAt : 0
  }

  mutating func rest(_ line: Int, at now: Instant) {
    lines[line].busyMicroseconds &+= now.mono &- lines[line].begunAt
    lines[line].activity = .idle
    lines[line].quietUntil = now.mono &+ silence(line, of: lines[line].protocolSpoken)
    lines[line].drainUntil = now.mono &+ Sampler.drainMax
  }

  /// What is under way on the line belongs to the slot that its channel is at.
  func isCurrent(_ line: Int) -> Bool {
    let channel = channels[lines[line].channel]
    return channel.hasJob && channel.slot == lines[line].slot
  }

  /// Moves on to the channel's next request.
  mutating func advance(_ line: Int) {
    guard isCurrent(line) else { return }
    let channel = lines[line].channel
    channels[channel].request = nextRequest(from: lines[line].request &+ 1, of: channel)
    if channels[channel].request == plan.channels[channel].requestCount { endJob(channel) }
  }

  /// The device gave an answer of some kind.
  mutating func answered<Sink: PollSink & ~Copyable>(
    _ line: Int, at now: Instant, into sink: inout Sink
  ) {
    let device = plan.channels[lines[line].channel].device
    devices[device].failures = 0
    devices[device].probeAt = 0
    if devices[device].isSilent {
      devices[device].isSilent = false
      sink.device(device, answers: true, at: now)
    }
  }

  /// The deadline passed without an acceptable answer: try again, or report and back off.
  mutating func failed<Sink: PollSink & ~Copyable>(
    _ line: Int, at now: Instant, into sink: inout Sink
  ) {
    let channel = lines[line].channel
    let device = plan.channels[channel].device
    let isDamaged =
      lines[line].activity == .waiting
      && lines[line].protocolSpoken.hasDamagedFrame(
        request: request(line).span, received: received(line).span)
    // A device that is known to be silent gets one probe, not several.
    if lines[line].attempt < plan.devices[device].attempts, !devices[device].isSilent, !isHeld {
      keepRejected(line)
      lines[line].attempt &+= 1
      let busy = now.mono &- lines[line].begunAt
      lines[line].busyMicroseconds &+= busy
      beginAttempt(line, at: now)
      return
    }
    let all = 0..<(isDamaged ? lines[line].receivedCount : 0)
    end(line, status: isDamaged ? .badChecksum : .timeout, frame: all, at: now, into: &sink)
    advance(line)
    // A Modbus answer does not say which registers it carries: one that comes late must find nobody
    // waiting for another of the same length.
    leaveAlone(device, until: now.mono &+ wide(plan.devices[device].timeout))
    devices[device].failures &+= 1
    let pause = BackOff.pause(afterFailures: devices[device].failures)
    guard pause > 0 else { return }
    devices[device].probeAt = now.mono &+ pause
    abandonSlot(channel, reason: .backOff, at: now, into: &sink)
    if !devices[device].isSilent {
      devices[device].isSilent = true
      sink.device(device, answers: false, at: now)
    }
  }

  /// Nobody asks the device before a time.
  mutating func leaveAlone(_ device: Int, until time: UInt64) {
    devices[device].quietUntil = time
    if time > quietMax { quietMax = time }
  }

  /// Keeps what an earlier attempt received, as u16be length and bytes, as far as there is room.
  private mutating func keepRejected(_ line: Int) {
    let heard = received(line)
    let buffer = rejectedBuffer(line)
    let at = lines[line].rejectedCount
    guard !heard.isEmpty, at &+ 2 &+ heard.count <= buffer.count else { return }
    buffer[at] = UInt8(truncatingIfNeeded: heard.count &>> 8)
    buffer[at &+ 1] = UInt8(truncatingIfNeeded: heard.count)
    var i = 0
    while i < heard.count {
      buffer[at &+ 2 &+ i] = heard[i]
      i &+= 1
    }
    lines[line].rejectedCount = at &+ 2 &+ heard.count
  }
}
