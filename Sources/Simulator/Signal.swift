/// The plant at one moment.
public struct PlantMoment: Sendable {
  /// The plant.
  public var plant: Plant
  /// Plant time, µs.
  public var time: UInt64

  /// A moment of a plant.
  public init(plant: Plant, time: UInt64) {
    self.plant = plant
    self.time = time
  }

  /// A variable at this moment.
  public func value(_ variable: PlantVariable) -> Double { plant.value(variable, at: time) }
}

/// A three-phase feeder with symmetrical load, from which the electrical quantities follow.
public struct Circuit: Equatable, Sendable {
  /// The active power that it belongs to, a variable in kW.
  public var power: PlantVariable
  /// Its part of that power, above 0.
  public var share: Double
  /// Nominal voltage between two conductors, V.
  public var nominalVoltage: Double
  /// cos φ, above 0 and at most 1. Assumption: constant.
  public var powerFactor: Double

  /// A feeder.
  public init(
    power: PlantVariable, share: Double = 1, nominalVoltage: Double, powerFactor: Double
  ) {
    self.power = power
    self.share = share
    self.nominalVoltage = nominalVoltage
    self.powerFactor = powerFactor
  }

  /// tan φ.
  public var tangent: Double { (1 - powerFactor * powerFactor).squareRoot() / powerFactor }
}

/// What a circuit can tell.
public enum CircuitQuantity: String, CaseIterable, Sendable {
  /// Between a conductor and neutral, V.
  case phaseVoltage = "phase-voltage"
  /// Between two conductors, V.
  case lineVoltage = "line-voltage"
  /// Of one conductor, A: P / (√3 U cos φ).
  case current
  /// kW.
  case activePower = "active-power"
  /// kvar: P tan φ.
  case reactivePower = "reactive-power"
  /// kVA: P / cos φ.
  case apparentPower = "apparent-power"
  /// cos φ.
  case powerFactor = "power-factor"
}

/// Where a measured value comes from.
public enum SignalSource: Equatable, Sendable {
  /// It never changes.
  case constant(Double)
  /// A variable of the plant.
  case variable(PlantVariable)
  /// A quantity of a feeder.
  case circuit(Circuit, CircuitQuantity)

  func value(in moment: PlantMoment) -> Double {
    switch self {
    case .constant(let value): value
    case .variable(let variable): moment.value(variable)
    case .circuit(let circuit, let quantity): circuit.value(quantity, in: moment)
    }
  }
}

extension Circuit {
  /// A quantity of the feeder at one moment.
  public func value(_ quantity: CircuitQuantity, in moment: PlantMoment) -> Double {
    let root3 = 3.0.squareRoot()
    let kilowatts = moment.value(power) * share
    let volts = nominalVoltage * moment.value(.gridVoltage)
    switch quantity {
    case .phaseVoltage: return volts / root3
    case .lineVoltage: return volts
    case .current: return kilowatts * 1_000 / (root3 * volts * powerFactor)
    case .activePower: return kilowatts
    case .reactivePower: return kilowatts * tangent
    case .apparentPower: return kilowatts / powerFactor
    case .powerFactor: return powerFactor
    }
  }
}

/// A value as a meter sees it: source × scale + offset, with the meter's noise.
public struct Signal: Sendable {
  /// Where it comes from.
  public var source: SignalSource
  /// Factor: conversion of units, transformer ratios turned, a third for one phase.
  public var scale: Double
  /// Added, in the unit of the meter; for a counter what it showed at plant time 0.
  public var offset: Double
  /// How far the measured value may lie from the true one. A counter takes none.
  public var bound: NoiseBound
  /// The noise of this signal.
  public var noise: Noise

  /// A signal.
  public init(
    source: SignalSource, scale: Double = 1, offset: Double = 0, bound: NoiseBound = .none,
    noise: Noise
  ) {
    self.source = source
    self.scale = scale
    self.offset = offset
    self.bound = bound
    self.noise = noise
  }

  /// It counts and must never fall.
  public var isCounter: Bool {
    if case .variable(let variable) = source { variable.isCounter } else { false }
  }

  /// The value at one moment.
  public func value(in moment: PlantMoment) -> Double {
    var noise = NoiseMoment(time: moment.time)
    return value(in: moment, &noise)
  }

  /// The same, with the noise of the signal before it if that is its own too.
  func value(in moment: PlantMoment, _ last: inout NoiseMoment) -> Double {
    let value = source.value(in: moment) * scale + offset
    return isCounter ? value : bound.apply(last.value(of: noise), to: value)
  }
}
