import Articles
import HAL
import HostCrypto
import Metering
import Testing
import TransparencyLog

/// The article *Data on disk* says of entries, notes and tiles what the code does.
@Suite struct DataOnDiskTests {
  /// The examples of a section's first table, one after the other.
  private func example(_ heading: String) throws -> [UInt8] {
    let table = try #require(try Article("DataOnDisk").section(heading).tables.first)
    return table.flatMap { row in Article.code(row[1]).map { Article.bytes($0) } ?? [] }
  }

  private func rows(_ heading: String, _ table: Int) throws -> [[String]] {
    let tables = try Article("DataOnDisk").section(heading).tables
    try #require(tables.count > table, "\(heading)")
    return tables[table]
  }

  @Test func `the examples of the entries are the bytes that are written`() throws {
    #expect(try example("Reading entry") == EntryTests.reading())
    #expect(try example("Boot entry") == EntryTests.boot)
    #expect(try example("Config entry") == EntryTests.config)
    #expect(try example("Event entry") == EntryTests.shed)
    #expect(try example("Channel") == ChannelTests.sample)
    #expect(try EntryTests.reading().dropFirst(2).starts(with: example("Entries")))
  }

  @Test func `the number of elements is that of the table`() throws {
    for (heading, count) in [
      ("Reading entry", 12), ("Boot entry", 12), ("Config entry", 10), ("Event entry", 8),
    ] {
      // The array's head and the type are one row, the head's five elements another.
      #expect(try rows(heading, 0).count - 2 + 6 == count, "\(heading)")
    }
    #expect(try rows("Channel", 0).count - 1 == 12)
  }

  @Test func `events and reasons have the numbers of the tables`() throws {
    let events = try rows("Event entry", 1)
    #expect(events.count == 15)
    for row in events {
      let code = try #require(UInt8(row[0]).flatMap(EventEntry.Code.init(rawValue:)))
      #expect("\(code)" == Article.code(row[1]))
    }
    #expect(EventEntry.Code(rawValue: UInt8(events.count + 1)) == nil, "an event is missing")
    let reasons = try rows("Event entry", 2)
    for row in reasons {
      let reason = try #require(UInt8(row[0]).flatMap(EventEntry.ShedReason.init(rawValue:)))
      #expect("\(reason)" == Article.code(row[1]))
    }
    #expect(EventEntry.ShedReason(rawValue: UInt8(reasons.count + 1)) == nil)
  }

  @Test func `reasons for no data have the numbers of the table`() throws {
    let table = try rows("readings.sqlite", 0)
    for row in table {
      let reason = try #require(UInt8(row[0]).flatMap(NoData.init(rawValue:)))
      #expect("\(reason)" == Article.code(row[1]))
    }
    #expect(NoData(rawValue: UInt8(table.count + 1)) == nil)
  }

  @Test func `the types and outcomes in the prose are those of the code`() throws {
    let text = try Article("DataOnDisk").section("Entries").lines.joined(separator: "\n")
    let types = (0...8).compactMap { number in
      EntryType(rawValue: number).map { "\(number) \($0)" }
    }
    #expect(types.count == 9 && text.contains(types.joined(separator: ", ")))
    let spelled = [
      "good", "timeout", "bad checksum", "exception", "no device", "out of range", "exchanged",
      "maintenance", "substitute", "other",
    ]
    for (number, words) in spelled.enumerated() {
      let status = try #require(ReadingStatus(rawValue: UInt8(number)))
      #expect("\(status)".lowercased() == words.replacing(" ", with: ""))
      #expect(text.contains("\(number) \(words)"))
    }
    #expect(ReadingStatus(rawValue: 10) == nil)
  }

  @Test func `the bundle, the leaf and the tile paths are those of the code`() throws {
    let bundle = ByteWriter.bytes {
      $0.append(bundled: [1, 2, 3].span)
      $0.append(bundled: [UInt8]().span)
    }
    let article = try Article("DataOnDisk")
    let shown = try #require(article.section("Entry bundle").blocks.first)
    #expect(Article.bytes(shown.text) == bundle)
    let leaf = try #require(article.section("Tiles").blocks.first)
    let entry: [UInt8] = [0x68, 0x69]
    let hash = entry.withUnsafeBufferPointer { Tree.leaf($0).hex }
    #expect(Article.bytes(leaf.text) == Article.bytes(hash))
    let paths = try #require(article.section("Tiles").tables.first)
    for path in paths.compactMap({ Article.code($0[0]) }) {
      let parsed = TilePath.parse(Array(path.utf8).span)
      #expect(parsed?.text == path)
    }
    #expect(TilePath.partialWidth(size: 300, level: 0) == 44)
  }

  @Test func `the notes verify with the key shown, and the key file gives that key`() throws {
    let article = try Article("DataOnDisk")
    let lines = try #require(article.section("Keys").blocks.first).text.split(separator: "\n")
    try #require(lines.count == 2 && lines[0].count == 64)
    var seed = InlineArray<32, UInt8>(repeating: 0)
    for (at, byte) in Article.bytes(lines[0]).enumerated() { seed[at] = byte }
    let signer = try FileKeySigner(seed: seed)
    let key = try #require(VerifierKey(String(lines[1])))
    #expect("\(signer.verifierKey(name: key.name, type: .log))" == lines[1])

    let notes = article.section("Checkpoint").blocks.map { Array($0.text.utf8) }
    try #require(notes.count == 2)
    for note in notes {
      let checkpoint = try Checkpoint.open(note.span, key: key, with: SodiumVerifier())
      #expect(checkpoint.size == 300)
    }
    #expect(notes[1].starts(with: notes[0]))
    let cosigned = notes[1]
    let parsed = try Note.parse(cosigned.span)
    let mirror = try #require(VerifierKey(MirrorVectors.shared.keys["mirror"]!.vkey))
    _ = try parsed.verify(cosigned.span, key: mirror, with: SodiumVerifier())
    let directory = try #require(article.section("Files of the collector").tables.first)
      .compactMap { Article.code($0[0]) }.first { $0.hasPrefix("logs/") && !$0.hasPrefix("logs/…") }
    #expect(directory == "logs/\(key.name.hash.hex)/")
  }

  @Test func `the limits are those of the table`() throws {
    let values = Dictionary(
      uniqueKeysWithValues: try rows("Limits", 0).map { (Article.code($0[1]) ?? "", Int($0[2])) })
    #expect(values["EntryType.byteLimit"] == EntryType.byteLimit)
    #expect(values["EntryType.bodyLimit"] == EntryType.bodyLimit)
    #expect(values["ConfigEntry.nameByteCountMax"] == ConfigEntry.nameByteCountMax)
    #expect(values["KeyName.byteLimit"] == KeyName.byteLimit)
  }
}
