import CAllocationCount
import HAL
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog

/// What the meters of these tests answer: their unit, a hundredfold.
private func healthy(_ request: [UInt8]) -> [Piece] {
  [after(5_000, answer(unit: request[0], value: UInt16(request[0]) * 100))]
}

@Suite struct LeaseTests {
  @Test func `a lease is one transaction between polls, and the polls go on`() {
    var bench = Bench(units: [1, 2], period: 100_000)
    bench.open()
    bench.run(for: 1_000_000, reply: healthy)
    let polls = bench.notes.outcomes.count
    #expect(bench.lease(readRequest(unit: 9)) == nil)
    bench.run(for: 1_000_000, reply: healthy)
    #expect(bench.notes.leases.count == 1)
    let lease = bench.notes.leases.first
    #expect(lease?.outcome.status == .good && lease?.request == readRequest(unit: 9))
    #expect(lease?.raw == answer(unit: 9, value: 900))
    let roundTrip = lease?.outcome.roundTrip ?? 0
    #expect(roundTrip >= 4_990 && roundTrip <= 5_010)
    #expect(bench.notes.outcomes.count >= polls + 18)
    #expect(bench.notes.outcomes.allSatisfy { $0.status == .good })
    bench.finish()
    for channel in 0..<2 { SamplerTests.checkAccount(bench.notes, channel: channel, requests: 1) }
  }

  @Test func `a second lease is refused while one waits or is under way`() {
    var bench = Bench(units: [1])
    bench.open()
    #expect(bench.lease(readRequest(unit: 9)) == nil)
    #expect(bench.lease(readRequest(unit: 9)) == .lineLeased)
    bench.run(for: 50_000) { _ in [] }
    #expect(bench.notes.leases.isEmpty)
    #expect(bench.lease(readRequest(unit: 9)) == .lineLeased)
    bench.run(for: 1_000_000) { _ in [] }
    #expect(bench.notes.leases.count == 1)
    #expect(bench.lease(readRequest(unit: 9)) == nil)
  }

  @Test func `a closed port refuses a lease, and a lost one ends it`() {
    var bench = Bench(units: [1])
    #expect(bench.lease(readRequest(unit: 9)) == .portClosed)
    bench.open()
    #expect(bench.lease(readRequest(unit: 9)) == nil)
    bench.lose()
    #expect(bench.notes.refusals == [.portClosed] && bench.notes.leases.isEmpty)
    bench.open()
    #expect(bench.lease(readRequest(unit: 9)) == nil)
    bench.run(for: 50_000) { _ in [after(1_000, [9, 3])] }
    bench.lose()
    #expect(bench.notes.leases.map(\.outcome.status) == [.noDevice])
    #expect(bench.notes.leases.first?.raw == [9, 3])
    bench.run(for: 3_000_000, reply: healthy)
    bench.finish()
    SamplerTests.checkAccount(bench.notes, channel: 0, requests: 1)
  }

  @Test func `silence, damage and refusal are told apart`() {
    var bench = Bench(units: [1])
    bench.open()
    for (pieces, status) in [
      ([], ReadingStatus.timeout),
      ([after(5_000, [9, 3, 2, 0, 1, 0xFF, 0xFF])], .badChecksum),
      ([after(5_000, [9, 0x83, 2] + modbusCRC([9, 0x83, 2]))], .exception),
    ] as [([Piece], ReadingStatus)] {
      #expect(bench.lease(readRequest(unit: 9)) == nil)
      bench.run(for: 2_000_000) { $0[0] == 9 ? pieces : healthy($0) }
      #expect(bench.notes.leases.last?.outcome.status == status)
      #expect(bench.notes.leases.last?.raw == pieces.flatMap(\.bytes))
    }
    #expect(bench.notes.leases.count == 3)
    // It says nothing about the devices of the plan.
    #expect(bench.notes.devices.isEmpty)
  }

  @Test func `slots that pass meanwhile are shed as manual access`() {
    var bench = Bench(units: [1, 2], period: 100_000)
    bench.open()
    bench.run(for: 500_000, reply: healthy)
    #expect(bench.lease(readRequest(unit: 9), timeout: 1_000_000) == nil)
    bench.run(for: 3_000_000) { $0[0] == 9 ? [] : healthy($0) }
    bench.finish()
    for channel in 0..<2 {
      SamplerTests.checkAccount(bench.notes, channel: channel, requests: 1)
      let sheds = bench.notes.sheds.filter { $0.channel == channel }
      #expect(!sheds.isEmpty && sheds.allSatisfy { $0.reason == .manualAccess })
      let count = sheds.reduce(0) { $0 + $1.last - $1.first + 1 }
      #expect(count >= 9 && count <= 11)
    }
  }

  @Test func `leases asked for without end leave the polls half of the line`() {
    var bench = Bench(units: [1, 2], period: 100_000)
    bench.open()
    for _ in 0..<3_000 {
      _ = bench.lease(readRequest(unit: 9), timeout: 500_000)
      bench.run(for: 20_000) { $0[0] == 9 ? [] : healthy($0) }
    }
    bench.finish()
    // 60 s, of which half a second each went to a lease and as much at least to the polls.
    #expect(bench.notes.leases.count >= 40 && bench.notes.leases.count <= 60)
    for channel in 0..<2 {
      SamplerTests.checkAccount(bench.notes, channel: channel, requests: 1)
      #expect(bench.notes.outcomes.filter { $0.channel == channel }.count >= 280)
    }
  }

  @Test func `a late answer to a lease is not taken for that of a poll`() {
    var bench = Bench(units: [1], period: 300_000, timeout: 100_000)
    bench.open()
    // The meter answers register 7, which only leases read, too late each time.
    for _ in 0..<40 {
      _ = bench.lease(readRequest(unit: 1, address: 7), timeout: 50_000)
      bench.run(for: 250_000) {
        $0[3] == 7 ? [after(90_000, answer(unit: 1, value: 777))] : healthy($0)
      }
    }
    #expect(bench.notes.leases.count >= 20)
    #expect(bench.notes.leases.allSatisfy { $0.outcome.status == .timeout })
    #expect(bench.notes.raws.allSatisfy { $0 == answer(unit: 1, value: 100) })
    bench.finish()
    SamplerTests.checkAccount(bench.notes, channel: 0, requests: 1)
  }

  @Test func `a late answer to a poll is not taken for that of a lease`() {
    var bench = Bench(units: [1], period: 1_000_000, timeout: 100_000)
    bench.open()
    bench.run(for: 900_000, reply: healthy)
    for _ in 0..<20 {
      // Until a poll is out; its answer comes when the lease could have begun.
      bench.run(for: 150_000) { _ in [after(150_000, answer(unit: 1, value: 555))] }
      #expect(bench.lease(readRequest(unit: 1, address: 7)) == nil)
      bench.run(for: 850_000) {
        $0[3] == 7
          ? [after(5_000, answer(unit: 1, value: 777))]
          : [after(150_000, answer(unit: 1, value: 555))]
      }
    }
    #expect(bench.notes.leases.count == 20)
    #expect(bench.notes.leases.allSatisfy { $0.raw == answer(unit: 1, value: 777) })
  }

  @Test func `a lease waits ten seconds for its line at most`() {
    var bench = Bench(units: [1], attempts: 5, timeout: 5_000_000)
    bench.open()
    bench.run(for: 10_000) { _ in [] }
    #expect(bench.lease(readRequest(unit: 9)) == nil)
    bench.run(for: 9_900_000) { _ in [] }
    #expect(bench.notes.refusals.isEmpty)
    bench.run(for: 200_000) { _ in [] }
    #expect(bench.notes.refusals == [.lineBusy] && bench.notes.leases.isEmpty)
  }

  @Test func `a lease taken back does not go out, one under way is logged when the agent ends`() {
    var bench = Bench(units: [1])
    bench.open()
    #expect(bench.lease(readRequest(unit: 9)) == nil)
    bench.sampler.cancelLease(line: 0)
    bench.run(for: 1_000_000, reply: healthy)
    #expect(bench.notes.leases.isEmpty)
    #expect(bench.lease(readRequest(unit: 9)) == nil)
    bench.run(for: 100_000) { _ in [] }
    bench.sampler.cancelLease(line: 0)
    bench.finish()
    #expect(bench.notes.leases.map(\.outcome.status) == [.other])
  }

  // Off under sanitizers, which own malloc.
  @Test(.enabled(if: alloc_count_enabled() == 1))
  func `10,000 leases among polls allocate nothing`() {
    var bench = Bench(units: [1, 2, 3, 4], period: 100_000)
    bench.notes.isCountingOnly = true
    bench.open()
    let replies = (0...4).map { answer(unit: UInt8($0)) }
    let request = readRequest(unit: 4)
    var before: UInt64 = 0
    var asked = 0
    while bench.notes.leaseCount < 11_000 {
      if bench.notes.leaseCount == 1_000, before == 0 { before = alloc_count_thread() }
      // A refusal allocates here, though not in the agent: Swift Testing looks at what is thrown.
      if bench.notes.leaseCount == asked, bench.lease(request) == nil { asked += 1 }
      bench.exchange(replies)
    }
    let count = alloc_count_thread() - before
    #expect(before > 0)
    #expect(count == 0)
    #expect(bench.notes.polledCount > 10_000)
  }
}
