import Gateway
import HAL
import Journal
import TransparencyLog

// What was seen while the gateway ran, and the looks that need more than one part of it.
extension Simulation where Key: ~Copyable {
  /// Counts a fault and says it in the trace.
  func count(_ kind: FaultKind) {
    faultCounts[Int(kind.rawValue)] += 1
    trace.note(.fault(kind), at: time.now)
  }

  /// The agent has seen this fault, and says so in an event. One that is starting says it behind its opening entries, and
  /// one that does not run sees nothing.
  func expect(_ code: EventEntry.Code, for fault: FaultKind) {
    guard machine.isRunning else { return expectedOfStart.append((code, fault)) }
    expectedAt = time.now
    // A machine that sleeps sees it when it wakes, and a recorder that waits for a slow medium when that has written. Of a
    // full log some events are held back.
    epoch.visibility.expect(
      code, for: fault, committed: max(machine.report.committedSize, firstOfStart),
      at: max(asleepUntil, tellsAt))
  }

  /// A turn of the recorder has ended: what it has to say is written later if the medium is slow or refuses.
  func lookAtWriting() {
    if let since = failingSince, !machine.report.hasFailed {
      epoch.visibility.agentWaits(from: since, until: time.now)
    }
    if tellsAt > time.now { epoch.visibility.agentWaits(from: time.now, until: tellsAt) }
    failingSince = machine.report.hasFailed ? failingSince ?? time.now : nil
  }

  /// When the recorder tells of what it sees now: it waits for a slow medium, and holds back what a full log has no room for.
  private var tellsAt: UInt64 {
    max(
      time.now, machine.isSlow ? time.time(ofMono: machine.recorderDue) : 0,
      time.time(ofMono: machine.eventsHeldUntil))
  }

  func violate(_ checker: Violation.Checker, _ text: String) {
    trace.note(.violation("\(checker): \(text)"), at: time.now)
    violations.append(Violation(checker: checker, time: time.now, text: text))
  }

  // MARK: commits

  /// What is recorded is committed in time. While the medium refuses nothing is, and what is slow takes its time.
  func lookAtCommits() {
    guard let end = machine.nextIndex else { return }
    if !disk.refusals.isEmpty || machine.report.hasFailed || machine.isSlow { excuseCommits() }
    let problem = commits.look(
      recorded: end, committed: machine.report.committedSize, at: time.now)
    if let problem { violate(.commits, problem) }
  }

  /// Nothing is asked for until committing goes on.
  func excuseCommits() { commits.excuse(committed: machine.report.committedSize) }

  // MARK: room

  /// The medium has no room for the quota and what stands beside the log.
  var isMediumShort: Bool { plan.mediumByteCount / 2 < Int(quota.quotaByteCount) }

  /// What stands on the medium after a turn is within the quota, and no less than it must be where nobody else takes room and
  /// every segment becomes full.
  func lookAtStanding() {
    let standing = disk.segmentByteCount
    if let problem = quota.look(standing: standing) { return violate(.quota, problem) }
    guard takesAllWrites, !isMediumShort else { return }
    let problem = quota.look(standing: standing, minimumIndex: machine.report.minimumIndex)
    if let problem { violate(.quota, problem) }
  }

  /// An epoch that ends for want of room had none: what the mirror had acknowledged could have been given up. Not the last
  /// incomplete tile of it, and not of a medium that has failed: what is damaged cannot be summed up. What earlier epochs kept
  /// has gone by now, or the medium does not let it.
  func lookAtRoom(_ epoch: UInt32) {
    guard !mediumFailed else { return }
    let (kept, earlier) = disk.byteCount(epoch, from: quota.acknowledgedAtEnd / 256 * 256)
    if let problem = quota.look(full: kept, beside: earlier) { violate(.quota, problem) }
  }

  // MARK: boots

  /// Looks at the first entry of a frame that is written: an agent that starts begins its frame with a boot.
  func lookAtBoot(_ frame: UnsafeRawBufferPointer) {
    let length = Int(frame[44]) << 8 | Int(frame[45])
    let entry = Array(frame[46..<46 + length])
    guard case .boot(let boot)? = try? Entry.decode(entry.span) else { return }
    if let problem = bootNumbers.look(boot.head.boot) { violate(.boots, problem) }
  }

  // MARK: tiles

  /// The tiles that stand are those of the naive tree, unless the medium changes what it has.
  func lookAtTiles() {
    guard !FaultKind.allCases.contains(where: { $0.isLossOfMedium && plan.faults[$0] > 0 }) else {
      return
    }
    for epoch in epochs where Int(epoch.number) <= disk.volumes.count {
      if let problem = epoch.look(at: disk.volumes[Int(epoch.number) - 1].tiles) {
        violate(.roots, problem)
      }
    }
  }
}
