import HAL
import Journal
import MemoryStorage
import Testing
import TransparencyLog

@Suite struct JournalTests {
  /// A finished workload: two segments and more, superblocks with notes.
  private func finished() throws -> MemoryDisk {
    let disk = MemoryDisk()
    try Workload(disk).run(Fixture(MemoryBlockStorage(disk: disk)))
    return disk
  }

  private func recover(_ disk: MemoryDisk) throws(JournalError) -> RecoveryCase {
    try Fixture(MemoryBlockStorage(disk: disk)).recover().decision
  }

  private func error(_ disk: MemoryDisk) -> JournalError? {
    do throws(JournalError) {
      _ = try recover(disk)
      return nil
    } catch { return error }
  }

  @Test func `an empty directory becomes a log with both superblocks`() throws {
    let disk = MemoryDisk()
    #expect(try recover(disk) == .emptyDirectory)
    #expect(disk.bytes("super.0").count == 4096 && disk.bytes("super.1").count == 4096)
    #expect(try recover(disk) == .clean)
  }

  @Test func `entries come back by recovery and by visits of any range`() throws {
    let disk = try finished()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    let (decision, entries) = try fixture.recover()
    #expect(decision == .clean)
    #expect(entries.count == 14)
    for low in 0..<14 {
      for high in low...14 {
        #expect(try fixture.read(UInt64(low)..<UInt64(high)) == Array(entries[low..<high]))
      }
    }
    // Backwards, so that each visit has to search.
    for index in (0..<14).reversed() {
      #expect(try fixture.read(UInt64(index)..<UInt64(index + 1)) == [entries[index]])
    }
  }

  @Test func `a visit follows a log that grows over segments`() throws {
    let disk = MemoryDisk()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    for index in 0..<40 {
      try fixture.append(sampleEntry(index, byteCount: 3000))
      #expect(
        try fixture.read(UInt64(index)..<UInt64(index + 1))
          == [sampleEntry(index, byteCount: 3000)])
    }
    #expect(throws: JournalError.notStored(index: 40)) { try fixture.read(39..<41) }
  }

  @Test func `an entry that does not fit the frame waits for the next`() throws {
    let disk = MemoryDisk()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    let entry = sampleEntry(0, byteCount: 4000)
    for _ in 0..<3 { #expect(fixture.stage(entry)) }
    // 12,288 - 44 - 3 × 4,002 = 238 bytes are left, of which 2 hold the length.
    #expect(!fixture.stage(entry))
    #expect(!fixture.stage(sampleEntry(0, byteCount: 237)))
    #expect(fixture.stage(sampleEntry(0, byteCount: 236)))
    #expect(fixture.journal.stagedCount == 4 && fixture.journal.stagedByteCount == 12244)
    try fixture.journal.commit()
    #expect(fixture.journal.committedSize == 4 && fixture.journal.stagedCount == 0)
  }

  @Test func `an abandoned segment is counted and its frame stands in the next`() throws {
    let disk = MemoryDisk()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    try fixture.append([1])
    disk.faults = [disk.operationCount + 1: .half]
    try fixture.append([2])
    #expect(fixture.journal.abandonedSegmentCount == 1)
    #expect(try fixture.read(0..<2) == [[1], [2]])
    disk.faults = [disk.operationCount + 1: .refused, disk.operationCount + 2: .refused]
    #expect(
      throws: JournalError.unwritable(.segment(sequence: 2), offset: 0, .full)
    ) { try fixture.append([3]) }
    #expect(fixture.journal.stagedCount == 1)
    try fixture.journal.commit()
    #expect(try fixture.read(0..<3) == [[1], [2], [3]])
  }

  @Test func `what the log takes counts segments that are there, not attempts to make one`() throws
  {
    let disk = MemoryDisk()
    var fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    #expect(fixture.journal.usedByteCount == 0)
    try fixture.append([1])
    let one = fixture.journal.usedByteCount
    #expect(one == 8192, "header and frame")
    let segment = UInt64(fixture.journal.configuration.segmentByteCount)
    // The frame fails, and so do ten attempts to make another segment for it.
    disk.faults = [disk.operationCount + 1: .half]
    for _ in 0..<10 {
      for operation in 1...12 { disk.faults[disk.operationCount + operation] = .refused }
      #expect(throws: JournalError.self) { try fixture.append([2]) }
      fixture.journal.discardStaged()
    }
    disk.faults = [:]
    #expect(fixture.journal.usedByteCount == segment, "the abandoned one")
    try fixture.append([2])
    #expect(fixture.journal.usedByteCount == segment + 8192)
    fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    #expect(fixture.journal.usedByteCount == segment + 8192)
  }

  @Test func `a torn tail is set to zero and the log goes on`() throws {
    let disk = try finished()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    try fixture.append([9, 9, 9])
    var torn = disk.bytes("segment.2")
    let tail = try #require(lastFrame(of: torn))
    torn[tail + 47] ^= 1
    disk.replace("segment.2", with: torn)
    #expect(try recover(disk) == .tornTail)
    #expect(disk.bytes("segment.2")[tail..<(tail + 4096)].allSatisfy { $0 == 0 })
    #expect(try recover(disk) == .clean)
  }

  /// Offset of the last frame in a segment.
  private func lastFrame(of segment: [UInt8]) -> Int? {
    Array(stride(from: 4096, to: segment.count, by: 4096)).last {
      FrameHeader(Array(segment[$0..<($0 + 4096)]).span) != nil
    }
  }

  @Test func `a damaged frame with others behind it is named and nothing is touched`() throws {
    let disk = try finished()
    // Where in which segment the damage begins, and the entries that are missing; the mirror has all but the last.
    for (name, offset, sequence, start, missing): (String, Int, UInt64, Int, Range<UInt64>) in [
      ("segment.0", 4096 + 50, 0, 4096, 0..<2), ("segment.0", 8192 + 4090, 0, 8192, 2..<4),
      ("segment.1", 4096 + 20, 1, 4096, 4..<7), ("segment.0", 12, 0, 0, 0..<0),
      ("segment.1", 12, 1, 0, 4..<4),
    ] {
      let good = disk.bytes(name)
      var bad = good
      bad[offset] ^= 4
      disk.replace(name, with: bad)
      guard case .gap(let gap) = error(disk) else {
        Issue.record("\(name) \(offset): \(error(disk).debugDescription)")
        continue
      }
      #expect(gap.sequence == sequence && gap.offset == start, "\(name) \(offset)")
      #expect(gap.firstIndex..<gap.endIndex == missing, "\(name) \(offset)")
      #expect(disk.bytes(name) == bad)
      disk.replace(name, with: good)
    }
    #expect(try recover(disk) == .clean)
  }

  @Test func `a missing segment is named`() throws {
    for (name, expected): (String, JournalError) in [
      ("segment.0", .damagedSegment(1, index: 0)), ("segment.1", .damagedSegment(1, index: 4)),
    ] {
      let disk = try finished()
      disk.replace(name, with: nil)
      #expect(error(disk) == expected)
    }
  }

  @Test func `fewer entries than were signed are refused and left alone`() throws {
    // The last signature covers all 14 entries, and the last frame holds four of them.
    let disk = try finished()
    var bytes = disk.bytes("segment.2")
    let tail = try #require(lastFrame(of: bytes))
    bytes[tail + 50] ^= 1
    disk.replace("segment.2", with: bytes)
    #expect(error(disk) == .signedEntriesMissing(signed: 14, recovered: 10))
    #expect(disk.bytes("segment.2") == bytes)
    for name in ["segment.0", "segment.1", "segment.2"] {
      disk.replace(name, with: nil)
    }
    #expect(error(disk) == .signedEntriesMissing(signed: 14, recovered: 0))
  }

  @Test func `a torn superblock is written again from the other one`() throws {
    for name in ["super.0", "super.1"] {
      for remove in [false, true] {
        let disk = try finished()
        var bytes = disk.bytes(name)
        bytes[100] ^= 1
        disk.replace(name, with: remove ? nil : bytes)
        #expect(try recover(disk) == .oneSuperblock)
        #expect(Superblock(disk.bytes(name).span) != nil)
        #expect(try recover(disk) == .clean)
      }
    }
  }

  /// Sets the generation and the boot counter of a superblock, and its checksum.
  private func setGeneration(_ generation: UInt64, boots: UInt8, _ name: String, _ disk: MemoryDisk)
  {
    var page = disk.bytes(name)
    func store(_ value: UInt64, byteCount: Int, at offset: Int) {
      for i in 0..<byteCount { page[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
    }
    store(generation, byteCount: 8, at: 8)
    store(UInt64(boots), byteCount: 4, at: 20)
    store(UInt64(CRC32C.checksum(page.span.extracting(0..<4092))), byteCount: 4, at: 4092)
    disk.replace(name, with: page)
  }

  @Test func `no generation is the first or the last that counts`() throws {
    let ends: [(UInt64, UInt64)] = [(0, 1), (.max, 0), (.max - 1, .max), (1 << 63 - 1, 1 << 63)]
    for (older, newer) in ends {
      for (first, second) in [("super.0", "super.1"), ("super.1", "super.0")] {
        let disk = try finished()
        setGeneration(older, boots: 3, first, disk)
        setGeneration(newer, boots: 9, second, disk)
        let fixture = Fixture(MemoryBlockStorage(disk: disk))
        #expect(try fixture.recover().decision == .clean)
        #expect(fixture.journal.superblock.bootCounter == 9)
        _ = try fixture.journal.recordBoot()
        #expect(Superblock(disk.bytes(first).span)?.generation == newer &+ 1)
        let again = Fixture(MemoryBlockStorage(disk: disk))
        #expect(try again.recover().decision == .clean)
        #expect(again.journal.superblock.bootCounter == 10)
        // The only one counts, too.
        disk.replace(first, with: nil)
        #expect(try recover(disk) == .oneSuperblock)
        #expect(try recover(disk) == .clean)
      }
    }
  }

  @Test func `without a valid superblock nothing goes on`() throws {
    let disk = try finished()
    let good = (disk.bytes("super.0"), disk.bytes("super.1"))
    disk.replace("super.0", with: nil)
    disk.replace("super.1", with: nil)
    #expect(error(disk) == .superblocksMissing)
    disk.replace("super.0", with: [UInt8](repeating: 0, count: 4096))
    #expect(error(disk) == .superblocksDamaged)
    disk.replace("super.0", with: Array(good.0[..<512]))
    #expect(error(disk) == .superblocksDamaged)
    disk.replace("super.0", with: good.0)
    disk.replace("super.1", with: good.1)
    #expect(try recover(disk) == .clean)
  }

  @Test func `the data of another log are refused`() throws {
    let disk = try finished()
    let other = JournalConfiguration(
      epoch: 2, originHash: testOrigin, segmentByteCount: 16 << 10)
    let fixture = Fixture(MemoryBlockStorage(disk: disk), other)
    #expect(throws: JournalError.foreignLog(.superblock(slot: 0))) { try fixture.recover() }
  }

  @Test func `stale frames of an earlier use of a segment never count`() throws {
    let old = try finished()
    let disk = MemoryDisk()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    try fixture.append([1])
    // The segment as if it had been recycled: behind the live frame stand frames of segment 1.
    var bytes = disk.bytes("segment.0")
    bytes.replaceSubrange(8192..., with: old.bytes("segment.1")[4096..<12288])
    disk.replace("segment.0", with: bytes)
    let again = Fixture(MemoryBlockStorage(disk: disk))
    let (decision, entries) = try again.recover()
    #expect(decision == .clean && entries == [[1]])
    try again.append([2])
    #expect(try Fixture(MemoryBlockStorage(disk: disk)).recover().entries == [[1], [2]])
  }

  @Test func `signing what is not committed is a programming error`() async {
    await #expect(processExitsWith: .failure) {
      let fixture = Fixture(MemoryBlockStorage(disk: MemoryDisk()))
      _ = try fixture.recover()
      try fixture.journal.recordSigned(size: 1, root: .zero, note: [UInt8]().span)
    }
  }
}
