import Testing

@testable import Simulator

@Suite struct QuotaCheckerTests {
  @Test func `more than the quota, and an epoch that ends with room`() {
    var checker = QuotaChecker(quotaByteCount: 1_000, segmentByteCount: 100)
    #expect(checker.look(standing: 1_000) == nil)
    #expect(checker.look(standing: 1_001) != nil)
    #expect(checker.look(full: 701, beside: 100) == nil)
    #expect(checker.look(full: 700, beside: 100) != nil)
    // Six segments and a tile more than what stands are the quota.
    var next = QuotaChecker(quotaByteCount: 2_000_000, segmentByteCount: 100_000)
    func goes(_ standing: Int, to index: UInt64) -> Bool {
      next.look(standing: standing, minimumIndex: index) != nil
    }
    #expect(!goes(351_423, to: 256) && !goes(351_423, to: 256) && !goes(351_424, to: 512))
    #expect(goes(351_423, to: 768))
    next.started()
    #expect(!goes(351_423, to: 1_024))
    // A log that takes over another has two segments, a queue and an eighth more, until it has room again.
    next.begins()
    #expect(next.look(standing: 2_650_000) == nil && next.look(standing: 2_650_001) != nil)
    #expect(next.look(standing: 2_000_000) == nil && next.look(standing: 2_650_002) != nil)
    // One that put three runs of entries back has three segments more, until then.
    next.mended(3)
    #expect(next.look(standing: 2_300_000) == nil)
    #expect(next.look(standing: 2_000_000) == nil && next.look(standing: 2_650_003) != nil)
  }
}
