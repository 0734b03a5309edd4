import HostHAL
import Synchronization
import Testing

/// The built programs, which stand beside the test runner.
enum Program: String, CaseIterable {
  case tallyd
  case tally
  case simulator = "tally-sim"
  case collector = "tally-collector"

  /// An edge-only checkout has no collector.
  static let built = allCases.filter { Files.exists($0.path) }

  var path: String {
    Files.parent(of: ProcessEnvironment.executablePath ?? "") + "/" + rawValue
  }

  /// Runs the program to its end, a minute at most.
  func run(
    _ arguments: [String], environment: [(name: String, value: String)] = []
  ) throws -> (exit: ChildExit, output: String, errors: String) {
    let process = try ChildProcess(
      running: path, arguments: arguments,
      environment: [(name: "LANG", value: "C.UTF-8")] + environment)
    return try finish(process)
  }
}

/// Reads what a program says to its end, a minute at most.
func finish(
  _ process: ChildProcess
) throws -> (exit: ChildExit, output: String, errors: String) {
  var output: [UInt8] = []
  var errors: [UInt8] = []
  let clock = HostClock()
  let deadline = clock.microseconds() + 60_000_000
  while process.outputDescriptor != nil || process.errorDescriptor != nil {
    _ = process.readOutput(into: &output)
    _ = process.readErrors(into: &errors)
    if clock.microseconds() > deadline { process.signal(.kill) }
    _ = process.wait(until: clock.microseconds() + 2000)
  }
  let exit = try #require(process.wait(until: deadline + 5_000_000))
  return (
    exit, String(decoding: output, as: UTF8.self), String(decoding: errors, as: UTF8.self)
  )
}

/// The repository, and data for the programs in a directory of the test's own.
final class Place {
  static let repository = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))
  private static let count = Atomic<Int>(0)
  let path: String

  /// Makes the directory with `share`, as `scripts/build` lays it.
  init() throws {
    let number = Place.count.add(1, ordering: .relaxed).newValue
    path = "/tmp/tallystick-programs-\(ProcessEnvironment.processID)-\(number)"
    try Files.removeTree(path)
    try Files.makeDirectory(path + "/share")
    let root = Place.repository
    try Files.link(path + "/share/profiles", to: root + "/Sources/Catalog/Profiles")
    try Files.link(path + "/share/boards", to: root + "/boards")
    try Files.link(path + "/share/plant", to: root + "/Sources/tally-sim/PlantData")
  }

  deinit { try? Files.removeTree(path) }

  var share: String { path + "/share" }
  var sampleSite: String { Place.repository + "/boards/native/sim/site.yaml" }
}
