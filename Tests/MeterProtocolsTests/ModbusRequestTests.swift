import FuzzKit
import MeterProtocols
import Testing

@Suite struct ModbusRequestTests {
  static let requests = Vectors.modbus.filter {
    $0.integer("count") != nil && ($0.integer("fc") ?? 99) <= 4
  }
  static let writes = Vectors.modbus.filter { ($0.integer("fc") ?? 0) >= 5 }

  @Test func `the check value of the standard's CRC comes out`() {
    let body = bytes("11 03 00 7C 00 02")
    #expect(CRC16.of(body) == 0x4307)
    // Catalogue of parametrised CRC algorithms, CRC-16/MODBUS.
    #expect(CRC16.of(Array("123456789".utf8)) == 0x4B37)
  }

  @Test func `the CRC equals the one computed bit by bit`() {
    var random = FuzzRandom(state: 16)
    for _ in 0..<500 {
      let data = random.bytes(Int(random.next() % 64))
      var expected: UInt16 = 0xFFFF
      for byte in data {
        expected ^= UInt16(byte)
        for _ in 0..<8 { expected = expected & 1 == 1 ? expected >> 1 ^ 0xA001 : expected >> 1 }
      }
      #expect(CRC16.of(data) == expected)
    }
  }

  @Test(arguments: requests)
  func `a published request is read and written to the byte`(vector: Vector) throws {
    let request = try #require(ModbusRequest(parsing: vector.frame))
    #expect(Int(request.unit) == vector.integer("unit"))
    #expect(Int(request.function.rawValue) == vector.integer("fc"))
    #expect(Int(request.address) == vector.integer("address"))
    #expect(Int(request.count) == vector.integer("count"))
    #expect(written { request.write(into: &$0) } == vector.frame)
  }

  @Test func `there are enough published requests`() { #expect(Self.requests.count >= 13) }

  @Test(arguments: writes)
  func `a request that writes cannot be made`(vector: Vector) {
    #expect(ModbusRequest(parsing: vector.frame) == nil)
    #expect(ModbusFunction(rawValue: vector.frame[1]) == nil)
  }

  @Test func `only functions 1 to 4 exist`() {
    for code in UInt8.min...UInt8.max {
      #expect((ModbusFunction(rawValue: code) != nil) == (1...4).contains(code))
    }
  }

  @Test(
    arguments: [
      (.readCoils, 0, 0, false), (.readCoils, 0, 2000, true), (.readCoils, 0, 2001, false),
      (.readHoldingRegisters, 0, 125, true), (.readHoldingRegisters, 0, 126, false),
      (.readInputRegisters, 65535, 1, true), (.readInputRegisters, 65535, 2, false),
      (.readInputRegisters, 65411, 125, true), (.readInputRegisters, 65412, 125, false),
    ] as [(ModbusFunction, UInt16, UInt16, Bool)])
  func `a request keeps within the limits of its function`(
    function: ModbusFunction, address: UInt16, count: UInt16, allowed: Bool
  ) {
    let request = ModbusRequest(unit: 1, function: function, address: address, count: count)
    #expect((request != nil) == allowed)
  }

  @Test func `a request with a wrong CRC or another length is none`() {
    let good = bytes("11 03 00 7C 00 02 07 43")
    for i in good.indices {
      for bit in 0..<8 {
        var bad = good
        bad[i] ^= 1 << bit
        #expect(ModbusRequest(parsing: bad) == nil)
      }
    }
    #expect(ModbusRequest(parsing: Array(good.dropLast())) == nil)
    #expect(ModbusRequest(parsing: (good + [0])) == nil)
    #expect(ModbusRequest(parsing: []) == nil)
  }
}
