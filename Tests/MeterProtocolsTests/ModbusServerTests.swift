import FuzzKit
import MeterProtocols
import Testing

@Suite struct ModbusServerTests {
  @Test(arguments: ModbusRequestTests.requests)
  func `a server finds a published request between garbage`(vector: Vector) throws {
    var random = FuzzRandom(state: 3)
    for count in 0..<12 {
      let before = random.bytes(count)
      let found = ModbusServer.scan((before + vector.frame + [0x55]))
      guard case .query(let range, let query) = found else {
        Issue.record("not found after \(count) bytes")
        continue
      }
      #expect(range == count..<count + 8)
      #expect(query.request == ModbusRequest(parsing: vector.frame).map { .success($0) })
    }
    for count in 0..<8 {
      #expect(ModbusServer.scan(Array(vector.frame[..<count])) == .incomplete)
    }
  }

  @Test(arguments: ModbusRequestTests.writes.filter { $0.id != "modbus-rtu-016" })
  func `a request that writes is answered as an illegal function`(vector: Vector) {
    guard case .query(let range, let query) = ModbusServer.scan(vector.frame) else {
      Issue.record("not found")
      return
    }
    #expect(range == 0..<vector.frame.count)
    #expect(query.request == .failure(.illegalFunction))
    let reply = written {
      ModbusServer.writeException(.illegalFunction, to: query, into: &$0)
    }
    #expect(reply[..<3] == [vector.frame[0], vector.frame[1] | 0x80, 1])
  }

  @Test func `a count or a range out of limits is named`() {
    func query(_ hex: String) -> Result<ModbusRequest, ModbusException>? {
      let body = bytes(hex)
      let crc = CRC16.of(body)
      let frame = body + [UInt8(truncatingIfNeeded: crc), UInt8(crc >> 8)]
      guard case .query(_, let query) = ModbusServer.scan(frame) else { return nil }
      return query.request
    }
    #expect(query("01 03 00 00 00 00") == .failure(.illegalDataValue))
    #expect(query("01 03 00 00 00 7E") == .failure(.illegalDataValue))
    #expect(query("01 03 FF FF 00 02") == .failure(.illegalDataAddress))
    #expect(query("01 2B 0E 01 00 00") == .failure(.illegalFunction))
  }

  @Test func `a reply is what pymodbus sends`() throws {
    let request = try #require(ModbusRequest(parsing: bytes("11 03 00 7C 00 02 07 43")))
    let reply = written {
      ModbusServer.writeReply(to: request, data: bytes("00 8D 00 8E").span, into: &$0)
    }
    #expect(reply == Vectors.modbus("modbus-rtu-003").frame)
  }

  @Test func `a reply of another length is a programmer's error`() async {
    await #expect(processExitsWith: .failure) {
      guard let request = ModbusRequest(unit: 1, function: .readCoils, address: 0, count: 9) else {
        return
      }
      _ = written { ModbusServer.writeReply(to: request, data: [1].span, into: &$0) }
    }
  }
}
