import CLinux
import HAL
import Metering
import Testing

@testable import HostHAL

@Suite struct HostClockTests {
  @Test func `both clocks run and agree with the kernel's own`() {
    let clock = HostClock()
    let before = (boot: clinux_boot_us(), utc: clinux_utc_us())
    let now = clock.now()
    let after = clinux_boot_us()
    #expect(now.mono >= before.boot && now.mono <= after)
    // 2020 to 2100, and within a minute of the clock read a moment earlier.
    #expect(now.utc > 1_577_836_800_000_000 && now.utc < 4_102_444_800_000_000)
    #expect(now.utc &- before.utc < 60_000_000)
    #expect(clock.microseconds() >= now.mono)
  }

  @Test func `the difference of the clocks is steady within 10 milliseconds`() {
    let clock = HostClock()
    let first = clock.now()
    let second = clock.now()
    let drift =
      Int64(bitPattern: second.utc &- second.mono) - Int64(bitPattern: first.utc &- first.mono)
    #expect(abs(drift) < 10_000)
  }

  @Test func `the quality is the kernel's word`() {
    let quality = HostClock().quality()
    var state = clinux_clock_state()
    guard clinux_clock_state(&state) >= 0, state.synchronised != 0 else {
      #expect(quality == .unknown)
      return
    }
    #expect(quality.source == .ntp)
    #expect(quality.errorExponent < 31)
    #expect(!quality.isNeverSynchronised)
  }

  @Test(arguments: [(0, 0), (1, 0), (2, 1), (1000, 10), (1024, 10), (1025, 11), (16_000_000, 24)])
  func `the exponent bounds the largest error`(error: Int64, exponent: UInt8) {
    let quality = HostClock.synchronised(maxErrorMicroseconds: error, leapPending: false)
    #expect(quality == ClockQuality(errorExponent: exponent, source: .ntp))
  }

  @Test func `an error beyond measure is unknown`() {
    let quality = HostClock.synchronised(maxErrorMicroseconds: .max, leapPending: true)
    #expect(quality.errorExponent == 31)
  }
}
