import HAL
import HostCodec
import Journal
import MemoryStorage
import Testing
import Verification

/// A log whose first segment is sealed verifies as it did before.
@Suite struct SealedLogTests {
  private static let plain = "seg/0000000000000000.seg"
  private static let sealed = "seg/0000000000000000.sealed"

  private func log() throws -> (SampleLog, [String: [UInt8]]) {
    let log = try SampleLog(entryCount: 16)
    let files = try log.gatewayFiles(
      commits: [5, 8, 12, 16], signed: [8, 12], acknowledged: 8, segmentByteCount: 32 << 10)
    return (log, files)
  }

  @Test func `a sealed segment verifies as a plain one, and damage in it is named`() throws {
    let (log, files) = try log()
    let policy = log.policy
    let clean = try Verification.verifyGatewayLog(logFiles(files), policy)
    let bytes = try sealedForm(of: try #require(files[Self.plain]))
    var both = files
    both[Self.sealed] = bytes
    var one = both
    one[Self.plain] = nil
    for files in [both, one] {
      let report = try Verification.verifyGatewayLog(logFiles(files), policy)
      #expect(report.entryCount == clean.entryCount && report.signedSize == clean.signedSize)
      #expect(report.findings == clean.findings)
    }
    // A chunk behind the table, then the header in both of its places.
    var damaged = one
    damaged[Self.sealed]?[4096 + 20] ^= 1
    let report = try Verification.verifyGatewayLog(logFiles(damaged), policy)
    #expect(report.findings.count > clean.findings.count)
    var gone = one
    gone[Self.sealed]?[9] ^= 1
    #expect(
      try Verification.verifyGatewayLog(logFiles(gone), policy).findings == clean.findings,
      "the table stands twice")
    gone[Self.sealed]?[bytes.count - 4096 + 9] ^= 1
    let lost = try Verification.verifyGatewayLog(logFiles(gone), policy)
    #expect(lost.findings.contains(.damagedFile(path: Self.sealed, offset: nil)))
    // A plain form counts as long as it stands.
    both[Self.sealed] = [1, 2, 3]
    let beside = try Verification.verifyGatewayLog(logFiles(both), policy)
    #expect(beside.findings == clean.findings)
  }
}

/// The sealed form of a segment.
func sealedForm(of segment: [UInt8]) throws -> [UInt8] {
  let disk = MemoryDisk()
  disk.replace("segment.0", with: segment)
  var storage = SealingStorage(
    base: MemoryBlockStorage(disk: disk),
    codec: ZstdCodec(memoryByteCount: SealingMemory.byteCount))
  var step = try storage.seal(segment: 0)
  while step != .declined {
    if case .sealed = step { break }
    step = try storage.seal(segment: 0)
  }
  #expect(step == .sealed(byteCount: disk.bytes("sealed.0").count))
  return disk.bytes("sealed.0")
}
