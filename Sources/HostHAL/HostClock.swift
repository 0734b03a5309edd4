import CLinux
import HAL
import Metering
import Synchronization

/// The clocks of the Linux host: `CLOCK_BOOTTIME` and `CLOCK_REALTIME`.
///
/// The quality word comes from adjtimex(2) at most once a second; between calls it is remembered.
/// Any thread may ask.
public final class HostClock: MonotonicClock, WallClock, Sendable {
  // The second in which the word was made (48 bits) and the word (16 bits), so that both change
  // together without a lock. Second 0 stands for "never asked".
  private let remembered = Atomic<UInt64>(0)
  // The clock was synchronised at some time since this process began.
  private let wasSynchronised = Atomic<Bool>(false)

  /// Makes a clock; several may exist.
  public init() {}

  /// `CLOCK_BOOTTIME` in µs.
  public func microseconds() -> UInt64 { clinux_boot_us() }

  /// `CLOCK_REALTIME` in µs since 1970.
  public func utcMicroseconds() -> UInt64 { clinux_utc_us() }

  /// CPU time that the calling thread has used, µs.
  public static func threadMicroseconds() -> UInt64 { clinux_thread_cpu_us() }

  /// Waits; a signal may end it early.
  public func sleep(microseconds: UInt64) { clinux_sleep_us(microseconds) }

  /// How well the wall clock is known.
  ///
  /// Synchronised by the kernel's word: the smallest `e` with `2^e` ≥ maxerror, source NTP (the kernel
  /// does not say which program steers it). No longer synchronised: hold-over, error unknown. Never
  /// synchronised since this process began: `ClockQuality.unknown`.
  public func quality() -> ClockQuality { quality(at: clinux_boot_us()) }

  private func quality(at mono: UInt64) -> ClockQuality {
    let second = mono / 1_000_000 + 1
    let known = remembered.load(ordering: .relaxed)
    if known >> 16 == second { return ClockQuality(rawValue: UInt16(truncatingIfNeeded: known)) }
    var state = clinux_clock_state()
    let result = clinux_clock_state(&state)
    var quality = ClockQuality.unknown
    if result >= 0, state.synchronised != 0 {
      wasSynchronised.store(true, ordering: .relaxed)
      quality = HostClock.synchronised(
        maxErrorMicroseconds: state.max_error_us, leapPending: state.leap_pending != 0)
    } else if wasSynchronised.load(ordering: .relaxed) {
      quality = ClockQuality(errorExponent: 31, source: .ntp, holdover: true)
    }
    remembered.store(second << 16 | UInt64(quality.rawValue), ordering: .relaxed)
    return quality
  }

  /// The word for a clock that the kernel calls synchronised within `maxErrorMicroseconds`.
  static func synchronised(maxErrorMicroseconds: Int64, leapPending: Bool) -> ClockQuality {
    var exponent: UInt8 = 0
    while exponent < 31, Int64(1) << Int64(exponent) < maxErrorMicroseconds { exponent += 1 }
    return ClockQuality(errorExponent: exponent, source: .ntp, leapPending: leapPending)
  }

  /// Both clocks read together, and the quality.
  public func now() -> Instant {
    var mono: UInt64 = 0
    var utc: UInt64 = 0
    clinux_clocks(&mono, &utc)
    return Instant(mono: mono, utc: utc, quality: quality(at: mono))
  }
}
