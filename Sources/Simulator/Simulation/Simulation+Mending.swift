import Gateway
import HAL
import Journal
import Uplink

// What a start asks of the mirror, and the look at what comes of it.
extension Simulation where Key: ~Copyable {
  /// Answers a request of a start by way of the network.
  func fetch(_ request: BundleRequest) -> (answer: BundleAnswer, duration: UInt64) {
    let before = network.incidents.count
    let (response, duration) = network.fetch(patience: request.patience, at: time.now) {
      for epoch in epochs {
        if let body = epoch.mirror.answer(request) {
          return UplinkResponse(status: 200, body: body)
        }
      }
      return UplinkResponse(status: 404)
    }
    trace.note(.answer(status: response.status), at: time.now)
    // A login page is an answer, too.
    if response.status != 200 || network.incidents.count != before { isMendingDisturbed = true }
    guard response.status == 200 else { return (.refused, duration) }
    return (.taken(response.body), duration)
  }

  /// A log that was mended has the entries that were recorded, but for those that its start has given up since.
  func lookAtMending() {
    let minimum = disk.newestSuperblock(machine.epoch)?.block.minimumIndex ?? 0
    if !takesAllWrites { quota.mended(machine.mended.count) }
    for run in machine.mended {
      epochs[Int(machine.epoch) - 1].mendedRunCount += 1
      trace.note(.mended(run), at: time.now)
      let oracle = epochs[Int(machine.epoch) - 1].oracle
      let kept = max(run.lowerBound, minimum)..<max(run.upperBound, minimum)
      let entries = WholeEntry.all(in: disk.wholeSegments(machine.epoch, isRead: false))
      if let problem = oracle.problem(ofMended: kept, in: entries) {
        violate(.durability, problem)
      }
    }
  }

  /// The mirror could have given back what an epoch had lost: it answered, and never lost anything; nor did the medium
  /// fail meanwhile.
  func hasCopy(of epoch: UInt32) -> Bool {
    !isMendingDisturbed && epoch > 0 && !epochs[Int(epoch) - 1].mirror.hasForgotten
  }
}
