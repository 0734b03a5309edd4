/// The fuel of the simulated unit and what becomes of it in the flue gas.
///
/// All gas volumes are at 0 °C and 101.325 kPa with 22.4 m³/kmol, as HJ 212-2017 counts (equation 20).
/// Everything below follows from two published numbers, the default calorific value and the default
/// carbon content of natural gas, so that metering the fuel and metering the stack agree.
public enum NaturalGas {
  /// Net calorific value, MJ/m³: 389.31 GJ per 10⁴ m³ (default for natural gas, GB/T 32151 family and
  /// the guide for power generation of 2013).
  public static let netCalorificValue = 38.931
  /// Carbon per heat, kg/MJ: 0.01532 t/GJ (as above).
  public static let carbonPerHeat = 0.015_32
  /// Part of the carbon that becomes CO2: 99 % (as above). Assumption: the simulated unit really
  /// leaves 1 %, as the rule supposes; a real gas turbine leaves far less.
  public static let oxidationFactor = 0.99
  /// CO2 of burning, kg/m³: 38.931 × 0.01532 × 0.99 × 44/12 = 2.16502.
  public static let emissionFactor =
    netCalorificValue * carbonPerHeat * oxidationFactor * 44 / 12

  /// kmol of carbon in a kmol of gas; also m³ of CO2 that complete burning of 1 m³ would give.
  static let carbonAtoms = netCalorificValue * carbonPerHeat / 12 * 22.4
  /// Net calorific value of methane and of ethane, MJ/m³ (802.60 and 1428.64 kJ/mol, ISO 6976:1995
  /// table 3 at 25 °C, over the ideal molar volume of 22.414 m³/kmol).
  private static let methaneHeat = 802.60 / 22.414
  private static let ethaneHeat = 1428.64 / 22.414

  /// Fraction of ethane. Assumption: the gas is methane, ethane and nitrogen; calorific value and
  /// carbon content then determine it: x·h₁ + y·h₂ = H and x + 2y = carbon atoms.
  public static let ethane =
    (carbonAtoms * methaneHeat - netCalorificValue) / (2 * methaneHeat - ethaneHeat)
  /// Fraction of methane.
  public static let methane = carbonAtoms - 2 * ethane
  /// Fraction of nitrogen, the rest.
  public static let nitrogen = 1 - methane - ethane

  /// kmol of hydrogen atoms in a kmol of gas.
  static let hydrogenAtoms = 4 * methane + 6 * ethane
  /// m³ of oxygen used by 1 m³ of gas: CₓHᵧ + (x + y/4) O2 → x CO2 + y/2 H2O, for the part of the
  /// carbon that burns.
  static let oxygenDemand = oxidationFactor * carbonAtoms + hydrogenAtoms / 4

  /// Oxygen in dry air, by volume (US Standard Atmosphere 1976); the rest passes through unchanged.
  static let oxygenInAir = 0.209_5

  /// Chinese natural-gas trade counts volumes at 20 °C (GB/T 19205), carbon rules at 0 °C.
  public static let normalToStandard = 293.15 / 273.15
}

/// The products of burning 1 m³ of natural gas, in m³ at 0 °C and 101.325 kPa.
public struct FlueGas: Equatable, Sendable {
  /// Carbon dioxide.
  public var carbonDioxide: Double
  /// Oxygen that was not used.
  public var oxygen: Double
  /// Nitrogen and argon.
  public var nitrogen: Double
  /// Water vapour, of the hydrogen and of the moist air.
  public var water: Double

  /// Burns 1 m³ with `airRatio` (1 = just enough) of air that carries `waterPerDryAir` m³ of vapour
  /// in each m³ of dry air.
  public init(airRatio: Double, waterPerDryAir: Double) {
    let air = airRatio * NaturalGas.oxygenDemand / NaturalGas.oxygenInAir
    carbonDioxide = NaturalGas.oxidationFactor * NaturalGas.carbonAtoms
    oxygen = air * NaturalGas.oxygenInAir - NaturalGas.oxygenDemand
    nitrogen = NaturalGas.nitrogen + air * (1 - NaturalGas.oxygenInAir)
    water = NaturalGas.hydrogenAtoms / 2 + air * waterPerDryAir
  }

  /// Volume without the water.
  public var dryVolume: Double { carbonDioxide + oxygen + nitrogen }
  /// Fraction of the whole that is water, X_sw.
  public var moisture: Double { water / (dryVolume + water) }
}

/// Moist air.
enum MoistAir {
  /// Saturation pressure of water vapour in hPa at `celsius`, −50…50.
  ///
  /// Polynomial of Lowe (J. Appl. Meteorol. 16 (1977) 100), so that no exponential function is needed.
  static func saturationPressure(celsius: Double) -> Double {
    let coefficients = [
      6.107799961, 4.436518521e-1, 1.428945805e-2, 2.650648471e-4, 3.031240396e-6,
      2.034080948e-8, 6.136820929e-11,
    ]
    var sum = 0.0
    for coefficient in coefficients.reversed() { sum = sum * celsius + coefficient }
    return sum
  }

  /// m³ of vapour in each m³ of dry air; pressure in hPa, relative humidity in %.
  static func waterPerDryAir(celsius: Double, hectopascals: Double, humidity: Double) -> Double {
    let vapour = min(max(humidity, 0), 100) / 100 * saturationPressure(celsius: celsius)
    return vapour / (hectopascals - vapour)
  }
}
