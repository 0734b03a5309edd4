import HAL
import Metering

/// The clock of the cosignatures: whole seconds, or nothing.
///
/// A cosignature says "not later than"; a guess would be false evidence, so without a time there is
/// none and the answer is 503.
public struct CosignatureClock: Sendable {
  private let read: @Sendable () -> UInt64?

  /// Wraps a source of POSIX seconds.
  public init(_ read: @escaping @Sendable () -> UInt64?) { self.read = read }

  /// The earliest time that can be true, 2024-01-01: a machine whose clock chip lost its battery wakes
  /// up in 1970 or in the year it was made.
  public static let earliest: UInt64 = 1_704_067_200

  /// Seconds that a cosignature may lie after the clock before it is a matter for a person: what a
  /// gateway whose clock is good accepts of a mirror (`Uplink.TrustedClock`).
  public static let leadMax: UInt64 = 300

  /// Uses a wall clock. With `requiresSynchronisation` a clock that the kernel does not call
  /// synchronised is no clock.
  public static func wall(
    _ clock: some WallClock & Sendable, requiresSynchronisation: Bool
  ) -> CosignatureClock {
    CosignatureClock {
      let seconds = clock.utcMicroseconds() / 1_000_000
      guard seconds >= earliest else { return nil }
      if requiresSynchronisation {
        let quality = clock.quality()
        guard quality.errorExponent < 31, !quality.isNeverSynchronised else { return nil }
      }
      return seconds
    }
  }

  /// POSIX seconds; `nil` if the time is not known.
  func now() -> UInt64? { read() }
}
