/// One hour of the measured plant, as means.
public struct PlantHour: Equatable, Sendable {
  /// °C.
  public var ambientTemperature: Double
  /// hPa.
  public var ambientPressure: Double
  /// %.
  public var ambientHumidity: Double
  /// MW (the energy yield of the hour in MWh).
  public var generatorPower: Double
  /// CO in the flue gas, mg/m³.
  public var carbonMonoxide: Double
  /// NOx in the flue gas, mg/m³.
  public var nitrogenOxides: Double

  /// Takes the means of one hour.
  public init(
    ambientTemperature: Double, ambientPressure: Double, ambientHumidity: Double,
    generatorPower: Double, carbonMonoxide: Double, nitrogenOxides: Double
  ) {
    self.ambientTemperature = ambientTemperature
    self.ambientPressure = ambientPressure
    self.ambientHumidity = ambientHumidity
    self.generatorPower = generatorPower
    self.carbonMonoxide = carbonMonoxide
    self.nitrogenOxides = nitrogenOxides
  }
}

/// What the data do not say about the plant. Every number here is an assumption; each stands for a
/// gas-fired combined-cycle unit of the size that the data show (100 to 180 MW).
public struct PlantConstants: Equatable, Sendable {
  /// Heat that the fuel brings at no load, MW, and for each MW of output. The straight line between
  /// heat and output is Willans' law; 78 + 2.2 P is 36 % efficiency at 134 MW and 38 % at 180 MW.
  public var heatAtNoLoad = 78.0
  /// MW of heat for a further MW of output.
  public var heatPerPower = 2.2
  /// Own consumption at no load, MW, and the part of the output that is added to it: 2.4 % at 134 MW.
  public var auxiliaryAtNoLoad = 1.2
  /// MW of own consumption for a further MW of output.
  public var auxiliaryPerPower = 0.015
  /// Part of the own consumption that the stand-by transformer takes from the grid.
  public var incomingShare = 0.1
  /// Air ratio at full load. 3.1 gives 14.5 % O2 and 3.6 % CO2 in dry flue gas, as gas turbines have.
  public var airRatioAtFullLoad = 3.1
  /// How much the air ratio grows towards no load, for the compressor's flow hardly falls with load.
  public var airRatioRise = 0.8
  /// Output that counts as full load, MW.
  public var fullLoad = 180.0
  /// Stack temperature at no load, °C, behind the heat recovery boiler.
  public var stackTemperatureAtNoLoad = 84.0
  /// What full load adds to it, K.
  public var stackTemperatureRise = 22.0
  /// Static pressure in the stack at the height of measurement, Pa against the atmosphere.
  public var stackPressure = -150.0
  /// Section of the stack, m² (6 m across).
  public var stackSection = 28.27
  /// Regulated gas pipe: gauge pressure in kPa.
  public var gasPressure = 2_400.0
  /// Regulated gas pipe: temperature in °C.
  public var gasTemperature = 15.0
  /// Compressibility in the pipe over that at 101.325 kPa.
  public var gasCompressibility = 0.945
  /// The output swings by at most this part of itself within seconds.
  public var powerSwing = 0.003
  /// The voltage swings by at most this part of itself.
  public var voltageSwing = 0.01
  /// The frequency swings by at most this, Hz.
  public var frequencySwing = 0.03

  /// The constants of the sample site.
  public init() {}
}

/// The curves of a plant: shared, for a plant is handed about with every value that is asked for.
private final class PlantCurves: Sendable {
  let power: MonotoneCubic
  let temperature: MonotoneCubic
  let pressure: MonotoneCubic
  let humidity: MonotoneCubic
  let carbonMonoxide: MonotoneCubic
  let nitrogenOxides: MonotoneCubic

  init(_ hours: [PlantHour]) {
    power = MonotoneCubic(knots: hours.map(\.generatorPower))
    temperature = MonotoneCubic(knots: hours.map(\.ambientTemperature))
    pressure = MonotoneCubic(knots: hours.map(\.ambientPressure))
    humidity = MonotoneCubic(knots: hours.map(\.ambientHumidity))
    carbonMonoxide = MonotoneCubic(knots: hours.map(\.carbonMonoxide))
    nitrogenOxides = MonotoneCubic(knots: hours.map(\.nitrogenOxides))
  }
}

/// The simulated unit: hourly means of a real one, what follows from them, and a seeded swing.
///
/// Times are plant time in microseconds, where hour *k* of the data lies from *k* to *k* + 1 h and its
/// mean stands at its middle. All variables of one moment agree with each other:
///
/// * generator + incoming = auxiliary + outgoing, in power and in energy;
/// * heat of the fuel = `heatAtNoLoad` + `heatPerPower` × output, gas = heat / net calorific value;
/// * flue gas by stoichiometry (``FlueGas``), its flow in the stack by HJ 212-2017 equation 31.
///
/// Counters are the exact integrals of the curves without the swing, whose mean is zero; they are
/// functions of time, so no state is lost when the simulator dies.
public struct Plant: Sendable {
  /// Microseconds of an hour.
  public static let hour: UInt64 = 3_600_000_000

  /// What the data do not say.
  public let constants: PlantConstants
  /// Hours of data; after them the first comes again.
  public let hourCount: Int

  private let curves: PlantCurves
  private let powerNoise: Noise
  private let voltageNoise: Noise
  private let frequencyNoise: Noise
  private let powerSumAtZero: Double

  /// A plant that replays `hours`, at least two, with the swings that `seed` determines.
  public init(hours: [PlantHour], seed: UInt64, constants: PlantConstants = PlantConstants()) {
    precondition(hours.count >= 2, "the plant needs two hours of data")
    self.constants = constants
    hourCount = hours.count
    curves = PlantCurves(hours)
    powerNoise = Noise(seed: seed, name: "generator power")
    voltageNoise = Noise(seed: seed, name: "grid voltage")
    frequencyNoise = Noise(seed: seed, name: "grid frequency")
    powerSumAtZero = curves.power.integral(knot: hours.count - 1, plus: 0.5)
  }

  /// The curve position of a plant time: knot *k* stands at *k* + ½ hours, so position 0 is half an
  /// hour before knot 0; a whole cycle is added so that it is never negative.
  private func position(_ time: UInt64) -> (knot: Int, u: Double) {
    let shifted = time + UInt64(hourCount) * Plant.hour - Plant.hour / 2
    return (Int(shifted / Plant.hour), Double(shifted % Plant.hour) / Double(Plant.hour))
  }

  /// Output in MW without the swing, straight from the curve.
  func smoothPower(at time: UInt64) -> Double {
    let (knot, u) = position(time)
    return curves.power.value(knot: knot, plus: u)
  }

  /// The value of a variable at a plant time, in the unit that ``PlantVariable`` states.
  public func value(_ variable: PlantVariable, at time: UInt64) -> Double {
    switch variable {
    case .generatorPower: powers(at: time).generator
    case .auxiliaryPower: powers(at: time).auxiliary
    case .incomingPower: powers(at: time).incoming
    case .outgoingPower: powers(at: time).outgoing
    case .generatorEnergy: energies(at: time).generator
    case .auxiliaryEnergy: energies(at: time).auxiliary
    case .incomingEnergy: energies(at: time).incoming
    case .outgoingEnergy: energies(at: time).outgoing
    case .gridVoltage: 1 + constants.voltageSwing * voltageNoise.value(at: time)
    case .gridFrequency: 50 + constants.frequencySwing * frequencyNoise.value(at: time)
    case .gasFlowNormal: gasFlow(at: time)
    case .gasFlowStandard: gasFlow(at: time) * NaturalGas.normalToStandard
    case .gasFlowActual: gasFlow(at: time) * normalToActual
    case .gasVolumeNormal: gasVolume(at: time)
    case .gasVolumeStandard: gasVolume(at: time) * NaturalGas.normalToStandard
    case .gasVolumeActual: gasVolume(at: time) * normalToActual
    case .gasTemperature: constants.gasTemperature
    case .gasPressure: constants.gasPressure
    case .stackCarbonDioxideDry: stack(at: time).dryPercent(\.carbonDioxide)
    case .stackCarbonDioxideWet: stack(at: time).wetPercent(\.carbonDioxide)
    case .stackOxygenDry: stack(at: time).dryPercent(\.oxygen)
    case .stackOxygenWet: stack(at: time).wetPercent(\.oxygen)
    case .stackCarbonMonoxide: read(curves.carbonMonoxide, at: time)
    case .stackNitrogenOxides: read(curves.nitrogenOxides, at: time)
    // HJ 212-2017 equation 20 turned; NOx counts as NO2.
    case .stackCarbonMonoxideWet:
      read(curves.carbonMonoxide, at: time) * 22.4 / 28 * (1 - stack(at: time).flue.moisture)
    case .stackNitrogenOxidesWet:
      read(curves.nitrogenOxides, at: time) * 22.4 / 46 * (1 - stack(at: time).flue.moisture)
    case .stackMoisture: stack(at: time).flue.moisture * 100
    case .stackTemperature: stack(at: time).temperature
    case .stackPressure: constants.stackPressure
    case .stackVelocity: stack(at: time).actualFlow / constants.stackSection / 3_600
    case .stackFlowActual: stack(at: time).actualFlow
    case .stackFlowDryNormal: stack(at: time).dryFlow
    case .stackCarbonDioxideMass: stack(at: time).carbonDioxideMass
    case .ambientTemperature: read(curves.temperature, at: time)
    case .ambientPressure: read(curves.pressure, at: time) / 10
    case .ambientHumidity: read(curves.humidity, at: time)
    }
  }

  private func read(_ curve: MonotoneCubic, at time: UInt64) -> Double {
    let (knot, u) = position(time)
    return curve.value(knot: knot, plus: u)
  }

  // MARK: electricity

  /// The four flows of one moment in kW, or of a stretch of time in kWh.
  private struct Electricity {
    var generator: Double
    var auxiliary: Double
    var incoming: Double
    var outgoing: Double
  }

  /// Output in MW with the swing.
  private func swungPower(at time: UInt64) -> Double {
    smoothPower(at: time) * (1 + constants.powerSwing * powerNoise.value(at: time))
  }

  /// MWh that the generator gave since plant time 0.
  private func output(until time: UInt64) -> Double {
    let (knot, u) = position(time)
    return curves.power.integral(knot: knot, plus: u) - powerSumAtZero
  }

  private func hours(_ time: UInt64) -> Double { Double(time) / Double(Plant.hour) }

  private func powers(at time: UInt64) -> Electricity {
    electricity(hours: 1, output: swungPower(at: time))
  }

  private func energies(at time: UInt64) -> Electricity {
    electricity(hours: hours(time), output: output(until: time))
  }

  /// The flows in a stretch of `hours` in which the generator gave `output` MWh; all four are straight
  /// lines over the output, so the same equations give power and energy.
  private func electricity(hours: Double, output: Double) -> Electricity {
    let auxiliary = constants.auxiliaryAtNoLoad * hours + constants.auxiliaryPerPower * output
    let incoming = constants.incomingShare * auxiliary
    return Electricity(
      generator: output * 1_000, auxiliary: auxiliary * 1_000, incoming: incoming * 1_000,
      outgoing: (output + incoming - auxiliary) * 1_000)
  }

  // MARK: gas

  /// m³ at 0 °C in a stretch of `hours` in which the generator gave `output` MWh.
  private func gas(hours: Double, output: Double) -> Double {
    let heat = constants.heatAtNoLoad * hours + constants.heatPerPower * output
    return heat * 3_600 / NaturalGas.netCalorificValue
  }

  private func gasFlow(at time: UInt64) -> Double { gas(hours: 1, output: swungPower(at: time)) }

  private func gasVolume(at time: UInt64) -> Double {
    gas(hours: hours(time), output: output(until: time))
  }

  /// What 1 m³ at 0 °C is in the pipe: p V = Z n R T.
  private var normalToActual: Double {
    101.325 / (101.325 + constants.gasPressure) * (273.15 + constants.gasTemperature) / 273.15
      * constants.gasCompressibility
  }

  // MARK: stack

  /// The flue gas of one moment.
  private struct Stack {
    var flue: FlueGas
    /// °C.
    var temperature: Double
    /// m³/h dry at 0 °C.
    var dryFlow: Double
    /// m³/h wet as it is.
    var actualFlow: Double

    func dryPercent(_ part: KeyPath<FlueGas, Double>) -> Double {
      100 * flue[keyPath: part] / flue.dryVolume
    }

    func wetPercent(_ part: KeyPath<FlueGas, Double>) -> Double {
      dryPercent(part) * (1 - flue.moisture)
    }

    /// kg/h; 44 kg in 22.4 m³ (HJ 212-2017 equation 20).
    var carbonDioxideMass: Double { dryFlow * flue.carbonDioxide / flue.dryVolume * 44 / 22.4 }
  }

  private func stack(at time: UInt64) -> Stack {
    let megawatts = swungPower(at: time)
    let load = megawatts / constants.fullLoad
    let atmosphere = read(curves.pressure, at: time)
    let flue = FlueGas(
      airRatio: constants.airRatioAtFullLoad + constants.airRatioRise * max(0, 1 - load),
      waterPerDryAir: MoistAir.waterPerDryAir(
        celsius: read(curves.temperature, at: time), hectopascals: atmosphere,
        humidity: read(curves.humidity, at: time)))
    let celsius = constants.stackTemperatureAtNoLoad + constants.stackTemperatureRise * load
    let dryFlow = gas(hours: 1, output: megawatts) * flue.dryVolume
    // HJ 212-2017 equation 31 turned: the standard counts 0 °C as 273 K.
    let actualFlow =
      dryFlow / (1 - flue.moisture) * (273 + celsius) / 273 * 101_325
      / (atmosphere * 100 + constants.stackPressure)
    return Stack(flue: flue, temperature: celsius, dryFlow: dryFlow, actualFlow: actualFlow)
  }
}
