/// What a value measures.
///
/// Raw values are stable and never used again for another quantity; what each one means stands in
/// `Quantity.table`.
public enum Quantity: UInt16, Sendable, BitwiseCopyable {
  // Electric energy.
  case activeEnergyImport = 1
  case activeEnergyExport = 2
  case reactiveEnergyImport = 3
  case reactiveEnergyExport = 4
  case activeEnergyCombined = 5
  // Electric power.
  case activePower = 10
  case activePowerL1 = 11
  case activePowerL2 = 12
  case activePowerL3 = 13
  case reactivePower = 14
  case reactivePowerL1 = 15
  case reactivePowerL2 = 16
  case reactivePowerL3 = 17
  case apparentPower = 18
  case apparentPowerL1 = 19
  case apparentPowerL2 = 20
  case apparentPowerL3 = 21
  case activePowerDemand = 22
  // Voltage, current, power factor, frequency.
  case voltageL1 = 30
  case voltageL2 = 31
  case voltageL3 = 32
  case voltageL1L2 = 33
  case voltageL2L3 = 34
  case voltageL3L1 = 35
  case currentL1 = 40
  case currentL2 = 41
  case currentL3 = 42
  case currentNeutral = 43
  case powerFactor = 50
  case powerFactorL1 = 51
  case powerFactorL2 = 52
  case powerFactorL3 = 53
  case frequency = 54
  // Fuel gas.
  case gasVolumeActual = 100
  case gasVolumeStandard = 101
  case gasFlowActual = 102
  case gasFlowStandard = 103
  case gasTemperature = 104
  case gasPressure = 105
  // Flue gas: composition.
  case co2VolumeFraction = 200
  case co2Concentration = 201
  case o2VolumeFraction = 202
  case coVolumeFraction = 203
  case coConcentration = 204
  case noxVolumeFraction = 205
  case noxConcentration = 206
  case noVolumeFraction = 207
  case noConcentration = 208
  case no2VolumeFraction = 209
  case no2Concentration = 210
  case so2VolumeFraction = 211
  case so2Concentration = 212
  case dustConcentration = 213
  case moisture = 214
  // Flue gas: state and flow in the stack.
  case stackGasVelocity = 230
  case stackGasFlowActual = 231
  case stackGasFlowStandard = 232
  case stackGasTemperature = 233
  case stackGasPressure = 234
  case stackGasDynamicPressure = 235
  // Surroundings.
  case ambientTemperature = 300
  case ambientHumidity = 301
  case atmosphericPressure = 302

  /// Whether a quantity counts up or is a state of this moment.
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// A counter: only differences mean something, and it rolls over.
    case total = 1
    /// A momentary value: only means over a period mean something.
    case instantaneous = 2
  }
}

/// One row of the table of quantities.
public struct QuantityRow: Sendable, BitwiseCopyable {
  /// Which quantity this row describes.
  public let quantity: Quantity
  /// The name in profiles, databases and JSON; lower case, never changed.
  public let key: StaticString
  /// The English name.
  public let english: StaticString
  /// The Chinese name.
  public let chinese: StaticString
  /// The unit in which every value of this quantity is kept, whatever its meter sends.
  public let unit: MeasurementUnit
  /// Counter or momentary value.
  public let kind: Quantity.Kind
  /// The OBIS code, `A-B:C.D.E`.
  ///
  /// Source: IEC 62056-6-1; only codes seen in meter telegrams (SML captures) or in IEC 62056-21
  /// readouts stand here. `nil` where none was seen.
  public let obis: StaticString?
  /// The HJ 212 factor code.
  ///
  /// Source: HJ 212-2017, table B.2. The factor has a unit of its own there (a01013 in kPa, flow in
  /// m³/s), to which the uplink converts. a00000, flue gas, stands in no row: the standard does not
  /// say whether actual or standard conditions are meant, so a site has to. `nil` where table B.2
  /// has no factor for the quantity.
  public let hj212: StaticString?

  fileprivate init(
    _ quantity: Quantity, _ key: StaticString, _ english: StaticString, _ chinese: StaticString,
    _ unit: MeasurementUnit, _ kind: Quantity.Kind, obis: StaticString? = nil,
    hj212: StaticString? = nil
  ) {
    self.quantity = quantity
    self.key = key
    self.english = english
    self.chinese = chinese
    self.unit = unit
    self.kind = kind
    self.obis = obis
    self.hj212 = hj212
  }
}

extension Quantity {
  /// How many quantities there are.
  public static let count = 63

  /// Every quantity once, in the order of the raw values.
  public static let table: InlineArray<63, QuantityRow> = [
    // Electric energy.
    QuantityRow(
      .activeEnergyImport, "active-energy-import", "Active energy, import", "正向有功总电能",
      .kilowattHour, .total, obis: "1-0:1.8.0"),
    QuantityRow(
      .activeEnergyExport, "active-energy-export", "Active energy, export", "反向有功总电能",
      .kilowattHour, .total, obis: "1-0:2.8.0"),
    QuantityRow(
      .reactiveEnergyImport, "reactive-energy-import", "Reactive energy, import", "正向无功总电能",
      .kilovarHour, .total, obis: "1-0:3.8.0"),
    QuantityRow(
      .reactiveEnergyExport, "reactive-energy-export", "Reactive energy, export", "反向无功总电能",
      .kilovarHour, .total, obis: "1-0:4.8.0"),
    QuantityRow(
      .activeEnergyCombined, "active-energy-combined", "Active energy, combined", "组合有功总电能",
      .kilowattHour, .total),
    // Electric power.
    QuantityRow(
      .activePower, "active-power", "Active power", "总有功功率", .kilowatt, .instantaneous,
      obis: "1-0:16.7.0"),
    QuantityRow(
      .activePowerL1, "active-power-l1", "Active power, phase L1", "A相有功功率", .kilowatt,
      .instantaneous, obis: "1-0:36.7.0"),
    QuantityRow(
      .activePowerL2, "active-power-l2", "Active power, phase L2", "B相有功功率", .kilowatt,
      .instantaneous, obis: "1-0:56.7.0"),
    QuantityRow(
      .activePowerL3, "active-power-l3", "Active power, phase L3", "C相有功功率", .kilowatt,
      .instantaneous, obis: "1-0:76.7.0"),
    QuantityRow(
      .reactivePower, "reactive-power", "Reactive power", "总无功功率", .kilovar, .instantaneous),
    QuantityRow(
      .reactivePowerL1, "reactive-power-l1", "Reactive power, phase L1", "A相无功功率", .kilovar,
      .instantaneous),
    QuantityRow(
      .reactivePowerL2, "reactive-power-l2", "Reactive power, phase L2", "B相无功功率", .kilovar,
      .instantaneous),
    QuantityRow(
      .reactivePowerL3, "reactive-power-l3", "Reactive power, phase L3", "C相无功功率", .kilovar,
      .instantaneous),
    QuantityRow(
      .apparentPower, "apparent-power", "Apparent power", "总视在功率", .kilovoltAmpere, .instantaneous),
    QuantityRow(
      .apparentPowerL1, "apparent-power-l1", "Apparent power, phase L1", "A相视在功率", .kilovoltAmpere,
      .instantaneous),
    QuantityRow(
      .apparentPowerL2, "apparent-power-l2", "Apparent power, phase L2", "B相视在功率", .kilovoltAmpere,
      .instantaneous),
    QuantityRow(
      .apparentPowerL3, "apparent-power-l3", "Apparent power, phase L3", "C相视在功率", .kilovoltAmpere,
      .instantaneous),
    QuantityRow(
      .activePowerDemand, "active-power-demand", "Active power demand", "当前有功需量", .kilowatt,
      .instantaneous),
    // Voltage, current, power factor, frequency.
    QuantityRow(
      .voltageL1, "voltage-l1", "Voltage, phase L1", "A相电压", .volt, .instantaneous,
      obis: "1-0:32.7.0"),
    QuantityRow(
      .voltageL2, "voltage-l2", "Voltage, phase L2", "B相电压", .volt, .instantaneous,
      obis: "1-0:52.7.0"),
    QuantityRow(
      .voltageL3, "voltage-l3", "Voltage, phase L3", "C相电压", .volt, .instantaneous,
      obis: "1-0:72.7.0"),
    QuantityRow(
      .voltageL1L2, "voltage-l1-l2", "Voltage between L1 and L2", "AB线电压", .volt, .instantaneous),
    QuantityRow(
      .voltageL2L3, "voltage-l2-l3", "Voltage between L2 and L3", "BC线电压", .volt, .instantaneous),
    QuantityRow(
      .voltageL3L1, "voltage-l3-l1", "Voltage between L3 and L1", "CA线电压", .volt, .instantaneous),
    QuantityRow(
      .currentL1, "current-l1", "Current, phase L1", "A相电流", .ampere, .instantaneous,
      obis: "1-0:31.7.0"),
    QuantityRow(
      .currentL2, "current-l2", "Current, phase L2", "B相电流", .ampere, .instantaneous,
      obis: "1-0:51.7.0"),
    QuantityRow(
      .currentL3, "current-l3", "Current, phase L3", "C相电流", .ampere, .instantaneous,
      obis: "1-0:71.7.0"),
    QuantityRow(
      .currentNeutral, "current-neutral", "Current, neutral", "零线电流", .ampere, .instantaneous),
    QuantityRow(
      .powerFactor, "power-factor", "Power factor", "总功率因数", .one, .instantaneous,
      obis: "1-0:13.7.0"),
    QuantityRow(
      .powerFactorL1, "power-factor-l1", "Power factor, phase L1", "A相功率因数", .one, .instantaneous),
    QuantityRow(
      .powerFactorL2, "power-factor-l2", "Power factor, phase L2", "B相功率因数", .one, .instantaneous),
    QuantityRow(
      .powerFactorL3, "power-factor-l3", "Power factor, phase L3", "C相功率因数", .one, .instantaneous),
    QuantityRow(
      .frequency, "frequency", "Grid frequency", "电网频率", .hertz, .instantaneous, obis: "1-0:14.7.0"),
    // Fuel gas.
    QuantityRow(
      .gasVolumeActual, "gas-volume-actual", "Gas volume, actual conditions", "燃气工况累积体积",
      .cubicMeter, .total),
    QuantityRow(
      .gasVolumeStandard, "gas-volume-standard", "Gas volume, standard conditions", "燃气标况累积体积",
      .cubicMeter, .total),
    QuantityRow(
      .gasFlowActual, "gas-flow-actual", "Gas flow, actual conditions", "燃气工况流量",
      .cubicMeterPerHour, .instantaneous),
    QuantityRow(
      .gasFlowStandard, "gas-flow-standard", "Gas flow, standard conditions", "燃气标况流量",
      .cubicMeterPerHour, .instantaneous),
    QuantityRow(
      .gasTemperature, "gas-temperature", "Gas temperature", "燃气温度", .degreeCelsius, .instantaneous),
    QuantityRow(
      .gasPressure, "gas-pressure", "Gas pressure", "燃气压力", .kilopascal, .instantaneous),
    // Flue gas: composition.
    QuantityRow(
      .co2VolumeFraction, "co2-volume-fraction", "CO2 in flue gas, volume fraction", "烟气二氧化碳体积浓度",
      .percent, .instantaneous),
    QuantityRow(
      .co2Concentration, "co2-concentration", "CO2 in flue gas, mass concentration", "烟气二氧化碳质量浓度",
      .milligramPerCubicMeter, .instantaneous, hj212: "a05001"),
    QuantityRow(
      .o2VolumeFraction, "o2-volume-fraction", "O2 in flue gas, volume fraction", "烟气氧含量", .percent,
      .instantaneous, hj212: "a19001"),
    QuantityRow(
      .coVolumeFraction, "co-volume-fraction", "CO in flue gas, volume fraction", "烟气一氧化碳体积浓度",
      .partsPerMillion, .instantaneous),
    QuantityRow(
      .coConcentration, "co-concentration", "CO in flue gas, mass concentration", "烟气一氧化碳质量浓度",
      .milligramPerCubicMeter, .instantaneous, hj212: "a21005"),
    QuantityRow(
      .noxVolumeFraction, "nox-volume-fraction", "NOx in flue gas, volume fraction", "烟气氮氧化物体积浓度",
      .partsPerMillion, .instantaneous),
    QuantityRow(
      .noxConcentration, "nox-concentration", "NOx in flue gas, mass concentration", "烟气氮氧化物质量浓度",
      .milligramPerCubicMeter, .instantaneous, hj212: "a21002"),
    QuantityRow(
      .noVolumeFraction, "no-volume-fraction", "NO in flue gas, volume fraction", "烟气一氧化氮体积浓度",
      .partsPerMillion, .instantaneous),
    QuantityRow(
      .noConcentration, "no-concentration", "NO in flue gas, mass concentration", "烟气一氧化氮质量浓度",
      .milligramPerCubicMeter, .instantaneous, hj212: "a21003"),
    QuantityRow(
      .no2VolumeFraction, "no2-volume-fraction", "NO2 in flue gas, volume fraction", "烟气二氧化氮体积浓度",
      .partsPerMillion, .instantaneous),
    QuantityRow(
      .no2Concentration, "no2-concentration", "NO2 in flue gas, mass concentration", "烟气二氧化氮质量浓度",
      .milligramPerCubicMeter, .instantaneous, hj212: "a21004"),
    QuantityRow(
      .so2VolumeFraction, "so2-volume-fraction", "SO2 in flue gas, volume fraction", "烟气二氧化硫体积浓度",
      .partsPerMillion, .instantaneous),
    QuantityRow(
      .so2Concentration, "so2-concentration", "SO2 in flue gas, mass concentration", "烟气二氧化硫质量浓度",
      .milligramPerCubicMeter, .instantaneous, hj212: "a21026"),
    QuantityRow(
      .dustConcentration, "dust-concentration", "Dust in flue gas, mass concentration", "烟气颗粒物质量浓度",
      .milligramPerCubicMeter, .instantaneous, hj212: "a34013"),
    QuantityRow(
      .moisture, "moisture", "Flue gas moisture", "烟气湿度", .percent, .instantaneous, hj212: "a01014"),
    // Flue gas: state and flow in the stack.
    QuantityRow(
      .stackGasVelocity, "stack-gas-velocity", "Stack gas velocity", "烟气流速", .meterPerSecond,
      .instantaneous, hj212: "a01011"),
    QuantityRow(
      .stackGasFlowActual, "stack-gas-flow-actual", "Stack gas flow, actual, wet", "烟气工况流量",
      .cubicMeterPerHour, .instantaneous),
    QuantityRow(
      .stackGasFlowStandard, "stack-gas-flow-standard", "Stack gas flow, standard, dry", "烟气标干流量",
      .cubicMeterPerHour, .instantaneous),
    QuantityRow(
      .stackGasTemperature, "stack-gas-temperature", "Stack gas temperature", "烟气温度",
      .degreeCelsius, .instantaneous, hj212: "a01012"),
    QuantityRow(
      .stackGasPressure, "stack-gas-pressure", "Stack gas static pressure", "烟气压力", .kilopascal,
      .instantaneous, hj212: "a01013"),
    QuantityRow(
      .stackGasDynamicPressure, "stack-gas-dynamic-pressure", "Stack gas dynamic pressure", "烟气动压",
      .kilopascal, .instantaneous, hj212: "a01017"),
    // Surroundings.
    QuantityRow(
      .ambientTemperature, "ambient-temperature", "Ambient temperature", "环境温度", .degreeCelsius,
      .instantaneous, hj212: "a01001"),
    QuantityRow(
      .ambientHumidity, "ambient-humidity", "Ambient relative humidity", "环境湿度", .percent,
      .instantaneous, hj212: "a01002"),
    QuantityRow(
      .atmosphericPressure, "atmospheric-pressure", "Atmospheric pressure", "大气压", .kilopascal,
      .instantaneous, hj212: "a01006"),
  ]

  /// The row that describes this quantity.
  public var row: QuantityRow {
    // Raw values ascend, so a search that halves finds the row in six steps.
    var low = 0
    var high = Quantity.count
    while high &- low > 1 {
      let middle = (low &+ high) / 2
      if Quantity.table[middle].quantity.rawValue <= rawValue {
        low = middle
      } else {
        high = middle
      }
    }
    return Quantity.table[low]
  }

  /// The name in profiles, databases and JSON.
  public var key: StaticString { row.key }
  /// The unit in which values of this quantity are kept.
  public var unit: MeasurementUnit { row.unit }

  /// The quantity with this key, in UTF-8.
  public init?(key: Span<UInt8>) {
    var i = 0
    while i < Quantity.count {
      if Quantity.table[i].key.isEqual(to: key) {
        self = Quantity.table[i].quantity
        return
      }
      i &+= 1
    }
    return nil
  }
}

extension StaticString {
  /// The UTF-8 of the literal is these bytes.
  func isEqual(to bytes: Span<UInt8>) -> Bool {
    guard utf8CodeUnitCount == bytes.count else { return false }
    var i = 0
    while i < bytes.count {
      if utf8Start[i] != bytes[i] { return false }
      i &+= 1
    }
    return true
  }
}

#if !hasFeature(Embedded)
  extension Quantity: CaseIterable {
    /// The quantity with this key.
    public init?(key: String) {
      let bytes = Array(key.utf8)
      self.init(key: bytes.span)
    }
  }
#endif
