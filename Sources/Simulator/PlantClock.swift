/// Turns time that passes into plant time, `speed` times as fast.
///
/// Only the plant is compressed: what happens on a line keeps its own time.
public struct PlantClock: Equatable, Sendable {
  /// The most that plant time may be compressed.
  public static let speedMax: UInt64 = 100_000

  /// A moment of the machine's clock, µs.
  public let anchor: UInt64
  /// The plant time of that moment, µs.
  public let plantAtAnchor: UInt64
  /// Plant microseconds in each of the machine's, 1…``speedMax``.
  public let speed: UInt64

  /// A clock that shows `plantAtAnchor` at `anchor`.
  public init(anchor: UInt64, plantAtAnchor: UInt64, speed: UInt64) {
    precondition(speed >= 1 && speed <= PlantClock.speedMax, "speed out of range")
    self.anchor = anchor
    self.plantAtAnchor = plantAtAnchor
    self.speed = speed
  }

  /// The plant time of a moment; before the anchor it stands still, so it never runs backwards.
  public func plantTime(at now: UInt64) -> UInt64 {
    plantAtAnchor + (now > anchor ? now - anchor : 0) * speed
  }
}
