import HAL
import MeterProtocols
import Metering
import Testing

@Suite struct ReadRequestTests {
  private func reads(_ spoken: MeterProtocol, _ bytes: [UInt8]) -> Bool {
    spoken.isReadRequest(bytes.span)
  }

  private func mayBeSame(_ spoken: MeterProtocol, _ one: [UInt8], _ other: [UInt8]) -> Bool {
    spoken.mayAskSameMeter(one.span, other.span)
  }

  private func modbus(_ body: [UInt8]) -> [UInt8] {
    var crc: UInt16 = 0xFFFF
    for byte in body {
      crc ^= UInt16(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xA001 : crc >> 1 }
    }
    return body + [UInt8(crc & 0xFF), UInt8(crc >> 8)]
  }

  private func dlt645(_ control: UInt8, _ data: [UInt8], address: [UInt8]? = nil) -> [UInt8] {
    let frame =
      [0x68] + (address ?? [0x43, 0x10, 0x00, 0x11, 0x34, 0x00])
      + [0x68, control, UInt8(data.count)] + data.map { $0 &+ 0x33 }
    return frame + [frame.reduce(0, &+), 0x16]
  }

  @Test func `of all Modbus functions only 1 to 4 read`() {
    for function in UInt8.min...UInt8.max {
      let bytes = modbus([17, function, 0, 0x7C, 0, 2])
      #expect(reads(.modbusRTU, bytes) == (1...4).contains(function))
    }
    let write = modbus([17, 16, 0, 0, 0, 1, 2, 0, 5])
    #expect(!reads(.modbusRTU, write))
  }

  @Test func `of all DL/T 645 control codes only 11, 12 and 13 read, with the data they carry`() {
    for control in UInt8.min...UInt8.max {
      for count in 0...12 {
        let bytes = dlt645(control, Array(repeating: 1, count: count))
        let isRead = [0x11: 4, 0x12: 5, 0x13: 0][control] == count
        #expect(reads(.dlt645, bytes) == isRead, "\(control) \(count)")
        let awake = [0xFE, 0xFE, 0xFE, 0xFE] + bytes
        #expect(reads(.dlt645, awake) == isRead)
      }
    }
  }

  @Test func `a damaged, shortened, prolonged or foreign request does not read`() {
    for (spoken, request) in [
      (MeterProtocol.modbusRTU, modbus([17, 3, 0, 0x7C, 0, 2])),
      (.dlt645, dlt645(0x11, [0, 1, 1, 2])),
    ] {
      #expect(reads(spoken, request))
      for i in request.indices {
        var changed = request
        changed[i] ^= 1
        #expect(!reads(spoken, changed))
        #expect(!reads(spoken, Array(request[..<i])))
      }
      // A write behind it would go out with it.
      #expect(!reads(spoken, request + modbus([17, 6, 0, 0, 0, 1])))
      let other: MeterProtocol = spoken == .dlt645 ? .modbusRTU : .dlt645
      #expect(!reads(other, request))
    }
  }

  @Test func `requests that one meter may answer are told from those of others`() {
    let unit17 = modbus([17, 3, 0, 0x7C, 0, 2])
    #expect(mayBeSame(.modbusRTU, unit17, modbus([17, 4, 0, 0, 0, 1])))
    #expect(!mayBeSame(.modbusRTU, unit17, modbus([18, 3, 0, 0x7C, 0, 2])))
    let meter = dlt645(0x11, [0, 1, 1, 2])
    #expect(mayBeSame(.dlt645, meter, dlt645(0x12, [0, 1, 1, 2, 1])))
    let any = dlt645(0x13, [], address: [UInt8](repeating: 0xAA, count: 6))
    #expect(mayBeSame(.dlt645, meter, any) && mayBeSame(.dlt645, any, meter))
    let half = dlt645(0x13, [], address: [0x43, 0x10, 0xAA, 0xAA, 0xAA, 0xAA])
    #expect(mayBeSame(.dlt645, meter, half))
    let other = dlt645(0x11, [0, 1, 1, 2], address: [0x44, 0x10, 0xAA, 0xAA, 0xAA, 0xAA])
    #expect(!mayBeSame(.dlt645, meter, other))
    #expect(!mayBeSame(.dlt645, meter, unit17))
  }
}
