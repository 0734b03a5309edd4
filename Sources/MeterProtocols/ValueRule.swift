import Metering

/// In which order the bytes of a value of 32 bits, ABCD from the highest, stand on the wire.
///
/// Values of 64 bits keep the scheme over four registers: `abcd` ABCDEFGH, `badc` BADCFEHG, `cdab`
/// GHEFCDAB, `dcba` HGFEDCBA. Values of 16 bits: `abcd` and `cdab` AB, the other two BA.
public enum WordOrder: UInt8, Sendable, BitwiseCopyable {
  case abcd = 1
  case badc = 2
  case cdab = 3
  case dcba = 4

  /// Each register has its low byte first.
  var swapsBytes: Bool { self == .badc || self == .dcba }
  /// The lowest register comes first.
  var swapsRegisters: Bool { self == .cdab || self == .dcba }
}

/// What a run of registers holds.
public enum RegisterType: UInt8, Sendable, BitwiseCopyable {
  case uint16 = 1
  case int16 = 2
  case uint32 = 3
  case int32 = 4
  case uint64 = 5
  case int64 = 6
  /// IEEE 754 binary32; read as its shortest decimal.
  case float32 = 7
  /// IEEE 754 binary64; read as its shortest decimal.
  case float64 = 8

  /// How many registers it takes.
  public var registerCount: Int {
    switch self {
    case .uint16, .int16: 1
    case .uint32, .int32, .float32: 2
    case .uint64, .int64, .float64: 4
    }
  }

  var isSigned: Bool { self == .int16 || self == .int32 || self == .int64 }
}

/// Where a value stands in an accepted frame and how it is written there.
public enum ValueLayout: Equatable, Sendable, BitwiseCopyable {
  /// Modbus functions 3 and 4: registers from `register` on, counted from the first of the block.
  case modbus(register: UInt16, type: RegisterType, order: WordOrder)
  /// Modbus functions 3 and 4: `count` bits of one register from bit `first` (0 = lowest) on, as an
  /// unsigned number.
  case registerBits(register: UInt16, first: UInt8, count: UInt8)
  /// Modbus functions 1 and 2: one bit, counted from the first of the block.
  case bit(index: UInt16)
  /// Modbus functions 3 and 4: `byteCount` BCD bytes (1 to 9), highest first and without a sign, from
  /// the high byte of `register` on, counted from the first of the block.
  case registerBCD(register: UInt16, byteCount: UInt8)
  /// DL/T 645: `byteCount` BCD bytes (1 to 9), lowest first, from `offset` on, counted from the first
  /// byte after the data identifier. `signed`: the top bit of the last byte is the sign.
  case bcd(offset: UInt8, byteCount: UInt8, signed: Bool)
}

/// The bit pattern by which a register says that it has no value.
public enum NotAvailablePattern: Equatable, Sendable, BitwiseCopyable {
  /// FF…FF.
  case allOnes
  /// 7F FF…FF, the highest signed number.
  case highestSigned
  /// 80 00…00, the lowest signed number.
  case lowestSigned
  /// These bits, after the bytes were put in order.
  case bits(UInt64)
}

/// Which transformer ratios turn the meter's value into the plant's.
public enum TransformerRatio: UInt8, Sendable, BitwiseCopyable {
  /// None: the meter shows primary values, or has no transformers.
  case none = 0
  /// The current transformers': currents.
  case current = 1
  /// The voltage transformers': voltages.
  case voltage = 2
  /// Both, multiplied: power and energy.
  case power = 3
}

/// How a quantity is read from an accepted frame, exactly: value = raw × scale × 10^exponent.
public struct ValueRule: Equatable, Sendable, BitwiseCopyable {
  /// Where the raw number stands.
  public var layout: ValueLayout
  /// The factor: the profile's scale, the step from its unit to that of the quantity, and the
  /// transformer ratios, multiplied.
  public var scale: Ratio
  /// A power of ten on top: -2 for XXXXXX.XX.
  public var exponent: Int8
  /// The pattern that stands for no value. BCD bytes that are all FF mean that without being told.
  public var notAvailable: NotAvailablePattern?
  /// Which transformer ratios apply; `withRatios` multiplies them into `scale`.
  public var ratio: TransformerRatio

  /// Makes a rule.
  public init(
    layout: ValueLayout, scale: Ratio = .one, exponent: Int8 = 0,
    notAvailable: NotAvailablePattern? = nil, ratio: TransformerRatio = .none
  ) {
    self.layout = layout
    self.scale = scale
    self.exponent = exponent
    self.notAvailable = notAvailable
    self.ratio = ratio
  }

  /// The rule with a device's transformer ratios multiplied into its scale; `nil` where the product
  /// does not fit. What is returned asks for no further ratio, so it cannot be applied twice.
  public func withRatios(current: Ratio, voltage: Ratio) -> ValueRule? {
    var result = self
    if ratio == .current || ratio == .power {
      guard let product = result.scale.times(current) else { return nil }
      result.scale = product
    }
    if ratio == .voltage || ratio == .power {
      guard let product = result.scale.times(voltage) else { return nil }
      result.scale = product
    }
    result.ratio = .none
    return result
  }

  /// Every raw number has an exact decimal value under this rule. A profile whose rule has not is
  /// wrong: its values would be refused one by one, as `NoData.overflow`.
  public var isExact: Bool { scale.isDecimal }
}
