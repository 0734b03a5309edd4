import Sampling
import Testing
import TransparencyLog

/// What is polled of two channels with two requests each, one of which reads a total, when the log gives way. The
/// first channel's device is critical.
@Suite struct GivingWayTests {
  private func run(_ givingWay: GivingWay) -> Bench {
    var bench = Bench(
      units: [1, 2], requestsPerChannel: 2, isCritical: { $0 == 1 }, readsTotal: { $0 == 1 })
    bench.open()
    bench.sampler.givingWay = givingWay
    bench.run(for: 60_000_000) { [after(5_000, answer(unit: $0[0], value: UInt16($0[3])))] }
    return bench
  }

  /// Readings of a channel's request.
  private func count(_ bench: borrowing Bench, _ channel: Int, _ request: Int) -> Int {
    bench.notes.outcomes.count { $0.channel == channel && $0.request == request }
  }

  @Test func `slowed, what is not critical is polled in a tenth of its slots`() {
    let bench = run(.slowed)
    #expect(count(bench, 0, 0) >= 59 && count(bench, 0, 1) >= 59)
    #expect((5...7).contains(count(bench, 1, 0)) && (5...7).contains(count(bench, 1, 1)))
    for channel in 0..<2 { SamplerTests.checkAccount(bench.notes, channel: channel, requests: 2) }
    #expect(bench.notes.sheds.allSatisfy { $0.channel == 1 && $0.reason == .givingWay })
  }

  @Test func `totals alone are polled`() {
    let bench = run(.totalsOnly)
    #expect(count(bench, 0, 0) == 0 && count(bench, 0, 1) >= 59)
    #expect(count(bench, 1, 0) == 0 && (5...7).contains(count(bench, 1, 1)))
    for channel in 0..<2 { SamplerTests.checkAccount(bench.notes, channel: channel, requests: 2) }
  }

  @Test func `with events alone one run says it all`() {
    var bench = run(.eventsOnly)
    #expect(bench.notes.outcomes.isEmpty && bench.notes.sheds.isEmpty)
    // The run is logged when it ends.
    bench.sampler.givingWay = .nothing
    bench.run(for: 3_000_000) { [after(5_000, answer(unit: $0[0], value: UInt16($0[3])))] }
    #expect(bench.notes.sheds.count == 2)
    for channel in 0..<2 {
      let run = bench.notes.sheds.first { $0.channel == channel }
      #expect(run.map { $0.last - $0.first >= 58 } == true)
      SamplerTests.checkAccount(bench.notes, channel: channel, requests: 2)
    }
  }
}
