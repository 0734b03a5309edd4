import FuzzKit
import MeterProtocols
import Metering
import Testing

@Suite struct MeterProtocolTests {
  // Modbus over Serial Line V1.02, 2.5.1.1: 4.01 ms at 9600 Bd, 1.75 ms above 19200.
  @Test(
    arguments: [
      (1200, 32_084), (2400, 16_042), (9600, 4_011), (19_200, 2_006), (38_400, 1_750),
      (115_200, 1_750),
    ] as [(UInt32, UInt32)])
  func `Modbus keeps three and a half characters of silence`(baudRate: UInt32, expected: UInt32) {
    #expect(MeterProtocol.modbusRTU.silenceMicroseconds(baudRate: baudRate) == expected)
    #expect(MeterProtocol.dlt645.silenceMicroseconds(baudRate: baudRate) == 20_000)
  }

  @Test func `raw values are stable`() {
    #expect(MeterProtocol.modbusRTU.rawValue == 1)
    #expect(MeterProtocol.dlt645.rawValue == 2)
  }

  @Test func `a request that is none gets no reply accepted`() {
    for meter in [.modbusRTU, .dlt645] as [MeterProtocol] {
      for request in [[], [0xFE], [0x68], [0xFE, 0xFE, 0xFE, 0xFE], [1, 3, 0]] as [[UInt8]] {
        #expect(meter.scan(request: request, received: [1, 3, 2, 0, 0]) == .incomplete)
        #expect(written { meter.writeFollowUp(request: request.span, part: 1, into: &$0) } == [])
      }
    }
  }

  /// Half of the buffers are noise; the others are pieces of real frames, which reach further in.
  @Test(arguments: [MeterProtocol.modbusRTU, .dlt645])
  func `half a million random buffers trap nothing and yield only whole frames`(
    meter: MeterProtocol
  ) {
    let vectors = meter == .modbusRTU ? Vectors.modbus : Vectors.dlt645
    let request =
      meter == .modbusRTU
      ? bytes("11 03 00 7C 00 02 07 43") : Vectors.dlt645("dlt-645-2007-013").frame
    let reply =
      meter == .modbusRTU
      ? Vectors.modbus("modbus-rtu-003").frame : Vectors.dlt645("dlt-645-2007-014").frame
    let rules = [
      ValueRule(layout: .modbus(register: 1, type: .float32, order: .cdab)),
      ValueRule(layout: .bit(index: 9)),
      ValueRule(layout: .registerBits(register: 0, first: 3, count: 5)),
      ValueRule(layout: .bcd(offset: 0, byteCount: 3, signed: true), exponent: -3),
    ]
    var random = FuzzRandom(state: UInt64(meter.rawValue))
    var buffer = [UInt8](repeating: 0, count: 64)
    var found = 0
    for turn in 0..<500_000 {
      let count = Self.fill(&buffer, turn: turn, pieces: vectors, reply: reply, random: &random)
      let received = buffer.span.extracting(0..<count)
      switch meter.scan(request: request.span, received: received) {
      case .incomplete: break
      case .accepted(let range, _):
        found += 1
        // In these buffers only the reply itself answers the request.
        if range.count != reply.count { Issue.record("turn \(turn): \(range)") }
        for rule in rules {
          _ = rule.decode(frame: received.extracting(range), protocol: meter)
        }
      case .refused(let range, _):
        if range.upperBound > count { Issue.record("turn \(turn): \(range)") }
      }
      guard turn % 4 == 0 else { continue }
      _ = meter.hasDamagedFrame(request: request.span, received: received)
      _ = rules[turn / 4 % 4].decode(frame: received, protocol: meter)
      _ = ModbusServer.scan(received)
      _ = DLT645Server.scan(received)
    }
    #expect(found > 1000, "the buffers reach acceptance")
  }

  private static func fill(
    _ buffer: inout [UInt8], turn: Int, pieces: [Vector], reply: [UInt8],
    random: inout FuzzRandom
  ) -> Int {
    var count = 0
    var word = random.next()
    if turn % 2 == 0 {
      let size = Int(word % 41)
      while count < size {
        word = random.next()
        for shift in 0..<8 {
          buffer[count + shift] = UInt8(truncatingIfNeeded: word >> (shift * 8))
        }
        count += 8
      }
      return size
    }
    // Up to three pieces, each cut somewhere, then up to one damaged byte.
    for _ in 0...Int(word % 3) {
      word = random.next()
      let piece = word % 3 == 0 ? reply : pieces[Int(word >> 8) % pieces.count].frame
      let from = word & 0x10000 == 0 ? 0 : Int(word >> 20 & 0xFF) % piece.count
      let length = word & 0x20000 == 0 ? piece.count : Int(word >> 32 & 0xFF) % piece.count
      for i in from..<max(from, length) where count < 64 {
        buffer[count] = piece[i]
        count += 1
      }
    }
    if count > 0, word >> 60 < 8 {
      buffer[Int(word >> 40 & 0xFF) % count] = UInt8(truncatingIfNeeded: word >> 48)
    }
    return count
  }
}
