import Metering

extension ValueRule {
  /// Reads the value from an accepted frame, checksums included, as `scan` found it and as a reading
  /// entry keeps it.
  ///
  /// `malformed` where the frame is too short for the layout or of another protocol, `exception` where
  /// it is a refusal. The checksum is not looked at again. Never traps, whatever the bytes are.
  public func decode(
    frame: Span<UInt8>, protocol meterProtocol: MeterProtocol
  ) -> Result<Decimal, NoData> {
    let raw: Result<Decimal, NoData> =
      switch meterProtocol {
      case .modbusRTU: decodeModbus(frame)
      case .dlt645: decodeDLT645(frame)
      }
    return scaled(raw)
  }

  /// The value of a raw number.
  func scaled(_ raw: Result<Decimal, NoData>) -> Result<Decimal, NoData> {
    guard case .success(let number) = raw else { return raw }
    guard let scaled = number.scaled(by: scale.numerator, over: scale.denominator),
      let value = scaled.timesPowerOfTen(exponent)
    else { return .failure(.overflow) }
    return .success(value)
  }

  private func decodeModbus(_ frame: Span<UInt8>) -> Result<Decimal, NoData> {
    guard frame.count >= 5 else { return .failure(.malformed) }
    if frame[1] & 0x80 != 0 { return .failure(.exception) }
    let dataCount = Int(truncatingIfNeeded: frame[2])
    guard frame.count == dataCount &+ 5, let function = ModbusFunction(rawValue: frame[1]) else {
      return .failure(.malformed)
    }
    let data = frame.extracting(3..<3 &+ dataCount)
    switch layout {
    case .modbus(let register, let type, let order):
      let start = Int(truncatingIfNeeded: register) &* 2
      guard !function.readsBits, start &+ type.registerCount &* 2 <= dataCount else {
        return .failure(.malformed)
      }
      return number(RegisterBits.read(data, at: start, type: type, order: order), type)
    case .registerBits(let register, let first, let count):
      let start = Int(truncatingIfNeeded: register) &* 2
      guard !function.readsBits, start &+ 2 <= dataCount, first < 16, count >= 1,
        count <= 16 &- first
      else { return .failure(.malformed) }
      let bits = UInt32(truncatingIfNeeded: ModbusRTU.word(data, at: start))
      let mask = ((1 as UInt32) &<< UInt32(truncatingIfNeeded: count)) &- 1
      let field = (bits &>> UInt32(truncatingIfNeeded: first)) & mask
      return .success(Decimal(mantissa: wide(Int32(bitPattern: field))))
    case .registerBCD(let register, let byteCount):
      let start = Int(truncatingIfNeeded: register) &* 2
      let count = Int(truncatingIfNeeded: byteCount)
      guard !function.readsBits, count >= 1, count <= 9, start &+ count <= dataCount else {
        return .failure(.malformed)
      }
      return registerBCD(data.extracting(start..<start &+ count))
    case .bit(let index):
      let byte = Int(truncatingIfNeeded: index &>> 3)
      guard function.readsBits, byte < dataCount else { return .failure(.malformed) }
      let isSet = data[byte] & ((1 as UInt8) &<< UInt8(truncatingIfNeeded: index & 7)) != 0
      return .success(Decimal(mantissa: isSet ? 1 : 0))
    case .bcd: return .failure(.malformed)
    }
  }

  private func number(_ bits: UInt64, _ type: RegisterType) -> Result<Decimal, NoData> {
    if let pattern = notAvailable, bits == RegisterBits.bits(of: pattern, type) {
      return .failure(.notAvailable)
    }
    switch type {
    case .uint16, .uint32, .uint64:
      let value = Int64(bitPattern: bits)
      return value < 0 ? .failure(.overflow) : .success(Decimal(mantissa: value))
    case .int16, .int32, .int64:
      return .success(Decimal(mantissa: RegisterBits.signExtended(bits, type)))
    case .float32:
      let value = Float32(bitPattern: low32(bits))
      guard value.isFinite else { return .failure(.notANumber) }
      return Decimal(shortest: value).map { .success($0) } ?? .failure(.overflow)
    case .float64:
      let value = Float64(bitPattern: bits)
      guard value.isFinite else { return .failure(.notANumber) }
      return Decimal(shortest: value).map { .success($0) } ?? .failure(.overflow)
    }
  }

  private func decodeDLT645(_ frame: Span<UInt8>) -> Result<Decimal, NoData> {
    guard frame.count >= DLT645.overhead, frame[0] == 0x68, frame[7] == 0x68,
      frame.count == Int(truncatingIfNeeded: frame[9]) &+ DLT645.overhead
    else { return .failure(.malformed) }
    let control = frame[8]
    if control & DLT645.abnormal != 0 { return .failure(.exception) }
    // A follow-up frame ends with its part number.
    let isFollowUp = control & 0x1F == DLT645.Function.readFollowUp.rawValue
    let end = frame.count &- 2 &- (isFollowUp ? 1 : 0)
    guard control & DLT645.fromMeter != 0 else { return .failure(.malformed) }
    return decodeBCD(frame.extracting(0..<end), dataStart: 14)
  }

  /// Reads the raw number from bytes as they stand on the wire, whose data begin at `dataStart`.
  func decodeBCD(_ bytes: Span<UInt8>, dataStart: Int) -> Result<Decimal, NoData> {
    guard case .bcd(let offset, let byteCount, let signed) = layout, byteCount >= 1, byteCount <= 9
    else { return .failure(.malformed) }
    let start = dataStart &+ Int(truncatingIfNeeded: offset)
    let end = start &+ Int(truncatingIfNeeded: byteCount)
    guard end <= bytes.count else { return .failure(.malformed) }
    return bcd(bytes, start..<end, signed: signed)
  }

  /// At most 18 digits, so that the sum cannot overflow; what is not decimal is thrown away below.
  private func registerBCD(_ bytes: Span<UInt8>) -> Result<Decimal, NoData> {
    var value: Int64 = 0
    var allOnes = true
    var decimal = true
    var i = 0
    while i < bytes.count {
      let byte = bytes[i]
      if byte != 0xFF { allOnes = false }
      if byte & 15 > 9 || byte &>> 4 > 9 { decimal = false }
      let pair = byte &>> 4 &* 10 &+ (byte & 15)
      value = value &* 100 &+ wide(Int32(truncatingIfNeeded: pair))
      i &+= 1
    }
    if allOnes { return .failure(.notAvailable) }
    return decimal ? .success(Decimal(mantissa: value)) : .failure(.notDecimal)
  }

  private func bcd(
    _ frame: Span<UInt8>, _ range: Range<Int>, signed: Bool
  ) -> Result<Decimal, NoData> {
    var value: Int64 = 0
    var allOnes = true
    var decimal = true
    var isNegative = false
    var i = range.upperBound
    while i > range.lowerBound {
      i &-= 1
      var byte = frame[i] &- DLT645.offset
      if byte != 0xFF { allOnes = false }
      if signed, i == range.upperBound &- 1 {
        isNegative = byte & 0x80 != 0
        byte &= 0x7F
      }
      let low = byte & 15
      let high = byte &>> 4
      if low > 9 || high > 9 { decimal = false }
      // At most 18 digits: it cannot overflow, and what is not decimal is thrown away below.
      value = value &* 100 &+ wide(Int32(truncatingIfNeeded: high &* 10 &+ low))
    }
    if allOnes { return .failure(.notAvailable) }
    guard decimal else { return .failure(.notDecimal) }
    return .success(Decimal(mantissa: isNegative ? 0 &- value : value))
  }
}

/// The bits of a value and the bytes of its registers.
enum RegisterBits {
  /// The place in the block of the byte that is number `index` from the highest.
  private static func place(_ index: Int, _ type: RegisterType, _ order: WordOrder) -> Int {
    let register = order.swapsRegisters ? type.registerCount &- 1 &- index / 2 : index / 2
    return register &* 2 &+ (order.swapsBytes ? 1 &- index % 2 : index % 2)
  }

  static func read(
    _ data: Span<UInt8>, at start: Int, type: RegisterType, order: WordOrder
  ) -> UInt64 {
    var bits: UInt64 = 0
    var i = 0
    while i < type.registerCount &* 2 {
      let byte = data[start &+ place(i, type, order)]
      bits = (bits &<< (8 as UInt64)) | wide(UInt32(truncatingIfNeeded: byte))
      i &+= 1
    }
    return bits
  }

  static func write(
    _ bits: UInt64, into data: inout MutableSpan<UInt8>, at start: Int, type: RegisterType,
    order: WordOrder
  ) {
    var rest = bits
    var i = type.registerCount &* 2
    while i > 0 {
      i &-= 1
      data[start &+ place(i, type, order)] = UInt8(truncatingIfNeeded: low32(rest))
      rest = rest &>> (8 as UInt64)
    }
  }

  /// How many bits the type does not use.
  private static func unused(_ type: RegisterType) -> UInt64 {
    wide(count: 64 &- type.registerCount &* 16)
  }

  static func signExtended(_ bits: UInt64, _ type: RegisterType) -> Int64 {
    Int64(bitPattern: bits &<< unused(type)) &>> Int64(bitPattern: unused(type))
  }

  static func bits(of pattern: NotAvailablePattern, _ type: RegisterType) -> UInt64 {
    switch pattern {
    case .allOnes: UInt64.max &>> unused(type)
    case .highestSigned: UInt64.max &>> (unused(type) &+ 1)
    case .lowestSigned: (1 as UInt64) &<< (63 &- unused(type))
    case .bits(let bits): bits
    }
  }
}
