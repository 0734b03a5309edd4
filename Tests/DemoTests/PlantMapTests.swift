import Catalog
import HostHAL
import Simulator
import Synchronization
import Testing

@testable import tally_sim

/// `plant.yaml` of the simulated board, whole and with one thing wrong in it at a time.
@Suite final class PlantMapTests {
  private static let repository = Files.parent(of: Files.parent(of: Files.parent(of: #filePath)))
  private static let count = Atomic<Int>(0)
  private let share: String
  private let text: String
  private let site: Site

  init() throws {
    let board = Self.repository + "/boards/native/sim"
    text = String(decoding: try Files.read(board + "/plant.yaml"), as: UTF8.self)
    let number = Self.count.add(1, ordering: .relaxed).newValue
    share = "/tmp/tallystick-plant-\(ProcessEnvironment.processID)-\(number)"
    try Files.makeDirectory(share)
    try Files.link(share + "/profiles", to: Self.repository + "/Sources/Catalog/Profiles")
    try Files.link(share + "/boards", to: Self.repository + "/boards")
    site = try Site.load(
      path: board + "/site.yaml", share: Share(path: share), deviceDirectory: "/dev"
    ).get()
  }

  deinit { try? Files.removeTree(share) }

  private func findings(in text: String) -> [Finding] {
    PlantMap.parse(yaml: Array(text.utf8), file: "plant.yaml", site: site, seed: 1).findings
  }

  @Test func `every device of the simulated site gets its meter`() throws {
    let (map, findings) = PlantMap.parse(
      yaml: Array(text.utf8), file: "plant.yaml", site: site, seed: 1)
    #expect(findings.isEmpty)
    let models = try #require(map).models
    #expect(Set(models.keys) == Set(site.lines.flatMap { $0.devices.map(\.number) }))
    let incoming = try #require(
      site.lines.flatMap(\.devices).first { $0.label.english == "Incoming feeder" })
    #expect(models[incoming.number]?.turnaroundMicroseconds == 90_000)
    #expect(models[incoming.number]?.frameDataMax == 4)
  }

  @Test(arguments: [
    ("data: gas-turbine-2014.csv", "", "the plant lacks the key 'data'"),
    ("version: 1", "version: 2", "'version' is '2'"),
    ("templates:", "template:", "unknown key 'template'"),
    ("    turnaround: 60", "    turnaround: 600", "'turnaround' is '600'"),
    ("    preamble: 2", "    preamble: 2.5", "'preamble' is '2.5'"),
    ("{constant: 0}", "{constant: nan}", "'constant' is 'nan'"),
    ("{constant: 0}", "{}", "the value has none of the keys"),
    ("{constant: 0}", "{constant: 0, circuit: current}", "the value has 2 of the keys"),
    ("noise-absolute: 0.005", "noise-absolute: -1", "'noise-absolute' is '-1'"),
    ("variable: generator-energy", "variable: generator-enrgy", "'variable' is 'generator-enrgy'"),
    ("  Auxiliary power:", "  Auxilary power:", "the site has no device 'Auxilary power'"),
    (
      "    values:\n      active-energy-import: {variable: generator-energy, offset: 18245.37}\n",
      "",
      "the profile of 'Generator output' reads 'active-energy-import', and no value feeds it"
    ),
    (
      "    circuit: {power: generator-power, voltage: 15750, power-factor: 0.85}\n", "",
      "'voltage-l1' is a value of the circuit, and 'Generator output' has none"
    ),
    ("power: generator-power, voltage: 15750", "power: generator-power", "'circuit' lacks the key"),
    ("{variable: grid-frequency, ", "{variable: grid-voltage, ", "'frequency' has the unit Hz"),
    (
      "  Generator output:\n    like: three-phase-meter",
      "  Generator output:\n    like: three-phase", "'like' is 'three-phase'"
    ),
    ("  Auxiliary power:", "  Auxiliary power：", "a full-width"),
  ])
  func `what is wrong is told with its place and what to do`(
    right: String, wrong: String, told: String
  ) throws {
    let parts = text.split(separator: right, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(parts.count == 2, "plant.yaml no longer says \(right)")
    let found = findings(in: parts[0] + wrong + parts[1])
    let first = try #require(found.first { $0.kind.english.found.contains(told) }, "\(found)")
    #expect(first.line > 1)
    #expect(!first.text(.chinese).contains(first.kind.english.found))
  }

  @Test func `all that is wrong is told in one run`() {
    let wrong = text.replacing("turnaround: 60", with: "turnaround: x")
      .replacing("preamble: 2", with: "preamble: 9").replacing("noise: 0.005", with: "noise: 5")
    #expect(findings(in: wrong).count > 3)
  }
}
