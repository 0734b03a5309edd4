import HAL
import MeterProtocols
import Metering
import TransparencyLog

/// Polls meters: decides which request goes out next on which line, and what came of it.
///
/// Sans-IO: the owner hands in received bytes and the time, takes bytes to send and the time of the
/// next step, and learns outcomes through a `PollSink`. One line carries one request at a time; lines
/// are independent. Nothing allocates: all memory comes with `init`.
///
/// How a line's time is shared:
/// * A channel is due when a slot of its schedule has begun. The one that was served
///   longest ago goes first.
/// * A slot that has passed before its first request is shed, newest first, and said so.
/// * A device that fails twice in a row is left alone for a pause (`BackOff`), so that a dead device
///   never starves a line.
/// * After a failure the line is drained until it is silent, and the device is left alone for as long as
///   its answer may take: a late answer never meets the next request.
public struct Sampler: ~Copyable {
  /// Longest request, bytes. DL/T 645-2007 needs 21 with its wake-up bytes, Modbus RTU 8.
  public static var requestByteCountMax: Int { 64 }
  /// Bytes kept of one answer; the longest Modbus RTU frame has 256.
  public static var receiveByteCount: Int { 1_000 }
  /// Bytes kept of the rejected frames of earlier attempts.
  public static var rejectedByteCount: Int { 1_000 }
  /// µs a line is drained at most after a failure, however much it babbles.
  static var drainMax: UInt64 { 1_000_000 }
  /// µs of difference between two steps from which on the wall clock counts as set, not as slewed.
  public static var clockStepMin: UInt64 { 500_000 }
  /// µs after which the run of shed slots is logged even if it goes on.
  static var shedRunMax: UInt64 { 300_000_000 }
  /// The same of slots that are shed for want of room, which a run must not take: a day.
  static var givingWayRunMax: UInt64 { 86_400_000_000 }

  /// Memory of a sampler, made once at set-up: one element for each line, device and channel.
  public struct Memory {
    /// One for each line.
    public var lines: UnsafeMutableBufferPointer<LineState>
    /// One for each device.
    public var devices: UnsafeMutableBufferPointer<DeviceState>
    /// One for each channel.
    public var channels: UnsafeMutableBufferPointer<ChannelState>
    /// `Sampler.bytesPerLine` for each line.
    public var bytes: UnsafeMutableBufferPointer<UInt8>

    /// Memory whose elements need not be initialised.
    public init(
      lines: UnsafeMutableBufferPointer<LineState>,
      devices: UnsafeMutableBufferPointer<DeviceState>,
      channels: UnsafeMutableBufferPointer<ChannelState>,
      bytes: UnsafeMutableBufferPointer<UInt8>
    ) {
      self.lines = lines
      self.devices = devices
      self.channels = channels
      self.bytes = bytes
    }
  }

  /// Bytes of buffer that one line needs.
  public static var bytesPerLine: Int {
    requestByteCountMax &+ receiveByteCount &+ rejectedByteCount &+ requestByteCountMax
  }

  /// What is polled.
  public let plan: PollPlan
  // Not `let`: ThreadSanitizer's instrumentation in Swift 6.3.1 takes a constant pointer that elements are
  // changed through for an address, and the compiler ends.
  var lines: UnsafeMutableBufferPointer<LineState>
  var devices: UnsafeMutableBufferPointer<DeviceState>
  var channels: UnsafeMutableBufferPointer<ChannelState>
  let bytes: UnsafeMutableBufferPointer<UInt8>
  /// While held, no request begins and none is repeated: what is out is waited for. Slots that pass
  /// meanwhile are shed as `siteReloaded`.
  public var isHeld = false
  /// What is not polled for want of room in the log. It counts from the next slot of each channel on.
  public var givingWay = GivingWay.nothing
  /// µs since 1970 between which no slot begins and every channel has begun or shed its own: `schedule`
  /// would do nothing there. Nothing lies between them while a channel is behind its schedule.
  var slotsSince: UInt64 = 0
  var slotsUntil: UInt64 = 0
  /// µs since boot after which no device has to be left alone.
  var quietMax: UInt64 = 0
  /// Time of the last step; `mono` 0 before the first, unless the log was begun at a known one.
  var last = Instant(mono: 0, utc: 0, quality: .unknown)

  /// A sampler at rest: all lines closed, nothing due. Traps when `memory` does not fit the plan.
  public init(plan: consuming PollPlan, memory: Memory) {
    precondition(memory.lines.count == plan.lines.count, "memory for lines")
    precondition(memory.devices.count == plan.devices.count, "memory for devices")
    precondition(memory.channels.count == plan.channels.count, "memory for channels")
    precondition(
      memory.bytes.count >= plan.lines.count &* Sampler.bytesPerLine, "memory for bytes")
    lines = memory.lines
    devices = memory.devices
    channels = memory.channels
    bytes = memory.bytes
    self.plan = plan
    lines.initialize(repeating: LineState())
    devices.initialize(repeating: DeviceState())
    bytes.initialize(repeating: 0)
    var i = 0
    while i < channels.count {
      var state = ChannelState()
      if let slot = self.plan.channels[i].lastSlot {
        state.hasSlot = true
        state.slot = slot
      }
      channels.baseAddress.unsafelyUnwrapped.advanced(by: i).initialize(to: state)
      i &+= 1
    }
  }

  /// The log has entries of this moment, and none since: a clock that is set before the first step is noticed as
  /// one that is set between two.
  public mutating func goOn(from instant: Instant) { last = instant }

  // MARK: lines come and go

  /// The port of a line was opened.
  public mutating func opened<Sink: PollSink & ~Copyable>(
    line: Int, at now: Instant, into sink: inout Sink
  ) {
    guard !lines[line].isOpen else { return }
    let before = lines[line]
    lines[line] = LineState()
    lines[line].busyMicroseconds = before.busyMicroseconds
    lines[line].jobCount = before.jobCount
    lines[line].isOpen = true
    lines[line].quietUntil = now.mono &+ silence(line, of: .modbusRTU)
    sink.line(line, isOpen: true, at: now)
  }

  /// The port of a line is gone. What was under way on it ends as `noDevice`.
  public mutating func lost<Sink: PollSink & ~Copyable>(
    line: Int, at now: Instant, into sink: inout Sink
  ) {
    guard lines[line].isOpen else { return }
    if lines[line].lease == .waiting {
      lines[line].lease = .none
      sink.leaseRefused(line: line, .portClosed, at: now)
    }
    if lines[line].lease == .underWay {
      endLease(
        line, status: .noDevice, frame: 0..<lines[line].receivedCount, at: now, into: &sink)
    } else if lines[line].activity != .idle {
      end(line, status: .noDevice, frame: 0..<0, at: now, into: &sink)
      abandonSlot(lines[line].channel, reason: .portLost, at: now, into: &sink)
    }
    lines[line].isOpen = false
    lines[line].activity = .idle
    sink.line(line, isOpen: false, at: now)
  }

  /// The port of a line is open.
  public func isOpen(line: Int) -> Bool { lines[line].isOpen }

  /// µs since the start for which a request or its answer occupied the line.
  public func busyMicroseconds(line: Int) -> UInt64 { lines[line].busyMicroseconds }

  /// A device failed twice in a row and has not answered since.
  public func isSilent(device: Int) -> Bool { devices[device].isSilent }

  // MARK: bytes

  /// What the line should send now; empty when nothing. Valid until the next call.
  public func output(line: Int) -> UnsafeBufferPointer<UInt8> {
    let state = lines[line]
    guard state.activity == .sending else { return UnsafeBufferPointer(start: nil, count: 0) }
    let whole = outputBuffer(line)
    return UnsafeBufferPointer(rebasing: whole[state.sentCount..<state.outputCount])
  }

  /// The port took `count` bytes of `output`.
  public mutating func sent(line: Int, count: Int, at now: Instant) {
    precondition(lines[line].activity == .sending, "nothing to send")
    lines[line].sentCount &+= count
    precondition(lines[line].sentCount <= lines[line].outputCount, "sent more than there was")
    guard lines[line].sentCount == lines[line].outputCount else { return }
    // The kernel has the bytes; the last one leaves when all have passed the wire.
    let character = wide(plan.lines[line].configuration.characterMicroseconds)
    let wire = wide(count: lines[line].outputCount) &* character
    let timeout =
      lines[line].lease == .underWay
      ? lines[line].leaseTimeout : plan.devices[plan.channels[lines[line].channel].device].timeout
    lines[line].activity = .waiting
    lines[line].sentAt = now.mono &+ wire
    lines[line].deadline = lines[line].sentAt &+ wide(timeout) &+ 2 &* character
  }

  /// Bytes arrived on a line.
  public mutating func received<Sink: PollSink & ~Copyable>(
    line: Int, _ arrived: UnsafeBufferPointer<UInt8>, at now: Instant, into sink: inout Sink
  ) {
    guard lines[line].isOpen, !arrived.isEmpty else { return }
    // What the new time says of this answer is understood only behind the word that it was set.
    noticeClockStep(at: now, into: &sink)
    guard lines[line].activity == .waiting else {
      // Nobody asked (any more): drop it, and begin the silence anew while draining lasts.
      let quiet = now.mono &+ silence(line, of: lines[line].protocolSpoken)
      lines[line].quietUntil = quiet < lines[line].drainUntil ? quiet : lines[line].quietUntil
      return
    }
    let buffer = receiveBuffer(line)
    let before = lines[line].receivedCount
    let room = buffer.count &- before
    let taken = arrived.count < room ? arrived.count : room
    var i = 0
    while i < taken {
      buffer[before &+ i] = arrived[i]
      i &+= 1
    }
    lines[line].receivedCount = before &+ taken
    lines[line].lastByte = now
    if before == 0 { extendDeadline(line, at: now) }
    examine(line, at: now, into: &sink)
  }

  /// The first byte came: the rest of the longest answer gets time to pass the wire.
  private mutating func extendDeadline(_ line: Int, at now: Instant) {
    let spoken = lines[line].protocolSpoken
    let most = spoken.replyByteCountMax(request: request(line).span)
    let character = wide(plan.lines[line].configuration.characterMicroseconds)
    // 50 ms: USB adapters deliver in pieces 1 to 16 ms apart.
    let end = now.mono &+ wide(count: most) &* character &+ 50_000
    if end > lines[line].deadline { lines[line].deadline = end }
  }

  private mutating func examine<Sink: PollSink & ~Copyable>(
    _ line: Int, at now: Instant, into sink: inout Sink
  ) {
    let spoken = lines[line].protocolSpoken
    let scan = spoken.scan(request: request(line).span, received: received(line).span)
    if lines[line].lease == .underWay {
      switch scan {
      case .incomplete: break
      case .accepted(let frame, _):
        endLease(line, status: .good, frame: frame, at: now, into: &sink)
      case .refused(let frame, _):
        endLease(line, status: .exception, frame: frame, at: now, into: &sink)
      }
      return
    }
    switch scan {
    case .incomplete:
      break
    case .accepted(let frame, let more):
      end(line, status: .good, frame: frame, at: now, into: &sink)
      answered(line, at: now, into: &sink)
      if more, lines[line].part < 255 { beginFollowUp(line, at: now) } else { advance(line) }
    case .refused(let frame, let code):
      lines[line].errorCode = code
      end(line, status: .exception, frame: frame, at: now, into: &sink)
      answered(line, at: now, into: &sink)
      advance(line)
    }
  }

  // MARK: time

  /// Does what is due at `now`: ends waits, begins requests, sheds slots.
  public mutating func step<Sink: PollSink & ~Copyable>(
    at now: Instant, into sink: inout Sink
  ) {
    noticeClockStep(at: now, into: &sink)
    if now.utc < slotsSince || now.utc >= slotsUntil { scheduleAll(at: now, into: &sink) }
    var line = 0
    while line < lines.count {
      if lines[line].activity != .idle, now.mono >= lines[line].deadline {
        if lines[line].lease == .underWay {
          leaseFailed(line, at: now, into: &sink)
        } else {
          failed(line, at: now, into: &sink)
        }
      }
      expireLease(line, at: now, into: &sink)
      if !isHeld, lines[line].isOpen, lines[line].activity == .idle,
        now.mono >= lines[line].quietUntil
      {
        if !beginLease(line, at: now) { beginNext(line, at: now, into: &sink) }
      }
      line &+= 1
    }
  }

  /// When `step` must be called next, µs since boot; at most one second ahead.
  public func nextStep(after now: Instant) -> UInt64 {
    var next = now.mono &+ 1_000_000
    var line = 0
    while line < lines.count {
      let state = lines[line]
      if state.activity != .idle {
        if state.deadline < next { next = state.deadline }
      } else if state.isOpen, state.quietUntil > now.mono, state.quietUntil < next {
        next = state.quietUntil
      }
      if state.lease == .waiting {
        let start = leaseStart(line)
        let isNext = !isHeld && state.activity == .idle && start < state.leaseUntil
        let due = isNext ? start : state.leaseUntil
        if due < next { next = due }
      }
      line &+= 1
    }
    var channel = 0
    while quietMax > now.mono, channel < channels.count {
      let quiet = devices[plan.channels[channel].device].quietUntil
      if channels[channel].hasJob, quiet > now.mono, quiet < next { next = quiet }
      channel &+= 1
    }
    let start = nextSlotStart(after: now.utc)
    return start &- now.utc < next &- now.mono ? now.mono &+ (start &- now.utc) : next
  }

  /// Logs a lease that is under way and all open runs of shed slots; for the end of the agent.
  public mutating func flush<Sink: PollSink & ~Copyable>(
    at now: Instant, into sink: inout Sink
  ) {
    refuseLeases(at: now, into: &sink)
    var line = 0
    while line < lines.count {
      if lines[line].lease == .underWay {
        endLease(
          line, status: .other, frame: 0..<lines[line].receivedCount, at: now, into: &sink)
      }
      line &+= 1
    }
    var channel = 0
    while channel < channels.count {
      if channels[channel].hasJob { abandonSlot(channel, reason: .stopping, at: now, into: &sink) }
      closeRun(channel, at: now, into: &sink)
      channel &+= 1
    }
  }
}
