import HAL

/// Waits of 1 s to 5 min that double, with jitter, so that a fleet does not return all at once.
///
/// The waits before jitter are 1, 2, 4 … 128, 240 s; up to a quarter is added.
struct BackOff: Equatable, Sendable {
  /// The first wait in µs.
  static var first: UInt64 { 1_000_000 }
  /// The longest wait in µs before jitter.
  static var last: UInt64 { 240_000_000 }

  private var base: UInt64 = BackOff.first

  /// Starts anew after something worked.
  mutating func reset() { base = BackOff.first }

  /// The next wait in µs.
  mutating func next<Random: EntropySource & ~Copyable>(_ randomness: inout Random) -> UInt64 {
    let wait = base &+ randomness.next() % (base / 4 &+ 1)
    base = base &* 2 > BackOff.last ? BackOff.last : base &* 2
    return wait
  }
}
