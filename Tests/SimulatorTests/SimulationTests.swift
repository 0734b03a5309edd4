import Gateway
import HAL
import HostCrypto
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog
import Uplink

@testable import Simulator

/// Whole gateways in virtual time: small ones, for `scripts/simulate` has the many.
@Suite struct SimulationTests {
  private let world = SmallWorld()

  @Test func `without faults everything is polled, recorded and acknowledged`() throws {
    let result = try world.simulation(seed: 1).run()
    #expect(result.violations == [])
    // One poll a second for ten minutes and the minute that comes to rest.
    #expect((660...680).contains(result.pollCount))
    #expect(result.size >= result.pollCount && result.acknowledged == result.size)
    #expect(result.startCount == 1 && result.epochs == 1)
    // A log cannot forget: nothing stands in it of what was not.
    #expect(Set(result.eventCounts.filter { $0.value > 0 }.keys) == [.portReturned, .linkUp])
  }

  @Test func `live values come in time while history drains in its budget`() throws {
    // Some twenty times what the meter makes, half of it for a checkpoint each 5 s.
    let budget = CatchUpBudget(byteCount: 1_200, seconds: 1)
    for seed in 1...4 as ClosedRange<UInt64> {
      let result = try world.simulation(
        seed: seed, catchUp: budget, [.linkDown: 600, .requestLost: 100_000]
      ).run()
      #expect(result.violations == [])
      #expect(result.faultCounts[Int(FaultKind.linkDown.rawValue)] > 0)
      #expect(result.acknowledged == result.size)
      #expect(result.livePostCount > 20 && result.liveDelayMax < 5_000_000)
    }
    let free = try world.simulation(seed: 1).run()
    // One value a second, a post each two.
    #expect((320...345).contains(free.livePostCount))
    #expect((1_000_000..<2_500_000).contains(free.liveDelayMax))
  }

  @Test func `the same seed gives the same trace, another one another`() throws {
    let rates: [FaultKind: UInt32] = [.powerCut: 500, .noise: 50_000, .answerLost: 200_000]
    let first = try world.simulation(seed: 7, rates).run()
    #expect(first.traceHash == (try world.simulation(seed: 7, rates).run()).traceHash)
    #expect(first.traceHash != (try world.simulation(seed: 8, rates).run()).traceHash)
    #expect(first.violations == [] && first.startCount > 1)
  }

  // A poll and a commit of 4 KiB a second: a mebibyte is full after 256 s.

  @Test func `what is acknowledged is given up, and every start goes on from the summary`() throws {
    let result = try world.simulation(seed: 5, seconds: 3_600, quota: 3 << 20, [.agentKilled: 300])
      .run()
    #expect(result.violations == [])
    #expect(result.startCount > 3 && result.epochs == 1)
    #expect(result.eventCounts[.entriesGivenUp, default: 0] > 5)
    #expect(result.size > 3_000 && result.acknowledged == result.size)
  }

  @Test func `a log without room slows, stops polling, and comes back`() throws {
    let result = try world.simulation(seed: 5, seconds: 1_800, offline: 1_700, quota: 2 << 20).run()
    #expect(result.violations == [])
    // Slowed, totals alone, and back.
    #expect(result.eventCounts[.givingWay, default: 0] >= 3)
    #expect(result.epochs == 1 && result.acknowledged == result.size)
    // A total is polled on, slowly.
    let total = try world.simulation(
      seed: 5, seconds: 1_800, offline: 1_700, quota: 2 << 20, quantity: .activeEnergyImport
    ).run()
    #expect(total.violations == [])
    #expect(total.pollCount > result.pollCount)
  }

  @Test func `sealed segments leave room for what would have ended the epoch`() throws {
    let plain = try world.simulation(
      seed: 5, seconds: 3_600, offline: 3_600, quota: 8 << 20, [.agentKilled: 300]
    ).run()
    let sealed = try world.simulation(
      seed: 5, seconds: 3_600, offline: 3_600, quota: 8 << 20, isCompressing: true,
      [.agentKilled: 300]
    ).run()
    #expect(plain.violations == [] && sealed.violations == [])
    #expect(plain.eventCounts[.givingWay, default: 0] > 0 || plain.epochs > 1)
    #expect(sealed.eventCounts[.givingWay, default: 0] == 0 && sealed.epochs == 1)
    #expect(sealed.pollCount > plain.pollCount && sealed.startCount > 3)
    #expect(sealed.acknowledged == sealed.size)
  }

  @Test func `sealed segments are given up, and every start goes on from the summary`() throws {
    let result = try world.simulation(
      seed: 5, seconds: 7_200, quota: 640 << 10, isCompressing: true,
      [.agentKilled: 300, .powerCut: 100]
    ).run()
    #expect(result.violations == [])
    #expect(result.eventCounts[.entriesGivenUp, default: 0] > 5)
    #expect(result.acknowledged == result.size)
  }

  @Test func `a quota that is used up ends the epoch, and says so`() throws {
    let result = try world.simulation(
      seed: 5, seconds: 3_600, offline: 3_600, quota: 640 << 10, [.agentKilled: 5_000]
    ).run()
    #expect(result.violations == [])
    #expect(result.epochs > 1)
    #expect(result.acknowledged == result.size)
  }

  @Test func `what rots and is acknowledged comes back, and the log goes on`() throws {
    // Most of a medium is padding: a byte in thirty counts.
    var mended = 0
    var goneOn = 0
    for seed in 1...8 as ClosedRange<UInt64> {
      let result = try world.simulation(seed: seed, [.bitRot: 20_000, .agentKilled: 600]).run()
      #expect(result.violations == [], "seed \(seed)")
      let count = result.eventCounts[.mended, default: 0]
      mended += count
      if count > 0, result.epochs == 1 { goneOn += 1 }
    }
    #expect(mended > 8 && goneOn > 3, "\(mended) gaps, \(goneOn) logs")
  }

  @Test func `a planted defect is found`() throws {
    let result = try world.simulation(seed: 1, canary: true).run()
    #expect(result.violations.contains { $0.checker == .durability })
  }

  @Test func `what went away with a medium that was set back is not asked for, all else is`() throws
  {
    let gateway = try world.gateway()
    let epochs = (1...4 as ClosedRange<UInt32>).map { SimulatedEpoch($0, gateway: gateway) }
    func place(_ epoch: UInt64, _ index: UInt64) -> FirstPlace {
      let instant = Instant(mono: index, utc: index, quality: ClockQuality(rawValue: 0))
      return FirstPlace(
        CarriedFrom(epoch: epoch, index: index), EntryHead(index: index, boot: 1, time: instant))
    }
    for epoch in epochs {
      let problem = epoch.end(
        readable: (5...7).map { index in
          (index, .zero, place(UInt64(epoch.number), UInt64(index)))
        }, newest: nil, mediumFailed: true)
      #expect(problem == nil)
    }
    #expect(epochs.map { $0.lost(from: epochs) } == [3, 3, 3, 3])
    // To when the third was the newest, and the last entry of the first had not been written.
    let held = Set([place(1, 5), place(1, 6), place(2, 5), place(2, 6), place(2, 7), place(3, 5)])
    for epoch in epochs {
      epoch.mediumWasSetBack(to: 3, entries: []) { held.contains($0) }
    }
    #expect(epochs.map { $0.lost(from: epochs) } == [2, 3, 0, 0])
  }

  /// Each kind by itself, and often: a kind that does nothing would prove nothing.
  @Test(arguments: FaultKind.allCases)
  func `each fault happens, and does no harm`(kind: FaultKind) throws {
    var rates: [FaultKind: UInt32] = [kind: kind.isTimed ? 600 : 100_000]
    if kind == .lyingFlush { rates[kind] = 1_000_000 }
    if [.bitRot, .unreadable].contains(kind) { rates[.agentKilled] = 200 }
    // These come with a power cut or a boot.
    if [.lyingFlush, .rollback, .powerCutAgain, .clockLost].contains(kind) {
      rates[.powerCut] = 3_000
      if kind != .lyingFlush { rates[kind] = 500_000 }
    }
    var happened: UInt64 = 0
    for seed in 1...3 as ClosedRange<UInt64> {
      // A medium is set back to a state of ten minutes before at least.
      let result = try world.simulation(seed: seed, seconds: kind == .rollback ? 3_600 : 600, rates)
        .run()
      #expect(result.violations == [], "seed \(seed)")
      happened += result.faultCounts[Int(kind.rawValue)]
    }
    #expect(happened > 0)
  }
}
