import Testing

@testable import Verification

@Suite struct SlotSetTests {
  @Test func `it is the set that a plain set is, for random insertions`() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var set = SlotSet()
      var plain = Set<UInt64>()
      for _ in 0..<20 {
        let low = UInt64.random(in: 10...50, using: &random)
        let range = low...(low + UInt64.random(in: 0...5, using: &random))
        let isNew = plain.isDisjoint(with: range)
        let answer = set.insert(range)
        #expect(answer == isNew)
        plain.formUnion(range)
      }
      #expect(set.ranges.flatMap { Array($0) } == plain.sorted())
      for (left, right) in zip(set.ranges, set.ranges.dropFirst()) {
        #expect(left.upperBound + 1 < right.lowerBound)
      }
      let range: ClosedRange<UInt64> = 20...45
      #expect(set.count(in: range) == UInt64(plain.filter { range.contains($0) }.count))
      #expect(
        set.gaps(in: range).flatMap { Array($0) } == range.filter { !plain.contains($0) })
    }
  }

  @Test func `the largest numbers do not trap`() {
    var set = SlotSet()
    let isFirstNew = set.insert(0...UInt64.max)
    let isSecondNew = set.insert(UInt64.max...UInt64.max)
    #expect(isFirstNew && !isSecondNew)
    #expect(set.gaps(in: 0...UInt64.max).isEmpty)
    var ends = SlotSet()
    ends.insert(UInt64.max...UInt64.max)
    ends.insert(0...0)
    #expect(ends.gaps(in: 0...UInt64.max) == [1...(UInt64.max - 1)])
  }

  @Test func `the ranges of a meter that was dead for months are worked through in one pass`() {
    // A probe and a run of shed slots take turns: read slots 0, 3, 6 …, explained 1–2, 4–5 …
    var read = SlotSet()
    var explained = SlotSet()
    let turns: UInt64 = 100_000
    for turn in 0..<turns {
      read.insert(turn * 3...turn * 3)
      explained.insert(turn * 3 + 1...turn * 3 + 2)
    }
    let all = read.union(explained)
    #expect(all.ranges == [0...turns * 3 - 1])
    #expect(all.subtracting(read) == explained)
    #expect(explained.gaps(in: 0...turns * 3 - 1).count == Int(turns))
    #expect(read.count(in: 3...8) == 2 && read.contains(299_997) && !read.contains(299_998))
  }
}
