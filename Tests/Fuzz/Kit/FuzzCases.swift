import Glibc

/// The kept inputs of a target, and mutations of them.
public struct FuzzCases {
  /// Name of the target, such as `modbus`.
  public let target: String
  private let seeds: [[UInt8]]
  private let regressions: [(name: String, bytes: [UInt8])]

  /// Reads `Tests/Fuzz/Seeds/TARGET` and `Tests/Fuzz/Regressions/TARGET` of this repository.
  public init(_ target: String) {
    self.target = target
    // Kit/FuzzCases.swift, this file, lies two levels below.
    let top = #filePath.split(separator: "/").dropLast(2).map { "/" + $0 }.joined()
    seeds = Self.files(in: "\(top)/Seeds/\(target)").map(\.bytes)
    regressions = Self.files(in: "\(top)/Regressions/\(target)")
  }

  /// How many seeds there are.
  public var seedCount: Int { seeds.count }

  /// Gives every seed and every regression to `fuzz`, in the order of their names.
  public func replay(_ fuzz: (UnsafeRawBufferPointer) -> Void) {
    for bytes in seeds { bytes.withUnsafeBytes(fuzz) }
    for (name, bytes) in regressions {
      print("fuzz \(target): \(name)")
      bytes.withUnsafeBytes(fuzz)
    }
  }

  /// Gives `count` mutants of the seeds to `fuzz`. The same seed gives the same mutants.
  public func mutate(
    _ count: Int, seed: UInt64, limit: Int, _ fuzz: (UnsafeRawBufferPointer) -> Void
  ) {
    print("fuzz \(target): \(count) mutants, seed \(seed)")
    var random = FuzzRandom(state: seed)
    for _ in 0..<count {
      var bytes = seeds.randomElement(using: &random) ?? []
      for _ in 0..<Int.random(in: 1...6, using: &random) { change(&bytes, &random) }
      if bytes.count > limit { bytes.removeLast(bytes.count - limit) }
      bytes.withUnsafeBytes(fuzz)
    }
  }

  private func change(_ bytes: inout [UInt8], _ random: inout FuzzRandom) {
    let at = Int.random(in: 0...bytes.count, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
    case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...9, using: &random)))
    case 3:
      // A piece of another seed.
      let other = seeds.randomElement(using: &random) ?? []
      let from = Int.random(in: 0...other.count, using: &random)
      let end = min(other.count, from + Int.random(in: 1...40, using: &random))
      bytes.insert(contentsOf: other[from..<end], at: at)
    case 4 where at < bytes.count:
      let extremes: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF]
      bytes[at] = extremes.randomElement(using: &random) ?? 0
    default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
    }
  }

  private static func files(in folder: String) -> [(name: String, bytes: [UInt8])] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted().map { ($0, read("\(folder)/\($0)")) }
  }

  private static func read(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    return [UInt8](unsafeUninitializedCapacity: 1 << 20) { buffer, count in
      count = fread(buffer.baseAddress, 1, buffer.count, file)
    }
  }
}

/// SplitMix64 (G. Steele et al. 2014).
public struct FuzzRandom: RandomNumberGenerator {
  private var state: UInt64

  /// The sequence of a seed.
  public init(state: UInt64) { self.state = state }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
