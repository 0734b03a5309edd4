import Gateway
import HAL
import MeterProtocols
import Metering
import Sampling
import Testing
import TransparencyLog

@Suite struct LeaseDeskTests {
  /// Unit 17, registers 124 and 125, and the answer 141, 142 (pymodbus test_framer.py).
  private static let request: [UInt8] = [0x11, 0x03, 0x00, 0x7C, 0x00, 0x02, 0x07, 0x43]
  private static let frame: [UInt8] = [0x11, 0x03, 0x04, 0x00, 0x8D, 0x00, 0x8E, 0xFB, 0xBD]

  private func encoded(
    line: String = "b", _ request: [UInt8] = request, timeout: UInt64 = 500
  ) -> [UInt8] {
    ByteWriter.bytes {
      ControlRequest.writeLease(
        line: Array(line.utf8).span, meterProtocol: .modbusRTU, request: request.span,
        timeout: timeout, to: &$0)
    }
  }

  private func ask(_ meter: inout Meter, _ bytes: [UInt8], ticket: UInt64) -> ControlRefusal? {
    do throws(ControlRefusal) {
      guard case .lease(let lease) = try ControlRequest(decoding: bytes.span) else {
        return .unknownRequest
      }
      try meter.acquisition.lease(lease, in: bytes.span, ticket: ticket, at: meter.now)
      return nil
    } catch { return error }
  }

  private func answer(_ meter: borrowing Meter) -> [UInt8] {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 2_000)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    meter.acquisition.writer.leases.writeAnswer(line: 0, to: &writer)
    return Array(writer.written)
  }

  /// Turns until the line's tool has its answer.
  private func settle(_ meter: inout Meter) {
    for _ in 0..<100 where !meter.acquisition.writer.leases.isAnswered(line: 0) { meter.turn() }
  }

  @Test func `a tool gets the frame, and the log an event with request and frame`() throws {
    var meter = try Meter()
    meter.open()
    let refusal = ask(&meter, encoded(), ticket: 5)
    #expect(refusal == nil)
    var ticket = meter.acquisition.writer.leases.ticket(line: 0)
    #expect(ticket == 5)
    settle(&meter)
    var reader = CBORReader(answer(meter).span)
    let answer = answer(meter)
    #expect(try reader.map() == 3)
    _ = try reader.skip()
    #expect(Array(answer[try reader.byteString()]) == Self.frame)
    _ = try reader.skip()
    // The frame was there as soon as the request was handed to the port.
    #expect(try reader.unsigned() < 10_000)
    _ = try reader.skip()
    #expect(try reader.unsigned() == 0)
    try reader.finish()
    meter.acquisition.writer.leases.clear(line: 0)
    ticket = meter.acquisition.writer.leases.ticket(line: 0)
    #expect(ticket == nil)

    var found = 0
    for bytes in meter.drain() {
      guard case .event(let event) = try Entry.decode(bytes.span), event.code == .lease else {
        continue
      }
      found += 1
      #expect(event.argumentCount(in: bytes.span) == 6)
      let head = [0, 1, nil, 0] as [UInt64?]
      for (i, value) in head.enumerated() { #expect(event.argument(i, in: bytes.span) == value) }
      #expect(bytes.firstRange(of: Self.request) != nil && bytes.firstRange(of: Self.frame) != nil)
    }
    #expect(found == 1)
  }

  @Test func `the answer of the format's example is written as it stands`() {
    var desk = LeaseDesk(lineCount: 2)
    desk.wait(line: 1, ticket: 9)
    Self.frame.withUnsafeBufferPointer {
      desk.end(
        LeaseOutcome(
          line: 1, meterProtocol: .modbusRTU, status: .good, roundTrip: 5_000,
          instant: Rig.instant(1)), raw: $0)
    }
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 100)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    desk.writeAnswer(line: 1, to: &writer)
    let example: [UInt8] =
      [0xA3, 0x63, 0x72, 0x61, 0x77, 0x49] + Self.frame
      + [0x66, 0x72, 0x74, 0x74, 0x5F, 0x75, 0x73, 0x19, 0x13, 0x88]
      + [0x66, 0x73, 0x74, 0x61, 0x74, 0x75, 0x73, 0x00]
    let written = Array(writer.written)
    #expect(written == example && written.count == 33)
  }

  @Test func `what cannot be done is refused, each with its reason`() throws {
    var meter = try Meter()
    var refusals = [ask(&meter, encoded(), ticket: 1)]
    meter.open()
    refusals.append(ask(&meter, encoded(line: "a"), ticket: 2))
    refusals.append(ask(&meter, encoded(line: ""), ticket: 3))
    // Function 6, write a register, with its own good checksum.
    refusals.append(
      ask(&meter, encoded([0x11, 0x06, 0x00, 0x7C, 0x00, 0x02, 0xCB, 0x43]), ticket: 4))
    refusals.append(ask(&meter, encoded([UInt8](repeating: 0, count: 65)), ticket: 5))
    refusals.append(ask(&meter, encoded([]), ticket: 6))
    #expect(
      refusals == [.portClosed, .unknownLine, .unknownLine, .notARead, .notARead, .notARead])
    let ticket = meter.acquisition.writer.leases.ticket(line: 0)
    #expect(ticket == nil)
    refusals = [ask(&meter, encoded(), ticket: 7), ask(&meter, encoded(), ticket: 8)]
    #expect(refusals == [nil, .lineLeased])
  }

  @Test func `a tool that is gone frees the line, and one whose port goes is told`() throws {
    var meter = try Meter()
    meter.open()
    var refusal = ask(&meter, encoded(), ticket: 1)
    meter.acquisition.abandonLease(line: 0)
    for _ in 0..<20 { meter.turn() }
    for bytes in meter.drain() {
      if case .event(let event) = try Entry.decode(bytes.span) { #expect(event.code != .lease) }
    }
    refusal = ask(&meter, encoded(), ticket: 2)
    #expect(refusal == nil)
    meter.acquisition.lost(line: 0, at: meter.now)
    let isAnswered = meter.acquisition.writer.leases.isAnswered(line: 0)
    #expect(isAnswered)
    let told = answer(meter)
    #expect(told == ByteWriter.bytes { ControlRefusal.portClosed.write(to: &$0) })
  }
}
