import CAllocationCount
import HAL
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog

@Suite struct SamplerTests {
  /// Every slot from the first to the last is polled once for each request, or shed, never both
  /// (a slot that was begun and given up may have readings).
  static func checkAccount(_ notes: borrowing Notes, channel: Int, requests: Int) {
    var polled: [UInt64: Set<Int>] = [:]
    for outcome in notes.outcomes where outcome.channel == channel && outcome.part == 0 {
      let isNew = polled[outcome.slot, default: []].insert(outcome.request).inserted
      #expect(isNew, "slot \(outcome.slot) request \(outcome.request) twice")
    }
    var shed: Set<UInt64> = []
    for run in notes.sheds where run.channel == channel {
      for slot in run.first...run.last { #expect(shed.insert(slot).inserted, "shed twice") }
    }
    let all = Set(polled.keys).union(shed)
    guard let first = all.min(), let last = all.max() else { return }
    for slot in first...last {
      let isWhole = polled[slot]?.count == requests
      #expect(isWhole || shed.contains(slot), "slot \(slot) of channel \(channel) is unexplained")
    }
  }

  @Test func `a healthy device is polled once in each slot, at the beginning of the slot`() {
    var bench = Bench(units: [1, 2], requestsPerChannel: 2)
    bench.open()
    bench.run(for: 10_000_000) { [after(5_000, answer(unit: $0[0], value: UInt16($0[3])))] }
    #expect(bench.notes.outcomes.count >= 2 * 2 * 10)
    for outcome in bench.notes.outcomes { #expect(outcome.status == .good) }
    #expect(bench.notes.sheds.isEmpty)
    Self.checkAccount(bench.notes, channel: 0, requests: 2)
    Self.checkAccount(bench.notes, channel: 1, requests: 2)
    let late = bench.notes.outcomes.dropFirst(4).map { $0.instant.utc % 1_000_000 }.max() ?? 0
    #expect(late < 200_000)
  }

  @Test func `the round trip runs from the last byte sent to the last received`() {
    var bench = Bench(units: [1])
    bench.open()
    bench.run(for: 1_000_000) { [after(5_000, answer(unit: $0[0]))] }
    // 8 characters at 9600 baud are 9,167 µs by the plan's rounding and 9,168 by the bench's.
    let roundTrip = bench.notes.outcomes.first?.roundTrip ?? 0
    #expect(roundTrip >= 4_990 && roundTrip <= 5_010)
  }

  @Test func `one dead device never starves the others`() {
    var bench = Bench(units: [1, 2, 3])
    bench.open()
    bench.run(for: 120_000_000) { $0[0] == 2 ? [] : [after(5_000, answer(unit: $0[0]))] }
    let good = bench.notes.outcomes.filter { $0.status == .good }
    #expect(good.filter { $0.channel == 0 }.count >= 120)
    #expect(good.filter { $0.channel == 2 }.count >= 120)
    // At most one probe in each pause: 1, 1 (second failure), then 1 2 4 8 16 32 60 s apart.
    let probes = bench.notes.outcomes.filter { $0.channel == 1 }
    #expect(probes.count <= 9 && probes.count >= 6)
    #expect(probes.allSatisfy { $0.status == .timeout && $0.roundTrip == nil })
    bench.finish()
    Self.checkAccount(bench.notes, channel: 1, requests: 1)
    #expect(bench.notes.devices.count == 1 && bench.notes.devices[0] == (1, false))
  }

  @Test func `a device that comes back is noticed at its next probe`() {
    var bench = Bench(units: [1])
    bench.open()
    bench.run(for: 10_000_000) { _ in [] }
    bench.run(for: 60_000_000) { [after(5_000, answer(unit: $0[0]))] }
    #expect(bench.notes.devices.map(\.1) == [false, true])
    bench.finish()
    Self.checkAccount(bench.notes, channel: 0, requests: 1)
  }

  @Test func `a wrong checksum is a status of its own and keeps the bytes`() {
    var bench = Bench(units: [1])
    bench.open()
    bench.run(for: 900_000) {
      var bytes = answer(unit: $0[0])
      bytes[3] ^= 0x40
      return [after(5_000, bytes)]
    }
    #expect(bench.notes.outcomes.first?.status == .badChecksum)
    #expect(bench.notes.raws.first?.count == 7)
  }

  @Test func `a second attempt succeeds and keeps what the first one brought`() {
    var bench = Bench(units: [1], attempts: 2)
    bench.open()
    var count = 0
    bench.run(for: 900_000) {
      count += 1
      var bytes = answer(unit: $0[0])
      if count == 1 { bytes[3] ^= 0x40 }
      return [after(5_000, bytes)]
    }
    #expect(bench.notes.outcomes.count == 1)
    #expect(bench.notes.outcomes.first?.status == .good)
    #expect(bench.notes.outcomes.first?.attempts == 2)
    #expect(bench.notes.rejected.first?.count == 9)
  }

  @Test func `an exception is an answer, not silence`() {
    var bench = Bench(units: [1])
    bench.open()
    bench.run(for: 5_000_000) {
      let body: [UInt8] = [$0[0], 0x83, 2]
      return [after(5_000, body + modbusCRC(body))]
    }
    #expect(bench.notes.outcomes.count >= 5)
    #expect(bench.notes.outcomes.allSatisfy { $0.status == .exception && $0.errorCode == 2 })
    #expect(bench.notes.devices.isEmpty)
  }

  @Test func `a late answer never meets the next request`() {
    var bench = Bench(units: [1, 2], period: 1_000_000, timeout: 100_000)
    bench.open()
    // Device 1 answers 150 ms late: when device 2 has been asked. Its value must never appear.
    bench.run(for: 20_000_000) {
      $0[0] == 1
        ? [after(150_000, answer(unit: 1, value: 111))]
        : [after(5_000, answer(unit: 2, value: 222))]
    }
    for (outcome, raw) in zip(bench.notes.outcomes, bench.notes.raws) where outcome.channel == 1 {
      if outcome.status == .good { #expect(raw == answer(unit: 2, value: 222)) }
    }
    #expect(bench.notes.outcomes.contains { $0.channel == 1 && $0.status == .good })
  }

  @Test func `a late answer is not taken for that of another register of the same device`() {
    var bench = Bench(units: [1], period: 2_000_000, requestsPerChannel: 4, timeout: 100_000)
    bench.open()
    var count = 0
    // Every third answer comes after the deadline, by less than the time it is waited for.
    bench.run(for: 60_000_000) {
      count += 1
      let late: UInt64 = count % 3 == 0 ? 150_000 : 5_000
      return [after(late, answer(unit: 1, value: UInt16($0[3]) + 1_000))]
    }
    var good = 0
    for (outcome, raw) in zip(bench.notes.outcomes, bench.notes.raws) where outcome.status == .good
    {
      good += 1
      #expect(raw == answer(unit: 1, value: UInt16(outcome.request) + 1_000))
    }
    #expect(good > 60)
    bench.finish()
    Self.checkAccount(bench.notes, channel: 0, requests: 4)
  }

  @Test func `answers in pieces, with garbage around them, are found`() {
    var bench = Bench(units: [1])
    bench.open()
    bench.run(for: 3_000_000) {
      let bytes = [0x00, 0xFF, 0x01] + answer(unit: $0[0], value: 0x0103)
      return bytes.enumerated().map { after(5_000 + UInt64($0.offset) * 1_146, [$0.element]) }
    }
    #expect(bench.notes.outcomes.count >= 3)
    #expect(bench.notes.outcomes.allSatisfy { $0.status == .good })
    #expect(bench.notes.raws.allSatisfy { $0 == answer(unit: 1, value: 0x0103) })
  }

  @Test func `a line that is too slow sheds whole slots and says so`() {
    // Ten devices, each 40 ms of line time, 100 ms period: four slots in ten are possible.
    var bench = Bench(units: Array(1...10), period: 100_000)
    bench.open()
    bench.run(for: 20_000_000) { [after(20_000, answer(unit: $0[0]))] }
    bench.finish()
    for channel in 0..<10 {
      Self.checkAccount(bench.notes, channel: channel, requests: 1)
      let share = bench.notes.outcomes.filter { $0.channel == channel }.count
      #expect(share > 30, "channel \(channel) got \(share) polls: starved")
    }
    #expect(bench.notes.sheds.contains { $0.reason == .lineBusy })
  }

  @Test func `a lost line is said, explained, and polled again when it returns`() {
    var bench = Bench(units: [1])
    bench.open()
    bench.run(for: 3_000_000) { [after(5_000, answer(unit: $0[0]))] }
    bench.lose()
    bench.run(for: 5_000_000) { [after(5_000, answer(unit: $0[0]))] }
    bench.open()
    bench.run(for: 3_000_000) { [after(5_000, answer(unit: $0[0]))] }
    #expect(bench.notes.lines.map(\.1) == [true, false, true])
    #expect(bench.notes.sheds.contains { $0.reason == .portLost })
    Self.checkAccount(bench.notes, channel: 0, requests: 1)
  }

  @Test func `slots while the agent was away are shed as such`() {
    let current = Bench.start / 1_000_000 + 1
    var bench = Bench(units: [1], lastSlot: current - 100)
    bench.open()
    bench.run(for: 2_000_000) { [after(5_000, answer(unit: $0[0]))] }
    #expect(
      bench.notes.sheds.first
        == Notes.Shed(channel: 0, first: current - 99, last: current - 1, reason: .agentStopped))
    Self.checkAccount(bench.notes, channel: 0, requests: 1)
  }

  @Test(arguments: [1_600_000_000_000_000, 60_000_000, 3_000_000] as [UInt64])
  func `a clock set forward sheds the slots in between`(step: UInt64) {
    var bench = Bench(units: [1])
    bench.offset = 1_000_000_000
    bench.open()
    bench.run(for: 5_000_000) { [after(5_000, answer(unit: $0[0]))] }
    bench.offset += step
    bench.run(for: 5_000_000) { [after(5_000, answer(unit: $0[0]))] }
    #expect(bench.notes.steps.count == 1)
    let run = bench.notes.sheds.first
    #expect(run?.reason == .clockStepped)
    #expect(bench.notes.sheds.count == 1)
    #expect(bench.notes.outcomes.count >= 9)
    let slots = bench.notes.outcomes.map(\.slot)
    for (a, b) in zip(slots, slots.dropFirst()) {
      #expect(b == a + 1 || (run?.first == a + 1 && run?.last == b - 1))
    }
  }

  @Test func `an answer belongs to the slot it was asked in, also when the clock is set meanwhile`()
  {
    var bench = Bench(units: [1], requestsPerChannel: 2)
    bench.open()
    bench.mono += 10_000
    let slot = bench.now.utc / 1_000_000
    bench.exchange(answer: answer(unit: 1), settingClockBy: 3_600_000_000)
    #expect(bench.notes.outcomes.first?.slot == slot)
    bench.run(for: 5_000_000) { [after(5_000, answer(unit: $0[0]))] }
    bench.finish()
    Self.checkAccount(bench.notes, channel: 0, requests: 2)
    #expect(bench.notes.outcomes.count >= 10)
  }

  @Test func `a clock set back does not stop sampling`() {
    var bench = Bench(units: [1])
    bench.open()
    bench.run(for: 5_000_000) { [after(5_000, answer(unit: $0[0]))] }
    let before = bench.notes.outcomes.count
    bench.offset -= 86_400_000_000
    bench.run(for: 5_000_000) { [after(5_000, answer(unit: $0[0]))] }
    #expect(bench.notes.steps.count == 1)
    #expect(bench.notes.outcomes.count >= before + 4)
    #expect(bench.notes.sheds.isEmpty)
  }

  // Off under sanitizers, which own malloc.
  @Test(.enabled(if: alloc_count_enabled() == 1))
  func `100,000 polls allocate nothing`() {
    var bench = Bench(units: [1, 2, 3, 4], period: 100_000)
    bench.notes.isCountingOnly = true
    bench.open()
    let replies = (0...4).map { answer(unit: UInt8($0)) }
    while bench.notes.polledCount < 1_000 { bench.exchange(replies) }
    let before = alloc_count_thread()
    while bench.notes.polledCount < 101_000 { bench.exchange(replies) }
    #expect(alloc_count_thread() - before == 0)
  }
}
