import HAL
import Testing
import TransparencyLog

/// What a new epoch logs anew says where it was logged first.
@Suite struct CarriedFromTests {
  private func reading(ext: String) throws -> CarriedFrom? {
    let entry = [0x8D] + EntryTests.example.dropFirst() + bytes(ext)
    guard case .reading(let reading) = try Entry.decode(entry.span) else { return nil }
    return reading.ext.carriedFrom(in: entry.span)
  }

  @Test func `the place is read beside other keys`() throws {
    let place = CarriedFrom(epoch: 1, index: 70_003)
    #expect(try reading(ext: "a1 07 82 01 1a00011173") == place)
    #expect(try reading(ext: "a3 04 01 07 82 01 1a00011173 0f 41 aa") == place)
    #expect(try reading(ext: "a1 07 82 1bffffffffffffffff 00")?.epoch == .max)
  }

  @Test func `what is no place is none`() throws {
    for ext in [
      "a0", "a1 04 01", "a1 08 82 01 05", "a1 07 05", "a1 07 80", "a1 07 81 01",
      "a1 07 83 01 05 05",
      "a1 07 82 00 05", "a1 07 82 20 05", "a1 07 82 01 20", "a1 07 82 01 f6", "a1 07 a1 01 05",
    ] {
      #expect(try reading(ext: ext) == nil, "\(ext)")
    }
    let entry = EntryTests.example
    guard case .reading(let plain) = try Entry.decode(entry.span) else { return }
    #expect(plain.ext == .none && plain.ext.carriedFrom(in: entry.span) == nil)
  }

  @Test func `an event of a run that was logged anew has four numbers`() throws {
    let run = ByteWriter.bytes {
      EventEntry.write(
        head: EntryTests.head, code: .carriedOver, arguments: [1, 500, 612, 104].span, to: &$0)
    }
    guard case .event(let event) = try Entry.decode(run.span) else {
      Issue.record("not an event")
      return
    }
    #expect(event.eventCode == 12 && event.code == .carriedOver)
    for (number, value) in ([1, 500, 612, 104] as [UInt64]).enumerated() {
      #expect(event.argument(number, in: run.span) == value)
    }
    // An event may be carried over itself.
    let carried = [0x89] + run.dropFirst() + bytes("a1 07 82 01 1901f4")
    guard case .event(let again) = try Entry.decode(carried.span) else {
      Issue.record("not an event")
      return
    }
    #expect(again.ext.carriedFrom(in: carried.span) == CarriedFrom(epoch: 1, index: 500))
  }
}
