import MeterProtocols
import Metering

/// The types of a point's value.
enum PointType: String, CaseIterable {
  case u16, i16, u32, i32, u64, i64, f32, f64, bit, bcd

  /// The type in registers; `nil` for bits and BCD.
  var register: RegisterType? {
    switch self {
    case .u16: .uint16
    case .i16: .int16
    case .u32: .uint32
    case .i32: .int32
    case .u64: .uint64
    case .i64: .int64
    case .f32: .float32
    case .f64: .float64
    case .bit, .bcd: nil
    }
  }

  /// The types that the answer to a query can hold.
  static func allowed(in query: ProfileRequest.Query) -> [PointType] {
    switch query {
    case .modbus(let function, _, _): function <= 2 ? [.bit] : allCases
    case .dlt645: [.bcd]
    }
  }

  /// The keys that have a meaning with this type, beyond those of every point.
  func keys(in query: ProfileRequest.Query) -> [String] {
    switch query {
    case .modbus(let function, _, _): function <= 2 ? [] : keysInRegisters
    case .dlt645: ["bytes", "decimals", "signed"]
    }
  }

  private var keysInRegisters: [String] {
    switch self {
    case .bit: ["bit"]
    case .bcd: ["bytes", "decimals"]
    case .f32, .f64: ["word_order", "not_available"]
    case .u16, .i16, .u32, .i32, .u64, .i64: ["word_order", "not_available", "decimals"]
    }
  }
}

extension ProfileDecoding {
  private static let typeKeys = [
    "bit", "bytes", "decimals", "signed", "word_order", "not_available",
  ]

  /// How a point is read, and where it ends in the answer: in registers, bits or bytes.
  mutating func rule(
    _ fields: Fields, query: ProfileRequest.Query, unitFactor: Ratio
  ) -> (rule: ValueRule, end: Int)? {
    guard let type = type(fields, query: query) else { return nil }
    let used = type.keys(in: query)
    for key in Self.typeKeys where fields.node[key] != nil && !used.contains(key) {
      base.note(.keyNotUsed(key, with: type.rawValue), at: fields.place(of: key))
    }
    let decimals =
      used.contains("decimals") ? base.integer("decimals", fields, in: 0...9, default: 0) : 0
    let scale = base.ratio("scale", fields, default: .one).times(unitFactor)
    guard let (layout, end) = layout(fields, type: type, query: query) else { return nil }
    guard let scale else {
      base.note(.rule, at: fields.place(of: "scale"))
      return nil
    }
    let rule = ValueRule(
      layout: layout, scale: scale, exponent: Int8(-decimals),
      notAvailable: used.contains("not_available") ? pattern(fields, type: type) : nil,
      ratio: ratio(fields))
    if !rule.isExact { base.note(.rule, at: fields.place(of: "scale")) }
    return checked(end: end, fields, query: query) ? (rule, end) : nil
  }

  private mutating func type(_ fields: Fields, query: ProfileRequest.Query) -> PointType? {
    guard let node = base.required("type", fields),
      let type = base.choice(
        node, key: "type", among: PointType.allCases.map { ($0.rawValue, $0) })
    else { return nil }
    let allowed = PointType.allowed(in: query)
    if allowed.contains(type) { return type }
    base.note(
      .typeOfProtocol(found: type.rawValue, allowed: allowed.map(\.rawValue)), at: node.place)
    return nil
  }

  private mutating func layout(
    _ fields: Fields, type: PointType, query: ProfileRequest.Query
  ) -> (ValueLayout, end: Int)? {
    switch query {
    case .dlt645:
      let offset = base.integer("offset", fields, in: 0...195)
      let count = base.integer("bytes", fields, in: 1...9)
      let signed = base.flag("signed", fields, default: false)
      guard let offset, let count else { return nil }
      return (
        .bcd(offset: UInt8(offset), byteCount: UInt8(count), signed: signed), offset + count
      )
    case .modbus(let function, _, _):
      guard let offset = base.integer("offset", fields, in: 0...1999) else { return nil }
      let register = UInt16(offset)
      if function <= 2 { return (.bit(index: register), offset + 1) }
      if let type = type.register {
        guard let order = order(of: type, fields) else { return nil }
        return (
          .modbus(register: register, type: type, order: order), offset + type.registerCount
        )
      }
      if type == .bit {
        guard let bit = base.integer("bit", fields, in: 0...15) else { return nil }
        return (.registerBits(register: register, first: UInt8(bit), count: 1), offset + 1)
      }
      guard let count = base.integer("bytes", fields, in: 1...9) else { return nil }
      return (
        .registerBCD(register: register, byteCount: UInt8(count)), offset + (count + 1) / 2
      )
    }
  }

  /// The point's own word order, else the profile's; one register needs none.
  private mutating func order(of type: RegisterType, _ fields: Fields) -> WordOrder? {
    if let node = fields.node["word_order"] {
      return base.choice(node, key: "word_order", among: Self.wordOrders, guesses: false)
    }
    if let wordOrder { return wordOrder }
    if type.registerCount == 1 { return .abcd }
    // One line at the head is meant, so it is told once, there.
    if !lacksWordOrder {
      base.note(.wordOrderMissing(known: Self.wordOrders.map(\.0)), at: head)
      lacksWordOrder = true
    }
    return nil
  }

  /// Hex digits of the whole value, after its bytes were put in order.
  private mutating func pattern(_ fields: Fields, type: PointType) -> NotAvailablePattern? {
    guard let node = fields.node["not_available"], let type = type.register else { return nil }
    guard let text = base.text(node, key: "not_available") else { return nil }
    let digits = type.registerCount * 4
    guard text.utf8.count == digits, let bytes = hexBytes(text) else {
      base.note(
        .notHex(key: "not_available", found: excerpt(text), digitCount: digits), at: node.place)
      return nil
    }
    return .bits(bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
  }

  private mutating func checked(
    end: Int, _ fields: Fields, query: ProfileRequest.Query
  ) -> Bool {
    let (count, unit): (Int, AnswerUnit) =
      switch query {
      case .modbus(let function, _, let count): (Int(count), function <= 2 ? .bits : .registers)
      case .dlt645(_, 0): (196, .bytes)
      case .dlt645(_, let count): (count, .bytes)
      }
    if end <= count { return true }
    base.note(.pastEnd(end: end, count: count, unit), at: fields.place(of: "offset"))
    return false
  }
}
