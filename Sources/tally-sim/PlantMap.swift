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
    let (map, findings) = parse(yaml: bytes, file: path, site: site, seed: seed)
    guard let map else { throw .findings(findings) }
    return map
  }

  /// Reads a map.
  ///
  /// - Returns: the map, or `nil` with at least one finding.
  static func parse(
    yaml: [UInt8], file: String, site: Site, seed: UInt64
  ) -> (map: PlantMap?, findings: [Finding]) {
    let (root, findings) = YAMLReader.read(yaml, file: file)
    guard let root else { return (nil, findings) }
    var reader = PlantMapReader(
      decoding: Decoding(file: file, findings: findings), site: site, seed: seed)
    let map = reader.map(root)
    return (reader.decoding.isUsable ? map : nil, reader.decoding.sorted)
  }
}

/// Where a quantity's value comes from, as the file says it.
private struct PlantValue {
  enum Source {
    case variable(PlantVariable)
    case circuit(CircuitQuantity)
    case constant(Double)
  }
  var place: YAMLPlace
  var source: Source
  var scale: Double?
  var offset: Double
  var bound: NoiseBound
}

private struct PlantMapReader {
  /// Values by quantity key; `nil` for one that is wrong, which was told where it stands.
  typealias Values = [String: PlantValue?]

  var decoding: Decoding
  let site: Site
  let seed: UInt64

  mutating func map(_ root: YAMLNode) -> PlantMap? {
    let known = ["version", "data", "templates", "devices"]
    guard let plant = decoding.fields(root, key: "plant", section: .plant, known: known) else {
      return nil
    }
    decoding.version("version", plant)
    let data = decoding.text("data", plant)
    var templates: [(String, Values)] = []
    for entry in decoding.entries("templates", plant) {
      templates.append((entry.key, values(decoding.entries(entry.value, key: entry.key))))
    }
    let entries = devices(plant)
    let labels = site.lines.flatMap { $0.devices.map(\.label.english) }
    for entry in entries where !labels.contains(entry.key) {
      let nearest = nearestWords(to: entry.key, in: labels, count: 1).first
      decoding.note(.unknownDevice(entry.key, known: labels, nearest: nearest), at: entry.place)
    }
    var models: [Int: MeterModel] = [:]
    for device in site.lines.flatMap(\.devices) {
      if let entry = entries.first(where: { $0.key == device.label.english }) {
        models[device.number] = model(device, entry, templates)
      } else if !entries.isEmpty {
        decoding.note(.deviceNotMapped(device.label.english), at: plant.place(of: "devices"))
      }
    }
    return data.map { PlantMap(data: $0, models: models) }
  }

  /// The entries of the devices; none, with a finding, when `devices` is missing, empty or no mapping.
  private mutating func devices(_ plant: Fields) -> [YAMLEntry] {
    guard let node = decoding.required("devices", plant) else { return [] }
    let entries = decoding.entries(node, key: "devices")
    if entries.isEmpty, node.shape == .mapping {
      decoding.note(
        .wrongShape(key: "devices", found: .nothing, expected: .mapping), at: node.place)
    }
    return entries
  }

  private mutating func model(
    _ device: Device, _ entry: YAMLEntry, _ templates: [(String, Values)]
  ) -> MeterModel? {
    let known = ["like", "circuit", "turnaround", "preamble", "frame-data", "values"]
    guard let fields = decoding.fields(entry.value, key: entry.key, section: .device, known: known)
    else { return nil }
    let turnaround =
      number("turnaround", fields, in: 0...500, unit: "ms")
      ?? Double(device.profile.turnaroundMilliseconds)
    let preamble = decoding.integer("preamble", fields, in: 0...4, default: 4)
    let frameData = decoding.integer("frame-data", fields, in: 1...195, unit: .bytes, default: 195)
    var values = ownValues(device, fields)
    if let node = fields.node["like"], !node.isEmpty {
      // Without its template a device lacks nearly all values: that one word is wrong is told once.
      guard let template = decoding.choice(node, key: "like", among: templates) else { return nil }
      values.merge(template) { own, _ in own }
    }
    var circuit: Circuit??
    if let node = fields.node["circuit"] { circuit = .some(self.circuit(node)) }
    var blocks: [MeterBlock] = []
    for request in device.profile.requests {
      var points: [MeterPoint] = []
      for point in request.points {
        let key = point.quantity.key.description
        guard let value = values[key] else {
          decoding.note(
            .quantityNotMapped(device: device.label.english, quantity: key), at: entry.place)
          continue
        }
        guard let value, let signal = signal(device, point, value, circuit) else { continue }
        points.append(MeterPoint(rule: point.rule, signal: signal))
      }
      blocks.append(MeterBlock(place: request.query.place, points: points))
    }
    return MeterModel(
      meterProtocol: device.profile.meterProtocol, address: device.address,
      turnaroundMicroseconds: UInt32(turnaround * 1_000), preambleCount: preamble,
      frameDataMax: frameData, blocks: blocks)
  }

  /// - Parameter circuit: outer `nil`: the device has none; inner `nil`: it has one that is wrong.
  private mutating func signal(
    _ device: Device, _ point: Point, _ value: PlantValue, _ circuit: Circuit??
  ) -> Signal? {
    let key = point.quantity.key.description
    let source: SignalSource
    var unit: MeasurementUnit?
    switch value.source {
    case .variable(let variable): (source, unit) = (.variable(variable), variable.unit)
    case .constant(let constant): source = .constant(constant)
    case .circuit(let quantity):
      guard let circuit else {
        decoding.note(
          .circuitMissing(device: device.label.english, quantity: key), at: value.place)
        return nil
      }
      guard let circuit else { return nil }
      (source, unit) = (.circuit(circuit, quantity), quantity.unit)
    }
    if let unit, value.scale == nil, unit != point.unit {
      decoding.note(
        .otherUnit(
          quantity: key, profile: point.unit.ucum.description, plant: unit.ucum.description),
        at: value.place)
    }
    return Signal(
      source: source, scale: (value.scale ?? 1) / factor(device.ratios, point.rule.ratio),
      offset: value.offset, bound: value.bound,
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

  private mutating func values(_ entries: [YAMLEntry]) -> Values {
    var values: Values = [:]
    for entry in entries { values[entry.key] = .some(value(entry)) }
    let known = Quantity.allCases.map(\.key.description)
    for entry in entries where Quantity(key: entry.key) == nil {
      let nearest = nearestWords(to: entry.key, in: known, count: 1)
      decoding.note(.unknownQuantity(excerpt(entry.key), nearest: nearest), at: entry.place)
      // Told already: that the quantity meant has no value is the same mistake.
      for meant in nearest where values[meant] == nil { values[meant] = .some(nil) }
    }
    return values
  }

  /// The device's values, of quantities that its profile reads. A template may have more.
  private mutating func ownValues(_ device: Device, _ fields: Fields) -> Values {
    let entries = decoding.entries("values", fields)
    let points = device.profile.requests.flatMap(\.points)
    let known = Set(points.map(\.quantity.key.description))
    for entry in entries where Quantity(key: entry.key) != nil && !known.contains(entry.key) {
      decoding.note(
        .quantityNotRead(
          device: device.label.english, quantity: entry.key, known: known.sorted()),
        at: entry.place)
    }
    return values(entries)
  }

  private mutating func value(_ entry: YAMLEntry) -> PlantValue? {
    let sources = ["variable", "circuit", "constant"]
    let known = sources + ["scale", "offset", "noise", "noise-absolute"]
    guard let fields = decoding.fields(entry.value, key: entry.key, section: .point, known: known)
    else { return nil }
    let any = -1e12...1e12
    let scale = number("scale", fields, in: any)
    let offset = number("offset", fields, in: any) ?? 0
    let bound = NoiseBound(
      relative: number("noise", fields, in: 0...1) ?? 0,
      absolute: number("noise-absolute", fields, in: 0...1e12) ?? 0)
    let given = sources.compactMap { key in fields.node[key].map { (key, $0) } }
    guard given.count == 1, let (key, node) = given.first else {
      decoding.note(.sourceChoice(count: given.count, known: sources), at: entry.place)
      return nil
    }
    let source: PlantValue.Source?
    switch key {
    case "variable": source = word(node, key).map { .variable($0) }
    case "circuit": source = word(node, key).map { .circuit($0) }
    default: source = number(key, fields, in: any).map { .constant($0) }
    }
    return source.map {
      PlantValue(place: entry.place, source: $0, scale: scale, offset: offset, bound: bound)
    }
  }

  private mutating func circuit(_ node: YAMLNode) -> Circuit? {
    let known = ["power", "share", "voltage", "power-factor"]
    guard let fields = decoding.fields(node, key: "circuit", section: .circuit, known: known) else {
      return nil
    }
    var power: PlantVariable?
    if let node = decoding.required("power", fields) { power = word(node, "power") }
    let share = number("share", fields, in: 0.001...1) ?? 1
    let voltage = requiredNumber("voltage", fields, in: 1...1_000_000, unit: "V")
    let powerFactor = requiredNumber("power-factor", fields, in: 0.1...1)
    guard let power, let voltage, let powerFactor else { return nil }
    return Circuit(power: power, share: share, nominalVoltage: voltage, powerFactor: powerFactor)
  }

  // MARK: reading values

  /// A number with a decimal fraction; `nil` when it is absent or, with a finding, wrong.
  private mutating func number(
    _ key: String, _ fields: Fields, in range: ClosedRange<Double>, unit: String = ""
  ) -> Double? {
    guard let node = fields.node[key], !node.isEmpty else { return nil }
    guard let text = decoding.scalar(node, key: key) else { return nil }
    guard let number = Double(text), range.contains(number) else {
      decoding.note(
        .notInRange(key: key, found: excerpt(text), range: range, unit: unit), at: node.place)
      return nil
    }
    return number
  }

  private mutating func requiredNumber(
    _ key: String, _ fields: Fields, in range: ClosedRange<Double>, unit: String = ""
  ) -> Double? {
    guard decoding.required(key, fields) != nil else { return nil }
    return number(key, fields, in: range, unit: unit)
  }

  private mutating func word<Word: RawRepresentable & CaseIterable>(
    _ node: YAMLNode, _ key: String
  ) -> Word? where Word.RawValue == String {
    decoding.choice(node, key: key, among: Word.allCases.map { ($0.rawValue, $0) })
  }
}

extension ProfileRequest.Query {
  /// Where an emulated meter keeps what is asked for.
  var place: MeterBlock.Place {
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
