import Articles
import HAL
import Journal
import MemoryStorage
import Testing
import TransparencyLog

@Suite struct JournalFormatTests {
  private func hex(_ text: String) -> [UInt8] {
    let digits = text.compactMap { $0.hexDigitValue }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
  }

  @Test func `a log of one entry has the bytes of the documented examples`() throws {
    let disk = MemoryDisk()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    try fixture.append([0x68, 0x69])
    let segment = disk.bytes("segment.0")
    #expect(segment.count == 16384)
    #expect(
      Array(segment[..<32])
        == hex("54534a53 01000000 01000000 00000000 0000000000000000 00000000 7a7ba97f"))
    #expect(segment[32..<4096].allSatisfy { $0 == 0 })
    let frame = hex(
      "54534a46 01000000 01000000 00000000 0000000000000000 01000000 04000000 00000000 dab7f403"
        + "9acf3400 0002 6869")
    #expect(Array(segment[4096..<(4096 + frame.count)]) == frame)
    #expect(segment[(4096 + frame.count)...].allSatisfy { $0 == 0 })
  }

  @Test func `a mended frame has the bytes of the documented example`() throws {
    let disk = MemoryDisk()
    let configuration = JournalConfiguration(
      epoch: 1, originHash: testOrigin, segmentByteCount: 24 << 10, frameByteCountMax: 8 << 10)
    let fixture = Fixture(MemoryBlockStorage(disk: disk), configuration)
    _ = try fixture.recover()
    for entry: [UInt8] in [[0x68, 0x69], [0x61], [0x62], [0x63]] { try fixture.append(entry) }
    try fixture.append([0x64])
    try fixture.journal.recordSigned(size: 5, root: Workload.root(5), note: [1].span)
    try fixture.journal.recordAcknowledged(size: 5, cosignedNote: [2].span)
    var bytes = disk.bytes("segment.0")
    for i in 8192..<20480 { bytes[i] = 0 }
    disk.replace("segment.0", with: bytes)
    let damaged = Fixture(MemoryBlockStorage(disk: disk), configuration)
    var gaps: [JournalGap] = []
    #expect(throws: JournalError.self) { try damaged.recover() }
    _ = try damaged.journal.walk {
      gaps.append($0)
    } visitor: { _, _ in
    }
    var gap = try #require(gaps.first)
    let payload: [UInt8] = [0, 1, 0x61, 0, 1, 0x62, 0, 1, 0x63]
    try damaged.journal.mend(&gap, with: payload.span, count: 3)
    let frame = hex(
      "54534a46 02000300 01000000 00000000 0100000000000000 03000900 bff89c00 9acf3400 2b42f747"
        + "d7ed9005 0001 61 0001 62 0001 63")
    #expect(Array(disk.bytes("segment.0")[8192..<(8192 + frame.count)]) == frame)
    // The article shows the same bytes, header and payload.
    let text = try Article("DataOnDisk").section("Mended frames").lines.joined()
    let shown = text.split(separator: "`").filter { $0.allSatisfy(\.isHexDigit) }.joined()
    #expect(hex(String(shown.suffix(2 * frame.count))) == frame)
  }

  @Test func `every byte of a superblock counts`() throws {
    let disk = MemoryDisk()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    _ = try fixture.journal.recordBoot()
    let page = disk.bytes("super.1")
    #expect(page.count == 4096)
    #expect(Superblock(page.span)?.bootCounter == 1)
    #expect(Superblock(page.span)?.originHash == testOrigin)
    for i in page.indices {
      var damaged = page
      damaged[i] ^= 1
      #expect(Superblock(damaged.span) == nil)
    }
  }

  @Test func `every byte of the used part of headers counts and padding does not`() throws {
    let disk = MemoryDisk()
    let fixture = Fixture(MemoryBlockStorage(disk: disk))
    _ = try fixture.recover()
    try fixture.append([1, 2, 3])
    let segment = disk.bytes("segment.0")
    for i in 0..<SegmentHeader.byteCount {
      var page = Array(segment[..<4096])
      page[i] ^= 0x40
      #expect(SegmentHeader(page.span) == nil)
    }
    for i in 0..<FrameHeader.byteCount {
      var page = Array(segment[4096..<8192])
      page[i] ^= 0x40
      #expect(FrameHeader(page.span) == nil)
    }
  }
}
