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
    let (profile, findings) = DeviceProfile.check(yaml: try bytes(path), file: path)
    for finding in findings { Issue.record(Comment(rawValue: finding.text(.english))) }
    return try #require(profile, "see the findings")
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
  func `nothing that scripts/new made is left to fill in`(name: String) throws {
    try expectFilledIn(
      "\(repositoryPath)/Sources/Catalog/Profiles/\(name).yaml", "\(capturesPath)/\(name).hex")
  }

  @Test(arguments: names)
  func `a profile reads its captured exchange`(name: String) throws {
    let profile = try profile(name)
    try Capture(name: name, kind: profile.meterProtocol).expectRead(by: profile)
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
}
