import Journal
import Testing

@Suite struct RecoveryTableTests {
  private let superblocks: [SuperblockFinding] = [.both, .one, .noneValid, .missing]
  private let segments: [SegmentFinding] = [.absent, .clean, .torn, .damaged, .gap]
  private let sizes: [SizeFinding] = [.coversSigned, .lessThanSigned]

  @Test func `every input matches exactly one row and every row is used`() {
    var used = [Int](repeating: 0, count: RecoveryTable.rows.count)
    for a in superblocks {
      for b in segments {
        for c in sizes {
          let inputs = RecoveryInputs(superblocks: a, segments: b, size: c)
          let matching = RecoveryTable.rows.indices.filter {
            RecoveryTable.rows[$0].matches(inputs)
          }
          #expect(matching.count == 1, "\(inputs)")
          for row in matching {
            used[row] += 1
            #expect(RecoveryTable.decide(inputs) == RecoveryTable.rows[row].decision)
          }
        }
      }
    }
    #expect(used.allSatisfy { $0 > 0 })
    #expect(used.reduce(0, +) == 40)
  }

  @Test func `only a log that lost nothing goes on`() {
    for a in superblocks {
      for b in segments {
        let inputs = RecoveryInputs(superblocks: a, segments: b, size: .lessThanSigned)
        switch RecoveryTable.decide(inputs) {
        case .clean, .tornTail, .oneSuperblock, .oneSuperblockAndTornTail, .gap:
          Issue.record("\(inputs) goes on")
        default: break
        }
      }
    }
  }
}
