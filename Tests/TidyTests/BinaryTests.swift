import Foundation
import Testing

/// The agent stays free of Foundation: with it a static binary is 58 MB instead of 6. It stays free of regular
/// expressions, too, which one search for a string in a string brings: 1.1 MB, half of it resident.
@Suite struct BinaryTests {
  /// Modules that must not be in it, as mangled names spell them: the length, then the name. They stand
  /// at the beginning of what the module declares and in the middle of what it extends.
  private static let unwanted = [
    "10Foundation", "20FoundationEssentials", "27FoundationInternationalization",
    "14ArgumentParser", "17_StringProcessing", "12_RegexParser",
  ]

  /// `TALLYSTICK_AGENT`, else the one that was built with these tests: SwiftPM puts it beside them.
  private let agent =
    ProcessInfo.processInfo.environment["TALLYSTICK_AGENT"]
    ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appending(path: "tallyd").path

  @Test func `tallyd needs no Foundation library`() throws {
    let needed = try read(["-d", agent]).split(separator: "\n").filter { $0.contains("(NEEDED)") }
    #expect(!needed.isEmpty, "\(agent): readelf printed nothing")
    for line in needed {
      for word in ["Foundation", "ICU", "ArgumentParser"] {
        #expect(!line.contains(word), "\(agent): \(line)")
      }
    }
  }

  @Test func `tallyd has no symbol of what is too large for it`() throws {
    let symbols = try read(["-Ws", agent]).split(separator: "\n")
    #expect(symbols.contains { $0.hasSuffix(" main") }, "\(agent): readelf printed no symbols")
    for symbol in symbols {
      guard let name = BinaryTests.unwanted.first(where: { symbol.contains($0) }) else { continue }
      Issue.record("\(agent) has \(name): \(symbol)")
      return
    }
  }

  private func read(_ arguments: [String]) throws -> String {
    try #require(
      FileManager.default.isExecutableFile(atPath: agent),
      "\(agent) is missing: swift build --product tallyd")
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/readelf")
    process.arguments = arguments
    process.environment = ["LC_ALL": "C"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }
}
