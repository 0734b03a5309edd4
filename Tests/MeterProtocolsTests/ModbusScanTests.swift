import FuzzKit
import MeterProtocols
import Metering
import Testing

@Suite struct ModbusScanTests {
  /// The request whose answer a published frame is.
  private func request(for reply: [UInt8], fc: UInt8? = nil) -> [UInt8] {
    let function = ModbusFunction(rawValue: fc ?? reply[1]) ?? .readHoldingRegisters
    let request = ModbusRequest(
      unit: reply[0], function: function, address: 0, count: UInt16(reply[2]) / 2)
    return written { request?.write(into: &$0) }
  }

  private func scan(_ request: [UInt8], _ received: [UInt8]) -> ReplyScan {
    MeterProtocol.modbusRTU.scan(request: request.span, received: received.span)
  }

  private func isDamaged(_ request: [UInt8], _ received: [UInt8]) -> Bool {
    MeterProtocol.modbusRTU.hasDamagedFrame(request: request.span, received: received.span)
  }

  static let replies = Vectors.modbus.filter {
    $0.checksumValid && $0.frame[1] <= 4 && $0.frame.count == Int($0.frame[2]) + 5
  }

  @Test func `there are enough published replies`() { #expect(Self.replies.count >= 10) }

  @Test(arguments: replies)
  func `a published reply is accepted whole`(vector: Vector) {
    let request = request(for: vector.frame)
    #expect(scan(request, vector.frame) == .accepted(0..<vector.frame.count, more: false))
  }

  @Test(arguments: replies)
  func `every truncation of a reply is incomplete`(vector: Vector) {
    let request = request(for: vector.frame)
    for count in 0..<vector.frame.count {
      #expect(scan(request, Array(vector.frame[..<count])) == .incomplete)
    }
  }

  @Test(arguments: replies)
  func `no single flipped bit is accepted`(vector: Vector) {
    let request = request(for: vector.frame)
    for i in vector.frame.indices {
      for bit in 0..<8 {
        var bad = vector.frame
        bad[i] ^= 1 << bit
        #expect(scan(request, bad) == .incomplete, "byte \(i) bit \(bit)")
      }
    }
  }

  @Test(arguments: replies)
  func `a reply is found between garbage`(vector: Vector) {
    let request = request(for: vector.frame)
    var random = FuzzRandom(state: 7)
    for _ in 0..<200 {
      let before = random.bytes(Int(random.next() % 24))
      let after = random.bytes(Int(random.next() % 24))
      let range = before.count..<before.count + vector.frame.count
      #expect(scan(request, before + vector.frame + after) == .accepted(range, more: false))
    }
  }

  @Test(arguments: replies)
  func `a reply is found after the echo of its request`(vector: Vector) {
    let request = request(for: vector.frame)
    let range = 8..<8 + vector.frame.count
    #expect(scan(request, request) == .incomplete)
    #expect(scan(request, request + vector.frame) == .accepted(range, more: false))
  }

  @Test func `a reply is found after one that was cut off`() {
    let reply = Vectors.modbus("modbus-rtu-003").frame
    let request = request(for: reply)
    for count in 1..<reply.count {
      let range = count..<count + reply.count
      #expect(
        scan(request, Array(reply[..<count]) + reply) == .accepted(range, more: false), "\(count)")
    }
  }

  @Test func `frames of another unit, function or length are passed over`() {
    let reply = bytes("11 03 04 00 8D 00 8E FB BD")
    let request = request(for: reply)
    for foreign in [
      Vectors.modbus("modbus-rtu-006").frame,  // unit 255
      Vectors.modbus("modbus-rtu-021").frame,  // function 4
      Vectors.modbus("modbus-rtu-016").frame,  // the answer to a write
      Vectors.modbus("cems-modbus-rtu-002").frame,  // 40 bytes of data
    ] {
      #expect(scan(request, foreign) == .incomplete)
      let range = foreign.count..<foreign.count + reply.count
      #expect(scan(request, foreign + reply) == .accepted(range, more: false))
    }
    // Right unit and function, another length: the late answer to another request.
    let other = written {
      ModbusRequest(unit: 17, function: .readHoldingRegisters, address: 0, count: 3)?
        .write(into: &$0)
    }
    #expect(scan(other, reply) == .incomplete)
    #expect(!isDamaged(other, reply))
  }

  @Test func `an exception refuses the request with its code`() {
    let request = bytes("11 03 00 7C 00 02 07 43")
    let exception = bytes("11 83 02 C1 34")
    #expect(scan(request, exception) == .refused(0..<5, code: 2))
    #expect(scan(request, [0xFF, 0x00] + exception) == .refused(2..<7, code: 2))
    for count in 0..<5 { #expect(scan(request, Array(exception[..<count])) == .incomplete) }
    for i in 0..<5 {
      for bit in 0..<8 {
        var bad = exception
        bad[i] ^= 1 << bit
        #expect(scan(request, bad) == .incomplete)
      }
    }
    #expect(ModbusException(rawValue: 2) == .illegalDataAddress)
  }

  @Test func `the published exception with a wrong CRC is refused`() {
    let frame = Vectors.modbus("modbus-rtu-007").frame
    let request = written {
      ModbusRequest(unit: 0, function: .readHoldingRegisters, address: 124, count: 2)?
        .write(into: &$0)
    }
    #expect(scan(request, frame) == .incomplete)
    #expect(isDamaged(request, frame))
  }

  @Test func `an exception inside the data of a reply does not refuse it`() {
    let request = written {
      ModbusRequest(unit: 17, function: .readHoldingRegisters, address: 0, count: 3)?
        .write(into: &$0)
    }
    var data = bytes("11 83 02 C1 34 00")
    let reply = written {
      guard let request = ModbusRequest(parsing: request) else { return }
      ModbusServer.writeReply(to: request, data: data.span, into: &$0)
    }
    data = Array(reply[3...])
    for count in 0..<reply.count { #expect(scan(request, Array(reply[..<count])) == .incomplete) }
    #expect(scan(request, reply) == .accepted(0..<reply.count, more: false))
  }

  @Test func `an echo that could be a reply to its own request is not taken for one`() throws {
    // 17 coils from 0300H: the echo has function, byte count 3 and the right CRC of a reply.
    let request = try #require(
      ModbusRequest(unit: 1, function: .readCoils, address: 0x0300, count: 17))
    let sent = written { request.write(into: &$0) }
    let reply = written {
      ModbusServer.writeReply(to: request, data: bytes("01 02 01").span, into: &$0)
    }
    #expect(sent.count == reply.count && sent[..<3] == reply[..<3])
    for count in 0...8 { #expect(scan(sent, Array(sent[..<count])) == .incomplete) }
    #expect(scan(sent, sent + reply) == .accepted(8..<16, more: false))
    #expect(scan(sent, reply) == .accepted(0..<8, more: false))
    #expect(scan(sent, sent + sent) == .accepted(8..<16, more: false))
  }

  @Test func `damage is told from silence`() {
    let reply = bytes("11 03 04 00 8D 00 8E FB BD")
    let request = bytes("11 03 00 7C 00 02 07 43")
    var damaged = reply
    damaged[4] ^= 0x40
    #expect(isDamaged(request, damaged))
    #expect(isDamaged(request, request + damaged))
    #expect(isDamaged(request, Array(reply[..<6])))
    #expect(!isDamaged(request, []))
    #expect(!isDamaged(request, [0x00, 0xFF]))
    #expect(!isDamaged(request, request))
    #expect(!isDamaged(request, Vectors.modbus("modbus-rtu-006").frame))
  }

  @Test func `the longest reply to a request is known`() {
    let meter = MeterProtocol.modbusRTU
    #expect(meter.replyByteCountMax(request: bytes("11 03 00 7C 00 02 07 43")) == 9)
    #expect(meter.replyByteCountMax(request: Vectors.modbus("modbus-rtu-018").frame) == 10)
    #expect(meter.replyByteCountMax(request: []) == 5)
    let largest = written {
      ModbusRequest(unit: 1, function: .readInputRegisters, address: 0, count: 125)?
        .write(into: &$0)
    }
    #expect(meter.replyByteCountMax(request: largest) == 255)
    #expect(written { meter.writeFollowUp(request: largest.span, part: 1, into: &$0) } == [])
  }
}
