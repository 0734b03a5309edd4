import HAL
import HostCodec
import MemoryStorage
@testable import Simulator
import Testing
import TransparencyLog

@testable import Journal

/// Segments are sealed, and the log above reads the same.
@Suite struct SealingTests {
  /// A journal in which `count` entries are committed and signed, with its medium and the entries.
  private func filled(
    _ count: Int
  ) throws -> (disk: MemoryDisk, fixture: Fixture<SealingMemoryStorage>, entries: [[UInt8]]) {
    let disk = MemoryDisk()
    let fixture = Fixture(sealingOn: disk)
    _ = try fixture.recover()
    var entries: [[UInt8]] = []
    try fixture.fill(&entries, count)
    return (disk, fixture, entries)
  }

  @Test func `full segments that are signed are sealed, and their files become the next ones`()
    throws
  {
    let (disk, fixture, first) = try filled(15)
    var entries = first
    // Two are full and signed, the third has begun.
    #expect(disk.objects.keys.filter { $0.hasPrefix("segment.") }.count == 3)
    let plain = disk.bytes("segment.0")
    try fixture.sealAll()
    #expect(
      Set(disk.objects.keys) == [
        "super.0", "super.1", "segment.0", "segment.2", "sealed.0", "sealed.1",
      ])
    #expect(fixture.journal.freeSegmentCount == 1)
    #expect(disk.bytes("sealed.0").count == 3 << 12)
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
    // The file that was segment 0 becomes segment 3.
    try fixture.fill(&entries, 7)
    try fixture.sealAll()
    #expect(
      Set(disk.objects.keys) == [
        "super.0", "super.1", "segment.2", "segment.3", "sealed.0", "sealed.1", "sealed.2",
      ])
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
    #expect(try fixture.read(0..<22) == entries)
    // Every page of a sealed segment reads as it was.
    var read = [UInt8](repeating: 0, count: 0)
    for offset in stride(from: 0, to: plain.count, by: 4096) {
      read += try bytes(fixture, 0, at: offset, count: 4096)
    }
    #expect(read == plain)
    #expect(try bytes(fixture, 0, at: 0, count: plain.count) == plain)
    let again = Fixture(sealingOn: disk)
    let (decision, found) = try again.recover()
    #expect(decision == .clean && found == entries)
    #expect(again.journal.standingByteCount == disk.segmentByteCount)
    // What stands in both forms is compared, and nothing is written again.
    try again.sealAll()
    #expect(again.journal.freeSegmentCount == 1 && again.journal.writtenByteCount == 0)
    #expect(try again.read(0..<22) == entries)
  }

  private func bytes(
    _ fixture: Fixture<SealingMemoryStorage>, _ sequence: UInt64, at offset: Int, count: Int
  ) throws -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
    defer { buffer.deallocate() }
    try fixture.journal.storage.read(.segment(sequence: sequence), at: offset, into: buffer)
    return [UInt8](buffer)
  }

  @Test func `what is not signed, or is the tail, is not sealed`() throws {
    let disk = MemoryDisk()
    let fixture = Fixture(sealingOn: disk)
    _ = try fixture.recover()
    for index in 0..<15 { try fixture.append(alikeEntry(index)) }
    #expect(try fixture.sealAll() == 0)
    try fixture.journal.recordSigned(size: 6, root: .zero, note: [1].span)
    #expect(try fixture.sealAll() == 0)
    try fixture.journal.recordSigned(size: 7, root: .zero, note: [1].span)
    #expect(try fixture.sealAll() > 0)
    #expect(disk.objects["sealed.0"] != nil && disk.objects["sealed.1"] == nil)
    try fixture.signAll()
    try fixture.sealAll()
    #expect(disk.objects["sealed.1"] != nil && disk.objects["sealed.2"] == nil)
  }

  @Test func `what would not become half as long stays plain`() throws {
    let disk = MemoryDisk()
    let fixture = Fixture(sealingOn: disk, isCompressing: false)
    _ = try fixture.recover()
    var entries: [[UInt8]] = []
    try fixture.fill(&entries, 15)
    try fixture.sealAll()
    #expect(!disk.objects.keys.contains { $0.hasPrefix("sealed.") })
    // Noise that fills its frames.
    var noise = SeededEntropy(seed: 7)
    let noisy = MemoryDisk()
    let other = Fixture(sealingOn: noisy)
    _ = try other.recover()
    for _ in 0..<9 {
      try other.append((0..<4000).map { _ in UInt8(truncatingIfNeeded: noise.next()) })
    }
    try other.signAll()
    #expect(try other.sealAll() > 0)
    #expect(!noisy.objects.keys.contains { $0.hasPrefix("sealed.") })
    #expect(other.journal.byteCount(whenSealed: 1000) == 1000)
  }

  /// Commits come between any two steps and take segments: never does more stand than may, and no commit is refused for
  /// what a sealed form takes that does not count yet.
  @Test func `a commit comes before what is sealed, and both stay within the room`() throws {
    var withdrawn = 0
    for before in 0...40 {
      let (disk, fixture, first) = try filled(15)
      var entries = first
      let segment = UInt64(fixture.journal.configuration.segmentByteCount)
      // Room for one more segment, or for half of one.
      fixture.journal.standingByteCountMax = disk.segmentByteCount + segment
      for _ in 0..<before where try fixture.journal.seal() {
        #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
      }
      let stood = disk.objects["sealed.0"] != nil && disk.objects["segment.0"] != nil
      // The tail is full, and the next segment begins.
      for _ in 0..<8 {
        entries.append(alikeEntry(entries.count))
        try fixture.append(entries[entries.count - 1])
      }
      #expect(disk.segmentByteCount <= fixture.journal.standingByteCountMax, "\(before) steps")
      if stood, disk.objects["sealed.0"] == nil { withdrawn += 1 }
      try fixture.signAll()
      try fixture.sealAll()
      #expect(disk.segmentByteCount <= fixture.journal.standingByteCountMax)
      #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
      #expect(try fixture.read(0..<UInt64(entries.count)) == entries, "\(before) steps")
    }
    #expect(withdrawn > 0)
  }

  /// A start does not know that what stands beside a segment was compared: a commit gets its room all the same.
  @Test func `a sealed form that a start finds beside its segment gives way or gives room`() throws
  {
    for isCompared in [false, true] {
      let (disk, fixture, first) = try filled(15)
      var entries = first
      while disk.objects["sealed.0"] == nil, try fixture.journal.seal() {}
      try #require(disk.objects["sealed.0"] != nil && disk.objects["segment.0"] != nil)
      let again = Fixture(sealingOn: disk)
      _ = try again.recover()
      let segment = UInt64(again.journal.configuration.segmentByteCount)
      let isPending = again.journal.isSealingPending
      #expect(isPending)
      #expect(again.journal.standingByteCount == disk.segmentByteCount)
      // Room for a segment only without the sealed form, and not for half of one beside it.
      again.journal.standingByteCountMax =
        disk.segmentByteCount - UInt64(disk.bytes("sealed.0").count) + segment
      if isCompared {
        while again.journal.isSealingPending, try again.journal.seal() {}
        #expect(again.journal.freeSegmentCount == 1)
      }
      for _ in 0..<8 {
        entries.append(alikeEntry(entries.count))
        try again.append(entries[entries.count - 1])
      }
      #expect((disk.objects["sealed.0"] != nil) == isCompared)
      #expect(disk.segmentByteCount <= again.journal.standingByteCountMax)
      #expect(try again.read(0..<UInt64(entries.count)) == entries)
    }
  }

  @Test func `what is given up goes in its sealed form as well`() throws {
    let (disk, fixture, entries) = try filled(36)
    try fixture.sealAll()
    #expect(disk.objects.keys.filter { $0.hasPrefix("sealed.") }.count == 5)
    let whole = try fixture.journal.byteCount(from: 0)
    try fixture.journal.recordMinimum(16)
    #expect(try fixture.journal.byteCount(from: 16) < whole)
    try fixture.journal.removeFreeSegments(keeping: 1)
    #expect(disk.objects["sealed.0"] == nil && disk.objects["sealed.1"] == nil)
    #expect(disk.objects["sealed.2"] != nil)
    #expect(fixture.journal.standingByteCount == disk.segmentByteCount)
    #expect(try fixture.read(16..<36) == Array(entries[16...]))
    // A loss of power before they were removed.
    try fixture.journal.recordMinimum(30)
    let again = Fixture(sealingOn: disk)
    _ = try again.journal.recover { _, _ in }
    #expect(again.journal.standingByteCount == disk.segmentByteCount)
    try again.journal.removeFreeSegments(keeping: 0)
    #expect(disk.objects["sealed.3"] == nil && disk.objects["sealed.4"] != nil)
    #expect(again.journal.standingByteCount == disk.segmentByteCount)
  }

  @Test func `growth is counted as it will be when it is sealed`() throws {
    let (_, fixture, _) = try filled(15)
    #expect(fixture.journal.byteCount(whenSealed: 32_000) == 32_000)
    try fixture.sealAll()
    #expect(fixture.journal.byteCount(whenSealed: 32_000) == 12_000)
    #expect(fixture.journal.byteCount(whenSealed: 1 << 50) == 3 << 47)
  }

  /// The bytes of a sealed form with one bit changed.
  @Test func `no bit of a sealed form is wrong unnoticed`() throws {
    let (disk, fixture, first) = try filled(15)
    var entries = first
    let plain = disk.bytes("segment.0")
    try fixture.sealAll()
    try fixture.fill(&entries, 14)
    #expect(disk.objects["segment.0"] == nil)
    let sealed = disk.bytes("sealed.0")
    var zeroed = 0
    for at in stride(from: 0, to: sealed.count, by: 7) {
      var damaged = sealed
      damaged[at] ^= 1 << UInt8(at % 8)
      disk.replace("sealed.0", with: damaged)
      let reader = Fixture(sealingOn: disk)
      let found = try bytes(reader, 0, at: 0, count: plain.count)
      for block in stride(from: 0, to: plain.count, by: 4096)
      where
        found[block..<block + 4096] != plain[block..<block + 4096]
      {
        #expect(found[block..<block + 4096].allSatisfy { $0 == 0 })
        zeroed += 1
      }
    }
    // The table stands twice: only what is stored once can be lost.
    #expect(zeroed > 0 && zeroed <= 7 * (4096 / 7 + 1))
    var halved = sealed
    for at in 4080..<4096 { halved[at] = 0xff }
    disk.replace("sealed.0", with: halved)
    #expect(try bytes(Fixture(sealingOn: disk), 0, at: 0, count: plain.count) == plain)
    disk.replace("sealed.0", with: Array(sealed.dropLast(4096)))
    #expect(throws: StorageError.self) {
      try self.bytes(Fixture(sealingOn: disk), 0, at: 0, count: 4096)
    }
  }

  @Test func `a sealed segment that is written to comes back plain, with what was whole of it`()
    throws
  {
    let (disk, fixture, _) = try filled(15)
    var plain = disk.bytes("segment.1")
    try fixture.sealAll()
    #expect(disk.objects["segment.1"] == nil && disk.objects["sealed.1"] != nil)
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 4096)
    defer { block.deallocate() }
    block.initializeMemory(as: UInt8.self, repeating: 0xA7)
    // Whichever operation is refused, the segment reads as it was.
    let image = disk.objects
    var refused = 0
    while true {
      disk.restore(image)
      let again = Fixture(sealingOn: disk)
      _ = try again.recover()
      refused += 1
      (disk.refusal, disk.faults) = (.io, [disk.operationCount + refused: .refused])
      do throws(StorageError) {
        try again.journal.storage.write(
          .segment(sequence: 1), at: 8192, from: UnsafeRawBufferPointer(block))
        break
      } catch {
        disk.faults = [:]
        #expect(error == .io)
        #expect(try bytes(again, 1, at: 0, count: plain.count) == plain)
      }
    }
    // Both writes, two pieces, the publication and the removal.
    #expect(refused == 7)
    disk.faults = [:]
    plain.replaceSubrange(8192..<12288, with: block)
    #expect(disk.bytes("segment.1") == plain)
    #expect(disk.objects["sealed.1"] == nil)
    #expect(try bytes(Fixture(sealingOn: disk), 1, at: 0, count: plain.count) == plain)
  }

  @Test func `a refused look at a sealed segment is tried again`() throws {
    let (disk, fixture, entries) = try filled(22)
    try fixture.sealAll()
    let image = disk.objects
    var refused = 0
    var isDone = false
    while !isDone {
      disk.restore(image)
      refused += 1
      let last = disk.operationCount + refused
      (disk.refusal, disk.faults) = (.io, [last: .refused])
      let again = Fixture(sealingOn: disk)
      do throws(JournalError) {
        let (_, found) = try again.recover()
        #expect(found == entries)
      } catch {
        if case .unreadable(.segment, _, _) = error { Issue.record("\(error)") }
      }
      isDone = disk.operationCount < last
    }
    #expect(refused > 20)
    disk.faults = [:]
  }

  @Test func `the longest segments are sealed too`() throws {
    let disk = MemoryDisk()
    let configuration = JournalConfiguration(
      epoch: 1, originHash: testOrigin, segmentByteCount: 64 << 20)
    let byteCount = 64 << 20
    var segment = [UInt8](repeating: 0, count: byteCount)
    segment.withUnsafeMutableBufferPointer { bytes in
      SegmentHeader(epoch: 1, sequence: 0, firstIndex: 0, previousChecksum: 0).write(into: bytes)
      for block in stride(from: 4096, to: byteCount, by: 3 * 4096) {
        bytes[block + 9] = UInt8(truncatingIfNeeded: block >> 12)
      }
    }
    disk.replace("segment.0", with: segment)
    let fixture = Fixture(sealingOn: disk, configuration)
    var step = try fixture.journal.storage.seal(segment: 0)
    while !step.isLast { step = try fixture.journal.storage.seal(segment: 0) }
    guard case .sealed(let sealedByteCount) = step else {
      Issue.record("it is not sealed: \(step)")
      return
    }
    #expect(sealedByteCount == disk.bytes("sealed.0").count && sealedByteCount < byteCount / 2)
    try fixture.journal.storage.removePlain(segment: 0)
    #expect(disk.objects["segment.0"] == nil)
    for offset in stride(from: 0, to: byteCount, by: 1 << 20) {
      #expect(
        try bytes(fixture, 0, at: offset, count: 1 << 20)
          == Array(segment[offset..<offset + 1 << 20]))
    }
  }

  @Test func `the codec of a host takes no more memory than it took at its start`() throws {
    let codec = ZstdCodec(memoryByteCount: SealingMemory.byteCount)
    var noise = SeededEntropy(seed: 3)
    let out = UnsafeMutableRawBufferPointer.allocate(
      byteCount: SealingMemory.compressedByteCount, alignment: 16)
    let back = UnsafeMutableRawBufferPointer.allocate(
      byteCount: SealingMemory.columnsByteCount, alignment: 16)
    defer {
      out.deallocate()
      back.deallocate()
    }
    for round in 0..<40 {
      let count = round == 0 ? SealingMemory.columnsByteCount : Int(noise.below(100_000)) + 1
      let spread = UInt64(1) << noise.below(9)
      let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: noise.below(spread)) }
      let compressed = bytes.withUnsafeBytes { codec.compress($0, into: out) }
      let length = try #require(compressed)
      let stored = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(out)[..<length])
      let filled = UnsafeMutableRawBufferPointer(rebasing: back[..<count])
      let isWhole = codec.decompress(stored, into: filled)
      #expect(isWhole && Array(filled) == bytes)
      let short = UnsafeMutableRawBufferPointer(rebasing: back[..<(count - 1)])
      let isShort = codec.decompress(stored, into: short)
      #expect(!isShort)
    }
  }
}
