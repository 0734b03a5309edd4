import Foundation
import HAL
import MeterProtocols
import Metering
import Testing

@testable import Catalog

/// Every profile in the folder reads the exchange that lies beside these tests under its name.
@Suite struct ProfilesTests {
  static let names: [String] = {
    let path = repositoryPath + "/Sources/Catalog/Profiles"
    let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
  }()

  private func profile(_ name: String) throws -> DeviceProfile {
    let path = "\(repositoryPath)/Sources/Catalog/Profiles/\(name).yaml"
    return try DeviceProfile.parse(yaml: try bytes(path), file: path).get()
  }

  @Test func `the folder has the profiles of the simulated site and no capture is left over`() {
    #expect(Self.names.count >= 6)
    let captures = CatalogTests.names(in: "").filter { $0.hasSuffix(".hex") }
    #expect(captures == Self.names.map { $0 + ".hex" })
  }

  @Test(arguments: names)
  func `a profile is read without a finding`(name: String) throws {
    let profile = try profile(name)
    #expect(profile.name == name)
    #expect(!profile.sources.isEmpty)
    #expect(profile.label.english != profile.label.chinese)
    for point in profile.requests.flatMap(\.points) {
      #expect(point.rule.isExact)
      #expect(point.verified || point.doubt != nil)
    }
  }

  @Test(arguments: names)
  func `a profile reads its captured exchange`(name: String) throws {
    let profile = try profile(name)
    let capture = try Capture(name: name, kind: profile.meterProtocol)
    try capture.expectRead(by: profile)
  }

  @Test(arguments: names)
  func `the exchange reads every request of a Modbus profile`(name: String) throws {
    let profile = try profile(name)
    guard profile.meterProtocol == .modbusRTU else { return }
    let capture = try Capture(name: name, kind: profile.meterProtocol)
    #expect(capture.exchanges.count == profile.requests.count)
  }

  @Test(arguments: names)
  func `request bytes are those that a hand computes`(name: String) throws {
    let profile = try profile(name)
    for request in profile.requests {
      switch request.query {
      case .modbus(let function, let address, let count):
        let body: [UInt8] = [
          17, function, UInt8(address >> 8), UInt8(address & 255), UInt8(count >> 8),
          UInt8(count & 255),
        ]
        #expect(request.requestBytes(address: [17]) == body + crc(body))
        #expect(request.requestBytes(address: [0x12, 0x34]).isEmpty)
      case .dlt645(let identifier, _):
        var frame: [UInt8] = [0x68, 0x43, 0x10, 0x00, 0x11, 0x34, 0x00, 0x68, 0x11, 0x04]
        for shift in [0, 8, 16, 24] { frame.append(UInt8(identifier >> shift & 255) &+ 0x33) }
        let sum = frame.reduce(UInt8(0), &+)
        let meter: [UInt8] = [0x00, 0x34, 0x11, 0x00, 0x10, 0x43]
        #expect(
          request.requestBytes(address: meter) == [0xFE, 0xFE, 0xFE, 0xFE] + frame + [sum, 0x16])
        #expect(request.requestBytes(address: [17]).isEmpty)
      }
    }
  }

  @Test func `BCD registers hold what the gas meter's source prints, highest byte first`() throws {
    let point = try #require(
      try profile("fuxin-gas-flow").requests[0].points.first { $0.quantity == .gasVolumeStandard })
    var block = [UInt8](repeating: 0xEE, count: 40)
    var span = block.mutableSpan
    try point.rule.encode(Decimal(mantissa: 12_431_116, exponent: -4), into: &span)
    #expect(Array(block[15..<23]) == [0xEE, 0x00, 0x00, 0x12, 0x43, 0x11, 0x16, 0xEE])
    for (byte, reason) in [(UInt8(0x1A), NoData.notDecimal), (0xFF, .notAvailable)] {
      for i in 16..<22 { block[i] = byte }
      let frame = [5, 3, 40] + block + [0, 0]
      #expect(point.rule.decode(frame: frame.span, protocol: .modbusRTU) == .failure(reason))
    }
    span = block.mutableSpan
    #expect(throws: EncodeError.outOfRange) {
      try point.rule.encode(Decimal(mantissa: 100_000_000), into: &span)
    }
  }

  @Test func `the hand computes what is printed elsewhere`() {
    // pymodbus 7361275, test/framer/test_framer.py:121: 11 03 00 7C 00 02 has the checksum 07 43.
    #expect(crc([0x11, 0x03, 0x00, 0x7C, 0x00, 0x02]) == [0x07, 0x43])
  }

  /// CRC-16 of Modbus over serial line V1.02, 6.2.2, bit by bit; low byte first.
  private func crc(_ bytes: [UInt8]) -> [UInt8] {
    var register: UInt16 = 0xFFFF
    for byte in bytes {
      register ^= UInt16(byte)
      for _ in 0..<8 {
        register = register & 1 == 1 ? register >> 1 ^ 0xA001 : register >> 1
      }
    }
    return [UInt8(register & 255), UInt8(register >> 8)]
  }
}

/// Exchanges with a device, from `Captures/<profile>.hex`.
///
/// Lines: `# …` · `address <as in a site>` · `request <hex>` · `reply <hex>` · `value <quantity>
/// <decimal, or the name of a NoData>` · indented hex continues the line before.
struct Capture {
  struct Exchange {
    var request: [UInt8] = []
    var reply: [UInt8] = []
    var values: [String] = []
  }

  var address: [UInt8] = []
  var exchanges: [Exchange] = []

  init(name: String, kind: MeterProtocol) throws {
    let path = "\(capturesPath)/\(name).hex"
    try self.init(text: try String(contentsOfFile: path, encoding: .utf8), kind: kind)
  }

  init(text: String, kind: MeterProtocol) throws {
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ")
      switch words[0] {
      case "address":
        let word = String(words[1])
        address = kind == .modbusRTU ? [try #require(UInt8(word))] : try #require(hexBytes(word))
      case "request":
        exchanges.append(Exchange(request: try #require(hexBytes(words.dropFirst().joined()))))
      case "reply":
        exchanges[exchanges.count - 1].reply = try #require(hexBytes(words.dropFirst().joined()))
      case "value":
        exchanges[exchanges.count - 1].values.append("\(words[1]) \(words[2])")
      default:
        exchanges[exchanges.count - 1].reply += try #require(hexBytes(words.joined()))
      }
    }
  }

  /// The profile has these requests, accepts these replies, and reads these values from them.
  func expectRead(by profile: DeviceProfile) throws {
    #expect(!exchanges.isEmpty)
    for exchange in exchanges {
      let request = try #require(
        profile.requests.first { $0.requestBytes(address: address) == exchange.request },
        "no request of \(profile.name) is \(exchange.request)")
      let scan = profile.meterProtocol.scan(
        request: exchange.request.span, received: exchange.reply.span)
      guard case .accepted(let range, more: false) = scan else {
        Issue.record("\(profile.name)/\(request.name): \(scan)")
        continue
      }
      #expect(range == 0..<exchange.reply.count)
      let values = request.points.map { point in
        switch point.rule.decode(frame: exchange.reply.span, protocol: profile.meterProtocol) {
        case .success(let value): "\(point.quantity.key) \(value.canonical)"
        case .failure(let reason): "\(point.quantity.key) \(reason)"
        }
      }
      #expect(values == exchange.values, "\(profile.name)/\(request.name)")
    }
  }
}
