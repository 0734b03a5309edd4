import HAL

/// Waits that are drawn evenly from 0.5 s up to a bound of 5, 10, 20 … 160, then 300 s.
///
/// The first bound is longer than one gateway needs: a collector that restarts cuts off all its gateways in one
/// moment, and those of a fleet of 500 then come back some 110 in a second instead of all in the same one. Later waits
/// begin at 0.5 s too, so that nothing of the first moment is left in them.
struct BackOff: Equatable, Sendable {
  /// The shortest wait in µs.
  static var least: UInt64 { 500_000 }
  /// The first bound in µs.
  static var firstBound: UInt64 { 5_000_000 }
  /// The last bound in µs: a gateway is back five minutes after its link at the latest.
  static var lastBound: UInt64 { 300_000_000 }

  private var bound: UInt64 = BackOff.firstBound
  private let limit: UInt64

  /// Waits of at most `limit` µs, at least the first bound.
  init(limit: UInt64 = BackOff.lastBound) {
    precondition(limit >= BackOff.firstBound, "the bounds ascend")
    self.limit = limit
  }

  /// Starts anew after something worked.
  mutating func reset() { bound = BackOff.firstBound }

  /// The next wait in µs.
  mutating func next<Random: EntropySource & ~Copyable>(_ randomness: inout Random) -> UInt64 {
    let wait = BackOff.least &+ randomness.next() % (bound &- BackOff.least)
    bound = bound &* 2 > limit ? limit : bound &* 2
    return wait
  }
}
