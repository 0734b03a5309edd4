import HAL
import Metering
import Testing
import TransparencyLog

@Suite struct LeaseEventTests {
  private func event(_ roundTrip: UInt64?, _ raw: [UInt8], _ status: ReadingStatus) -> [UInt8] {
    ByteWriter.bytes { writer in
      raw.withUnsafeBufferPointer { raw in
        bytes("1103007c00020743").withUnsafeBufferPointer { request in
          EventEntry.writeLease(
            head: EntryTests.head, line: 1, protocolNumber: 1, request: request, status: status,
            roundTrip: roundTrip, raw: raw, to: &writer)
        }
      }
    }
  }

  @Test func `the worked example is written to the byte and read back`() throws {
    let written = event(5_000, bytes("110304008d008efbbd"), .good)
    let head = "1a00011173 11 1b00000014f46b0400 1b00065772b2ec9000 186e"
    #expect(
      written
        == bytes("88 05 \(head) 0b 86 01 01 48 1103007c00020743 00 19 1388 49 110304008d008efbbd"))
    #expect(written.count == 55)
    guard case .event(let event) = try Entry.decode(written.span) else {
      Issue.record("not an event")
      return
    }
    #expect(event.code == .lease && event.argumentCount(in: written.span) == 6)
    #expect(event.argument(0, in: written.span) == 1)
    #expect(event.argument(4, in: written.span) == 5_000)
  }

  @Test func `silence has null for round trip and bytes`() throws {
    let written = event(nil, [], .timeout)
    #expect(Array(written.suffix(3)) == [0x01, 0xF6, 0xF6])
    _ = try Entry.decode(written.span)
  }
}
