import Catalog
import HostHAL
import Simulator

/// Which faults a simulation has, as `--faults` says: `none`, `drawn` for each seed, or a file.
///
/// A file has one rate a line under the word of its kind; kinds that are not named never happen:
///
///     version: 1
///     power-cut: 40          # a day
///     noise: 5000            # in a million replies
enum SimulatedFaults {
  case fixed(FaultModel)
  case drawn

  init(_ option: String) throws(SiteProblem) {
    switch option {
    case "none": self = .fixed(FaultModel())
    case "drawn": self = .drawn
    default: self = .fixed(try SimulatedFaults.load(option))
    }
  }

  /// The model of the next seed.
  func model(_ entropy: inout SeededEntropy) -> FaultModel {
    switch self {
    case .fixed(let model): model
    case .drawn: FaultModel.drawn(from: &entropy)
    }
  }

  private static func load(_ path: String) throws(SiteProblem) -> FaultModel {
    guard Files.exists(path) else {
      throw .badOption(name: "faults", value: path, expected: "drawn, none, a FILE that exists")
    }
    let bytes = try SiteProblem.file { () throws(FileError) in try Files.read(path) }
    let (root, findings) = YAMLReader.read(bytes, file: path)
    guard let root else { throw .findings(findings) }
    var decoding = Decoding(file: path, findings: findings)
    var model = FaultModel()
    let known = ["version"] + FaultKind.allCases.map(\.key)
    if let fields = decoding.fields(root, key: "faults", section: .faults, known: known) {
      decoding.version("version", fields)
      for kind in FaultKind.allCases {
        let rate = decoding.integer(kind.key, fields, in: 0...1_000_000, default: 0)
        model[kind] = UInt32(rate)
      }
    }
    guard decoding.isUsable else { throw .findings(decoding.sorted) }
    return model
  }
}
