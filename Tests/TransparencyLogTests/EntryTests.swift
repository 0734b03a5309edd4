import HAL
import Metering
import Testing
import TransparencyLog

@Suite struct EntryTests {
  static let head = EntryHead(
    index: 70_003, boot: 17,
    time: Instant(
      mono: 90_000_000_000, utc: 1_785_000_000_000_000, quality: ClockQuality(rawValue: 110)))

  static let frame = bytes("01030800047ea70004b82f9dcd")

  /// The 54 bytes that `ReadingEntry` documents.
  static let example = bytes(
    """
    8c 01 1a00011173 11 1b00000014f46b0400 1b00065772b2ec9000 186e 1829 00 00 1a01c5f2f0 193039
    4d01030800047ea70004b82f9dcd
    """)

  static func reading(
    status: ReadingStatus = .good, slot: UInt64? = 29_750_000, roundTrip: UInt64? = 12_345,
    raw: [UInt8]? = frame, detail: ReadingDetail = ReadingDetail()
  ) -> [UInt8] {
    ByteWriter.bytes { writer in
      if let raw {
        raw.withUnsafeBufferPointer {
          ReadingEntry.write(
            head: head, channel: 41, request: 0, status: status, slot: slot,
            roundTrip: roundTrip, raw: $0, detail: detail, to: &writer)
        }
      } else {
        ReadingEntry.write(
          head: head, channel: 41, request: 0, status: status, slot: slot, roundTrip: roundTrip,
          raw: nil, detail: detail, to: &writer)
      }
    }
  }

  static let boot = ByteWriter.bytes {
    BootEntry.write(
      head: head, bootID: InlineArray(repeating: 0xAB), previousSize: 70_003,
      previousRoot: SHA256.hash([1].span), reason: .agentStart, softwareHash: SHA256.hash([2].span),
      origin: Array("mrv.example/gw/7f3a01c2/1".utf8).span, to: &$0)
  }
  static let config = ByteWriter.bytes { writer in
    [UInt8]("a: 1\n".utf8).withUnsafeBufferPointer { body in
      ConfigEntry.write(
        head: head, kind: .site, name: Array("site.yaml".utf8).span, sha256: SHA256.hash(body),
        body: body, to: &writer)
    }
  }
  static let part = ByteWriter.bytes { writer in
    [UInt8](repeating: 7, count: 100).withUnsafeBufferPointer { body in
      ConfigEntry.writePart(
        head: head, name: Array("p.yaml".utf8).span, sha256: SHA256.hash(body), body: body,
        number: 2, to: &writer)
    }
  }
  static let shed = ByteWriter.bytes {
    EventEntry.write(
      head: head,
      EventEntry.Shed(channel: 41, firstSlot: 100, lastSlot: 199, reason: .agentStopped), to: &$0)
  }

  static let samples: [[UInt8]] = [
    example, reading(status: .timeout, roundTrip: nil, raw: nil), boot, config, part, shed,
  ]

  @Test func `the worked example is written to the byte and read back`() throws {
    #expect(EntryTests.example.count == 54)
    #expect(EntryTests.reading() == EntryTests.example)
    let entry = try Entry.decode(EntryTests.example.span)
    guard case .reading(let reading) = entry else {
      Issue.record("not a reading")
      return
    }
    #expect(reading.head == EntryTests.head)
    #expect(reading.head.time.quality.source == .nts)
    #expect(reading.channel == 41 && reading.request == 0 && reading.status == .good)
    #expect(reading.slot == 29_750_000 && reading.roundTrip == 12_345)
    #expect(Array(EntryTests.example[reading.raw!]) == EntryTests.frame)
    #expect(reading.ext == .none)
  }

  @Test func `the worked examples of boot, config and event are written to the byte`() {
    let head = "1a00011173 11 1b00000014f46b0400 1b00065772b2ec9000 186e"
    #expect(
      EntryTests.boot
        == bytes(
          """
          8c 00 \(head) 50 abababababababababababababababab 1a00011173
          5820 4bf5122f 344554c5 3bde2ebb 8cd2b7e3 d1600ad6 31c385a5 d7cce23c 7785459a 01
          5820 dbc1b4c9 00ffe48d 575b5da5 c6380401 25f65db0 fe3e2449 4b76ea98 6457d986
          7819 6d72762e6578616d706c652f67772f37663361303163322f31
          """))
    #expect(EntryTests.boot.count == 146)
    #expect(
      EntryTests.config
        == bytes(
          """
          8a 04 \(head) 02 69 736974652e79616d6c
          5820 37b128c5 9f1f5097 f73f8269 1cb519f1 f568667f aab5ced1 b4ab979d 36837eae
          45 613a20310a
          """))
    #expect(EntryTests.config.count == 79)
    #expect(EntryTests.shed == bytes("88 05 \(head) 07 84 1829 1864 18c7 04"))
    #expect(EntryTests.shed.count == 37)
  }

  @Test func `a timeout is shorter by the frame and the round trip`() throws {
    let entry = EntryTests.reading(status: .timeout, slot: 29_750_000, roundTrip: nil, raw: nil)
    #expect(entry.count == 54 - 2 - 13)
    guard case .reading(let reading) = try Entry.decode(entry.span) else {
      Issue.record("not a reading")
      return
    }
    #expect(reading.raw == nil && reading.roundTrip == nil && reading.status == .timeout)
  }

  @Test func `retries, refused frames, parts and error numbers stand in the extension`() throws {
    let refused = bytes("0003 010203 0000 0001 ff")
    let entry = refused.withUnsafeBufferPointer { frames in
      var detail = ReadingDetail()
      detail.attempts = 3
      detail.refusedFrames = frames
      detail.part = 1
      detail.errorNumber = 2
      return EntryTests.reading(status: .exception, detail: detail)
    }
    #expect(entry.first == 0x8D)
    guard case .reading(let reading) = try Entry.decode(entry.span) else {
      Issue.record("not a reading")
      return
    }
    #expect(hex(Array(entry[reading.ext.range])) == "a4020303834301020340" + "41ff" + "04010502")
    #expect(reading.ext.unsigned(ReadingEntry.Key.attempts, in: entry.span) == 3)
    #expect(reading.ext.unsigned(ReadingEntry.Key.part, in: entry.span) == 1)
    #expect(reading.ext.unsigned(ReadingEntry.Key.errorNumber, in: entry.span) == 2)
    #expect(reading.ext.unsigned(ReadingEntry.Key.refusedFrames, in: entry.span) == nil)
    #expect(reading.ext.item(ReadingEntry.Key.refusedFrames, in: entry.span)?.count == 8)
    #expect(reading.ext.item(9, in: entry.span) == nil)
  }

  @Test func `boot, config, part and event entries are read back`() throws {
    guard case .boot(let boot) = try Entry.decode(EntryTests.boot.span) else {
      Issue.record("not a boot")
      return
    }
    #expect(Array(EntryTests.boot[boot.bootID]) == [UInt8](repeating: 0xAB, count: 16))
    #expect(boot.previousSize == 70_003 && boot.previousRoot == SHA256.hash([1].span))
    #expect(boot.reasonCode == 1 && boot.softwareHash == SHA256.hash([2].span))
    #expect(
      String(decoding: EntryTests.boot[boot.origin], as: UTF8.self) == "mrv.example/gw/7f3a01c2/1")
    guard case .config(let config) = try Entry.decode(EntryTests.config.span) else {
      Issue.record("not a config")
      return
    }
    #expect(config.kind == .site && config.part(in: EntryTests.config.span) == nil)
    #expect(SHA256.hash(EntryTests.config.span.extracting(config.body!)) == config.sha256)
    guard case .config(let part) = try Entry.decode(EntryTests.part.span) else {
      Issue.record("not a part")
      return
    }
    #expect(part.kind == .part && part.part(in: EntryTests.part.span) == 2)
    guard case .event(let event) = try Entry.decode(EntryTests.shed.span) else {
      Issue.record("not an event")
      return
    }
    #expect(event.argumentCount(in: EntryTests.shed.span) == 4)
    let expected = EventEntry.Shed(
      channel: 41, firstSlot: 100, lastSlot: 199, reason: .agentStopped)
    #expect(event.shed(in: EntryTests.shed.span) == expected)
    #expect(event.argument(4, in: EntryTests.shed.span) == nil)
  }

  @Test func `events carry numbers or texts`() throws {
    let numbers = ByteWriter.bytes {
      EventEntry.write(
        head: EntryTests.head, code: .clockStepped, arguments: [5, 1_785_000_000_000_000].span,
        to: &$0)
    }
    guard case .event(let event) = try Entry.decode(numbers.span) else {
      Issue.record("not an event")
      return
    }
    #expect(
      event.code == .clockStepped && event.argument(1, in: numbers.span) == 1_785_000_000_000_000)
    #expect(event.shed(in: numbers.span) == nil)
    let text = ByteWriter.bytes {
      EventEntry.begin(head: EntryTests.head, code: .portLost, argumentCount: 1, to: &$0)
      $0.cbor(text: "ttyS1")
    }
    guard case .event(let lost) = try Entry.decode(text.span) else {
      Issue.record("not an event")
      return
    }
    #expect(lost.code == .portLost && lost.argument(0, in: text.span) == nil)
    #expect(lost.argumentCount(in: text.span) == 1)
  }

  @Test func `every prefix of a valid entry is refused, and every entry with a byte more`() throws {
    for sample in EntryTests.samples {
      _ = try Entry.decode(sample.span)
      for count in 0..<sample.count {
        #expect(throws: CBORError.self) { try Entry.decode(sample.span.extracting(first: count)) }
      }
      #expect(throws: CBORError.trailingBytes) { try Entry.decode((sample + [0]).span) }
    }
  }

  @Test func `elements after the extension are ignored, and unknown keys in it`() throws {
    var entry = EntryTests.example
    entry[0] = 0x8F
    entry += bytes("a2 1863 820102 1864 f6") + bytes("6161") + bytes("81fb3ff199999999999a")
    guard case .reading(let reading) = try Entry.decode(entry.span) else {
      Issue.record("not a reading")
      return
    }
    #expect(reading.ext.item(99, in: entry.span)?.count == 3)
    #expect(reading.ext.item(100, in: entry.span)?.count == 1)
    for text in ["01", "f6", "a16161" + "00", "a2186300" + "1863" + "00"] {
      var wrong = EntryTests.example
      wrong[0] = 0x8D
      wrong += bytes(text)
      #expect(throws: CBORError.self) { try Entry.decode(wrong.span) }
    }
  }

  @Test func `an unknown type is skipped with its head read`() throws {
    var entry = EntryTests.example
    for type in [2, 3, 6, 7, 8, 15] as [UInt8] {
      entry[1] = type
      #expect(try Entry.decode(entry.span) == .other(type: UInt64(type), EntryTests.head))
    }
  }

  @Test func `a status that is not known yet is kept as a number`() throws {
    var entry = EntryTests.example
    #expect(entry[31] == 0x00 && entry[32] == 0x1A)
    entry[31] = 0x15
    guard case .reading(let reading) = try Entry.decode(entry.span) else {
      Issue.record("not a reading")
      return
    }
    #expect(reading.status == nil && reading.statusCode == 21)
  }

  @Test func `a document of any length goes into one entry or into parts that cover it`() {
    for count in [0, 1, 3_900, 3_901, 7_800, 7_801, 30_000] {
      let parts = ConfigEntry.partCount(byteCount: count, nameByteCount: 10)
      #expect(parts == (count <= 3_900 ? 0 : (count + 3_899) / 3_900))
      var covered = 0
      for number in 0..<parts {
        let range = ConfigEntry.partRange(number, byteCount: count, nameByteCount: 10)
        #expect(range.lowerBound == covered && range.count <= EntryType.bodyLimit)
        covered = range.upperBound
      }
      if parts > 0 { #expect(covered == count) }
    }
  }

  @Test(arguments: [1, 23, 24, 255, 256, 800, ConfigEntry.nameByteCountMax])
  func `the fullest part entry keeps within the limit, whatever its name and its head`(
    nameByteCount: Int
  ) {
    let limit = ConfigEntry.bodyLimit(nameByteCount: nameByteCount)
    let name = [UInt8](repeating: 0x61, count: nameByteCount)
    let time = Instant(mono: .max, utc: .max, quality: ClockQuality(rawValue: .max))
    let largest = ByteWriter.bytes { writer in
      [UInt8](repeating: 0, count: limit).withUnsafeBufferPointer { body in
        ConfigEntry.writePart(
          head: EntryHead(index: .max, boot: .max, time: time), name: name.span, sha256: .zero,
          body: body, number: .max, to: &writer)
      }
    }
    #expect(largest.count <= EntryType.byteLimit && largest.count > limit)
  }
}

@Suite struct EntryBundleTests {
  @Test func `the documented bundle is walked and counted`() throws {
    let bundle = bytes("0003010203" + "0000")
    var walk = EntryBundle(bundle.span)
    #expect(try walk.next() == 2..<5)
    #expect(try walk.next() == 7..<7)
    #expect(try walk.next() == nil)
    #expect(EntryBundle.count(bundle.span) == 2)
    for count in [1, 3, 4, 6] {
      #expect(EntryBundle.count(bundle.span.extracting(first: count)) == nil)
    }
    let written = ByteWriter.bytes {
      $0.append(bundled: [1, 2, 3].span)
      $0.append(bundled: [UInt8]().span)
    }
    #expect(written == bundle)
  }

  @Test func `the vectors' bundles have 256, 256 and 188 entries and their hash`() throws {
    let all = MirrorVectors.entries
    #expect(all.count == 700)
    let joined = ByteWriter.bytes(limit: 40_000) { writer in
      for entry in all { writer.append(bundled: entry.span) }
    }
    #expect(SHA256.hash(joined.span).hex == MirrorVectors.shared.entries.sha256_with_prefix)
    // What the mirror stores for size 300: bundles and hash tiles, by length and hash.
    let served = MirrorVectors.shared.served.bySize["300"]!
    let first = ByteWriter.bytes(limit: 40_000) { writer in
      for entry in all[..<256] { writer.append(bundled: entry.span) }
    }
    #expect(first.count == served["tile/entries/000"]!.length)
    #expect(SHA256.hash(first.span).hex == served["tile/entries/000"]!.sha256)
    let tile = all[..<256].flatMap { Tree.leaf($0.span).array }
    #expect(tile.count == served["tile/0/000"]!.length)
    #expect(SHA256.hash(tile.span).hex == served["tile/0/000"]!.sha256)
  }

  @Test func `an entry that does not fit is left out whole, and the writer says so`() {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    writer.append(bundled: [1, 2].span)
    writer.append(bundled: [1, 2, 3].span)
    let (count, overflowed) = (writer.count, writer.overflowed)
    #expect(overflowed && count == 4)
    writer.truncate(to: 4)
    writer.append(bundled: [3, 4].span)
    let (full, fits) = (writer.count, !writer.overflowed)
    #expect(fits && full == 8)
  }
}

@Suite struct ChannelTests {
  /// The 21 bytes that `Channel` documents.
  static let sample = bytes("8c 07 61 4d f6 00 61 61 41 01 03 81 42 0103 19 03e8 00 80 a0")

  @Test func `the worked example is written to the byte and read back`() throws {
    let written = ByteWriter.bytes {
      Channel.write(
        device: 7, label: Array("M".utf8).span, serial: nil, mode: .polled,
        port: Array("a".utf8).span, address: [1].span, profile: 3,
        requests: bytes("00020103").span, periodMilliseconds: 1_000, offsetMilliseconds: 0,
        ratios: [Channel.Ratio]().span, to: &$0)
    }
    #expect(written == ChannelTests.sample)
    #expect(written.count == 21)
    let channel = try Channel.decode(written.span)
    #expect(channel.device == 7 && channel.serial == nil && channel.mode == .polled)
    #expect(written[channel.label].elementsEqual("M".utf8))
    #expect(written[channel.port].elementsEqual("a".utf8))
    #expect(Array(written[channel.address]) == [1])
    #expect(channel.profile == 3 && channel.periodMilliseconds == 1_000)
    #expect(channel.requestCount == 1)
    #expect(Array(written[channel.request(0, in: written.span)!]) == [1, 3])
    #expect(channel.request(1, in: written.span) == nil)
  }

  @Test func `serial, several requests and ratios are read back`() throws {
    let serial = Array("240500017".utf8)
    let written = serial.withUnsafeBufferPointer { serial in
      ByteWriter.bytes {
        Channel.write(
          device: 300, label: Array("发电机出口".utf8).span, serial: serial, mode: .heard,
          port: Array("line-a".utf8).span, address: [1, 0, 0, 0, 0, 0].span, profile: 12,
          requests: bytes("0001aa" + "0000" + "0003010203").span, periodMilliseconds: nil,
          offsetMilliseconds: 250,
          ratios: [
            Channel.Ratio(quantity: 3, numerator: 400, denominator: 5),
            Channel.Ratio(quantity: 9, numerator: 10_000, denominator: 100),
          ].span, to: &$0)
      }
    }
    let channel = try Channel.decode(written.span)
    #expect(Array(written[channel.serial!]) == serial)
    #expect(channel.mode == .heard && channel.periodMilliseconds == nil)
    #expect(channel.requestCount == 3 && channel.ratioCount == 2)
    #expect(channel.request(1, in: written.span)?.count == 0)
    #expect(Array(written[channel.request(2, in: written.span)!]) == [1, 2, 3])
    #expect(
      channel.ratio(1, in: written.span)
        == Channel.Ratio(quantity: 9, numerator: 10_000, denominator: 100))
    #expect(channel.ratio(2, in: written.span) == nil)
    for count in 0..<written.count {
      #expect(throws: CBORError.self) { try Channel.decode(written.span.extracting(first: count)) }
    }
  }

  @Test func `a period or a denominator of zero is refused`() {
    var zeroPeriod = ChannelTests.sample
    zeroPeriod.replaceSubrange(
      (zeroPeriod.count - 6)..<(zeroPeriod.count - 3), with: [0x00])
    #expect(throws: CBORError.outOfRange) { try Channel.decode(zeroPeriod.span) }
    var zeroDenominator = ChannelTests.sample
    zeroDenominator.replaceSubrange(
      (zeroDenominator.count - 2)..<(zeroDenominator.count - 1), with: bytes("81 83 01 02 00"))
    #expect(throws: CBORError.outOfRange) { try Channel.decode(zeroDenominator.span) }
  }
}
