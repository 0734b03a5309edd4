import HAL
import MemoryStorage
import Testing

@testable import Journal

/// A medium that does not let a segment be sealed.
@Suite struct SealingFailureTests {
  private let disk = MemoryDisk()
  private let fixture: Fixture<SealingMemoryStorage>

  init() throws {
    fixture = Fixture(sealingOn: disk)
    _ = try fixture.recover()
  }

  /// Commits entries one by one, up to so many, and signs them.
  private func fill(to size: Int) throws {
    for index in Int(fixture.journal.committedSize)..<size {
      try fixture.append(alikeEntry(index))
    }
    try fixture.signAll()
  }

  /// Seals whatever can be sealed; returns how often that failed.
  private func failures() throws -> Int {
    var failures = 0
    while true {
      do throws(JournalError) {
        guard try fixture.journal.seal() else { return failures }
      } catch { failures += 1 }
    }
  }

  /// It is tried again once for each new segment.
  @Test func `a sector that cannot be read keeps its own segment from being sealed, and no other`()
    throws
  {
    try fill(to: 29)
    disk.refusesRead = { object, range in
      object == .segment(sequence: 0) && range.contains(3 * 4096)
    }
    #expect(try failures() == 1 && failures() == 0)
    #expect(
      Set(disk.objects.keys).isSuperset(of: ["segment.0", "sealed.1", "sealed.2", "sealed.3"]))
    #expect(disk.objects["sealed.0"] == nil)
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
    try fill(to: 36)
    #expect(try failures() == 1 && failures() == 0)
    // It shows it again.
    disk.refusesRead = { _, _ in false }
    try fill(to: 43)
    #expect(try failures() == 0)
    #expect(disk.objects["sealed.0"] != nil)
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
    #expect(try fixture.read(0..<43) == (0..<43).map { alikeEntry($0) })
    let used = try fixture.journal.byteCount(from: 0)
    #expect(used <= fixture.journal.standingByteCount)
  }
}
