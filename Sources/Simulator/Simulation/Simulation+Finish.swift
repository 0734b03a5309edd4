import Gateway
import HAL
import Uplink

extension Simulation where Key: ~Copyable {
  /// The last looks, when all has come to rest or should have.
  func finish(rested: UInt64?) {
    if rested == nil {
      let report = machine.report
      violate(
        .liveness,
        machine.isRunning
          ? "not at rest: committed \(report.committedSize), signed \(report.signedSize), "
            + "acknowledged \(report.acknowledgedSize), link \(report.linkState.key), "
            + "alarm \(report.alarm.map { "\($0)" } ?? "none"), failed \(report.hasFailed), "
            + "giving way: \(report.room.step)"
          : "the agent does not start")
      for (channel, seconds) in epoch.ledger.silentChannels(at: time.instant.utc) {
        violate(.slots, "of the last \(seconds) s of channel \(channel) nothing is known")
      }
      return
    }
    lookAtForgotten()
    for (old, next) in zip(epochs, epochs.dropFirst()) {
      guard let promised = old.promised, let named = next.ledger.before, named != promised else {
        continue
      }
      violate(
        .checkpoints, "epoch \(old.number) had signed \(promised.size), the next names \(named)")
    }
    lookAtTiles()
    for epoch in epochs {
      epoch.finish(isLast: epoch.number == self.epoch.number) { violate($0, $1) }
    }
    for epoch in epochs where epoch.number != self.epoch.number {
      let lost = epoch.lost(from: epochs)
      guard lost > 0 else { continue }
      violate(
        .durability, "\(lost) entries of epoch \(epoch.number) were readable and are nowhere")
    }
  }

  /// A log whose medium has forgotten what the mirror has seen may go on with the same entries, and with no others.
  private func lookAtForgotten() {
    guard let forgotten, machine.epoch <= forgotten.epoch else { return }
    let epoch = epochs[Int(forgotten.epoch) - 1]
    let hasAll =
      machine.epoch == forgotten.epoch && machine.report.committedSize >= forgotten.size
      && epoch.oracle.root(size: Int(forgotten.size)) == forgotten.root
    guard !hasAll, !epoch.mirror.hasForgotten else { return }
    violate(
      .visibility,
      "the mirror has seen more or other entries of epoch \(forgotten.epoch), and it goes on")
  }
}
