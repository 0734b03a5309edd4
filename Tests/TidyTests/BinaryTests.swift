import Foundation
import Testing

/// The agent stays free of Foundation: with it a static binary is 58 MB instead of 6.
@Suite struct BinaryTests {
  private let agents = ["debug", "release"].map { Repository.root.path + "/.build/\($0)/tallyd" }
    .filter { FileManager.default.isExecutableFile(atPath: $0) }

  @Test func `tallyd needs no Foundation library`() throws {
    for path in agents {
      let needed = try read(["-d", path]).split(separator: "\n").filter { $0.contains("(NEEDED)") }
      #expect(!needed.isEmpty, "\(path): readelf printed nothing")
      for line in needed {
        for word in ["Foundation", "ICU", "ArgumentParser"] {
          #expect(!line.contains(word), "\(path): \(line)")
        }
      }
    }
  }

  @Test func `tallyd has no symbol of Foundation`() throws {
    for path in agents {
      let symbols = try read(["-Ws", path])
      #expect(symbols.contains("main"), "\(path): readelf printed no symbols")
      // Mangled names carry the module's name after its length.
      for module in ["10Foundation", "20FoundationEssentials", "14ArgumentParser"] {
        #expect(!symbols.contains("$s" + module), "\(path) has symbols of \(module)")
      }
    }
  }

  private func read(_ arguments: [String]) throws -> String {
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
