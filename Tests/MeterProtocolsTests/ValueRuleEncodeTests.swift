import FuzzKit
import MeterProtocols
import Metering
import Testing

@Suite struct ValueRuleEncodeTests {
  private func encode(
    _ value: Decimal?, _ rule: ValueRule, count: Int = 8
  ) throws(EncodeError) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: count)
    var span = block.mutableSpan
    try rule.encode(value, into: &span)
    return block
  }

  private func register(
    _ type: RegisterType, _ order: WordOrder = .abcd, scale: Ratio = .one, exponent: Int8 = 0,
    notAvailable: NotAvailablePattern? = nil
  ) -> ValueRule {
    ValueRule(
      layout: .modbus(register: 0, type: type, order: order), scale: scale, exponent: exponent,
      notAvailable: notAvailable)
  }

  private func modbus(_ data: [UInt8]) -> [UInt8] { [1, 3, UInt8(data.count)] + data + [0, 0] }

  @Test func `every order writes what it reads`() throws {
    var random = FuzzRandom(state: 11)
    for type in [.uint16, .int16, .uint32, .int32, .int64, .float32, .float64] as [RegisterType] {
      for order in [.abcd, .badc, .cdab, .dcba] as [WordOrder] {
        for _ in 0..<100 {
          let data = random.bytes(8)
          let rule = register(type, order)
          guard
            case .success(let value) = rule.decode(
              frame: modbus(data), protocol: .modbusRTU)
          else { continue }
          // A float of more than 15 digits or 22 places may come back as its neighbour.
          if type == .float64 || (type == .float32 && abs(Int(value.exponent)) > 22) { continue }
          var again = try encode(value, rule)
          again[(type.registerCount * 2)...] = data[(type.registerCount * 2)...]
          if value.mantissa == 0 { continue }
          #expect(again == data, "\(type) \(order) \(value)")
        }
      }
    }
  }

  @Test func `a decimal of seven digits survives a Float32 register`() throws {
    var random = FuzzRandom(state: 12)
    for _ in 0..<5_000 {
      let value = Decimal(
        mantissa: Int64(random.next() % 1_000_000), exponent: -Int8(random.next() % 7)
      ).canonical
      let block = try encode(value, register(.float32, .cdab))
      let read = register(.float32, .cdab).decode(frame: modbus(block), protocol: .modbusRTU)
      #expect(read == .success(value))
    }
  }

  @Test(
    arguments: [
      ("230.65", 1, 1, -1, 2307), ("230.64", 1, 1, -1, 2306), ("0.2306", 1, 1000, 0, 231),
      ("230", 10, 1, 0, 23), ("10", 3, 1, 0, 3), ("4.6", 20, 1, -3, 230), ("0", 1, 1, -2, 0),
      ("-5", -1, 1, 0, 5),
    ] as [(String, Int64, Int64, Int8, Int64)])
  func `a value is rounded to the step of the register`(
    text: String, numerator: Int64, denominator: Int64, exponent: Int8, raw: Int64
  ) throws {
    let rule = register(.uint16, scale: Ratio(numerator, denominator), exponent: exponent)
    let value = try #require(Decimal(text))
    let block = try encode(value, rule)
    #expect(Int64(block[0]) << 8 | Int64(block[1]) == raw)
  }

  @Test func `what does not fit is refused`() {
    #expect(throws: EncodeError.outOfRange) {
      try encode(Decimal(mantissa: 65536), register(.uint16))
    }
    #expect(throws: EncodeError.outOfRange) {
      try encode(Decimal(mantissa: -1), register(.uint32))
    }
    #expect(throws: EncodeError.outOfRange) {
      try encode(Decimal(mantissa: 32768), register(.int16))
    }
    #expect(throws: EncodeError.outOfRange) {
      try encode(Decimal(mantissa: 1, exponent: 39), register(.float32))
    }
    #expect(throws: EncodeError.outOfRange) {
      try encode(Decimal(mantissa: 1), register(.int64, scale: Ratio(Int64.min)))
    }
    #expect(throws: EncodeError.outOfRange) {
      try encode(Decimal(mantissa: 1), register(.int64, scale: Ratio(0)))
    }
    #expect(throws: EncodeError.outOfBlock) {
      try encode(Decimal(mantissa: 1), register(.uint64), count: 7)
    }
    #expect(throws: EncodeError.outOfBlock) {
      try encode(
        Decimal(mantissa: 1), ValueRule(layout: .bcd(offset: 5, byteCount: 4, signed: false)))
    }
  }

  @Test func `no value is the pattern that stands for none`() throws {
    #expect(try encode(nil, register(.uint16), count: 2) == [0xFF, 0xFF])
    #expect(
      try encode(nil, register(.int16, notAvailable: .highestSigned), count: 2) == [0x7F, 0xFF])
    #expect(try encode(nil, register(.float32), count: 4) == [0x7F, 0xC0, 0, 0])
    let bcd = ValueRule(layout: .bcd(offset: 1, byteCount: 2, signed: true))
    #expect(try encode(nil, bcd, count: 4) == [0, 0xFF, 0xFF, 0])
  }

  @Test func `BCD is written lowest first with the sign on top`() throws {
    let energy = ValueRule(layout: .bcd(offset: 0, byteCount: 4, signed: false), exponent: -2)
    #expect(try encode(Decimal("123456.78"), energy, count: 4) == [0x78, 0x56, 0x34, 0x12])
    #expect(throws: EncodeError.outOfRange) { try encode(Decimal("1000000"), energy) }
    #expect(throws: EncodeError.outOfRange) { try encode(Decimal("-1"), energy) }
    let current = ValueRule(layout: .bcd(offset: 0, byteCount: 3, signed: true), exponent: -3)
    #expect(try encode(Decimal("-4.999"), current, count: 3) == [0x99, 0x49, 0x80])
    #expect(try encode(Decimal("799.999"), current, count: 3) == [0x99, 0x99, 0x79])
    #expect(throws: EncodeError.outOfRange) { try encode(Decimal("800"), current) }
    let long = ValueRule(layout: .bcd(offset: 0, byteCount: 9, signed: false))
    let nines = Decimal(mantissa: 999_999_999_999_999_999)
    #expect(try encode(nines, long, count: 9) == [UInt8](repeating: 0x99, count: 9))
  }

  @Test func `BCD in registers is written highest first`() throws {
    let rule = ValueRule(layout: .registerBCD(register: 1, byteCount: 3), exponent: -1)
    #expect(try encode(Decimal("12345.6"), rule, count: 6) == [0, 0, 0x12, 0x34, 0x56, 0])
    #expect(throws: EncodeError.outOfRange) { try encode(Decimal("100000"), rule) }
    #expect(throws: EncodeError.outOfRange) { try encode(Decimal("-1"), rule) }
    #expect(throws: EncodeError.outOfBlock) { try encode(Decimal("1"), rule, count: 4) }
  }

  @Test func `bits change nothing beside them`() throws {
    var block: [UInt8] = [0xFF, 0x00, 0xA5, 0xC3]
    var span = block.mutableSpan
    try ValueRule(layout: .bit(index: 3)).encode(Decimal(mantissa: 0), into: &span)
    try ValueRule(layout: .bit(index: 9)).encode(Decimal(mantissa: 1), into: &span)
    try ValueRule(layout: .registerBits(register: 1, first: 4, count: 8)).encode(
      Decimal(mantissa: 0), into: &span)
    #expect(block == [0xF7, 0x02, 0xA0, 0x03])
    #expect(throws: EncodeError.outOfRange) {
      try encode(Decimal(mantissa: 2), ValueRule(layout: .bit(index: 0)))
    }
    #expect(throws: EncodeError.outOfRange) {
      try encode(
        Decimal(mantissa: 16),
        ValueRule(layout: .registerBits(register: 0, first: 0, count: 4)))
    }
    #expect(throws: EncodeError.outOfBlock) {
      try encode(Decimal(mantissa: 1), ValueRule(layout: .bit(index: 64)))
    }
  }
}
