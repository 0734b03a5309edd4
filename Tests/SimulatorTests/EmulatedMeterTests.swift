import HAL
import MeterProtocols
import Testing

@testable import Simulator

/// Unit 17: input registers 0…3 (two floats, the second CDAB), holding registers 100…101 (a counter).
private func modbusMeter(counter signal: Signal = fixed(0)) -> EmulatedMeter {
  EmulatedMeter(
    model: MeterModel(
      meterProtocol: .modbusRTU, address: [17], turnaroundMicroseconds: 8_000,
      blocks: [
        MeterBlock(
          place: .modbus(function: 4, address: 0, count: 4),
          points: [
            MeterPoint(
              rule: ValueRule(layout: .modbus(register: 0, type: .float32, order: .abcd)),
              signal: fixed(230.6)),
            MeterPoint(
              rule: ValueRule(layout: .modbus(register: 2, type: .float32, order: .cdab)),
              signal: fixed(230.6)),
          ]),
        MeterBlock(
          place: .modbus(function: 3, address: 100, count: 2),
          points: [
            MeterPoint(
              rule: ValueRule(
                layout: .modbus(register: 0, type: .uint32, order: .abcd), exponent: -2),
              signal: signal)
          ]),
      ]))
}

@Suite struct EmulatedMeterModbusTests {
  private func ask(_ body: String) -> String {
    var meter = modbusMeter()
    guard let reply = meter.reply(to: rtu(body), values: { moment() }) else { return "" }
    #expect(isWholeRTU(reply))
    return hex(Array(reply.dropLast(2)))
  }

  @Test func `the checksum is that of the published frame`() {
    // pymodbus test/framer/test_framer.py: 11 03 00 7C 00 02 with CRC 07 43.
    #expect(hex(rtu("1103007C0002")) == "1103007C00020743")
  }

  @Test func `floats come in the word order of the model`() {
    // 230.6 as a single is 4366999A.
    #expect(ask("110400000004") == "1104084366999A999A4366")
    #expect(ask("110400010002") == "110404999A999A")
  }

  @Test func `an unknown function is exception 1`() {
    #expect(ask("110600000001") == "118601")
    #expect(ask("110100000001") == "118101")
  }

  @Test func `a register that does not exist is exception 2`() {
    #expect(ask("110400030002") == "118402")
    #expect(ask("1103FFFF0002") == "118302")
  }

  @Test func `a count of none or too many is exception 3`() {
    #expect(ask("110400000000") == "118403")
    #expect(ask("11040000007E") == "118403")
    // Not the length of a read: no frame at all.
    #expect(ask("1104000000") == "")
  }

  @Test func `other units, all units and bad checksums get no answer`() {
    #expect(ask("120400000004") == "")
    #expect(ask("000400000004") == "")
    var meter = modbusMeter()
    let whole = rtu("110400000004")
    for index in whole.indices {
      var bad = whole
      bad[index] ^= 1
      #expect(meter.reply(to: bad, values: { moment() }) == nil)
      #expect(meter.reply(to: Array(whole.prefix(index)), values: { moment() }) == nil)
    }
    #expect(meter.reply(to: [0] + whole, values: { moment() }) == nil)
    #expect(meter.reply(to: whole, values: { moment() }) != nil)
  }

  @Test func `a counter rolls over at the width of its register`() {
    func read(_ offset: Double) -> String {
      var meter = modbusMeter(counter: counter(.generatorEnergy, offset: offset))
      return hex(Array((meter.reply(to: rtu("110300640002"), values: { moment() }) ?? [])[3..<7]))
    }
    #expect(read(42_949_672.95) == "FFFFFFFF")
    #expect(read(42_949_672.96) == "00000000")
    #expect(read(42_949_672.99) == "00000003")
    // What is not counted in full does not show.
    #expect(read(0.019_9) == "00000001")
  }

  @Test func `a value past the end of its range stays there`() {
    var bytes: [UInt8] = [0, 0]
    let u16 = ValueRule(layout: .modbus(register: 0, type: .uint16, order: .abcd))
    u16.write(70_000, counter: false, &bytes)
    #expect(bytes == [0xFF, 0xFF])
    u16.write(-5, counter: false, &bytes)
    #expect(bytes == [0, 0])
    let i16 = ValueRule(layout: .modbus(register: 0, type: .int16, order: .abcd))
    i16.write(-2, counter: false, &bytes)
    #expect(bytes == [0xFF, 0xFE])
    i16.write(-70_000, counter: false, &bytes)
    #expect(bytes == [0x80, 0x00])
  }

  @Test func `the four word orders are those of the field`() {
    // minimalmodbus tests: BIG, BIG_SWAP, LITTLE_SWAP, LITTLE of 0xAE415652.
    let orders: [(WordOrder, String)] = [
      (.abcd, "AE415652"), (.badc, "41AE5256"), (.cdab, "5652AE41"), (.dcba, "525641AE"),
    ]
    for (order, text) in orders {
      var data: [UInt8] = [0, 0, 0, 0]
      ValueRule(layout: .modbus(register: 0, type: .uint32, order: order))
        .write(Double(0xAE41_5652 as UInt32), counter: false, &data)
      #expect(hex(data) == text)
    }
  }
}

/// A meter with the address, the identifiers and the values of published captures.
private func dlt645Meter(
  _ address: String = "610100000000", frameDataMax: Int = 195, preamble: Int = 0,
  energy: Signal = fixed(123_456.78)
) -> EmulatedMeter {
  func rule(_ offset: UInt8, _ count: UInt8, _ exponent: Int8, signed: Bool = false) -> ValueRule {
    ValueRule(
      layout: .bcd(offset: offset, byteCount: count, signed: signed), exponent: exponent)
  }
  return EmulatedMeter(
    model: MeterModel(
      meterProtocol: .dlt645, address: bytes(address).reversed(), turnaroundMicroseconds: 60_000,
      preambleCount: preamble, frameDataMax: frameDataMax,
      blocks: [
        MeterBlock(
          place: .dlt645(identifier: 0x0001_0000, byteCount: 4),
          points: [MeterPoint(rule: rule(0, 4, -2), signal: energy)]),
        MeterBlock(
          place: .dlt645(identifier: 0x0201_FF00, byteCount: 6),
          points: [
            MeterPoint(rule: rule(0, 2, -1), signal: fixed(100.1)),
            MeterPoint(rule: rule(2, 2, -1), signal: fixed(220.2)),
            MeterPoint(rule: rule(4, 2, -1), signal: fixed(231.3)),
          ]),
        MeterBlock(
          place: .dlt645(identifier: 0x0202_0100, byteCount: 3),
          points: [MeterPoint(rule: rule(0, 3, -3, signed: true), signal: fixed(-4.999))]),
        MeterBlock(
          place: .dlt645(identifier: 0x0203_FF00, byteCount: 3),
          points: [MeterPoint(rule: rule(0, 3, -4, signed: true), signal: fixed(0.251_2))]),
      ]))
}

@Suite struct EmulatedMeterDLT645Tests {
  private func ask(_ request: String, _ meter: EmulatedMeter = dlt645Meter()) -> String {
    var meter = meter
    return hex(meter.reply(to: bytes(request), values: { moment() }) ?? [])
  }

  @Test func `captured requests get the captured replies`() {
    // Replies of the public dlt645 3.2.0 server; the current turned negative (sign bit, checksum).
    #expect(
      ask("68610100000000681104333434351716") == "686101000000006891063334343534431016")
    #expect(
      ask("68610100000000681104333435351816") == "6861010000000068910733343535CC7CB39616")
    #expect(
      ask("68610100000000681104333336351816") == "68610100000000689107333336354558336B16")
  }

  @Test func `wake-up bytes stand before the reply`() {
    let reply = ask("68610100000000681104333434351716", dlt645Meter(preamble: 4))
    #expect(reply == "FEFEFEFE" + "686101000000006891063334343534431016")
  }

  @Test func `an unknown identifier gets the error byte no data`() {
    // DI 02800002.
    let reply = bytes(ask(request(0x11, "02008002")))
    #expect(reply[8] == 0xD1 && reply[9] == 1 && reply[10] == 0x35)
  }

  @Test func `anything that writes is refused`() {
    let reply = bytes(ask(request(0x14, "0000000000000000000000")))
    #expect(reply[8] == 0xD4 && reply[10] == 0x37)
  }

  @Test func `the address AA reads the address and any value, under the meter's own`() {
    let address = bytes(ask("FEFEFEFE68AAAAAAAAAAAA681300DF16"))
    #expect(address[1...6] == bytes("610100000000")[...])
    #expect(address[8] == 0x93 && address[10..<16].map { $0 &- 0x33 } == bytes("610100000000"))
    let value = bytes(ask(request(0x11, "00000100", address: "AAAAAAAAAAAA")))
    #expect(value[1...6] == bytes("610100000000")[...] && value[8] == 0x91)
    // The low digits known, the rest not.
    #expect(ask(request(0x13, "", address: "6101AAAAAAAA")) != "")
    #expect(ask(request(0x13, "", address: "6201AAAAAAAA")) == "")
  }

  @Test func `other addresses, broadcasts, replies and damaged frames get no answer`() {
    #expect(ask(request(0x11, "00000100", address: "620100000000")) == "")
    #expect(ask("6899999999999968080684554338394A4B16") == "")
    #expect(ask("686101000000006891063334343534431016") == "")
    let whole = bytes("68610100000000681104333434351716")
    for index in whole.indices {
      var damaged = whole
      damaged[index] ^= 0x40
      #expect(ask(hex(damaged)) == "")
    }
  }

  @Test func `a long reply comes in parts that make the whole`() {
    var meter = dlt645Meter(frameDataMax: 4)
    func ask(_ text: String) -> [UInt8] {
      meter.reply(to: bytes(text), values: { moment() }) ?? []
    }
    // No block was read before.
    #expect(ask(request(0x12, "00FF010201"))[8] == 0xD2)
    let first = ask(request(0x11, "00FF0102"))
    #expect(first[8] == 0xB1 && first[9] == 8)
    let second = ask(request(0x12, "00FF010201"))
    #expect(second[8] == 0x92 && second[9] == 7 && second[16] == 0x34)
    let data = (first[14..<18] + second[14..<16]).map { $0 &- 0x33 }
    #expect(hex(data) == "011002221323")
    #expect(ask(request(0x12, "00FF010202"))[8] == 0xD2)
    #expect(ask(request(0x12, "0000010001"))[8] == 0xD2)
  }

  @Test func `a counter rolls over at eight digits`() {
    func read(_ offset: Double) -> String {
      let meter = dlt645Meter(energy: counter(.generatorEnergy, offset: offset))
      let reply = bytes(ask(request(0x11, "00000100"), meter))
      return hex(reply[14..<18].reversed().map { $0 &- 0x33 })
    }
    #expect(read(999_999.99) == "99999999")
    #expect(read(1_000_000) == "00000000")
    #expect(read(1_000_000.02) == "00000001" || read(1_000_000.02) == "00000002")
  }

  private func request(
    _ control: UInt8, _ data: String, address: String = "610100000000"
  ) -> String {
    hex(dlt645Frame(control, data, address: address))
  }
}
