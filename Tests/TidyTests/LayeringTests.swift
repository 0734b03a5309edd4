import Testing

/// Which module may import which: the arrows of the architecture as data.
///
/// A ring may import its own modules and those of the rings inside it, and only those named here.
/// To add a target, add its line: the test below refuses a folder under `Sources/` without one.
private struct Layer {
  let name: String
  let ring: Int
  /// Modules of this project.
  let inner: Set<String>
  /// Modules from outside; ring 3 takes what it likes.
  var outer: Set<String> = []
}

private let core: Set<String> = ["Metering", "HAL"]
private let libc: Set<String> = ["Glibc", "Musl"]
/// The standard library's atomics, which Embedded Swift has too: the rings between threads need them.
private let atomics: Set<String> = ["Synchronization"]

private let layers: [Layer] = [
  Layer(name: "Metering", ring: 0, inner: []),
  Layer(name: "HAL", ring: 0, inner: ["Metering"]),
  Layer(name: "MeterProtocols", ring: 0, inner: core),
  Layer(name: "CSHA256", ring: 0, inner: []),
  Layer(name: "TransparencyLog", ring: 0, inner: core.union(["CSHA256"])),
  Layer(
    name: "Sampling", ring: 0, inner: core.union(["MeterProtocols", "TransparencyLog"]),
    outer: atomics),
  Layer(name: "Journal", ring: 0, inner: core.union(["TransparencyLog"])),

  Layer(name: "Uplink", ring: 1, inner: core.union(["TransparencyLog"])),
  Layer(
    name: "Gateway", ring: 1,
    inner: core.union(["MeterProtocols", "Sampling", "TransparencyLog", "Journal", "Uplink"]),
    outer: atomics),
  Layer(
    name: "Simulator", ring: 1,
    inner: core.union([
      "MeterProtocols", "Sampling", "TransparencyLog", "Journal", "Uplink", "Gateway",
    ])),

  Layer(name: "CSerialPort", ring: 2, inner: []),
  Layer(name: "CSodium", ring: 2, inner: []),
  Layer(name: "CYAML", ring: 2, inner: []),
  Layer(name: "CCurl", ring: 2, inner: []),
  Layer(name: "CZstd", ring: 2, inner: []),
  Layer(name: "CLinux", ring: 2, inner: []),
  Layer(
    name: "HostHAL", ring: 2, inner: core.union(["CLinux", "CSerialPort"]),
    outer: libc.union(atomics)),
  Layer(
    name: "HostCrypto", ring: 2, inner: core.union(["TransparencyLog", "CSodium", "CLinux"]),
    outer: libc),
  Layer(name: "HostCodec", ring: 2, inner: ["HAL", "CZstd"]),
  Layer(
    name: "Catalog", ring: 2,
    inner: core.union(["MeterProtocols", "TransparencyLog", "HostHAL", "CYAML"])),
  Layer(
    name: "SiteComposition", ring: 2,
    inner: core.union([
      "MeterProtocols", "Sampling", "TransparencyLog", "Gateway", "HostHAL", "Catalog",
    ])),
  Layer(
    name: "MirrorUplink", ring: 2, inner: core.union(["Uplink", "CLinux", "CCurl"]),
    outer: libc.union(atomics)),
  Layer(
    name: "DirectoryUplink", ring: 2,
    inner: core.union(["TransparencyLog", "Uplink", "HostHAL"])),
  Layer(
    name: "Verification", ring: 2,
    inner: core.union(["TransparencyLog", "Journal", "HostHAL", "HostCrypto", "HostCodec"]),
    outer: libc),
  Layer(
    name: "AgentClient", ring: 2,
    inner: core.union([
      "MeterProtocols", "TransparencyLog", "Uplink", "Gateway", "HostHAL", "Catalog",
    ])),
  Layer(
    name: "CommandLineFrame", ring: 2, inner: ["HostHAL", "Catalog"],
    outer: libc.union(["ArgumentParser"])),
  Layer(
    name: "tallyd", ring: 2,
    inner: core.union([
      "MeterProtocols", "Sampling", "TransparencyLog", "Journal", "Uplink", "Gateway", "HostHAL",
      "HostCrypto", "HostCodec", "Catalog", "SiteComposition", "MirrorUplink", "DirectoryUplink",
      "CLinux",
    ]), outer: libc.union(atomics)),
  Layer(
    name: "tally", ring: 2,
    inner: core.union([
      "MeterProtocols", "TransparencyLog", "Catalog", "HostHAL", "HostCrypto", "Verification",
      "AgentClient", "MirrorUplink", "CLinux", "CommandLineFrame",
    ]), outer: libc.union(["ArgumentParser", "FoundationEssentials"])),
  Layer(
    name: "tally-sim", ring: 2,
    inner: core.union([
      "MeterProtocols", "TransparencyLog", "Uplink", "Gateway", "Simulator", "Catalog",
      "SiteComposition", "HostHAL", "HostCrypto", "AgentClient", "CLinux", "CommandLineFrame",
    ]), outer: libc.union(["ArgumentParser", "FoundationEssentials"])),

  Layer(name: "CZlib", ring: 3, inner: []),
  Layer(name: "ReadingStore", ring: 3, inner: ["Metering"]),
  Layer(
    name: "Collector", ring: 3,
    inner: core.union([
      "MeterProtocols", "TransparencyLog", "Uplink", "HostHAL", "HostCrypto", "Catalog",
      "ReadingStore", "CZlib",
    ])),
  Layer(
    name: "tally-collector", ring: 3,
    inner: core.union([
      "TransparencyLog", "Collector", "ReadingStore", "HostCrypto", "HostHAL", "Catalog",
      "CommandLineFrame",
    ])),
]

@Suite struct LayeringTests {
  private let byName = Dictionary(uniqueKeysWithValues: layers.map { ($0.name, $0) })

  /// An uplink needs no line of its own: each may import what the one to the mirror may.
  private func layer(of target: String) -> Layer? {
    byName[target] ?? (isUplink(target) ? byName["MirrorUplink"] : nil)
  }

  private func isUplink(_ target: String) -> Bool {
    target.hasSuffix("Uplink") && target != "Uplink"
  }

  @Test func `every folder under Sources has a line in the table`() {
    for file in Repository.files(in: "Sources", extensions: ["swift", "modulemap", "c"]) {
      #expect(
        layer(of: file.target) != nil, "\(file.path): add \(file.target) to the table of layers")
    }
  }

  @Test func `no arrow of the table points outward`() throws {
    for layer in layers {
      for name in layer.inner {
        let inner = try #require(byName[name])
        #expect(inner.ring <= layer.ring, "\(layer.name) may not import \(name)")
      }
    }
  }

  @Test func `every import is one that the table allows`() throws {
    for file in Repository.sources {
      let layer = try #require(self.layer(of: file.target))
      for module in imports(of: file) where !isAllowed(module, in: layer) {
        Issue.record("\(file.path) imports \(module); ring \(layer.ring) allows it not")
      }
    }
  }

  @Test(arguments: [
    "import Foundation", "@testable import Foundation", "fileprivate import Foundation",
    "@_spi(A, B) import Foundation", "public import struct Foundation.Data",
    "@preconcurrency internal import typealias Foundation.Data", "let a = 1; import Foundation",
    "import\n  Foundation", "import `Foundation`", "@_spi(A)import Foundation",
    "#if os(Linux)\n  import /* all of it */ Foundation.NSData\n#endif",
    "let a = #/\"/#\nimport Foundation\nlet b = #/\"/#",
    "let a = text.matches(of: /\"\\/ /)\nimport Foundation\nlet b = 1 / 2, c = /\"/",
  ])
  func `an import outside the table would be seen, in whatever form`(text: String) {
    let file = Repository.File(path: "Sources/Journal/Example.swift", text: text)
    #expect(imports(of: file) == ["Foundation"])
    #expect(!isAllowed("Foundation", in: byName["Journal"]!))
  }

  @Test func `what only looks like an import is none, and one in the table is allowed`() {
    let file = Repository.File(
      path: "Sources/Journal/Example.swift",
      text: """
        // import Glibc
        #if canImport(Glibc)
          public import struct Metering.Decimal
        #endif
        let half = 1 / 2, text = "import Glibc", third = 1 / 3, energy = Energy.import, active = read(import: energy)
        """)
    #expect(imports(of: file) == ["Metering"])
    #expect(isAllowed("Metering", in: byName["Journal"]!))
  }

  /// What the agent is made of also compiles as Embedded Swift, which has none (ARCHITECTURE §8).
  @Test func `no existential stands in what the agent is made of`() throws {
    let agent = try #require(byName["tallyd"]).inner.union(["tallyd"])
    for file in Repository.sources where agent.contains(file.target) {
      for match in String(file.code.code).matches(of: /\bany [A-Z]\w*/) {
        Issue.record("\(file.path): \(match.0)")
      }
    }
  }

  private func isAllowed(_ module: String, in layer: Layer) -> Bool {
    if layer.inner.contains(module) || layer.outer.contains(module) { return true }
    if layer.name == "tallyd", isUplink(module) { return true }
    return layer.ring == 3 && byName[module] == nil
  }

  /// The modules behind each word `import` of the code, whatever attributes and modifiers are before it.
  private func imports(of file: Repository.File) -> [String] {
    let kinds: Set<Substring> = [
      "struct", "class", "enum", "func", "var", "let", "protocol", "typealias", "actor",
    ]
    // A member (`.import`) and a label (`import:`) keep their sign, so that they are other words.
    var words = String(file.code.code)
      .split { !($0.isLetter || $0.isNumber || "_.:`".contains($0)) }[...]
    var found: [String] = []
    while let start = words.firstIndex(of: "import") {
      words = words[(start + 1)...]
      if let first = words.first, kinds.contains(first) { words = words.dropFirst() }
      if let path = words.first { found.append(path.prefix { $0 != "." }.filter { $0 != "`" }) }
    }
    return found
  }
}
