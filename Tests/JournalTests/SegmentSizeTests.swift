import HAL
import HostCodec
import MemoryStorage
@testable import Simulator
import Testing
import TransparencyLog

@testable import Journal

/// A site gives its segments another size, and those of the old one stay.
@Suite struct SegmentSizeTests {
  private func configuration(_ byteCount: Int) -> JournalConfiguration {
    JournalConfiguration(
      epoch: 1, originHash: testOrigin, segmentByteCount: byteCount, frameByteCountMax: 12 << 10)
  }

  /// Each counts as what it takes, through sealing, giving up and taking anew.
  @Test(arguments: [(32, 128), (128, 32), (32, 64), (64, 32)])
  func `segments of another size count as what they take`(before: Int, after: Int) throws {
    let disk = MemoryDisk()
    var entries: [[UInt8]] = []
    let old = Fixture(sealingOn: disk, configuration(before << 10))
    _ = try old.recover()
    try old.fill(&entries, 70)
    #expect(old.journal.standingByteCount == disk.segmentByteCount)
    let fixture = Fixture(sealingOn: disk, configuration(after << 10))
    #expect(try fixture.recover().entries == entries)
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount, "as found")
    #expect(fixture.journal.usedByteCount <= disk.segmentByteCount)
    try fixture.sealAll()
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount, "sealed")
    #expect(fixture.journal.usedByteCount <= disk.segmentByteCount)
    try fixture.fill(&entries, 70)
    try fixture.sealAll()
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount, "with new ones")
    #expect(try fixture.read(0..<140) == entries)
    try fixture.journal.removeFreeSegments(keeping: 0)
    try fixture.keepRoom(below: 100) { _ in }
    #expect(fixture.journal.superblock.minimumIndex > 0)
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount, "given up")
    try fixture.fill(&entries, 70)
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount, "taken anew")
    let again = Fixture(sealingOn: disk, configuration(after << 10))
    let found = try again.recoverKept()
    #expect(found.entries == Array(entries[Int(found.first)...]))
    #expect(again.journal.standingByteCount == disk.segmentByteCount, "found again")
  }

  /// What the quota gives is asked of what stands, not of how many there are.
  @Test func `a log of many short segments is sealed under a limit that counts long ones`() throws {
    let disk = MemoryDisk()
    var entries: [[UInt8]] = []
    let old = Fixture(sealingOn: disk, configuration(32 << 10))
    _ = try old.recover()
    try old.fill(&entries, 140)
    let fixture = Fixture(sealingOn: disk, configuration(256 << 10))
    _ = try fixture.recover()
    let before = disk.segmentByteCount
    fixture.journal.standingByteCountMax = UInt64(before) + (128 << 10)
    #expect(try fixture.sealAll() > 10)
    #expect(disk.segmentByteCount < before)
    // So many bytes of frames become as many as what is sealed shows: about as many as before the change.
    let grown = fixture.journal.byteCount(whenSealed: 7 << 20)
    #expect(grown > 2 << 20 && grown < 4 << 20, "\(grown)")
  }
}
