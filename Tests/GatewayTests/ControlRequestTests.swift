import Gateway
import HAL
import MeterProtocols
import Testing
import TransparencyLog

@Suite struct ControlRequestTests {
  /// The worked example of `ControlRequest.swift`.
  static let example: [UInt8] = [
    0x85, 0x65, 0x6C, 0x65, 0x61, 0x73, 0x65, 0x66, 0x6C, 0x69, 0x6E, 0x65, 0x2D, 0x61, 0x01, 0x48,
    0x11, 0x03, 0x00, 0x7C, 0x00, 0x02, 0x07, 0x43, 0x19, 0x01, 0xF4,
  ]
  static let status: [UInt8] = [0x81, 0x66, 0x73, 0x74, 0x61, 0x74, 0x75, 0x73]
  static let reload: [UInt8] = [0x81, 0x66, 0x72, 0x65, 0x6C, 0x6F, 0x61, 0x64]

  private func refusal(_ bytes: [UInt8]) -> ControlRefusal? {
    do throws(ControlRefusal) {
      _ = try ControlRequest(decoding: bytes.span)
      return nil
    } catch { return error }
  }

  private func lease(_ items: (inout ByteWriter) -> Void) -> [UInt8] {
    ByteWriter.bytes { writer in
      writer.cbor(arrayOf: 5)
      writer.cbor(text: "lease")
      writer.cbor(text: "a")
      items(&writer)
    }
  }

  @Test func `the examples are read and written as they stand`() throws {
    #expect(try ControlRequest(decoding: Self.status.span) == .status)
    #expect(try ControlRequest(decoding: Self.reload.span) == .reload)
    let read = try ControlRequest(decoding: Self.example.span)
    #expect(
      read
        == .lease(
          ControlRequest.Lease(
            line: 8..<14, meterProtocol: .modbusRTU, request: 16..<24, timeout: 500_000)))
    let written = ByteWriter.bytes {
      ControlRequest.writeLease(
        line: Array("line-a".utf8).span, meterProtocol: .modbusRTU,
        request: Array(Self.example[16..<24]).span, timeout: 500, to: &$0)
    }
    #expect(written == Self.example)
    #expect(ByteWriter.bytes { ControlRequest.writeStatus(to: &$0) } == Self.status)
    #expect(ByteWriter.bytes { ControlRequest.writeReload(to: &$0) } == Self.reload)
  }

  @Test func `the refusal of the example is written as it stands`() {
    let written = ByteWriter.bytes { ControlRefusal.unknownRequest.write(to: &$0) }
    #expect(written == [0xA1, 0x67, 0x72, 0x65, 0x66, 0x75, 0x73, 0x65, 0x64, 0x02])
  }

  @Test func `a request cut short or with bytes after it is malformed`() {
    for example in [Self.example, Self.status, Self.reload] {
      for count in 0..<example.count { #expect(refusal(Array(example[..<count])) != nil) }
      #expect(refusal(example + [0]) == .malformed)
    }
    #expect(refusal([0xFF]) == .malformed)
    #expect(refusal([0xA0]) == .malformed)
    // A length that is not in its shortest form.
    #expect(refusal([0x98, 0x01] + Self.status[1...]) == .malformed)
  }

  @Test func `another name or number of elements is an unknown request`() {
    #expect(refusal([0x81, 0x61, 0x78]) == .unknownRequest)
    #expect(refusal([0x82] + Self.status[1...] + [0]) == .unknownRequest)
    #expect(refusal([0x81, 0x65] + Array("lease".utf8)) == .unknownRequest)
  }

  @Test func `what is out of range is told apart`() {
    func refused(_ spoken: UInt64, _ timeout: UInt64) -> ControlRefusal? {
      refusal(
        lease {
          $0.cbor(spoken)
          $0.cbor(bytes: [1].span)
          $0.cbor(timeout)
        })
    }
    for spoken in [0, 3, 257, UInt64.max] { #expect(refused(spoken, 20) == .unknownProtocol) }
    for timeout in [0, 19, 10_001, UInt64.max] { #expect(refused(1, timeout) == .badTimeout) }
    #expect(refused(1, 20) == nil && refused(2, 10_000) == nil)
  }
}
