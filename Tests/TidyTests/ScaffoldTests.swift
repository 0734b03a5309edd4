import Foundation
import Testing

/// What `scripts/new` makes, in a copy of the work tree.
@Suite struct ScaffoldTests {
  /// A copy that goes away with this value.
  private final class Copy {
    let folder = URL(filePath: NSTemporaryDirectory())
      .appending(path: "tallystick-scaffold-\(UUID().uuidString)")

    init() throws {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for name in ["Package.swift", ".swift-format", "Sources", "Tests", "boards", "scripts"] {
        try FileManager.default.copyItem(
          at: Repository.root.appending(path: name), to: folder.appending(path: name))
      }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// What a program prints when it ends well.
    @discardableResult func run(_ words: String...) throws -> String {
      let (text, code) = try Repository.run(words, in: folder)
      try #require(code == 0, "\(words): \(text)")
      return text
    }

    /// The lines of a file that still stand for nothing of the author's: without a mark.
    func unmarkedLines(_ path: String) throws -> [String] {
      try String(contentsOf: folder.appending(path: path), encoding: .utf8)
        .split(separator: "\n").map(String.init).filter { !$0.contains("FILL" + "-IN") }
    }
  }

  @Test func `a new profile is marked wherever it speaks of the example`() throws {
    let copy = try Copy()
    try copy.run("scripts/new", "profile", "initech-x1")
    #expect(
      try copy.unmarkedLines("Sources/Catalog/Profiles/initech-x1.yaml") == [
        "profile: 1", "vendor: Initech", "sources:", "  - id: manual", "requests:",
      ])
    // Each block has its mark in the line before it.
    let capture = try String(
      contentsOf: copy.folder.appending(path: "Tests/CatalogTests/Captures/initech-x1.hex"),
      encoding: .utf8
    ).split(separator: "\n")
    #expect(capture.contains { $0.hasPrefix("value ") })
    for (mark, line) in zip(capture, capture.dropFirst())
    where ["address", "request"].contains(where: line.hasPrefix) {
      #expect(mark.hasPrefix("# FILL" + "-IN"), "\(line)")
    }
  }

  @Test func `a new board is marked wherever it speaks of the example`() throws {
    let copy = try Copy()
    try copy.run("scripts/new", "board", "initech/box")
    #expect(
      try copy.unmarkedLines("boards/initech/box/board.yaml") == [
        "tallystick: 1", "name: initech/box", "label:", "ports:", "limits:", "storage:",
      ])
  }

  @Test func `uplinks are made one after the other, each a dependency of the agent`() throws {
    let copy = try Copy()
    let names = ["volta-cloud", "initech-cloud", "globex-telemetry"]
    for name in names { try copy.run("scripts/new", "uplink", name) }
    let manifest = try String(
      contentsOf: copy.folder.appending(path: "Package.swift"), encoding: .utf8)
    let agent = try #require(manifest.firstRange(of: "name: \"tallyd\",\n      dependencies"))
    let settings = try #require(manifest[agent.upperBound...].firstRange(of: "swiftSettings"))
    let dependencies = manifest[agent.upperBound..<settings.lowerBound]
    for target in ["VoltaCloudUplink", "InitechCloudUplink", "GlobexTelemetryUplink"] {
      #expect(dependencies.contains("\"\(target)\""), "\(dependencies)")
      #expect(manifest.contains("name: \"\(target)\","))
      try copy.run("swift", "format", "lint", "--strict", "--recursive", "Sources/\(target)")
    }
    try copy.run("swift", "format", "lint", "--strict", "Package.swift")
  }
}
