/// What the simulated plant can say about itself. The raw values are the words of `plant.yaml`.
public enum PlantVariable: String, CaseIterable, Sendable {
  /// Power at the generator terminals, kW.
  case generatorPower = "generator-power"
  /// Power that the unit's own consumers take, kW.
  case auxiliaryPower = "auxiliary-power"
  /// Power that the plant takes from the grid, kW.
  case incomingPower = "incoming-power"
  /// Power that the plant gives to the grid, kW.
  case outgoingPower = "outgoing-power"
  /// Energy since plant time 0, kWh.
  case generatorEnergy = "generator-energy"
  /// Energy since plant time 0, kWh.
  case auxiliaryEnergy = "auxiliary-energy"
  /// Energy since plant time 0, kWh.
  case incomingEnergy = "incoming-energy"
  /// Energy since plant time 0, kWh.
  case outgoingEnergy = "outgoing-energy"
  /// Voltage of every busbar as a part of its nominal one.
  case gridVoltage = "grid-voltage"
  /// Frequency, Hz.
  case gridFrequency = "grid-frequency"

  /// Natural gas, m³/h at 0 °C and 101.325 kPa.
  case gasFlowNormal = "gas-flow-normal"
  /// Natural gas, m³/h at 20 °C and 101.325 kPa.
  case gasFlowStandard = "gas-flow-standard"
  /// Natural gas, m³/h as it is in the pipe.
  case gasFlowActual = "gas-flow-actual"
  /// Natural gas since plant time 0, m³ at 0 °C and 101.325 kPa.
  case gasVolumeNormal = "gas-volume-normal"
  /// Natural gas since plant time 0, m³ at 20 °C and 101.325 kPa.
  case gasVolumeStandard = "gas-volume-standard"
  /// Natural gas since plant time 0, m³ as it is in the pipe.
  case gasVolumeActual = "gas-volume-actual"
  /// Temperature in the gas pipe, °C.
  case gasTemperature = "gas-temperature"
  /// Gauge pressure in the gas pipe, kPa.
  case gasPressure = "gas-pressure"

  /// CO2 in dry flue gas, % by volume.
  case stackCarbonDioxideDry = "stack-co2-dry"
  /// CO2 in wet flue gas, % by volume.
  case stackCarbonDioxideWet = "stack-co2-wet"
  /// O2 in dry flue gas, % by volume.
  case stackOxygenDry = "stack-o2-dry"
  /// O2 in wet flue gas, % by volume.
  case stackOxygenWet = "stack-o2-wet"
  /// CO in dry flue gas, mg/m³ at 0 °C.
  case stackCarbonMonoxide = "stack-co"
  /// NOx in dry flue gas, as NO2, mg/m³ at 0 °C.
  case stackNitrogenOxides = "stack-nox"
  /// CO in wet flue gas, ppm by volume.
  case stackCarbonMonoxideWet = "stack-co-ppm-wet"
  /// NOx in wet flue gas, ppm by volume.
  case stackNitrogenOxidesWet = "stack-nox-ppm-wet"
  /// Water in flue gas, % by volume.
  case stackMoisture = "stack-moisture"
  /// Temperature, °C.
  case stackTemperature = "stack-temperature"
  /// Static pressure against the atmosphere, Pa.
  case stackPressure = "stack-pressure"
  /// Mean velocity over the section, m/s.
  case stackVelocity = "stack-velocity"
  /// Wet flue gas as it is in the stack, m³/h.
  case stackFlowActual = "stack-flow-actual"
  /// Dry flue gas at 0 °C and 101.325 kPa, m³/h.
  case stackFlowDryNormal = "stack-flow-dry-normal"
  /// CO2 that leaves the stack, kg/h.
  case stackCarbonDioxideMass = "stack-co2-mass"

  /// Air temperature, °C.
  case ambientTemperature = "ambient-temperature"
  /// Air pressure, kPa.
  case ambientPressure = "ambient-pressure"
  /// Relative humidity, %.
  case ambientHumidity = "ambient-humidity"

  /// It only ever grows, and a counter shows it.
  public var isCounter: Bool {
    switch self {
    case .generatorEnergy, .auxiliaryEnergy, .incomingEnergy, .outgoingEnergy, .gasVolumeNormal,
      .gasVolumeStandard, .gasVolumeActual:
      true
    default: false
    }
  }
}
