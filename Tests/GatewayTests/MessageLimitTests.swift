import Gateway
import Testing

/// Messages that come again and again, in virtual time.
@Suite struct MessageLimitTests {
  /// What is said when a message comes each `period` µs for `duration`: when, and for how many.
  private func lines(
    each period: UInt64, for duration: UInt64
  ) -> [(at: UInt64, count: UInt64, newest: UInt64)] {
    var limit = MessageLimit<UInt64>(count: 2)
    var said: [(at: UInt64, count: UInt64, newest: UInt64)] = []
    for now in stride(from: 0, to: duration, by: Int(period)) {
      while let due = limit.dueAt, due <= now, let held = limit.due(at: due) {
        said.append((due, held.count, held.newest))
      }
      if limit.admits(now, place: 1, at: now) { said.append((now, 1, now)) }
    }
    return said
  }

  @Test func `a change is said at once, the next ones too, and then there is an end`() {
    let said = lines(each: 500_000, for: 59_000_000)
    let due: [UInt64] = (0..<10).map { $0 * 500_000 }
    #expect(said.map(\.at) == due)
  }

  @Test func `what was held is said with its number at growing intervals`() {
    let said = lines(each: 500_000, for: 90_000_000_000).dropFirst(10)
    let minutes: [UInt64] = said.map { $0.at / 60_000_000 }
    let due: [UInt64] = [1, 11, 71, 431, 791, 1_151]
    #expect(minutes == due)
    // 120 a minute, ten of the first said at once; the one of the very end comes after it.
    #expect(said.map(\.count) == [110, 1_200, 7_200, 43_200, 43_200, 43_200] as [UInt64])
    for line in said { #expect(line.newest == line.at - 500_000) }
  }

  @Test func `a month of attempts is hardly more than a hundred lines`() {
    let month: UInt64 = 30 * 86_400_000_000
    let said = lines(each: 5_000_000, for: month)
    #expect((100...140).contains(said.count))
    // Nothing is lost of the number.
    let counted = said.reduce(0) { $0 + $1.count }
    let last = said.last?.at ?? 0
    #expect(counted >= last / 5_000_000)
  }

  @Test func `what is rare is always said at once`() {
    let hour: UInt64 = 3_600_000_000
    let said = lines(each: hour, for: 100 * hour)
    #expect(said.count == 100 && said.allSatisfy { $0.count == 1 })
  }

  @Test func `after a quiet interval it begins anew`() {
    var limit = MessageLimit<Int>(count: 1)
    for n in 0..<30 { _ = limit.admits(n, place: 0, at: 1_000) }
    #expect(limit.dueAt == 60_001_000)
    let early = limit.due(at: 60_000_999)?.count
    #expect(early == nil)
    let held = limit.due(at: 60_001_000)
    #expect(held?.newest == 29 && held?.count == 20 && held?.duration == 60_000_000)
    // Within the next ten minutes all is held.
    let isHeld = !limit.admits(30, place: 0, at: 61_000_000)
    #expect(isHeld)
    let second = limit.due(at: 700_000_000)?.count
    #expect(second == 1)
    // Then an hour without any.
    let none = limit.due(at: 4_400_000_000)?.count
    #expect(limit.dueAt == nil && none == nil)
    let isSaid = limit.admits(31, place: 0, at: 4_400_000_001)
    #expect(isSaid)
  }

  @Test func `kinds do not hold each other`() {
    var limit = MessageLimit<Int>(count: 2)
    for n in 0..<30 { _ = limit.admits(n, place: 0, at: 0) }
    let isSaid = limit.admits(1, place: 1, at: 0)
    #expect(isSaid)
  }
}
