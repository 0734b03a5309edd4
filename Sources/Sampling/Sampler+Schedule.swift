import HAL
import MeterProtocols
import Metering
import TransparencyLog

extension Sampler {
  /// Notices that the wall clock was set, and anchors every schedule to the new time.
  ///
  /// Set forward: the slots in between never happened and are shed as `clockStepped`. Set back: their
  /// numbers come again; the event says so. Set within a slot: it is not asked twice.
  mutating func noticeClockStep<Sink: PollSink & ~Copyable>(
    at now: Instant, into sink: inout Sink
  ) {
    defer { last = now }
    guard last.mono != 0 else { return }
    let expected = last.utc &+ (now.mono &- last.mono)
    let difference = now.utc > expected ? now.utc &- expected : expected &- now.utc
    guard difference >= Sampler.clockStepMin else { return }
    sink.clockStepped(from: expected, to: now.utc, at: now)
    var channel = 0
    while channel < channels.count {
      let slot = plan.channels[channel].slot(at: now.utc)
      if channels[channel].hasSlot {
        if channels[channel].hasJob {
          abandonSlot(channel, reason: .clockStepped, at: now, into: &sink)
        }
        let known = channels[channel].slot
        if slot > known &+ 1 {
          shed(channel, known &+ 1, slot &- 1, .clockStepped, at: now, into: &sink)
        }
        closeRun(channel, at: now, into: &sink)
        // The slot that the clock stands in now begins anew, unless it is the one that was begun last.
        if slot != known { channels[channel].slot = slot == 0 ? 0 : slot &- 1 }
      }
      channel &+= 1
    }
    slotsUntil = 0
  }

  /// Brings all schedules up to `now`, and notes until when none of them has anything to do.
  mutating func scheduleAll<Sink: PollSink & ~Copyable>(
    at now: Instant, into sink: inout Sink
  ) {
    slotsSince = now.utc
    slotsUntil = UInt64.max
    var channel = 0
    while channel < channels.count {
      let current = plan.channels[channel].slot(at: now.utc)
      schedule(channel, current: current, at: now, into: &sink)
      // What waits for the end of a poll is looked at with every step.
      let next =
        channels[channel].slot < current
        ? now.utc : plan.channels[channel].start(of: current &+ 1)
      if next < slotsUntil { slotsUntil = next }
      channel &+= 1
    }
  }

  /// When the next slot of any channel begins, µs since 1970; the greatest number if none does.
  func nextSlotStart(after utc: UInt64) -> UInt64 {
    if utc >= slotsSince, utc < slotsUntil { return slotsUntil }
    var next = UInt64.max
    var channel = 0
    while channel < channels.count {
      let plan = plan.channels[channel]
      let start = plan.start(of: plan.slot(at: utc) &+ 1)
      if start > utc, start < next { next = start }
      channel &+= 1
    }
    return next
  }

  /// Brings a channel's schedule up to `now`, in its slot `current`: that one begins, passed ones are shed.
  private mutating func schedule<Sink: PollSink & ~Copyable>(
    _ channel: Int, current: UInt64, at now: Instant, into sink: inout Sink
  ) {
    let first = !channels[channel].isScheduled
    channels[channel].isScheduled = true
    if !channels[channel].hasSlot {
      return begin(slot: current, of: channel, at: now, into: &sink)
    }
    if first, channels[channel].slot >= current {
      // The log is ahead of the clock (set back while the agent was away), or we were quick.
      channels[channel].slot = current
      return
    }
    guard current > channels[channel].slot else { return }
    let isUnderWay = channels[channel].hasJob && isStarted(channel)
    guard !isUnderWay else { return }
    if channels[channel].hasJob {
      let reason = reasonNow(channel, since: channels[channel].slot, at: now)
      abandonSlot(channel, reason: reason, at: now, into: &sink)
    }
    let known = channels[channel].slot
    if current > known &+ 1 {
      let reason =
        first ? plan.channels[channel].absence : reasonNow(channel, since: known &+ 1, at: now)
      shed(channel, known &+ 1, current &- 1, reason, at: now, into: &sink)
      // What lies behind us is logged at once.
      if first { closeRun(channel, at: now, into: &sink) }
    }
    begin(slot: current, of: channel, at: now, into: &sink)
  }

  /// Every request of a channel is made in `slot`.
  private func admitsAll(slot: UInt64, of channel: Int) -> Bool {
    guard givingWay != .nothing else { return true }
    let plan = plan.channels[channel]
    var request = 0
    while request < plan.requestCount {
      if !admits(request, slot: slot, of: channel, givingWay) { return false }
      request &+= 1
    }
    return true
  }

  private func admits(
    _ request: Int, slot: UInt64, of channel: Int, _ givingWay: GivingWay
  ) -> Bool {
    let plan = plan.channels[channel]
    return givingWay.admits(
      slot: slot, isCritical: self.plan.devices[plan.device].isCritical,
      readsTotal: self.plan.requests[plan.firstRequest &+ request].readsTotal)
  }

  /// The first request of the channel's slot from `request` on that is made; their number if none is.
  func nextRequest(from request: Int, of channel: Int) -> Int {
    let state = channels[channel]
    let end = plan.channels[channel].requestCount
    var next = request
    while next < end, state.givingWay != .nothing,
      !admits(next, slot: state.slot, of: channel, state.givingWay)
    {
      next &+= 1
    }
    return next
  }

  /// The first request of the channel's slot is out or done.
  private func isStarted(_ channel: Int) -> Bool {
    if channels[channel].request > 0 { return true }
    let line = line(of: channel)
    return lines[line].activity != .idle && lines[line].lease != .underWay && isCurrent(line)
      && lines[line].channel == channel
  }

  /// Why slots of a channel, from `slot` on, pass unattempted at this moment.
  private func reasonNow(
    _ channel: Int, since slot: UInt64, at now: Instant
  ) -> EventEntry.ShedReason {
    let line = line(of: channel)
    guard lines[line].isOpen else { return .portLost }
    if isHeld { return .siteReloaded }
    return wasLeased(line, since: slot, of: channel, at: now) ? .manualAccess : .lineBusy
  }

  private mutating func begin<Sink: PollSink & ~Copyable>(
    slot: UInt64, of channel: Int, at now: Instant, into sink: inout Sink
  ) {
    // One that is not, or not wholly, polled is said to be shed before what is polled of it.
    if !admitsAll(slot: slot, of: channel) {
      shed(channel, slot, slot, .givingWay, at: now, into: &sink)
    }
    channels[channel].hasSlot = true
    channels[channel].slot = slot
    channels[channel].givingWay = givingWay
    channels[channel].request = nextRequest(from: 0, of: channel)
    guard channels[channel].request < plan.channels[channel].requestCount else {
      if channels[channel].hasJob { endJob(channel) }
      return
    }
    guard !channels[channel].hasJob else { return }
    channels[channel].hasJob = true
    lines[line(of: channel)].jobCount &+= 1
  }

  /// Nothing of the channel's slot is left to be asked.
  mutating func endJob(_ channel: Int) {
    channels[channel].hasJob = false
    lines[line(of: channel)].jobCount &-= 1
  }

  func line(of channel: Int) -> Int { plan.devices[plan.channels[channel].device].line }

  /// Gives up what is left of a channel's slot, and says so.
  mutating func abandonSlot<Sink: PollSink & ~Copyable>(
    _ channel: Int, reason: EventEntry.ShedReason, at now: Instant, into sink: inout Sink
  ) {
    guard channels[channel].hasJob else { return }
    endJob(channel)
    let slot = channels[channel].slot
    shed(channel, slot, slot, reason, at: now, into: &sink)
  }

  /// Adds slots to the channel's run, or logs the run and begins another.
  mutating func shed<Sink: PollSink & ~Copyable>(
    _ channel: Int, _ first: UInt64, _ last: UInt64, _ reason: EventEntry.ShedReason,
    at now: Instant,
    into sink: inout Sink
  ) {
    let run = channels[channel]
    if run.hasRun, run.runReason == reason, first == run.runLast &+ 1,
      now.mono &- run.runSince
        < (reason == .givingWay ? Sampler.givingWayRunMax : Sampler.shedRunMax)
    {
      channels[channel].runLast = last
      return
    }
    closeRun(channel, at: now, into: &sink)
    channels[channel].hasRun = true
    channels[channel].runFirst = first
    channels[channel].runLast = last
    channels[channel].runReason = reason
    channels[channel].runSince = now.mono
    // What lies behind us is logged at once; a run that goes on is logged when it ends.
    if reason == .clockStepped { closeRun(channel, at: now, into: &sink) }
  }

  /// Logs the channel's run of shed slots, if there is one.
  mutating func closeRun<Sink: PollSink & ~Copyable>(
    _ channel: Int, at now: Instant, into sink: inout Sink
  ) {
    guard channels[channel].hasRun else { return }
    channels[channel].hasRun = false
    sink.shed(
      channel: channel, first: channels[channel].runFirst, last: channels[channel].runLast,
      reason: channels[channel].runReason, at: now)
  }

  /// Begins a request on this line, if any is due: of the channel that was served longest ago. By age
  /// of the slot alone, a line that is too slow would serve its first channels only.
  mutating func beginNext<Sink: PollSink & ~Copyable>(
    _ line: Int, at now: Instant, into sink: inout Sink
  ) {
    guard lines[line].jobCount > 0 else { return }
    var chosen = -1
    var oldest = UInt64.max
    var channel = 0
    while channel < channels.count {
      let plan = plan.channels[channel]
      if channels[channel].hasJob, self.plan.devices[plan.device].line == line {
        if now.mono < devices[plan.device].probeAt {
          abandonSlot(channel, reason: .backOff, at: now, into: &sink)
        } else if now.mono >= devices[plan.device].quietUntil {
          if channels[channel].servedAt < oldest {
            oldest = channels[channel].servedAt
            chosen = channel
          }
        }
      }
      channel &+= 1
    }
    guard chosen >= 0 else { return }
    closeRun(chosen, at: now, into: &sink)
    channels[chosen].servedAt = now.mono
    lines[line].channel = chosen
    lines[line].slot = channels[chosen].slot
    lines[line].request = channels[chosen].request
    lines[line].part = 0
    lines[line].attempt = 1
    lines[line].rejectedCount = 0
    beginAttempt(line, at: now)
  }
}
