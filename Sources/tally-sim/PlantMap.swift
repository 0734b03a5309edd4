import Catalog
import HostHAL
import MeterProtocols
import Metering
import Simulator

/// `plant.yaml`: which value of the plant each quantity of each device shows.
///
///     version: 1
///     data: gas-turbine-2014.csv     # in <share>/plant
///     templates:                     # values by quantity key, for devices that are alike
///       three-phase-meter:
///         voltage-l1: {circuit: phase-voltage, noise: 0.002}
///     devices:                       # by the English label of the site
///       Generator output:
///         like: three-phase-meter    # optional
///         circuit: {power: generator-power, voltage: 15750, power-factor: 0.85}  # and `share`
///         turnaround: 60             # ms; else the profile's
///         preamble: 4                # FE bytes before a DL/T 645 reply
///         frame-data: 195            # data bytes in one DL/T 645 reply
///         values:                    # go before the template's
///           active-energy-import: {variable: generator-energy, offset: 4821.37}
///
/// A value has one of `variable` (a word of `PlantVariable`), `circuit` (a word of `CircuitQuantity`) and
/// `constant`; `scale` multiplies it, `offset` is added as the device shows it, behind its
/// transformers; `noise` (a part of the value) and `noise-absolute` bound the measurement noise.
/// Transformer ratios of the site divide what they multiply in the gateway.
struct PlantMap {
  /// Name of the data file.
  let data: String
  /// A meter for each device number of the site.
  let models: [Int: MeterModel]

  /// Loads the map for a site; every device and every quantity of its profile must be mapped.
  static func load(path: String, site: Site, seed: UInt64) throws(SiteProblem) -> PlantMap {
    let bytes = try SiteProblem.file { () throws(FileError) in try Files.read(path) }
    let (root, findings) = YAMLReader.read(bytes, file: path)
    guard let root, findings.isEmpty else { throw .findings(findings) }
    let reader = PlantMapReader(file: path, seed: seed)
    return try reader.map(root, site)
  }
}

/// Where a quantity's value comes from, as the file says it.
private struct ValueText {
  var node: YAMLNode
  var variable: PlantVariable?
  var circuit: CircuitQuantity?
  var constant: Double?
  var scale: Double?
  var offset: Double
  var bound: NoiseBound
}

private struct PlantMapReader {
  let file: String
  let seed: UInt64

  func map(_ root: YAMLNode, _ site: Site) throws(SiteProblem) -> PlantMap {
    try check(root, keys: ["version", "data", "templates", "devices"])
    _ = try number(root, "version", in: 1...1, expected: "1")
    guard let data = root["data"]?.text else { throw fault(root, .missingKey("data")) }
    let devices = try entries(root, "devices")
    let labels = site.lines.flatMap { $0.devices.map(\.label.english) }
    for entry in devices where !labels.contains(entry.key) {
      throw fault(entry.value, .unknownDevice(entry.key, known: labels))
    }
    let templates = try entries(root, "templates")
    var models: [Int: MeterModel] = [:]
    for line in site.lines {
      for device in line.devices {
        guard let entry = devices.first(where: { $0.key == device.label.english }) else {
          throw fault(root, .deviceNotMapped(device.label.english))
        }
        models[device.number] = try model(device, entry.value, templates)
      }
    }
    return PlantMap(data: data, models: models)
  }

  private func model(
    _ device: Device, _ node: YAMLNode, _ templates: [YAMLEntry]
  ) throws(SiteProblem) -> MeterModel {
    try check(node, keys: ["like", "circuit", "turnaround", "preamble", "frame-data", "values"])
    var values = try entries(node, "values")
    if let like = node["like"] {
      guard let template = templates.first(where: { $0.key == like.text }) else {
        throw unknown(like, "like", templates.map(\.key))
      }
      guard case .mapping(let more) = template.value.content else {
        throw fault(template.value, .missingKey(template.key))
      }
      values += more
    }
    var texts: [String: ValueText] = [:]
    for entry in values where texts[entry.key] == nil {
      texts[entry.key] = try value(entry.value)
    }
    let circuit = try node["circuit"].map { (node) throws(SiteProblem) in try self.circuit(node) }
    var blocks: [MeterBlock] = []
    for request in device.profile.requests {
      var points: [MeterPoint] = []
      for point in request.points {
        guard let text = texts[point.quantity.key.description] else {
          throw fault(
            node,
            .quantityNotMapped(
              device: device.label.english, quantity: point.quantity.key.description))
        }
        points.append(
          MeterPoint(rule: point.rule, signal: try signal(device, point, text, circuit)))
      }
      blocks.append(MeterBlock(place: request.query.place, points: points))
    }
    let turnaround = try optional(node, "turnaround", in: 0...500, expected: "0 … 500 ms")
    return MeterModel(
      meterProtocol: device.profile.meterProtocol, address: device.address,
      turnaroundMicroseconds: UInt32(
        (turnaround ?? Double(device.profile.turnaroundMilliseconds)) * 1_000),
      preambleCount: Int(try optional(node, "preamble", in: 0...4, expected: "0 … 4") ?? 4),
      frameDataMax: Int(
        try optional(node, "frame-data", in: 1...195, expected: "1 … 195") ?? 195),
      blocks: blocks)
  }

  private func signal(
    _ device: Device, _ point: Point, _ text: ValueText, _ circuit: Circuit?
  ) throws(SiteProblem) -> Signal {
    let key = point.quantity.key.description
    let source: SignalSource
    let unit: MeasurementUnit?
    if let variable = text.variable {
      (source, unit) = (.variable(variable), variable.unit)
    } else if let quantity = text.circuit {
      guard let circuit else { throw fault(text.node, .missingKey("circuit")) }
      (source, unit) = (.circuit(circuit, quantity), quantity.unit)
    } else {
      (source, unit) = (.constant(text.constant ?? 0), nil)
    }
    if let unit, text.scale == nil, unit != point.unit {
      throw fault(
        text.node,
        .otherUnit(
          quantity: key, profile: point.unit.ucum.description, plant: unit.ucum.description))
    }
    return Signal(
      source: source, scale: (text.scale ?? 1) / factor(device.ratios, point.rule.ratio),
      offset: text.offset, bound: text.bound,
      noise: Noise(seed: seed, name: device.label.english + "/" + key))
  }

  /// What the gateway multiplies a value with, so the device shows it divided.
  private func factor(_ ratios: TransformerRatios, _ ratio: TransformerRatio) -> Double {
    let current = Double(ratios.current.numerator) / Double(ratios.current.denominator)
    let voltage = Double(ratios.voltage.numerator) / Double(ratios.voltage.denominator)
    return switch ratio {
    case .none: 1
    case .current: current
    case .voltage: voltage
    case .power: current * voltage
    }
  }

  private func value(_ node: YAMLNode) throws(SiteProblem) -> ValueText {
    let sources = ["variable", "circuit", "constant"]
    try check(node, keys: sources + ["scale", "offset", "noise", "noise-absolute"])
    guard sources.filter({ node[$0] != nil }).count == 1 else {
      throw fault(node, .missingKey(sources.joined(separator: " | ")))
    }
    let any = -1e12...1e12
    let part = 0.0...1
    return ValueText(
      node: node,
      variable: try word(node, "variable", PlantVariable.self),
      circuit: try word(node, "circuit", CircuitQuantity.self),
      constant: try optional(node, "constant", in: any, expected: "a number"),
      scale: try optional(node, "scale", in: any, expected: "a number"),
      offset: try optional(node, "offset", in: any, expected: "a number") ?? 0,
      bound: NoiseBound(
        relative: try optional(node, "noise", in: part, expected: "0 … 1") ?? 0,
        absolute: try optional(node, "noise-absolute", in: any, expected: "a number") ?? 0))
  }

  private func circuit(_ node: YAMLNode) throws(SiteProblem) -> Circuit {
    try check(node, keys: ["power", "share", "voltage", "power-factor"])
    guard let power = try word(node, "power", PlantVariable.self) else {
      throw fault(node, .missingKey("power"))
    }
    return Circuit(
      power: power,
      share: try optional(node, "share", in: 0...1, expected: "0 … 1") ?? 1,
      nominalVoltage: try number(node, "voltage", in: 1...1_000_000, expected: "volts above 0"),
      powerFactor: try number(node, "power-factor", in: 0.1...1, expected: "0.1 … 1"))
  }

  // MARK: reading nodes

  private func fault(_ node: YAMLNode, _ fault: PlantFault) -> SiteProblem {
    .badPlant(file: file, line: node.place.line, fault)
  }

  private func unknown(_ node: YAMLNode, _ key: String, _ known: [String]) -> SiteProblem {
    fault(node, .unknownWord(key: key, word: node.text ?? "", known: known))
  }

  private func check(_ node: YAMLNode, keys: [String]) throws(SiteProblem) {
    guard case .mapping(let entries) = node.content else {
      throw fault(node, .missingKey(keys.joined(separator: " | ")))
    }
    for entry in entries where !keys.contains(entry.key) {
      throw fault(entry.value, .unknownKey(entry.key, known: keys))
    }
  }

  /// The entries of a mapping; none when the key is absent.
  private func entries(_ node: YAMLNode, _ key: String) throws(SiteProblem) -> [YAMLEntry] {
    guard let value = node[key] else { return [] }
    guard case .mapping(let entries) = value.content else { throw fault(value, .missingKey(key)) }
    return entries
  }

  private func optional(
    _ node: YAMLNode, _ key: String, in range: ClosedRange<Double>, expected: String
  ) throws(SiteProblem) -> Double? {
    guard let value = node[key] else { return nil }
    guard let number = value.text.flatMap({ Double($0) }), range.contains(number) else {
      throw fault(value, .notANumber(key: key, expected: expected))
    }
    return number
  }

  private func number(
    _ node: YAMLNode, _ key: String, in range: ClosedRange<Double>, expected: String
  ) throws(SiteProblem) -> Double {
    guard let value = try optional(node, key, in: range, expected: expected) else {
      throw fault(node, .missingKey(key))
    }
    return value
  }

  private func word<Word: RawRepresentable & CaseIterable>(
    _ node: YAMLNode, _ key: String, _: Word.Type
  ) throws(SiteProblem) -> Word? where Word.RawValue == String {
    guard let value = node[key] else { return nil }
    guard let word = value.text.flatMap({ Word(rawValue: $0) }) else {
      throw unknown(value, key, Word.allCases.map(\.rawValue))
    }
    return word
  }
}

extension ProfileRequest.Query {
  fileprivate var place: MeterBlock.Place {
    switch self {
    case .modbus(let function, let address, let count):
      .modbus(function: function, address: address, count: count)
    case .dlt645(let identifier, let byteCount):
      .dlt645(identifier: identifier, byteCount: byteCount)
    }
  }
}

extension PlantVariable {
  /// The unit of its values.
  fileprivate var unit: MeasurementUnit {
    switch self {
    case .generatorPower, .auxiliaryPower, .incomingPower, .outgoingPower: .kilowatt
    case .generatorEnergy, .auxiliaryEnergy, .incomingEnergy, .outgoingEnergy: .kilowattHour
    case .gridVoltage: .one
    case .gridFrequency: .hertz
    case .gasFlowNormal, .gasFlowStandard, .gasFlowActual, .stackFlowActual, .stackFlowDryNormal:
      .cubicMeterPerHour
    case .gasVolumeNormal, .gasVolumeStandard, .gasVolumeActual: .cubicMeter
    case .gasTemperature, .stackTemperature, .ambientTemperature: .degreeCelsius
    case .gasPressure, .ambientPressure: .kilopascal
    case .stackPressure: .pascal
    case .stackCarbonDioxideDry, .stackCarbonDioxideWet, .stackOxygenDry, .stackOxygenWet,
      .stackMoisture, .ambientHumidity:
      .percent
    case .stackCarbonMonoxide, .stackNitrogenOxides: .milligramPerCubicMeter
    case .stackCarbonMonoxideWet, .stackNitrogenOxidesWet: .partsPerMillion
    case .stackVelocity: .meterPerSecond
    // kg/h: no quantity of a meter has this unit, so a scale must be stated.
    case .stackCarbonDioxideMass: .one
    }
  }
}

extension CircuitQuantity {
  /// The unit of its values.
  fileprivate var unit: MeasurementUnit {
    switch self {
    case .phaseVoltage, .lineVoltage: .volt
    case .current: .ampere
    case .activePower: .kilowatt
    case .reactivePower: .kilovar
    case .apparentPower: .kilovoltAmpere
    case .powerFactor: .one
    }
  }
}
