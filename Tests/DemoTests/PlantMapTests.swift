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

  /// The line, from 1, of the first place where `text` says `mark`.
  private func line(of mark: String, in text: String) throws -> Int {
    let place = try #require(text.firstRange(of: mark), "there is no \(mark)").lowerBound
    return text[..<place].count { $0 == "\n" } + 1
  }

  /// The text with the first `right` replaced.
  private func replacing(_ right: String, with wrong: String, in text: String) throws -> String {
    try #require(text.contains(right), "plant.yaml no longer says \(right)")
    return text.replacing(right, with: wrong, maxReplacements: 1)
  }

  /// The text has these findings, on the lines of the first places of these marks, and no others.
  private func expect(_ text: String, _ expected: [(mark: String, fault: FindingKind)]) throws {
    let found = findings(in: text)
    #expect(found.map(\.kind) == expected.map(\.fault))
    #expect(found.map(\.line) == (try expected.map { try line(of: $0.mark, in: text) }))
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

  /// One thing that is replaced, what is told of it, and what the line where it is told says, if that is not
  /// the line of the replacement.
  struct Slip: Sendable {
    var right: String
    var wrong: String
    var told: String
    var mark: String?

    init(_ right: String, _ wrong: String, _ told: String, at mark: String? = nil) {
      (self.right, self.wrong, self.told, self.mark) = (right, wrong, told, mark)
    }
  }

  @Test(arguments: [
    Slip("data: gas-turbine-2014.csv", "", "the plant lacks the key 'data'", at: "version: 1"),
    Slip("version: 1", "version: 2", "'version' is '2'"),
    Slip("templates:", "template:", "unknown key 'template'"),
    Slip("    turnaround: 60", "    turnaround: 600", "'turnaround' is '600'"),
    Slip("    preamble: 2", "    preamble: 2.5", "'preamble' is '2.5'"),
    Slip("{constant: 0}", "{constant: nan}", "'constant' is 'nan'"),
    Slip("{constant: 0}", "{}", "the value has none of the keys"),
    Slip("{constant: 0}", "{constant: 0, circuit: current}", "the value has 2 of the keys"),
    Slip("noise-absolute: 0.005", "noise-absolute: -1", "'noise-absolute' is '-1'"),
    Slip(
      "variable: generator-energy", "variable: generator-enrgy", "'variable' is 'generator-enrgy'"),
    Slip("  Auxiliary power:", "  Auxilary power:", "the site has no device 'Auxilary power'"),
    Slip(
      "    values:\n      active-energy-import: {variable: generator-energy, offset: 18245.37}\n",
      "", "the profile of 'Generator output' reads 'active-energy-import', and no value feeds it",
      at: "  Generator output:"),
    Slip(
      "    circuit: {power: generator-power, voltage: 15750, power-factor: 0.85}\n", "",
      "'voltage-l1' is a value of the circuit, and 'Generator output' has none",
      at: "    voltage-l1:"),
    Slip(
      "power: generator-power, voltage: 15750", "power: generator-power",
      "'circuit' lacks the key 'voltage'"),
    Slip(
      "{variable: grid-frequency, ", "{variable: grid-voltage, ", "'frequency' has the unit Hz"),
    Slip("like: three-phase-meter", "like: three-phase", "'like' is 'three-phase'"),
    Slip("  Auxiliary power:", "  Auxiliary power：", "a full-width"),
  ])
  func `what is wrong is told with its place and what to do`(slip: Slip) throws {
    let wrong = try replacing(slip.right, with: slip.wrong, in: text)
    let found = findings(in: wrong)
    let first = try #require(found.first { $0.kind.english.found.contains(slip.told) }, "\(found)")
    let expected =
      if let mark = slip.mark { try line(of: mark, in: wrong) } else {
        try line(of: slip.right, in: text)
      }
    #expect(first.line == expected)
    #expect(!first.text(.chinese).contains(first.kind.english.found))
  }

  @Test func `all that is wrong is told in one run, and nothing else`() throws {
    var wrong = try replacing("noise: 0.005", with: "noise: 5", in: text)
    wrong = try replacing("turnaround: 60", with: "turnaround: x", in: wrong)
    wrong = try replacing("preamble: 2", with: "preamble: 9", in: wrong)
    try expect(
      wrong,
      [
        ("noise: 5", .plant(.notInRange(key: "noise", found: "5", range: 0...1, unit: ""))),
        (
          "turnaround: x",
          .plant(.notInRange(key: "turnaround", found: "x", range: 0...500, unit: "ms"))
        ),
        (
          "preamble: 9",
          .value(.outOfRange(key: "preamble", found: "9", lower: 0, upper: 4, unit: nil))
        ),
      ])
  }

  @Test func `a value of no quantity is told once, with the nearest one`() throws {
    try expect(
      try replacing("    voltage-l1:", with: "    voltage-l11:", in: text),
      [("voltage-l11", .plant(.unknownQuantity("voltage-l11", nearest: ["voltage-l1"])))])
    try expect(
      try replacing(
        "    voltage-l1:", with: "    totally-wrong: {constant: 0}\n    voltage-l1:", in: text),
      [("totally-wrong", .plant(.unknownQuantity("totally-wrong", nearest: [])))])
    try expect(
      try replacing("active-energy-import:", with: "active-energy-imprt:", in: text),
      [
        (
          "active-energy-imprt",
          .plant(.unknownQuantity("active-energy-imprt", nearest: ["active-energy-import"]))
        )
      ])
  }

  @Test func `a device's own value that its profile does not read is told`() throws {
    let wrong = try replacing(
      "      moisture:", with: "      voltage-l1: {constant: 230}\n      moisture:", in: text)
    let known = [
      "co-volume-fraction", "co2-volume-fraction", "moisture", "no-volume-fraction",
      "nox-volume-fraction", "o2-volume-fraction",
    ]
    try expect(
      wrong,
      [
        (
          "voltage-l1: {constant: 230}",
          .plant(
            .quantityNotRead(device: "Flue gas analyzer", quantity: "voltage-l1", known: known))
        )
      ])
  }

  @Test(arguments: [
    ("devices:", FindingKind.value(.missingKey("devices", in: .plant))),
    ("devices: {}", .value(.wrongShape(key: "devices", found: .nothing, expected: .mapping))),
    ("devices: [a]", .value(.wrongShape(key: "devices", found: .list, expected: .mapping))),
    ("device: {}", .value(.unknownKey("device", known: known, nearest: "devices"))),
  ])
  func `a plant without devices is told once and not for each device`(
    devices: String, told: FindingKind
  ) throws {
    let start = try #require(text.firstRange(of: "\ndevices:\n")).lowerBound
    try expect(text[..<start] + "\n" + devices + "\n", [(devices, told)])
  }

  private static let known = ["version", "data", "templates", "devices"]

  @Test func `a list in a number's place is told as a list`() throws {
    try expect(
      try replacing("turnaround: 60", with: "turnaround: [60]", in: text),
      [
        (
          "turnaround: [60]",
          .value(.wrongShape(key: "turnaround", found: .list, expected: .text))
        )
      ])
  }
}
