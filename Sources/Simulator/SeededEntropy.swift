import HAL

/// Random numbers that a seed determines: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014, figure 16).
///
/// The same seed gives the same sequence on every machine.
public struct SeededEntropy: EntropySource {
  private var state: UInt64

  /// Starts the sequence that belongs to `seed`.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= SeededEntropy.increment
    return SeededEntropy.mix(state)
  }

  /// The odd constant nearest to 2^64 / golden ratio, by which the state advances.
  static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// The output function alone: 64 well mixed bits of any number.
  static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }
}

/// Noise that is a function of time, so that it does not depend on who polls when.
///
/// On every full second of plant time stands a random number, and between two of them the value is
/// interpolated linearly. Each is the mean of four uniform ones, so it lies in −1…1 and never outside
/// (standard deviation 0.289).
public struct Noise: Equatable, Sendable {
  private let key: UInt64

  /// The noise of one `channel` under one `seed`; channels are independent of each other.
  public init(seed: UInt64, channel: UInt64) {
    key = SeededEntropy.mix(SeededEntropy.mix(seed) ^ channel &* SeededEntropy.increment)
  }

  /// The noise of the channel that a text names (FNV-1a of its UTF-8).
  public init(seed: UInt64, name: String) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    self.init(seed: seed, channel: hash)
  }

  /// The value at a plant time in microseconds, −1…1.
  public func value(at plantMicroseconds: UInt64) -> Double {
    let second = plantMicroseconds / 1_000_000
    let fraction = Double(plantMicroseconds % 1_000_000) / 1_000_000
    return knot(second) * (1 - fraction) + knot(second &+ 1) * fraction
  }

  private func knot(_ second: UInt64) -> Double {
    var entropy = SeededEntropy(seed: key ^ SeededEntropy.mix(second))
    var sum = 0.0
    for _ in 0..<4 { sum += Double(entropy.next() &>> 11) * 0x1p-53 }
    return sum / 2 - 1
  }
}

/// The noise of one moment, of which the last is kept: the signals of a meter may share theirs, and eight
/// random numbers a value are most of what a value costs.
struct NoiseMoment {
  private let time: UInt64
  private var last: (noise: Noise, value: Double)?

  /// A moment in plant time, µs.
  init(time: UInt64) { self.time = time }

  /// The value of a noise at this moment, −1…1.
  mutating func value(of noise: Noise) -> Double {
    if let last, last.noise == noise { return last.value }
    let value = noise.value(at: time)
    last = (noise, value)
    return value
  }
}

/// How far a measured value may lie from the true one: ±(relative × |value| + absolute).
public struct NoiseBound: Equatable, Sendable {
  /// As a fraction of the value, from 0.
  public var relative: Double
  /// In the unit of the value, from 0.
  public var absolute: Double

  /// A bound made of both parts.
  public init(relative: Double = 0, absolute: Double = 0) {
    self.relative = relative
    self.absolute = absolute
  }

  /// No noise.
  public static let none = NoiseBound()

  /// `value` with the noise of one moment (−1…1) on it.
  public func apply(_ noise: Double, to value: Double) -> Double {
    value + noise * (relative * value.magnitude + absolute)
  }
}
