import MeterProtocols
import Metering
import Testing

@Suite struct ValueRuleTests {
  private func modbus(_ data: [UInt8], function: UInt8 = 3) -> [UInt8] {
    let body = [1, function, UInt8(data.count)] + data
    let crc = CRC16.of(body)
    return body + [UInt8(truncatingIfNeeded: crc), UInt8(crc >> 8)]
  }

  private func dlt645(_ data: [UInt8], control: UInt8 = 0x91) -> [UInt8] {
    var frame = bytes("68 61 01 00 00 00 00 68") + [control, UInt8(data.count + 4)]
    frame += bytes("33 34 34 35") + data.map { $0 &+ 0x33 }
    return frame + [frame.reduce(0, &+), 0x16]
  }

  private func decode(
    _ frame: [UInt8], _ rule: ValueRule, _ meter: MeterProtocol = .modbusRTU
  ) -> Result<Decimal, NoData> {
    rule.decode(frame: frame.span, protocol: meter)
  }

  private func register(
    _ register: UInt16, _ type: RegisterType, _ order: WordOrder = .abcd, scale: Ratio = .one,
    exponent: Int8 = 0, notAvailable: NotAvailablePattern? = nil
  ) -> ValueRule {
    ValueRule(
      layout: .modbus(register: register, type: type, order: order), scale: scale,
      exponent: exponent, notAvailable: notAvailable)
  }

  // Source of the four orders: pyhys/minimalmodbus@785262d tests/test_minimalmodbus.py:2270-2278.
  @Test(
    arguments: [
      (.abcd, "AE 41 56 52"), (.badc, "41 AE 52 56"), (.cdab, "56 52 AE 41"),
      (.dcba, "52 56 41 AE"),
    ] as [(WordOrder, String)])
  func `the four word orders of 32 bits are told apart`(order: WordOrder, hex: String) {
    let frame = modbus(bytes(hex))
    #expect(decode(frame, register(0, .uint32, order)) == .success(Decimal(mantissa: 0xAE41_5652)))
    let signed = Decimal(mantissa: Int64(Int32(bitPattern: 0xAE41_5652)))
    #expect(decode(frame, register(0, .int32, order)) == .success(signed))
    let float = Decimal(Float32(bitPattern: 0xAE41_5652).description)?.canonical
    #expect(decode(frame, register(0, .float32, order)) == float.map { .success($0) })
  }

  @Test(
    arguments: [
      (.abcd, "01 02 03 04 05 06 07 08"), (.badc, "02 01 04 03 06 05 08 07"),
      (.cdab, "07 08 05 06 03 04 01 02"), (.dcba, "08 07 06 05 04 03 02 01"),
    ] as [(WordOrder, String)])
  func `the four orders hold over four registers`(order: WordOrder, hex: String) {
    let frame = modbus([0xFF, 0xFF] + bytes(hex))
    let expected = Decimal(mantissa: 0x0102_0304_0506_0708)
    #expect(decode(frame, register(1, .uint64, order)) == .success(expected))
    #expect(decode(frame, register(1, .int64, order)) == .success(expected))
  }

  @Test func `the orders of 16 bits are high byte first or last`() {
    let frame = modbus([0x12, 0x34])
    for (order, value) in [
      (.abcd, 0x1234), (.cdab, 0x1234), (.badc, 0x3412), (.dcba, 0x3412),
    ] as [(WordOrder, Int64)] {
      #expect(decode(frame, register(0, .uint16, order)) == .success(Decimal(mantissa: value)))
    }
    #expect(decode(modbus([0xFF, 0xFE]), register(0, .int16)) == .success(Decimal(mantissa: -2)))
  }

  @Test(arguments: ["modbus-rtu-011", "modbus-rtu-013"])
  func `a published order is read`(id: String) throws {
    let vector = Vectors.modbus(id)
    let order: WordOrder = vector.text("order")?.hasPrefix("ABCD") == true ? .abcd : .cdab
    let number = try #require(vector.integer("u32"))
    #expect(
      decode(vector.frame, register(0, .uint32, order))
        == .success(Decimal(mantissa: Int64(number))))
  }

  @Test(
    arguments: [
      ("cems-modbus-rtu-011", .abcd), ("cems-modbus-rtu-013", .cdab),
      ("cems-modbus-rtu-019", .abcd),
    ] as [(String, WordOrder)])
  func `captured analyzer floats are read`(id: String, order: WordOrder) throws {
    let vector = Vectors.modbus(id)
    for (i, expected) in try #require(vector.numbers("values")).enumerated() {
      let value = try decode(vector.frame, register(UInt16(i * 2), .float32, order)).get()
      // The source prints six decimals.
      #expect(abs(try #require(Double(value.description)) - expected) < 1e-6)
    }
  }

  @Test func `captured stack values become the decimals that were meant`() {
    let frame = Vectors.modbus("cems-modbus-rtu-002").frame
    let texts = [
      "46.07", "-134.5", "16.5", "16.5", "20.8", "54.52", "18.45", "1.23", "4088.71", "18.45",
    ]
    for (i, text) in texts.enumerated() {
      let read = decode(frame, register(UInt16(i * 2), .float32))
      #expect(read == Decimal(text).map { .success($0) })
    }
    // The source prints six decimals: 1.110255, which is 3F8E1CD6H. The frame has 3F8E1CD5H.
    let cdab = Vectors.modbus("cems-modbus-rtu-008").frame
    #expect(decode(cdab, register(0, .float32, .cdab)).map(\.description) == .success("1.1102549"))
  }

  @Test func `captured counts are read`() throws {
    let vector = Vectors.modbus("cems-modbus-rtu-017")
    for (i, expected) in try #require(vector.numbers("u16")).enumerated() {
      let read = decode(vector.frame, register(UInt16(i), .uint16))
      #expect(read == .success(Decimal(mantissa: Int64(expected))))
    }
  }

  @Test func `scale and power of ten are exact`() {
    let frame = modbus([0x09, 0x02])
    #expect(
      decode(frame, register(0, .uint16, exponent: -1)).map(\.description) == .success("230.6"))
    #expect(
      decode(frame, register(0, .uint16, scale: Ratio(1, 1000))).map(\.description)
        == .success("2.306"))
    #expect(decode(frame, register(0, .uint16, scale: Ratio(1, 3600))) == .failure(.overflow))
    #expect(!register(0, .uint16, scale: Ratio(1, 3600)).isExact)
  }

  @Test func `what a register cannot say is a reason and never a number`() {
    let ones = modbus([UInt8](repeating: 0xFF, count: 8))
    #expect(decode(ones, register(0, .uint64)) == .failure(.overflow))
    for type in [.uint16, .uint32, .uint64] as [RegisterType] {
      #expect(decode(ones, register(0, type, notAvailable: .allOnes)) == .failure(.notAvailable))
    }
    #expect(decode(ones, register(0, .float32)) == .failure(.notANumber))
    #expect(decode(ones, register(0, .float64)) == .failure(.notANumber))
    #expect(decode(modbus(bytes("7F 80 00 00")), register(0, .float32)) == .failure(.notANumber))
    let high = modbus(bytes("7F FF FF FF FF FF FF FF"))
    for type in [.int16, .int32, .int64] as [RegisterType] {
      let rule = register(0, type, notAvailable: .highestSigned)
      #expect(decode(high, rule) == .failure(.notAvailable))
    }
    let low = modbus(bytes("80 00"))
    #expect(
      decode(low, register(0, .int16, notAvailable: .lowestSigned)) == .failure(.notAvailable))
    #expect(decode(low, register(0, .int16)) == .success(Decimal(mantissa: -32768)))
    #expect(
      decode(low, register(0, .uint16, notAvailable: .bits(0x8000))) == .failure(.notAvailable))
  }

  @Test func `a layout past the end of the frame is malformed`() {
    let frame = modbus([0, 1, 0, 2])
    #expect(decode(frame, register(1, .uint16)) == .success(Decimal(mantissa: 2)))
    #expect(decode(frame, register(1, .uint32)) == .failure(.malformed))
    #expect(decode(frame, register(2, .uint16)) == .failure(.malformed))
    #expect(decode(frame, register(65535, .uint64)) == .failure(.malformed))
    #expect(decode(Array(frame.dropLast()), register(0, .uint16)) == .failure(.malformed))
    #expect(decode([], register(0, .uint16)) == .failure(.malformed))
    #expect(decode(bytes("01 83 02 C0 F1"), register(0, .uint16)) == .failure(.exception))
    #expect(decode(frame, register(0, .uint16), .dlt645) == .failure(.malformed))
  }

  @Test func `bits are read one by one and out of registers`() {
    let coils = modbus([0b0000_0101, 0b1000_0000], function: 1)
    let set = [0, 2, 15]
    for index in 0..<16 {
      let rule = ValueRule(layout: .bit(index: UInt16(index)))
      let expected: Int64 = set.contains(index) ? 1 : 0
      #expect(decode(coils, rule) == .success(Decimal(mantissa: expected)))
    }
    #expect(decode(coils, ValueRule(layout: .bit(index: 16))) == .failure(.malformed))
    #expect(decode(coils, register(0, .uint16)) == .failure(.malformed))
    #expect(decode(modbus([0, 1]), ValueRule(layout: .bit(index: 0))) == .failure(.malformed))

    let status = modbus([0xA5, 0xC3])
    func field(_ first: UInt8, _ count: UInt8) -> Result<Decimal, NoData> {
      decode(status, ValueRule(layout: .registerBits(register: 0, first: first, count: count)))
    }
    #expect(field(0, 4) == .success(Decimal(mantissa: 3)))
    #expect(field(12, 4) == .success(Decimal(mantissa: 10)))
    #expect(field(0, 16) == .success(Decimal(mantissa: 0xA5C3)))
    for bad in [(0, 0), (16, 1), (15, 2), (255, 255)] as [(UInt8, UInt8)] {
      #expect(field(bad.0, bad.1) == .failure(.malformed))
    }
  }

  @Test func `BCD in registers stands highest first`() {
    // The date in a captured block: 2020-12-09.
    let frame = Vectors.modbus("cems-modbus-rtu-008").frame
    func bcd(_ register: UInt16, _ count: UInt8) -> ValueRule {
      ValueRule(layout: .registerBCD(register: register, byteCount: count))
    }
    #expect(decode(frame, bcd(8, 4)) == .success(Decimal(mantissa: 20_201_209)))
    #expect(decode(frame, bcd(0, 2)) == .failure(.notDecimal))
    #expect(decode(modbus([0xFF, 0xFF]), bcd(0, 2)) == .failure(.notAvailable))
    #expect(decode(modbus([0x99, 0x99]), bcd(0, 3)) == .failure(.malformed))
    #expect(decode(modbus([0x99, 0x99]), bcd(0, 0)) == .failure(.malformed))
    #expect(decode(modbus([0x99, 0x99]), bcd(65535, 255)) == .failure(.malformed))
  }

  static let digits: [String: (UInt8, Bool, Int8)] = [
    "02010100": (2, false, -1), "02020100": (3, true, -3), "02030000": (3, true, -4),
    "02050000": (3, false, -4), "02060000": (2, true, -3), "02800002": (2, false, -2),
  ]

  @Test(arguments: DLT645Tests.replies)
  func `a captured meter value is read`(vector: Vector) throws {
    let (count, signed, exponent) = try #require(Self.digits[vector.text("di") ?? ""])
    let rule = ValueRule(
      layout: .bcd(offset: 0, byteCount: count, signed: signed), exponent: exponent)
    let frame = Array(vector.frame.drop { $0 == 0xFE })
    let value = try decode(frame, rule, .dlt645).get()
    #expect(value.canonical == Decimal("\(try #require(vector.number("value")))")?.canonical)
  }

  // -4.999 A is `CC 7C B3` on the wire: seen from the PyPI meter dlt645 3.2.0.
  @Test func `the sign is the top bit and nothing else`() {
    let rule = ValueRule(layout: .bcd(offset: 0, byteCount: 3, signed: true), exponent: -3)
    let positive = dlt645([0x99, 0x49, 0x00])
    let negative = dlt645([0x99, 0x49, 0x80])
    #expect(Array(negative[14..<17]) == [0xCC, 0x7C, 0xB3])
    #expect(decode(positive, rule, .dlt645).map(\.description) == .success("4.999"))
    #expect(decode(negative, rule, .dlt645).map(\.description) == .success("-4.999"))
    let unsigned = ValueRule(layout: .bcd(offset: 0, byteCount: 3, signed: false), exponent: -3)
    #expect(
      decode(dlt645([0x99, 0x49, 0x90]), unsigned, .dlt645).map(\.description)
        == .success("904.999"))
  }

  @Test func `digits that are none are refused and FF means no value`() {
    let rule = ValueRule(layout: .bcd(offset: 0, byteCount: 2, signed: true))
    #expect(decode(dlt645([0xFF, 0xFF]), rule, .dlt645) == .failure(.notAvailable))
    #expect(decode(dlt645([0xFF, 0x0F]), rule, .dlt645) == .failure(.notDecimal))
    #expect(decode(dlt645([0x0A, 0x00]), rule, .dlt645) == .failure(.notDecimal))
    #expect(decode(dlt645([0xA0, 0x00]), rule, .dlt645) == .failure(.notDecimal))
    #expect(decode(dlt645([0x00, 0xFF]), rule, .dlt645) == .failure(.notDecimal))
  }

  @Test func `values stand in a block and a follow-up ends with its part number`() {
    let block = dlt645(bytes("78 56 34 12 00 00 01 00"))
    func bcd(_ offset: UInt8, _ count: UInt8) -> ValueRule {
      ValueRule(layout: .bcd(offset: offset, byteCount: count, signed: false), exponent: -2)
    }
    #expect(decode(block, bcd(0, 4), .dlt645).map(\.description) == .success("123456.78"))
    #expect(decode(block, bcd(4, 4), .dlt645).map(\.description) == .success("100.00"))
    #expect(decode(block, bcd(5, 4), .dlt645) == .failure(.malformed))
    #expect(decode(block, bcd(0, 0), .dlt645) == .failure(.malformed))
    #expect(decode(block, bcd(0, 10), .dlt645) == .failure(.malformed))
    #expect(decode(block, bcd(255, 9), .dlt645) == .failure(.malformed))
    let part = dlt645(bytes("00 01 00 00 01"), control: 0x92)
    #expect(decode(part, bcd(0, 4), .dlt645).map(\.description) == .success("1.00"))
    #expect(decode(part, bcd(1, 4), .dlt645) == .failure(.malformed))
    let refusal = Vectors.dlt645("dlt-645-2007-031").frame
    #expect(decode(refusal, bcd(0, 4), .dlt645) == .failure(.exception))
    let request = Vectors.dlt645("dlt-645-2007-009").frame
    #expect(decode(request, bcd(0, 4), .dlt645) == .failure(.malformed))
    #expect(decode(block, bcd(0, 4), .modbusRTU) == .failure(.malformed))
  }

  @Test func `nine bytes of nines fit`() {
    let rule = ValueRule(layout: .bcd(offset: 0, byteCount: 9, signed: false))
    let frame = dlt645([UInt8](repeating: 0x99, count: 9))
    #expect(decode(frame, rule, .dlt645) == .success(Decimal(mantissa: 999_999_999_999_999_999)))
  }

  @Test func `transformer ratios are multiplied in once`() throws {
    let current = Ratio(100, 5)
    let voltage = Ratio(10_000, 100)
    func scale(_ ratio: TransformerRatio) throws -> ValueRule {
      let rule = ValueRule(layout: .bit(index: 0), scale: Ratio(1, 1000), ratio: ratio)
      return try #require(rule.withRatios(current: current, voltage: voltage))
    }
    #expect(try scale(.none).scale == Ratio(1, 1000))
    #expect(try scale(.current).scale == Ratio(1, 50))
    #expect(try scale(.voltage).scale == Ratio(1, 10))
    let power = try scale(.power)
    #expect(power.scale == Ratio(2))
    #expect(power.withRatios(current: current, voltage: voltage) == power)
    let huge = ValueRule(layout: .bit(index: 0), scale: Ratio(Int64.max), ratio: .current)
    #expect(huge.withRatios(current: Ratio(2), voltage: .one) == nil)
  }
}
