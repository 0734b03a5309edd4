import HAL
import Simulator
import Testing
import TransparencyLog

@testable import Uplink

/// What history may take of a link, and when it comes back after a failure.
@Suite struct CatchUpTests {
  /// Drains a backlog of `entries` with a budget; when each request left, and how long it was.
  private func drain(
    _ entries: Int, _ budget: CatchUpBudget?, loss: UInt64 = 0
  ) throws -> [(at: UInt64, count: UInt64)] {
    var scene = try Scene(
      entries: entries, configuration: MirrorConfiguration(catchUp: budget))
    scene.sign()
    var left: [(at: UInt64, count: UInt64)] = []
    var random = SeededRandom(state: 3)
    while let wake = scene.client.wakeAt, left.count < 10_000 {
      scene.now = max(scene.now + 50_000, wake)
      let fault: Scene.Fault = random.next() % 100 < loss ? .answerLost : .none
      guard try scene.step(fault) else { break }
      left.append(
        (
          scene.now,
          UInt64((scene.requests.last?.body.count ?? 0) + CatchUpBudget.requestOverhead)
        ))
    }
    #expect(scene.acknowledged.last == UInt64(entries))
    return left
  }

  @Test(
    arguments: [
      CatchUpBudget(byteCount: 64_000, seconds: 1), CatchUpBudget(byteCount: 999, seconds: 1),
      CatchUpBudget(byteCount: 20_000_000, seconds: 86_400),
      CatchUpBudget(byteCount: 1_000, seconds: 86_400),
    ], [0, 20] as [UInt64])
  func `in every window the requests have at most the budget and the last request`(
    budget: CatchUpBudget, loss: UInt64
  ) throws {
    let left = try drain(12_000, budget, loss: loss)
    #expect(left.count > 3)
    for first in left.indices {
      var sum: UInt64 = 0
      for last in first..<left.count {
        // Bytes before the last one have been paid for by its time.
        let window = left[last].at - left[first].at
        #expect(sum * budget.nanosecondsPerByte / 1_000 <= window)
        sum += left[last].count
      }
    }
    // And the budget is used: there is no longer wait than what the last request costs.
    if loss == 0 {
      for (before, after) in zip(left, left.dropFirst()) {
        let paid = before.count * budget.nanosecondsPerByte / 1_000
        #expect(after.at - before.at <= max(paid, 50_000) + 1)
      }
    }
  }

  /// What the superblock names is the newest: after a power cut an older one would look like another history.
  @Test
  func
    `a checkpoint that waited for the budget leaves as the newest, and nothing before the place is known`()
    throws
  {
    var scene = try Scene(
      entries: 10,
      configuration: MirrorConfiguration(catchUp: CatchUpBudget(byteCount: 1_000, seconds: 60)))
    scene.sign()
    scene.now = try #require(scene.client.wakeAt)
    while scene.acknowledged.isEmpty {
      scene.now = max(scene.now, try #require(scene.client.wakeAt))
      #expect(try scene.step())
    }
    scene.grow(10)
    scene.sign()
    // The first attempt comes too early, and takes the checkpoint of 20 for its goal.
    #expect(try scene.client.nextRequest(now: scene.now, source: &scene.log) == nil)
    scene.grow(10)
    scene.sign()
    scene.now = try #require(scene.client.wakeAt)
    _ = try scene.step(.requestLost)
    #expect(scene.client.offeredSize == nil && scene.requests.last?.path == .addCheckpoint)
    #expect(offered(try #require(scene.requests.last)) == 30)
    scene.grow(10)
    scene.sign()
    scene.now = try #require(scene.client.wakeAt)
    let request = try #require(try scene.client.nextRequest(now: scene.now, source: &scene.log))
    // This one has left, and the mirror may know of it: it is the same again.
    #expect(offered(request) == 30 && scene.client.offeredSize == 30)
    // Behind a restart what is acknowledged is asked for first, whatever is newer.
    scene.restart()
    scene.grow(10)
    scene.sign()
    let first = try #require(try scene.client.nextRequest(now: scene.now, source: &scene.log))
    #expect(offered(first) == 10)
  }

  /// The size in the checkpoint of a request.
  private func offered(_ request: UplinkRequest) -> UInt64? {
    let lines = request.body.split(separator: 0x0A, omittingEmptySubsequences: false)
    guard let blank = lines.firstIndex(where: \.isEmpty), lines.count > blank + 2 else {
      return nil
    }
    return UInt64(String(decoding: lines[blank + 2], as: UTF8.self))
  }

  @Test func `without a budget nothing waits`() throws {
    let left = try drain(3_000, nil)
    for (before, after) in zip(left, left.dropFirst()) { #expect(after.at - before.at == 50_000) }
  }

  @Test func `a batch has as much as the budget gives in a second, or one package`() throws {
    let budget = CatchUpBudget(byteCount: 64_000, seconds: 1)
    #expect(budget.batchByteLimit == 64_000)
    #expect(CatchUpBudget(byteCount: 20_000_000, seconds: 86_400).batchByteLimit == 231)
    let longest = try drain(20_000, budget).map(\.count).max() ?? 0
    #expect((32_000...64_600).contains(longest))
    // A package of 256 of these entries.
    let package = try drain(20_000, CatchUpBudget(byteCount: 999, seconds: 1)).map(\.count).max()
    #expect((5_000...40_000).contains(package ?? 0))
  }

  @Test func `a slow link gets short batches, a quick one long ones`() {
    var size = BatchSize()
    for _ in 0..<3 { size.took(100_000) }
    #expect(size.byteLimit == 8 * BatchSize.first)
    size.took(1_500_000)
    #expect(size.byteLimit == 8 * BatchSize.first)
    for _ in 0..<20 { size.took(75_000_000) }
    #expect(size.byteLimit == BatchSize.least)
    for _ in 0..<40 { size.took(0) }
    #expect(size.byteLimit <= 1 << 31)
  }

  @Test func `a client on a slow link sends short batches`() throws {
    var scene = try Scene(entries: 20_000)
    scene.sign()
    var counts: [Int] = []
    while let wake = scene.client.wakeAt {
      scene.now = max(scene.now, wake)
      guard let request = try scene.client.nextRequest(now: scene.now, source: &scene.log) else {
        break
      }
      if request.path == .addEntries { counts.append(request.body.count) }
      // 16 kB/s.
      scene.now += UInt64(request.body.count) * 62
      _ = scene.take(scene.mirror.answer(request))
    }
    #expect(scene.acknowledged == [20_000])
    #expect(counts.dropFirst(6).allSatisfy { $0 <= BatchSize.least })
  }

  // MARK: back-off

  @Test func `waits are drawn from half a second up to bounds that double, to 300 s`() {
    let bounds: [UInt64] = [5, 10, 20, 40, 80, 160, 300, 300].map { $0 * 1_000_000 }
    var longest = [UInt64](repeating: 0, count: bounds.count)
    var shortest = [UInt64](repeating: .max, count: bounds.count)
    for seed in 0..<500 as Range<UInt64> {
      var random = SeededRandom(state: seed)
      var backOff = BackOff()
      for n in bounds.indices {
        let wait = backOff.next(&random)
        longest[n] = max(longest[n], wait)
        shortest[n] = min(shortest[n], wait)
      }
      backOff.reset()
      #expect(backOff.next(&random) < bounds[0])
    }
    for n in bounds.indices {
      #expect(longest[n] < bounds[n] && longest[n] > bounds[n] * 9 / 10)
      #expect(shortest[n] >= 500_000 && shortest[n] < 500_000 + bounds[n] / 10)
    }
  }

  /// Gateways whose connections all end in one moment. The collector is back after `outage` s; how many ask it in
  /// each second from then on.
  private func herd(of count: UInt64, outage: UInt64) -> [Int] {
    var arrivals = [Int](repeating: 0, count: 301)
    for seed in 0..<count {
      var random = SeededRandom(state: seed &* 0x9E37_79B9)
      var backOff = BackOff()
      var now: UInt64 = 0
      repeat { now += backOff.next(&random) } while now < outage * 1_000_000
      arrivals[Int(now / 1_000_000 - outage)] += 1
    }
    return arrivals
  }

  @Test(arguments: [0, 1, 5, 30, 600, 86_400] as [UInt64])
  func `500 gateways do not come back in the same second`(outage: UInt64) {
    let arrivals = herd(of: 500, outage: outage)
    #expect(arrivals.reduce(0, +) == 500)
    // Even draws over four and a half seconds are 111 a second; a quarter more is chance.
    #expect((arrivals.max() ?? 500) <= 140, "\(arrivals)")
    #expect(arrivals.count { $0 > 0 } >= 5)
  }
}
