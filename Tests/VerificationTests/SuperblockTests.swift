import Journal
import Testing
import TransparencyLog

@testable import Verification

@Suite struct SuperblockTests {
  @Test func `the later superblock counts, wherever it stands`() throws {
    let log = try SampleLog(entryCount: 12)
    var paths: Set<String> = []
    for commits in [[8, 12], [4, 8, 12]] {
      let files = try log.gatewayFiles(commits: commits, signed: commits, acknowledged: 0)
      let report = try Verification.verifyGatewayLog(logFiles(files), log.policy)
      #expect(report.signedSize == 12)
      paths.insert(report.notePath)
    }
    #expect(paths == ["super.a", "super.b"])
  }

  @Test func `nothing is confirmed by a superblock whose note is not good`() throws {
    let log = try SampleLog(entryCount: 12)
    var files = try log.gatewayFiles(commits: [12], signed: [12], acknowledged: 12)
    for path in ["super.a", "super.b"] {
      var block = try #require(files[path])
      let read = Superblock(block.span)
      guard read?.signedSize == 12 else { continue }
      // A bit of the signature in each note, and the checksum made right again.
      for note in [128 + 150, 2108 + 150] { block[note] ^= 1 }
      let covered = Array(block[..<4092])
      let checksum = CRC32C.checksum(covered.span)
      for byte in 0..<4 { block[4092 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * byte)) }
      files[path] = block
    }
    let segment = "seg/0000000000000000.seg"
    files[segment]?[4096 + 44 + 10] ^= 1
    let report = try Verification.verifyGatewayLog(logFiles(files), log.policy)
    #expect(report.findings.contains { if case .badNote = $0 { true } else { false } })
    #expect(report.findings.contains(.damagedEntry(index: 0, path: segment, confirmed: false)))
  }
}
