import HAL
import MemoryStorage
import Testing

@testable import Journal

/// What attempts to write have left behind is removed when its room is needed, and nothing else is.
@Suite struct EmptyingTests {
  private static let segment: UInt64 = 16 << 10

  /// A log of twelve entries, three to a segment, among segments of three kinds that hold nothing: without a header, with
  /// one and no frame, and with a frame that was reported as failed and stands in the next one as well.
  private func scarred() throws -> (disk: MemoryDisk, fixture: Fixture<MemoryBlockStorage>) {
    let disk = MemoryDisk()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    for number in 0..<12 {
      switch number {
      case 3: try fail(fixture, disk, number) { _, offset in offset == 0 }
      case 6: try fail(fixture, disk, number) { _, offset in offset > 0 }
      case 8:
        fixture.journal.tail = nil
        // The segment is made, its header written and read back; then comes the frame.
        disk.faults[disk.operationCount + 4] = .doneButReported
      default: break
      }
      try fixture.append(entry(number))
    }
    try fail(fixture, disk, 12) { _, offset in offset > 0 }
    return (disk, fixture)
  }

  private func entry(_ number: Int) -> [UInt8] { sampleEntry(number, byteCount: 4_000) }

  private func fail(
    _ fixture: Fixture<MemoryBlockStorage>, _ disk: MemoryDisk, _ number: Int,
    refusing: @escaping (StorageObject, Int) -> Bool
  ) throws {
    disk.refusesWrite = { object, offset in
      guard case .segment = object else { return false }
      return refusing(object, offset)
    }
    let fits = fixture.stage(entry(number))
    #expect(fits)
    #expect(throws: JournalError.self) { try fixture.journal.commit() }
    fixture.journal.discardStaged()
    disk.refusesWrite = { _, _ in false }
  }

  private func recovered(_ disk: MemoryDisk) throws -> [[UInt8]] {
    try Fixture(MemoryBlockStorage(disk: disk)).recover().entries
  }

  @Test func `segments in which nothing was committed go, and the log is what it was`() throws {
    let (disk, fixture) = try scarred()
    let entries = (0..<12).map(entry)
    let before = disk.objects.count
    let count = try fixture.journal.removeEmptySegments()
    // Two of each commit that failed in a new segment, one of that which began in the tail, and the one whose frame
    // stands twice.
    #expect(count == 6 && disk.objects.count == before - 6)
    let more = try fixture.journal.removeEmptySegments()
    #expect(more == 0)
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
    #expect(try fixture.read(0..<12) == entries)
    #expect(try recovered(disk) == entries)
    try fixture.append(entry(12))
    #expect(try recovered(disk) == entries + [entry(12)])
  }

  /// The tail of a log that is recovered is kept, whatever it holds; it is written to.
  @Test func `a start removes what the one before left behind`() throws {
    let (disk, _) = try scarred()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    let tail = fixture.journal.tail?.sequence
    let sequence = try #require(tail)
    let count = try fixture.journal.removeEmptySegments()
    #expect(count == 5 && disk.objects["segment.\(sequence)"] != nil)
    try fixture.append(entry(12))
    #expect(try recovered(disk) == (0...12).map(entry))
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
  }

  @Test func `a commit without room removes them by itself`() throws {
    let (disk, fixture) = try scarred()
    fixture.journal.standingByteCountMax = fixture.journal.standingByteCount
    for number in 12..<26 { try fixture.append(entry(number)) }
    #expect(disk.segmentByteCount <= fixture.journal.standingByteCountMax)
    #expect(try recovered(disk) == (0..<26).map(entry))
    #expect(throws: JournalError.self) {
      for number in 26..<40 { try fixture.append(entry(number)) }
    }
  }

  @Test(arguments: MemoryDisk.Fault.allCases)
  func `whichever operation fails or loses power, the log is what it was`(
    fault: MemoryDisk.Fault
  ) throws {
    let entries = (0..<12).map(entry)
    var failures = 0
    for operation in 1...400 {
      let (disk, fixture) = try scarred()
      let first = disk.operationCount + operation
      // A look that is refused once is tried again: three in a row are not.
      for refused in first..<first + 3 { disk.faults[refused] = fault }
      do throws(JournalError) { try fixture.journal.removeEmptySegments() } catch { failures += 1 }
      if disk.operationCount < first { break }
      disk.faults = [:]
      try fixture.journal.removeEmptySegments()
      // An epoch may end by this count.
      #expect(fixture.journal.standingByteCount == disk.segmentByteCount, "operation \(operation)")
      try fixture.append(entry(12))
      #expect(fixture.journal.standingByteCount == disk.segmentByteCount, "operation \(operation)")
      #expect(try recovered(disk) == entries + [entry(12)], "operation \(operation)")

      let (other, victim) = try scarred()
      other.cut = (other.operationCount + operation, operation % 2 == 0 ? .first(1) : .last(1))
      #expect(throws: JournalError.self) { try victim.journal.removeEmptySegments() }
      other.restorePower()
      #expect(try recovered(other) == entries, "cut in operation \(operation)")
    }
    #expect(failures > 0)
  }

  /// Attempts to write that were given up are sealed as all that came before.
  @Test func `sealed segments in which nothing was committed go, too`() throws {
    let disk = MemoryDisk()
    let fixture = Fixture(sealingOn: disk)
    _ = try fixture.recover()
    var entries: [[UInt8]] = []
    for _ in 0..<3 {
      try fixture.fill(&entries, 10)
      disk.refusesWrite = { object, offset in
        if case .segment = object { offset > 0 } else { false }
      }
      let fits = fixture.stage(alikeEntry(entries.count))
      #expect(fits)
      #expect(throws: JournalError.self) { try fixture.journal.commit() }
      fixture.journal.discardStaged()
      disk.refusesWrite = { _, _ in false }
    }
    try fixture.fill(&entries, 10)
    try fixture.sealAll()
    let names = disk.objects.keys.filter { $0.hasPrefix("sealed.") }
    let before = disk.segmentByteCount
    let count = try fixture.journal.removeEmptySegments()
    let left = disk.objects.keys.filter { $0.hasPrefix("sealed.") }
    #expect(count == 3 && names.count - left.count == 3 && disk.segmentByteCount < before)
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
    #expect(try fixture.read(0..<40) == entries)
    try fixture.fill(&entries, 20)
    try fixture.sealAll()
    #expect(try Fixture(sealingOn: disk).recover().entries == entries)
  }
}
