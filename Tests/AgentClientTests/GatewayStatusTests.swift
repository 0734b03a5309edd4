import AgentClient
import HAL
import Testing
import TransparencyLog

@Suite struct GatewayStatusTests {
  @Test func `every field of a whole answer is read`() throws {
    let status = try GatewayStatus(decoding: Example.answer)
    #expect(status.now == 1_785_000_000_000_000)
    #expect(status.devices.count == 2)
    let device = try #require(status.devices.first)
    #expect(device.number == 1)
    #expect(device.label == "Generator output")
    #expect(device.labelChinese == "发电机出线")
    #expect(device.line == 0)
    #expect(device.state == .answering)
    #expect(device.address == "003411001043")
    #expect(device.values.count == 2)
    #expect(device.mainValue?.quantity == "active-power")
    let value = try #require(device.values.first)
    #expect(value.quantity == "active-energy-import")
    #expect(value.value == "123456.78")
    #expect(value.unit == "kW.h")
    #expect(value.reason == 0)
    #expect(value.status == 0)
    #expect(value.ageMilliseconds == 3210)
    #expect(value.roundTripMicroseconds == 145_300)
    let line = try #require(status.lines.first)
    #expect(line.name == "A")
    #expect(line.device == "/run/dev/line-a")
    #expect(line.utilisationPermille == 342)
    #expect(line.isOpen)
    #expect(line.errors == UARTErrorCounters(parity: 2, framing: 7, overrun: 0, breaks: 0))
    #expect(status.log.origin == "sim.tallystick.invalid/gw/sim-0001/1")
    #expect(status.log.epoch == 1)
    #expect(status.log.size == 12345)
    #expect(status.log.signed == 12340)
    #expect(status.log.acknowledged == 12300)
    #expect(status.log.backlog == 45)
    #expect(status.log.byteCount == 1_048_576)
    #expect(status.clockQuality == 74)
    #expect(status.link == .up)
    #expect(status.dropped == 0)
    #expect(status.sitePath == "/etc/tallystick/site.yaml")
  }

  @Test func `missing keys read as nothing and new keys are passed over`() throws {
    let answer = CBORBytes.map([
      ("future", .array([.integer(1)])), ("devices", .array([.map([:])])),
    ])
    let status = try GatewayStatus(decoding: answer)
    #expect(status.devices.count == 1)
    #expect(status.devices[0].mainValue == nil)
    #expect(status.log.size == 0)
    #expect(status.link == nil)
  }

  @Test func `a state of a newer agent keeps its word`() throws {
    let answer = CBORBytes.map([
      ("link", .map(["state": .text("courier"), "live_refusal": .integer(401)]))
    ])
    let status = try GatewayStatus(decoding: answer)
    #expect(status.link == .other("courier"))
    #expect(status.liveRefusal == 401)
  }

  @Test func `what is no map is refused`() {
    #expect(throws: CBORError.unexpectedType) { try GatewayStatus(decoding: [0x80]) }
    #expect(throws: CBORError.truncated) { try GatewayStatus(decoding: []) }
    #expect(throws: CBORError.trailingBytes) { try GatewayStatus(decoding: [0xA0, 0x00]) }
  }

  @Test func `no byte string makes the reader trap`() {
    let whole = Example.answer
    for length in 0..<whole.count { _ = try? GatewayStatus(decoding: Array(whole[..<length])) }
    for index in whole.indices {
      for bit in 0..<8 {
        var changed = whole
        changed[index] ^= 1 << UInt8(bit)
        _ = try? GatewayStatus(decoding: changed)
      }
    }
    let deep = [UInt8](repeating: 0x81, count: 1000)
    #expect(throws: CBORError.tooDeep) { try GatewayStatus(decoding: deep) }
  }

  @Test func `the request is the CBOR array that the agent expects`() throws {
    #expect(try CBORValue(decoding: Agent.Request.status.encoded) == .array([.text("status")]))
  }

  @Test func `JSON carries the keys of the socket and values as strings`() throws {
    let json = try GatewayStatus(decoding: Example.answer).json
    #expect(json.contains("\"value\":\"123456.78\",\"unit\":\"kW.h\",\"reason\":0,\"status\":0"))
    #expect(json.contains("\"value\":null"))
    #expect(json.contains("\"label\":\"Stack \\\"A\\\"\""))
    #expect(
      json.contains(
        "\"clock\":{\"quality\":74},\"link\":{\"state\":\"up\",\"reason\":null,\"live_refusal\":null},"
          + "\"dropped\":0,\"fingerprint\":\"" + String(repeating: "2a", count: 32) + "\"}"))
  }
}

/// An answer as `Sources/Gateway/Status.swift` gives it.
enum Example {
  static var answer: [UInt8] {
    CBORBytes.map([
      ("now", .integer(1_785_000_000_000_000)),
      ("devices", .array([.map(generator), .map(stack)])),
      (
        "lines",
        .array([
          .map([
            "name": .text("A"), "device": .text("/run/dev/line-a"),
            "utilisation_permille": .integer(342), "open": .bool(true),
            "errors": .array([.integer(2), .integer(7), .integer(0), .integer(0)]),
          ])
        ])
      ),
      (
        "log",
        .map([
          "size": .integer(12345), "signed": .integer(12340),
          "signed_at": .integer(1_784_999_999_000_000), "acknowledged": .integer(12300),
          "failed": .bool(false), "bytes": .integer(1_048_576), "epoch": .integer(1),
          "origin": .text("sim.tallystick.invalid/gw/sim-0001/1"),
        ])
      ), ("clock", .map(["quality": .integer(74)])), ("link", .map(["state": .text("up")])),
      ("dropped", .integer(0)), ("site", .text("/etc/tallystick/site.yaml")),
      ("fingerprint", .bytes(Array(repeating: 0x2A, count: 32))),
    ])
  }

  private static let generator: [String: CBORValue] = [
    "number": .integer(1), "label": .text("Generator output"), "label_zh": .text("发电机出线"),
    "line": .integer(0), "state": .text("good"), "address": .text("003411001043"),
    "values": .array([
      .map(value("active-energy-import", .text("123456.78"), "kW.h")),
      .map(value("active-power", .text("1234.5"), "kW")),
    ]),
  ]

  private static func value(
    _ quantity: String, _ value: CBORValue, _ unit: String
  ) -> [String: CBORValue] {
    [
      "quantity": .text(quantity), "value": value, "unit": .text(unit), "reason": .integer(0),
      "status": .integer(0), "utc": .integer(1_784_999_996_790_000), "age_ms": .integer(3210),
      "rtt_us": .integer(145_300), "clock": .integer(74),
    ]
  }

  private static let stack: [String: CBORValue] = [
    "number": .integer(2), "label": .text("Stack \"A\""), "label_zh": .text(""),
    "line": .integer(0), "state": .text("silent"), "address": .text("3"),
    "values": .array([.map(["quantity": .text("oxygen"), "value": .null, "utc": .integer(0)])]),
  ]
}

/// Deterministic CBOR (RFC 8949 §4.2.1) of a value, for making answers in tests.
enum CBORBytes {
  static func map(_ items: [(String, CBORValue)]) -> [UInt8] {
    encode(.map(Dictionary(uniqueKeysWithValues: items)))
  }

  static func encode(_ value: CBORValue) -> [UInt8] {
    switch value {
    case .integer(let number):
      number >= 0 ? head(0, UInt64(number)) : head(1, UInt64(bitPattern: ~number))
    case .bytes(let bytes): head(2, UInt64(bytes.count)) + bytes
    case .text(let text): head(3, UInt64(text.utf8.count)) + Array(text.utf8)
    case .array(let items): head(4, UInt64(items.count)) + items.flatMap(encode)
    case .map(let items):
      head(5, UInt64(items.count))
        + items.map { (encode(.text($0.key)), encode($0.value)) }
        .sorted { $0.0.lexicographicallyPrecedes($1.0) }.flatMap { $0.0 + $0.1 }
    case .bool(let flag): [flag ? 0xF5 : 0xF4]
    case .null: [0xF6]
    }
  }

  private static func head(_ major: UInt8, _ value: UInt64) -> [UInt8] {
    let first = major << 5
    switch value {
    case 0..<24: return [first | UInt8(value)]
    case 24..<0x100: return [first | 24, UInt8(value)]
    case 0x100..<0x1_0000: return [first | 25] + bytes(value, 2)
    case 0x1_0000..<0x1_0000_0000: return [first | 26] + bytes(value, 4)
    default: return [first | 27] + bytes(value, 8)
    }
  }

  private static func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }
}
