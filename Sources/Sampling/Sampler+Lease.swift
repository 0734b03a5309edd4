import HAL
import MeterProtocols
import Metering
import TransparencyLog

/// How far a line's lease is.
enum LeaseState: UInt8, BitwiseCopyable {
  /// Nobody asked for one.
  case none
  /// It begins when the line is free.
  case waiting
  /// Its request is out.
  case underWay
}

/// Why a lease did not begin.
public enum LeaseRefusal: UInt8, Error, Sendable, BitwiseCopyable {
  /// The port of the line is gone.
  case portClosed = 1
  /// Another one waits for the line or uses it.
  case lineLeased = 2
  /// The line did not come free within `Sampler.leaseWaitMax`, or before the site changed.
  case lineBusy = 3
}

/// How the transaction of a lease ended.
public struct LeaseOutcome: Equatable, Sendable, BitwiseCopyable {
  /// The line, as an index into the plan.
  public var line: Int
  /// What was spoken.
  public var meterProtocol: MeterProtocol
  /// How it ended: `good`, `timeout`, `badChecksum`, `exception`, or `noDevice` when the port went.
  public var status: ReadingStatus
  /// µs from the last byte sent to the last received; `nil` when nothing came.
  public var roundTrip: UInt64?
  /// When the last byte came or the deadline passed.
  public var instant: Instant

  /// Takes the fields.
  public init(
    line: Int, meterProtocol: MeterProtocol, status: ReadingStatus, roundTrip: UInt64?,
    instant: Instant
  ) {
    self.line = line
    self.meterProtocol = meterProtocol
    self.status = status
    self.roundTrip = roundTrip
    self.instant = instant
  }
}

// A lease is one transaction that a tool asks for, between polls. It shares a line like this:
// * One at a time. It begins as soon as the poll under way has ended, and never before a late answer
//   that could pass for its own has had its time.
// * After it the line belongs to the polls for as long as it took, so that tools never have more than
//   half of a line.
// * When it failed, devices that its request may have reached are left alone for as long as their
//   answer may take, and the line is drained, as after a poll.
// * A slot that passes meanwhile is shed as manual access.
extension Sampler {
  /// µs a lease waits for its line at most.
  public static var leaseWaitMax: UInt64 { 10_000_000 }

  /// Asks for one transaction on a line; the sink hears how it ended or that it was refused.
  ///
  /// - Parameters:
  ///   - request: exactly what goes out. Traps unless the protocol says that it reads.
  ///   - timeout: µs from the last byte sent to the first received.
  public mutating func lease(
    line: Int, meterProtocol: MeterProtocol, request: Span<UInt8>, timeout: UInt32, at now: Instant
  ) throws(LeaseRefusal) {
    precondition(meterProtocol.isReadRequest(request), "a lease reads")
    precondition(request.count <= Sampler.requestByteCountMax, "request length")
    guard lines[line].isOpen else { throw .portClosed }
    guard lines[line].lease == .none else { throw .lineLeased }
    let buffer = leaseBuffer(line)
    var i = 0
    while i < request.count {
      buffer[i] = request[i]
      i &+= 1
    }
    lines[line].lease = .waiting
    lines[line].leaseProtocol = meterProtocol
    lines[line].leaseByteCount = request.count
    lines[line].leaseTimeout = timeout
    lines[line].leaseUntil = now.mono &+ Sampler.leaseWaitMax
  }

  /// Takes back a lease that has not begun. One whose request is out ends as it ends.
  public mutating func cancelLease(line: Int) {
    if lines[line].lease == .waiting { lines[line].lease = .none }
  }

  /// Refuses every lease that has not begun; before another plan takes over, and at the end.
  public mutating func refuseLeases<Sink: PollSink & ~Copyable>(
    at now: Instant, into sink: inout Sink
  ) {
    var line = 0
    while line < lines.count {
      if lines[line].lease == .waiting {
        lines[line].lease = .none
        sink.leaseRefused(line: line, .lineBusy, at: now)
      }
      line &+= 1
    }
  }

  func leaseRequest(_ line: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: leaseBuffer(line)[0..<lines[line].leaseByteCount])
  }

  private func leaseBuffer(_ line: Int) -> UnsafeMutableBufferPointer<UInt8> {
    let end = (line &+ 1) &* Sampler.bytesPerLine
    return .init(rebasing: bytes[end &- Sampler.requestByteCountMax..<end])
  }

  /// When a waiting lease may begin at the earliest, the line being idle.
  func leaseStart(_ line: Int) -> UInt64 {
    var start = lines[line].leaseAfter
    if lines[line].quietUntil > start { start = lines[line].quietUntil }
    var device = 0
    while device < devices.count {
      if devices[device].quietUntil > start, mayReach(device, line: line) {
        start = devices[device].quietUntil
      }
      device &+= 1
    }
    return start
  }

  /// The lease's request may be answered by this device of the plan.
  private func mayReach(_ device: Int, line: Int) -> Bool {
    let spoken = lines[line].leaseProtocol
    guard plan.devices[device].line == line, plan.devices[device].meterProtocol == spoken else {
      return false
    }
    var channel = 0
    while channel < channels.count {
      if plan.channels[channel].device == device {
        let polled = plan.bytes(ofRequest: plan.channels[channel].firstRequest)
        return spoken.mayAskSameMeter(leaseRequest(line).span, polled.span)
      }
      channel &+= 1
    }
    return false
  }

  /// Gives up a lease that waited too long. Called with every step.
  mutating func expireLease<Sink: PollSink & ~Copyable>(
    _ line: Int, at now: Instant, into sink: inout Sink
  ) {
    guard lines[line].lease == .waiting, now.mono >= lines[line].leaseUntil else { return }
    lines[line].lease = .none
    sink.leaseRefused(line: line, .lineBusy, at: now)
  }

  /// Begins the waiting lease of an idle line, if its time has come.
  mutating func beginLease(_ line: Int, at now: Instant) -> Bool {
    guard lines[line].lease == .waiting, now.mono >= leaseStart(line) else { return false }
    let source = leaseRequest(line)
    let buffer = outputBuffer(line)
    var i = 0
    while i < source.count {
      buffer[i] = source[i]
      i &+= 1
    }
    lines[line].lease = .underWay
    begin(line, speaking: lines[line].leaseProtocol, outputCount: source.count, at: now)
    return true
  }

  /// The deadline of the lease under way passed without an acceptable answer.
  mutating func leaseFailed<Sink: PollSink & ~Copyable>(
    _ line: Int, at now: Instant, into sink: inout Sink
  ) {
    let isDamaged =
      lines[line].activity == .waiting
      && lines[line].protocolSpoken.hasDamagedFrame(
        request: request(line).span, received: received(line).span)
    let timeout = lines[line].leaseTimeout
    var device = 0
    while device < devices.count {
      if mayReach(device, line: line) {
        let own = plan.devices[device].timeout
        let quiet = now.mono &+ wide(own > timeout ? own : timeout)
        if quiet > devices[device].quietUntil { leaveAlone(device, until: quiet) }
      }
      device &+= 1
    }
    endLease(
      line, status: isDamaged ? .badChecksum : .timeout, frame: 0..<lines[line].receivedCount,
      at: now, into: &sink)
  }

  /// Reports how the lease under way ended and frees the line.
  mutating func endLease<Sink: PollSink & ~Copyable>(
    _ line: Int, status: ReadingStatus, frame: Range<Int>, at now: Instant, into sink: inout Sink
  ) {
    let outcome = LeaseOutcome(
      line: line, meterProtocol: lines[line].leaseProtocol, status: status,
      roundTrip: roundTrip(line),
      instant: status == .good || status == .exception ? lines[line].lastByte : now)
    sink.leased(
      outcome, request: leaseRequest(line),
      raw: UnsafeBufferPointer(rebasing: received(line)[frame]))
    let took = now.mono &- lines[line].begunAt
    rest(line, at: now)
    lines[line].lease = .none
    lines[line].leaseAfter = now.mono &+ took
    lines[line].leaseEnd = now.mono
  }

  /// A lease had the line at some time since this slot of this channel began.
  func wasLeased(_ line: Int, since slot: UInt64, of channel: Int, at now: Instant) -> Bool {
    if lines[line].lease == .underWay { return true }
    guard lines[line].leaseEnd > 0 else { return false }
    let start = plan.channels[channel].start(of: slot)
    return now.utc >= start && now.utc &- start > now.mono &- lines[line].leaseEnd
  }
}
