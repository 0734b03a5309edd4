import Metering

/// Time since boot that never steps and counts through suspend (`CLOCK_BOOTTIME` on Linux).
public protocol MonotonicClock {
  /// Microseconds since boot.
  func microseconds() -> UInt64
}

/// UTC, with how well it is known.
public protocol WallClock {
  /// Microseconds since 1970-01-01T00:00:00Z, without leap seconds (POSIX).
  func utcMicroseconds() -> UInt64
  /// How well `utcMicroseconds` is known now.
  func quality() -> ClockQuality
}

/// Both clocks read together, as every entry records them.
public struct Instant: Equatable, Sendable, BitwiseCopyable {
  /// Microseconds since boot.
  public var mono: UInt64
  /// Microseconds since 1970, UTC.
  public var utc: UInt64
  /// How well `utc` is known.
  public var quality: ClockQuality

  /// Takes the three readings of one moment.
  public init(mono: UInt64, utc: UInt64, quality: ClockQuality) {
    self.mono = mono
    self.utc = utc
    self.quality = quality
  }
}
