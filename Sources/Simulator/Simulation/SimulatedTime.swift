import HAL
import Metering

/// True time, and what the clocks of a machine make of it.
struct SimulatedTime {
  /// µs since the simulation began: true time.
  private(set) var now: UInt64 = 0
  /// 2026-07-25T17:20:00Z, µs since 1970, when it begins.
  static let begin: UInt64 = 1_785_000_000_000_000

  private var bootedAt: UInt64 = 0
  /// µs that the wall clock is off.
  private var offset: Int64 = 0
  /// µs that it gains in a million.
  private var drift: Int64 = 0
  private var driftSince: UInt64 = 0
  private var quality = ClockQuality(errorExponent: 12, source: .ntp)

  /// Lets time pass.
  mutating func pass(to time: UInt64) {
    precondition(time >= now, "time goes forward")
    now = time
  }

  /// The machine starts; a machine without a clock of its own begins in 1970.
  mutating func boot(isLost: Bool) {
    // The kernel was up for three seconds when the agent looks at the clock first.
    bootedAt = now >= 3_000_000 ? now - 3_000_000 : 0
    guard isLost else { return }
    offset = -Int64(SimulatedTime.begin + now) + 3_000_000
    drift = 0
    quality = .unknown
  }

  /// The wall clock is set so that it is off by `offset` µs.
  mutating func set(offset: Int64) {
    self.offset = offset
    drift = 0
    quality = ClockQuality(errorExponent: 12, source: .ntp)
  }

  /// The wall clock gains so many µs in a million from now on, and nobody sets it right.
  mutating func drift(by rate: Int64) {
    offset = currentOffset
    driftSince = now
    drift = rate
    quality = .unknown
  }

  /// The wall clock is moved by so much.
  mutating func step(by difference: Int64) { set(offset: currentOffset + difference) }

  /// How far the wall clock is off, µs.
  var currentOffset: Int64 { offset + Int64(now - driftSince) * drift / 1_000_000 }

  /// Both clocks as the machine reads them.
  var instant: Instant {
    let utc = Int64(SimulatedTime.begin + now) + currentOffset
    return Instant(mono: now - bootedAt + 1_000_000, utc: UInt64(max(utc, 0)), quality: quality)
  }

  /// True time of a moment of the boot clock.
  func time(ofMono mono: UInt64) -> UInt64 {
    let time = mono &+ bootedAt &- 1_000_000
    return mono + bootedAt < 1_000_000 ? 0 : time
  }
}
