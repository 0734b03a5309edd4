import Foundation
import HAL
import Testing
import TransparencyLog

@Suite struct Base64Tests {
  @Test func `every length agrees with Foundation, both ways`() {
    var random = SeededRandom(state: 5)
    for count in 0...100 {
      let input = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let text = Data(input).base64EncodedString()
      #expect(Base64.text(input.span) == text)
      #expect(Base64.bytes(Array(text.utf8).span) == input)
    }
  }

  @Test(arguments: [
    "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8", "=", "====", "Z===", "Zg==Zg==", "Zg= =",
    "Zm9v\n", " Zm9v", "Zm9-", "Zm9_", "Zm\u{0}v",
  ])
  func `a text that is not canonical is refused`(text: String) {
    #expect(Base64.bytes(Array(text.utf8).span) == nil)
  }

  @Test func `of all texts of four letters that decode to one or two bytes each value has one`() {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var seen: [[UInt8]: Int] = [:]
    for a in letters {
      for b in letters {
        if let value = Base64.bytes([a, b, 0x3D, 0x3D].span) { seen[value, default: 0] += 1 }
      }
    }
    #expect(seen.count == 256 && seen.values.allSatisfy { $0 == 1 })
  }
}

@Suite struct DecimalTextTests {
  @Test func `numbers below 2^63 without leading zeros are read, and nothing else`() {
    for value in [0, 1, 9, 10, 4_294_967_296, 9_223_372_036_854_775_807] as [UInt64] {
      #expect(UnsignedText.read(Array("\(value)".utf8).span) == value)
    }
    for text in [
      "", "00", "01", "-1", "+1", " 1", "1 ", "1a", "0x1", "9223372036854775808",
      "18446744073709551616", "99999999999999999999", "١",
    ] {
      #expect(UnsignedText.read(Array(text.utf8).span) == nil, "\(text)")
    }
    let most = ByteWriter.bytes { UnsignedText.write(.max, to: &$0) }
    #expect(String(decoding: most, as: UTF8.self) == "18446744073709551615")
  }
}

@Suite struct TilePathTests {
  @Test func `paths are written and read as tlog-tiles has them`() {
    let examples: [(TilePath, String)] = [
      (TilePath(.hashes(level: 0), index: 1_234_067), "tile/0/x001/x234/067"),
      (TilePath(.entries, index: 1, width: 44), "tile/entries/001.p/44"),
      (TilePath(.hashes(level: 1), index: 0, width: 1), "tile/1/000.p/1"),
      (TilePath(.entries, index: 0), "tile/entries/000"),
      (TilePath(.hashes(level: 63), index: 1_000, width: 255), "tile/63/x001/000.p/255"),
      (TilePath(.hashes(level: 0), index: 999), "tile/0/999"),
    ]
    for (path, text) in examples {
      #expect(path.text == text)
      #expect(TilePath(text) == path)
    }
  }

  @Test(arguments: [
    "", "tile", "tile/", "tile/0", "tile/0/", "tile/00/000", "tile/64/000", "tile/-1/000",
    "tile/0/0", "tile/0/0000", "tile/0/x000/000", "tile/0/x001", "tile/0/x001/", "tile/0/001/000",
    "tile/0/x1/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/",
    "tile/0/000.p", "tile/0/000/", "/tile/0/000", "tile/entries/", "tile/entries/000.p/1/",
    "tile/data/000", "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/../000", "tile/0/0 0",
  ])
  func `any other text is no path`(text: String) {
    #expect(TilePath(text) == nil)
  }

  @Test func `what is read is written the same, for many indices`() {
    var random = SeededRandom(state: 9)
    for _ in 0..<2_000 {
      let index = random.next() >> (8 + random.next() % 56)
      let path = TilePath(
        random.next() % 2 == 0 ? .entries : .hashes(level: UInt8(random.next() % 64)),
        index: index, width: 1 + Int(random.next() % 256))
      if index < 1_000_000_000_000_000_000 { #expect(TilePath(path.text) == path) }
    }
  }

  @Test func `sizes have the tiles that the vectors list`() {
    // 70,000: 273 full + 112, 1 full + 17, one of one.
    #expect(TilePath.fullTileCount(size: 70_000, level: 0) == 273)
    #expect(TilePath.partialWidth(size: 70_000, level: 0) == 112)
    #expect(TilePath.fullTileCount(size: 70_000, level: 1) == 1)
    #expect(TilePath.partialWidth(size: 70_000, level: 1) == 17)
    #expect(TilePath.fullTileCount(size: 70_000, level: 2) == 0)
    #expect(TilePath.partialWidth(size: 70_000, level: 2) == 1)
    #expect(TilePath.partialWidth(size: 256, level: 0) == 0)
    for (size, files) in MirrorVectors.shared.served.bySize {
      let count = UInt64(size)!
      var paths = Set<String>()
      for full in 0..<TilePath.fullTileCount(size: count, level: 0) {
        paths.insert(TilePath(.entries, index: full).text)
        paths.insert(TilePath(.hashes(level: 0), index: full).text)
      }
      for level in 0...1 {
        let width = TilePath.partialWidth(size: count, level: level)
        let index = TilePath.fullTileCount(size: count, level: level)
        paths.insert(TilePath(.hashes(level: UInt8(level)), index: index, width: width).text)
        if level == 0 { paths.insert(TilePath(.entries, index: index, width: width).text) }
      }
      #expect(paths == Set(files.keys))
    }
  }
}
