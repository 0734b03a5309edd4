/// The cables of a site, with what is asked of them at every turn: when each has something to do next, and
/// whether one is unplugged.
struct SimulatedCables {
  private var cables: [SimulatedCable]
  /// When each has something to do next; the greatest number if nothing.
  private var wakes: [UInt64]
  /// Until when one of them is unplugged at most.
  private var unpluggedUntil: UInt64 = 0
  /// Something was done to bytes since `takeIncidents`.
  private(set) var hasIncidents = false

  init(_ cables: [SimulatedCable]) {
    self.cables = cables
    wakes = cables.map { $0.wakeAt ?? .max }
  }

  /// One for each line of the site.
  var indices: Range<Int> { cables.indices }

  /// A cable as it is.
  subscript(line: Int) -> SimulatedCable { cables[line] }

  /// Whether a cable has something to do.
  func isDue(line: Int, at now: UInt64) -> Bool { wakes[line] <= now }

  /// When one of them has something to do next, or can be plugged in again.
  func nextWake(after now: UInt64) -> UInt64 {
    var next = UInt64.max
    for wake in wakes where wake < next { next = wake }
    guard unpluggedUntil > now else { return next }
    for cable in cables where cable.unpluggedUntil > now { next = min(next, cable.unpluggedUntil) }
    return next
  }

  /// Does something to a cable.
  mutating func change<Result>(
    line: Int, _ body: (inout SimulatedCable) -> Result
  ) -> Result {
    let result = body(&cables[line])
    wakes[line] = cables[line].wakeAt ?? .max
    unpluggedUntil = max(unpluggedUntil, cables[line].unpluggedUntil)
    if !cables[line].incidents.isEmpty { hasIncidents = true }
    return result
  }

  /// What was done to bytes since the last call, line by line.
  mutating func takeIncidents() -> [FaultKind] {
    hasIncidents = false
    var incidents: [FaultKind] = []
    for line in cables.indices {
      incidents += cables[line].incidents
      cables[line].incidents = []
    }
    return incidents
  }
}
