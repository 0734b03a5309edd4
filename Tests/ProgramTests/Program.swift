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

  /// The same by a script that runs "$0" "$@" as root of mounts and users of its own.
  func run(
    _ arguments: [String], isolatedBy script: String, in directory: String
  ) throws -> (exit: ChildExit, output: String, errors: String) {
    try finish(try Self.isolate(script, [path] + arguments, in: directory))
  }

  /// Containers often forbid that.
  static let canBeIsolated: Bool = {
    let script = "mount -t tmpfs none /proc/sys/kernel/random && unshare --user --map-user=1 true"
    let result = try? finish(try isolate(script, [], in: "/"))
    return result?.exit.isSuccess == true
  }()

  private static func isolate(
    _ script: String, _ arguments: [String], in directory: String
  ) throws -> ChildProcess {
    try ChildProcess(
      running: "/usr/bin/unshare",
      arguments: ["--mount", "--map-root-user", "sh", "-c", script] + arguments,
      environment: [(name: "LANG", value: "C.UTF-8")], directory: directory)
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
  /// The mirror's key of the vectors.
  static let mirrorKey =
    "collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ\n"
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

  private static let profile =
    """
    profile: 1
    vendor: Acme
    model: One
    label: {en: One, zh: 单值}
    protocol: modbus-rtu
    sources: [{id: manual, document: The manual}]
    requests:
      - {name: all, function: 3, address: 0, count: 1, source: manual, points: [
          {quantity: voltage-l1, label: {en: V, zh: 电压}, type: u16, offset: 0, unit: V}]}

    """

  /// Writes a site with so many lines of so many devices each, and a share `own` with their profile and a
  /// board for them; gives the site's path.
  func writeSite(lines: Int, devices: Int) throws -> String {
    func list(_ count: Int, _ text: (Int) -> String) -> String {
      (1...count).map { text($0) + "\n" }.joined()
    }
    let board =
      """
      tallystick: 1
      name: acme/wide
      label: {en: Wide, zh: 宽}
      limits: {lines: 32, devices_per_line: 64, streams: 4096}
      storage: {segment_bytes: 4194304, quota_mib: 1024}
      ports:

      """ + list(lines) { "  - {name: p\($0), device: p\($0)}" }
    let site =
      """
      tallystick: 1
      origin: {domain: sim.example, serial: "1"}
      timezone: Asia/Shanghai
      board: acme/wide
      mirror: {url: "http://127.0.0.1:9", vkey_file: keys/mirror.vkey}
      lines:

      """
      + list(lines) { line in
        "  - {name: l\(line), port: p\(line), baud: 9600, format: 8N1, devices: [\n"
          + list(devices) { device in
            let number = line * 100 + device
            return "      {number: \(number), label: {en: D\(number), zh: 台\(number)}, "
              + "address: \(device), profile: acme-one, period_ms: 60000},"
          } + "    ]}"
      }
    try Files.makeDirectory(path + "/own/profiles")
    try Files.makeDirectory(path + "/own/boards/acme/wide")
    for (name, text) in [
      ("own/profiles/acme-one.yaml", Self.profile), ("own/boards/acme/wide/board.yaml", board),
      ("wide.yaml", site),
    ] {
      try Files.replace("\(path)/\(name)", with: Array(text.utf8))
    }
    return path + "/wide.yaml"
  }
}
