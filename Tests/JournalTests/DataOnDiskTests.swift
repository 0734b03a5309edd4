import Articles
import HAL
import HostCodec
import HostHAL
import MemoryStorage
import Testing
import TransparencyLog

@testable import Journal

/// The article *Data on disk* says of the journal's bytes what the code does.
@Suite struct DataOnDiskTests {
  /// One row of a table of fields.
  private struct Field {
    let offset: Int
    let byteCount: Int
    /// The property that the row names in backquotes, if it does.
    let name: String?
    let example: [UInt8]?
    var range: Range<Int> { offset..<(offset + byteCount) }
  }

  private func fields(_ heading: String) throws -> [Field] {
    let table = try #require(try Article("DataOnDisk").section(heading).tables.first)
    var end = 0
    return try table.compactMap { cells in
      // The last rows of a frame have no fixed place.
      guard let offset = Int(cells[0]), let byteCount = Int(cells[1]) else { return nil }
      #expect(offset == end, "\(heading): \(cells[2]) leaves a gap or overlaps")
      end = offset + byteCount
      return Field(
        offset: offset, byteCount: byteCount, name: Article.code(cells[2]),
        example: try Article.code(cells[3]).map { code in
          let bytes = Article.bytes(code)
          try #require(bytes.count == byteCount, "\(heading): \(cells[2])")
          return bytes
        })
    }
  }

  /// Every example of the table stands in `bytes` where the table says.
  private func compare(_ fields: [Field], with bytes: [UInt8]) {
    #expect(!fields.isEmpty)
    for field in fields {
      guard let example = field.example else { continue }
      #expect(Array(bytes[field.range]) == example, "offset \(field.offset)")
    }
  }

  /// Changing a property changes its bytes, the checksum, and nothing else.
  private func check<Header>(
    _ name: String, _ fields: [Field], checksum: Int, _ header: Header,
    _ write: (Header) -> [UInt8], _ change: (inout Header) -> Void
  ) throws {
    let field = try #require(fields.first { $0.name == name }, "\(name) is not in the table")
    var changed = header
    change(&changed)
    let (before, after) = (write(header), write(changed))
    let differing = before.indices.filter { before[$0] != after[$0] }
    #expect(differing.contains { field.range.contains($0) }, "\(name)")
    #expect(
      differing.allSatisfy { field.range.contains($0) || (checksum..<checksum + 4).contains($0) },
      "\(name) changes bytes \(differing)")
  }

  private func page(_ write: (UnsafeMutableBufferPointer<UInt8>) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: blockByteCount)
    bytes.withUnsafeMutableBufferPointer { write($0) }
    return bytes
  }

  private var notes: [[UInt8]] {
    get throws {
      try Article("DataOnDisk").section("Checkpoint").blocks.map { Array($0.text.utf8) }
    }
  }

  @Test func `the table of the superblock has its bytes`() throws {
    let fields = try fields("Superblock")
    let notes = try notes
    try #require(notes.count == 2)
    let (signed, cosigned) = (notes[0], notes[1])
    var block = Superblock(
      generation: 7, epoch: 1,
      originHash: SHA256.hash(Array("mrv.example/gw/7f3a01c2/1".utf8).span))
    block.bootCounter = 3
    block.signedSize = 300
    let root = Article.bytes("418f822f3c65275f450f878284748417ba797b418bcafc6b6e0acda692ac3b67")
    let digest = Digest(root.span)
    block.signedRoot = try #require(digest)
    block.acknowledgedSize = 300
    block.signedNoteByteCount = signed.count
    block.cosignedNoteByteCount = cosigned.count
    let write = { (block: Superblock) in
      page { page in
        page.put(signed.span, at: Superblock.signedNoteOffset)
        page.put(cosigned.span, at: Superblock.cosignedNoteOffset)
        block.write(into: page)
      }
    }
    let bytes = write(block)
    #expect(Superblock(bytes.span) == block)
    compare(fields, with: bytes)
    #expect(fields.last?.range.upperBound == blockByteCount)
    let starts = fields.filter { $0.byteCount == Superblock.noteByteCountMax }.map(\.offset)
    #expect(starts == [Superblock.signedNoteOffset, Superblock.cosignedNoteOffset])

    let crc = Superblock.checksumOffset
    try check("generation", fields, checksum: crc, block, write) { $0.generation += 1 }
    try check("epoch", fields, checksum: crc, block, write) { $0.epoch += 1 }
    try check("bootCounter", fields, checksum: crc, block, write) { $0.bootCounter += 1 }
    try check("originHash", fields, checksum: crc, block, write) { $0.originHash = .zero }
    try check("signedSize", fields, checksum: crc, block, write) { $0.signedSize += 1 }
    try check("signedRoot", fields, checksum: crc, block, write) { $0.signedRoot = .zero }
    try check("acknowledgedSize", fields, checksum: crc, block, write) { $0.acknowledgedSize = 1 }
    try check("minimumIndex", fields, checksum: crc, block, write) { $0.minimumIndex = 1 }
    let named = ["signedNoteByteCount", "cosignedNoteByteCount"].map { name in
      fields.first { $0.name == name }?.offset
    }
    #expect(named == [112, 114])
  }

  @Test func `the table of the summary has its bytes`() throws {
    let fields = try fields("Summary")
    let end = try #require(fields.last?.range.upperBound)
    let history = try #require(fields.dropLast().last?.example)
    let hash = Digest(bytes: InlineArray(repeating: 1))
    let origin = SHA256.hash(Array("mrv.example/gw/7f3a01c2/1".utf8).span)
    let bytes = page {
      LogSummary.write(
        index: 256, epoch: 1, originHash: origin, hashes: [hash].span, history: history.span,
        into: $0)
    }
    compare(fields, with: bytes)
    #expect(bytes[end...].allSatisfy { $0 == 0 })
    let summary = LogSummary(bytes.span)
    let found = try #require(summary)
    #expect(found.index == 256 && found.epoch == 1 && found.originHash == origin)
    #expect(Array(bytes[found.hashes]) == hash.array && Array(bytes[found.history]) == history)
    // Every byte counts, and none makes the reader trap.
    for at in 0..<end {
      for bit in 0..<8 {
        var changed = bytes
        changed[at] ^= 1 << UInt8(bit)
        let none = LogSummary(changed.span)
        #expect(none == nil, "byte \(at)")
      }
    }
    for count in 0..<end {
      let none = LogSummary(Array(bytes[..<count]).span)
      #expect(none == nil)
    }
  }

  @Test func `the table of the segment header has its bytes`() throws {
    let fields = try fields("Segment header")
    let header = SegmentHeader(epoch: 1, sequence: 0, firstIndex: 0, previousChecksum: 0)
    let write = { (header: SegmentHeader) in page { header.write(into: $0) } }
    compare(fields, with: write(header))
    #expect(fields.last?.offset == SegmentHeader.byteCount)
    #expect(fields.last?.range.upperBound == blockByteCount)
    try check("epoch", fields, checksum: 28, header, write) { $0.epoch += 1 }
    try check("sequence", fields, checksum: 28, header, write) { $0.sequence += 1 }
    try check("firstIndex", fields, checksum: 28, header, write) { $0.firstIndex += 1 }
    try check("previousChecksum", fields, checksum: 28, header, write) { $0.previousChecksum += 1 }
  }

  @Test func `the table of the sealed segment has its bytes, and its last rows end each block`()
    throws
  {
    let table = try #require(try Article("DataOnDisk").section("Sealed segment").tables.first)
    let disk = MemoryDisk()
    let configuration = JournalConfiguration(
      epoch: 1, originHash: testOrigin, segmentByteCount: 32 << 10)
    let fixture = Fixture(
      SealingStorage(
        base: MemoryBlockStorage(disk: disk),
        codec: ZstdCodec(memoryByteCount: SealingMemory.byteCount)), configuration)
    _ = try fixture.recover()
    try fixture.append([0x68, 0x69])
    var step = try fixture.journal.storage.seal(segment: 0)
    while !step.isLast { step = try fixture.journal.storage.seal(segment: 0) }
    let sealed = disk.bytes("sealed.0")
    #expect(step == .sealed(byteCount: sealed.count))
    var end = 0
    for cells in table {
      let (offset, byteCount) = (try #require(Int(cells[0])), try #require(Int(cells[1])))
      #expect(offset == end, "\(cells[2]) leaves a gap or overlaps")
      end = offset + byteCount
      guard let code = Article.code(cells[3]) else { continue }
      #expect(Array(sealed[offset..<end]) == Article.bytes(code), "\(cells[2])")
    }
    #expect(end == blockByteCount)
    #expect(sealed[..<end] == sealed[(sealed.count - end)...], "the table stands twice")
  }

  @Test func `the table of the frame has its bytes, and its payload is a bundle`() throws {
    let fields = try fields("Frame")
    let table = try #require(try Article("DataOnDisk").section("Frame").tables.first)
    let payloadRow = try #require(table.first { $0[0] == "44" })
    let payload = Article.bytes(try #require(Article.code(payloadRow[3])))
    let entry = Article.bytes(try #require(payloadRow[2].split(separator: "`").dropFirst().first))
    #expect(payload == [0, UInt8(entry.count)] + entry)
    let header = FrameHeader(
      epoch: 1, sequence: 0, firstIndex: 0, count: 1, payloadByteCount: UInt32(payload.count),
      previousChecksum: 0, payloadChecksum: CRC32C.checksum(payload.span))
    let write = { (header: FrameHeader) in page { header.write(into: $0) } }
    compare(fields, with: write(header))
    #expect(fields.last?.range.upperBound == FrameHeader.byteCount)
    try check("epoch", fields, checksum: 40, header, write) { $0.epoch += 1 }
    try check("sequence", fields, checksum: 40, header, write) { $0.sequence += 1 }
    try check("firstIndex", fields, checksum: 40, header, write) { $0.firstIndex += 1 }
    try check("count", fields, checksum: 40, header, write) { $0.count += 1 }
    try check("payloadByteCount", fields, checksum: 40, header, write) { $0.payloadByteCount += 1 }
    try check("previousChecksum", fields, checksum: 40, header, write) { $0.previousChecksum += 1 }
    try check("payloadChecksum", fields, checksum: 40, header, write) { $0.payloadChecksum += 1 }
  }

  @Test func `the checksum is the one that the article names`() throws {
    let text = try Article("DataOnDisk").section("Frame").lines.joined(separator: "\n")
    let value = CRC32C.checksum(Array("123456789".utf8).span)
    #expect(text.contains("`\(String(value, radix: 16))` as a number"))
  }

  @Test func `the paths of the log are those that the article shows`() throws {
    let paths = try #require(try Article("DataOnDisk").section("Files of the gateway").tables.first)
      .compactMap { Article.code($0[0]) }
    let objects: [StorageObject] = [
      .superblock(slot: 0), .superblock(slot: 1), .segment(sequence: 0), .sealed(sequence: 0),
      .summary(slot: 0),
      .summary(slot: 1), .tile(level: 1, index: 0), .documents,
    ]
    let shown = paths.filter { $0.hasPrefix("log/1/") }
    #expect(shown == objects.map { "log/1/" + FileBlockStorage.name(of: $0) })
    let tiles = try #require(try Article("DataOnDisk").section("Tiles").tables.first)
    #expect(
      tiles.compactMap { Article.code($0[0]) }.contains(
        FileBlockStorage.name(of: .tile(level: 1, index: 1_234_067))))
  }

  @Test func `the limits of the journal are those of the table`() throws {
    let table = try #require(try Article("DataOnDisk").section("Limits").tables.first)
    let values = Dictionary(
      uniqueKeysWithValues: table.map { (Article.code($0[1]) ?? "", Int($0[2])) })
    #expect(values["Superblock.noteByteCountMax"] == Superblock.noteByteCountMax)
    #expect(values["blockByteCount"] == blockByteCount)
  }
}
