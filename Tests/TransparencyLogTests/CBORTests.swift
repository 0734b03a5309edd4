import HAL
import Testing
import TransparencyLog

@Suite struct CBORReaderTests {
  /// RFC 8949, appendix A: those examples that are deterministic and of a type that we write.
  @Test func `the examples of RFC 8949 are written and read`() throws {
    let unsigned: [(UInt64, String)] = [
      (0, "00"), (1, "01"), (10, "0a"), (23, "17"), (24, "1818"), (25, "1819"), (100, "1864"),
      (1_000, "1903e8"), (1_000_000, "1a000f4240"), (1_000_000_000_000, "1b000000e8d4a51000"),
      (UInt64.max, "1bffffffffffffffff"),
    ]
    for (value, text) in unsigned {
      #expect(hex(ByteWriter.bytes { $0.cbor(value) }) == text)
      let input = bytes(text)
      var reader = CBORReader(input.span)
      let read = try reader.unsigned()
      #expect(read == value)
      try reader.finish()
    }
    let signed: [(Int64, String)] = [
      (-1, "20"), (-10, "29"), (-100, "3863"), (-1_000, "3903e7"), (0, "00"),
      (Int64.min, "3b7fffffffffffffff"), (Int64.max, "1b7fffffffffffffff"),
    ]
    for (value, text) in signed {
      #expect(hex(ByteWriter.bytes { $0.cbor(signed: value) }) == text)
      let input = bytes(text)
      var reader = CBORReader(input.span)
      let read = try reader.signed()
      #expect(read == value)
    }
    #expect(hex(ByteWriter.bytes { $0.cbor(bytes: [1, 2, 3, 4].span) }) == "4401020304")
    let documented = ByteWriter.bytes {
      $0.cbor(17)
      $0.cbor(110)
      $0.cbor(arrayOf: 2)
      $0.cbor(1)
      $0.cborNull()
    }
    #expect(hex(documented) == "11" + "186e" + "8201f6")
    #expect(hex(ByteWriter.bytes { $0.cbor(text: "IETF") }) == "6449455446")
    #expect(hex(ByteWriter.bytes { $0.cbor(text: "水") }) == "63e6b0b4")
    #expect(
      hex(
        ByteWriter.bytes {
          $0.cbor(true); $0.cbor(false); $0.cborNull()
        }) == "f5f4f6")
  }

  private func skip(_ text: String) throws(CBORError) { try skip(bytes(text)) }

  private func skip(_ input: [UInt8]) throws(CBORError) {
    var reader = CBORReader(input.span)
    _ = try reader.skip()
    try reader.finish()
  }

  @Test func `well-formed deterministic items are passed over, whatever their type`() throws {
    for text in [
      "00", "3903e7", "40", "60", "80", "a0", "f4", "f6", "f7", "f820", "f93c00", "fa47c35000",
      "fb3ff199999999999a", "c11a514b67b0", "8301820203820405", "a26161016162820203",
      "8261616161", "a201020304", "a2186401203903",
    ] {
      if text.hasSuffix("203903") {
        #expect(throws: CBORError.truncated) { try skip(text) }
      } else {
        try skip(text)
      }
    }
  }

  @Test(arguments: [
    ("1800", CBORError.notShortest), ("1817", .notShortest), ("190018", .notShortest),
    ("1900ff", .notShortest), ("1a0000ffff", .notShortest), ("1b00000000ffffffff", .notShortest),
    ("580100", .notShortest), ("f800", .notShortest), ("f81f", .notShortest),
    ("5f40ff", .reserved), ("9f00ff", .reserved), ("bfff", .reserved), ("7f60ff", .reserved),
    ("1c", .reserved), ("fc", .reserved), ("ff", .reserved), ("e0", .reserved),
    ("", .truncated), ("18", .truncated), ("19ff", .truncated), ("41", .truncated),
    ("81", .truncated), ("a101", .truncated), ("c1", .truncated), ("f93c", .truncated),
    ("9affffffff", .truncated), ("bbffffffffffffffff", .truncated),
    ("5bffffffffffffffff", .truncated), ("61ff", .notUTF8), ("62c080", .notUTF8),
    ("63eda080", .notUTF8), ("64f4908080", .notUTF8), ("a201000100", .unsortedKeys),
    ("a202000100", .unsortedKeys), ("a2616200616100", .unsortedKeys),
    ("a2f600610000", .unsortedKeys), ("0000", .trailingBytes),
  ])
  func `what is not deterministic CBOR is refused with its reason`(
    text: String, reason: CBORError
  ) {
    #expect(throws: reason) { try skip(text) }
  }

  @Test func `nesting is limited to 16 and never recurses`() throws {
    try skip([UInt8](repeating: 0x81, count: 16) + [0])
    for (byte, count) in [(0x81, 17), (0x81, 100_000), (0xC1, 17), (0xC1, 100_000)] {
      #expect(throws: CBORError.tooDeep) {
        try skip([UInt8](repeating: UInt8(byte), count: count) + [0])
      }
    }
  }

  @Test func `a value of another type than is due is refused`() {
    let input = bytes("f6")
    var reader = CBORReader(input.span)
    #expect(throws: CBORError.unexpectedType) { try reader.unsigned() }
    #expect(throws: CBORError.unexpectedType) { try reader.byteString() }
    #expect(throws: CBORError.unexpectedType) { try reader.text() }
    #expect(throws: CBORError.unexpectedType) { try reader.array() }
    #expect(throws: CBORError.unexpectedType) { try reader.map() }
    #expect(throws: CBORError.unexpectedType) { try reader.bool() }
    let skipped = reader.skipNull()
    #expect(skipped && reader.isAtEnd)
    #expect(throws: CBORError.truncated) { try reader.unsigned() }
    let wide = bytes("3bffffffffffffffff")
    var other = CBORReader(wide.span)
    #expect(throws: CBORError.outOfRange) { try other.signed() }
  }

  @Test func `a million random inputs are decoded or refused, and none traps`() {
    var random = SeededRandom(state: 2026)
    let seeds = EntryTests.samples + [ChannelTests.sample]
    var accepted = 0
    for round in 0..<1_000_000 {
      var words: [4 of UInt64] = [random.next(), random.next(), random.next(), random.next()]
      if round % 16 == 0 {
        // A valid entry or channel with a few bytes changed.
        var input = seeds[Int(words[0] % UInt64(seeds.count))]
        for i in 1...3 {
          input[Int(words[i] >> 8) % input.count] = UInt8(truncatingIfNeeded: words[i])
        }
        if (try? Entry.decode(input.span)) != nil { accepted += 1 }
        if (try? Channel.decode(input.span)) != nil { accepted += 1 }
        continue
      }
      // Random bytes; every other time they begin as an entry does.
      if round % 2 == 0 { words[0] = words[0] << 8 | 0x80 | (words[0] >> 56 & 15) }
      withUnsafeBytes(of: words) { memory in
        let span = memory.bindMemory(to: UInt8.self).span.extracting(first: round & 31)
        if round % 4 == 1 {
          var reader = CBORReader(span)
          if (try? reader.skip()) != nil { accepted += 1 }
        } else if (try? Entry.decode(span)) != nil {
          accepted += 1
        }
      }
    }
    #expect(accepted > 10_000 && accepted < 990_000)
  }
}
