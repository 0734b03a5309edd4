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
            + "alarm \(report.alarm.map { "\($0)" } ?? "none"), failed \(report.hasFailed)"
          : "the agent does not start")
      return
    }
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
}
