import Gateway
import HAL
import Journal
import Metering
import Sampling
import TransparencyLog

// The faults that happen to the machine as a whole, and the way back from them.
extension Simulation where Key: ~Copyable {
  func schedule(_ kind: FaultKind) {
    timed.removeAll { $0.kind == kind }
    guard let wait = entropy.wait(perDay: plan.faults[kind]) else { return }
    timed.append((kind, time.now + max(wait, 1)))
  }

  /// Faults are over: what is broken by them is mended, what they left behind stays.
  func calm() {
    isCalm = true
    timed = []
    disk.isCalm = true
    disk.unreadable = []
    disk.refusals = []
    network.isCalm = true
    network.downUntil = 0
    network.expiredUntil = 0
    let wasAsleep = asleepUntil > time.now
    asleepUntil = 0
    for line in cables.indices {
      cables.change(line: line) { cable in
        cable.isCalm = true
        cable.unpluggedUntil = min(cable.unpluggedUntil, time.now)
        for meter in cable.line.meters.indices { cable.silence(meter: meter, until: 0) }
      }
    }
    if time.currentOffset != 0 {
      // Less than half a second counts as slewed; what is next to it may be seen as either, and so may what a clock has
      // lost while the machine slept.
      let isStep = time.currentOffset.magnitude >= Sampler.clockStepMin + 10_000
      time.set(offset: 0)
      clockSetAt = nil
      if machine.isRunning, isStep, !wasAsleep { expect(.clockStepped, for: .clockStep) }
    }
  }

  /// The agent dies, and what it was told to be durable is not there when it starts again.
  func plantDefect() {
    machine.kill()
    disk.dropLastFrame()
    ended(.ended("canary"), startsIn: 1_000_000)
  }

  func strikeTimed() {
    for (kind, at) in timed where at <= time.now {
      schedule(kind)
      strike(kind)
    }
  }

  private func strike(_ kind: FaultKind) {
    switch kind {
    case .powerCut: powerFails()
    case .agentKilled, .agentStopped: endAgent(kind)
    case .clockStep, .leapSecond, .clockDrift, .suspend: disturbClock(kind)
    case .mediumFull, .mediumRefuses, .mediumReadOnly:
      count(kind)
      let shortest: UInt64 = kind == .mediumFull ? 60_000_000 : 10_000_000
      // One that has not ended yet ends when the later one does.
      disk.refusals.removeAll { $0.kind == kind }
      disk.refusals.append((kind, time.now + entropy.within(shortest...1_800_000_000)))
    case .bitRot:
      if let (epoch, object) = disk.rot() { cameToHarm(epoch, object) }
    case .unreadable:
      let end = time.now + entropy.within(60_000_000...7_200_000_000)
      if let (epoch, object) = disk.refuseReads(until: end) { cameToHarm(epoch, object) }
    case .deadDevice, .unplugged: disturbLine(kind)
    case .linkDown:
      count(kind)
      network.downUntil = time.now + entropy.within(60_000_000...43_200_000_000)
    case .certificateExpired:
      count(kind)
      network.expiredUntil = time.now + entropy.within(600_000_000...10_800_000_000)
    case .mirrorCrash:
      count(kind)
      let (stored, signed) = (UInt64(epoch.mirror.leaves.count), epoch.mirror.mirrored)
      epoch.mirror.forget(from: signed + entropy.below(stored - signed + 1))
    case .mirrorLost:
      count(kind)
      for epoch in epochs { epoch.mirror.lose() }
    default: preconditionFailure("not a timed fault")
    }
  }

  // MARK: power and process

  private func powerFails() {
    guard cutAt == nil, !disk.awaitsCut, !disk.isDead else { return }
    count(.powerCut)
    // In the middle of one of the next operations, or a while later, at rest.
    disk.scheduleCut(after: entropy.below(20))
    cutAt = time.now + entropy.within(1_000_000...30_000_000)
  }

  /// The machine has no power any more.
  func powerIsGone() {
    machine.kill()
    refusedStartCount = 0
    cutAt = nil
    asleepUntil = 0
    for line in cables.indices { cables.change(line: line) { $0.unplug(until: $0.unpluggedUntil) } }
    ended(.ended("no power"), startsIn: entropy.within(1_000_000...600_000_000))
  }

  /// The agent has ended, and starts again in so many µs.
  private func ended(_ why: Trace.Event, startsIn wait: UInt64) {
    network.disconnect()
    epoch.visibility.agentEnded(at: time.now, committed: committed, failingSince: failingSince)
    failingSince = nil
    trace.note(why, at: time.now)
    startsAt = time.now + wait
  }

  private func endAgent(_ kind: FaultKind) {
    guard machine.isRunning, asleepUntil <= time.now else { return }
    count(kind)
    if kind == .agentStopped {
      do throws(RecorderError) { try machine.stop(at: time.instant) } catch {
        trace.note(.recorderFailed("\(error)"), at: time.now)
        machine.kill()
      }
      committed = max(committed, machine.report.committedSize)
      if disk.isDead { return powerIsGone() }
    } else {
      machine.kill()
    }
    ended(.ended(kind.key), startsIn: entropy.within(1_000_000...60_000_000))
  }

  /// The agent has found that its epoch cannot go on: it ends, and the next one begins a new epoch.
  func endEpoch(_ why: EpochEndKind) {
    do throws(RecorderError) { try machine.stop(at: time.instant) } catch { machine.kill() }
    if disk.isDead { return powerIsGone() }
    machine.endEpoch(why)
    ended(.ended("its epoch is over: \(why)"), startsIn: 1)
  }

  /// The machine boots, and its clock may have stopped meanwhile.
  private func boot() {
    disk.restorePower()
    boots += 1
    machine.boot(number: boots)
    let isLost = boots > 1 && !isCalm && entropy.chance(plan.faults[.clockLost])
    if isLost { count(.clockLost) }
    time.boot(isLost: isLost)
    clockSetAt = isLost ? time.now + entropy.within(10_000_000...1_800_000_000) : nil
    if !isLost, time.currentOffset != 0 { time.set(offset: 0) }
  }

  func start() {
    startsAt = nil
    if disk.isDead || boots == 0 { boot() }
    if !isCalm, entropy.chance(plan.faults[.powerCutAgain]) {
      count(.powerCutAgain)
      disk.scheduleCut(after: entropy.below(60))
    }
    isMendingDisturbed = false
    expectedOfStart = []
    let damage = damageCount
    let newest = disk.newestEpoch
    let acknowledged = disk.newestSuperblock(newest)?.block.acknowledgedSize ?? 0
    bootNumbers.begin()
    if mediumFailed { lookForForgotten() }
    if isBeginning, mediumFailed { mediumMayHaveLost(upTo: newest) }
    do throws(RecorderError) {
      try machine.start(at: time.instant, session: jitter.next()) { begins(behind: newest, $0) }
    } catch {
      return refused(error, acknowledged: acknowledged)
    }
    if disk.isDead { return powerIsGone() }
    refusedStartCount = 0
    isBeginning = false
    quota.started()
    firstOfStart = machine.nextIndex ?? 0
    // What came to harm in this start is found in the next.
    if damageCount == damage {
      if damageCount > damageFound { lookAtDamage() }
      trustMedium()
    }
    epoch.visibility.agentStarted(on: machine.recoveredSize)
    for (code, fault) in expectedOfStart { expect(code, for: fault) }
    lookAtMending()
    startCount += 1
    live.restart()
    budget.restart()
    commits.restart(at: time.time(ofMono: machine.recorderDue))
    trace.note(.started(size: machine.report.committedSize), at: time.now)
    goOn(in: machine.epoch)
    // A start that failed may have begun the epoch.
    if machine.epoch == committedEpoch,
      machine.report.committedSize < committed, !mediumFailed
    {
      violate(
        .durability,
        "\(committed) entries were committed, \(machine.report.committedSize) are there")
    }
    committed = machine.report.committedSize
    committedEpoch = machine.epoch
  }

  /// A start on a log of which so much was acknowledged has failed.
  private func refused(_ error: RecorderError, acknowledged: UInt64) {
    if disk.isDead { return powerIsGone() }
    if machine.report.epochEnd != nil {
      quota.acknowledgedAtEnd = acknowledged
      // The next epoch is begun by the same process.
      return ended(.refused("\(error)"), startsIn: 1)
    }
    // A service manager waits longer each time: a start reads all of the log.
    refusedStartCount += 1
    ended(.refused("\(error)"), startsIn: 10_000_000 << min(refusedStartCount - 1, 5))
  }

  // MARK: clock

  private func disturbClock(_ kind: FaultKind) {
    guard machine.isRunning, asleepUntil <= time.now else { return }
    count(kind)
    switch kind {
    case .leapSecond: time.step(by: -1_000_000)
    case .clockDrift:
      let rate = Int64(entropy.within(10...500))
      time.drift(by: entropy.chance(500_000) ? rate : -rate)
      // Too slow for a step: nothing is to be seen of it but the times themselves.
      return
    case .suspend:
      asleepUntil = time.now + entropy.within(60_000_000...3_600_000_000)
      live.excuse(until: asleepUntil + LiveChecker.within)
      excuseCommits()
      epoch.visibility.agentWaits(from: time.now, until: asleepUntil)
      return
    default:
      let magnitude = Int64(
        entropy.within(600_000...(entropy.chance(200_000) ? 200_000_000_000 : 300_000_000)))
      time.step(by: entropy.chance(500_000) ? magnitude : -magnitude)
    }
    expect(.clockStepped, for: kind)
  }

  // MARK: lines

  private func disturbLine(_ kind: FaultKind) {
    let line = Int(entropy.below(UInt64(cables.indices.count)))
    if kind == .deadDevice {
      let meter = entropy.below(UInt64(max(cables[line].line.meters.count, 1)))
      let end = time.now + entropy.within(60_000_000...3_600_000_000)
      guard !cables[line].line.meters.isEmpty else { return }
      count(kind)
      cables.change(line: line) { $0.silence(meter: Int(meter), until: end) }
      return
    }
    let end = time.now + entropy.within(1_000_000...600_000_000)
    guard machine.isRunning, asleepUntil <= time.now, cables[line].unpluggedUntil <= time.now else {
      return
    }
    count(kind)
    cables.change(line: line) { $0.unplug(until: end) }
    machine.lost(line: line, at: time.instant)
    expect(.portLost, for: kind)
  }

  /// What has arrived at the gateway on a line.
  func receive(_ line: Int, _ now: Instant) {
    cables.change(line: line) { cable in
      cable.receive(at: time.now, values: { PlantMoment(plant: plant, time: $0) }) {
        machine.received(line: line, $0, at: now)
      }
    }
  }

  /// Opens ports that are there.
  func plugIn() {
    if !machine.isWholeOpen {
      for line in cables.indices
      where cables[line].unpluggedUntil <= time.now && !machine.isOpen(line: line) {
        machine.opened(line: line, at: time.instant)
      }
    }
    if cables.hasIncidents { for kind in cables.takeIncidents() { count(kind) } }
    guard !network.incidents.isEmpty else { return }
    for kind in network.incidents { count(kind) }
    network.incidents = []
  }
}
