import Foundation
import Testing

/// Scripts are short, say what they do, and refuse what they do not know.
@Suite struct ScriptTests {
  private let scripts = Repository.files(in: "scripts", extensions: [""])

  /// What a script prints, and how it ends.
  private func run(
    _ words: [String], in folder: URL = Repository.root
  ) throws -> (text: String, code: Int32) {
    try Repository.run(["bash"] + words, in: folder)
  }

  @Test func `no script has more than 200 lines`() {
    for file in scripts + Repository.files(in: "scripts", extensions: ["sh"]) {
      #expect(file.lines.count - 1 <= 200, "\(file.path) has \(file.lines.count - 1) lines")
    }
  }

  @Test func `every script explains itself when asked, and does nothing else`() throws {
    #expect(scripts.count >= 7)
    // From another folder, as people do who have several clones.
    let root = Repository.root
    for script in scripts {
      let (text, code) = try run(
        ["\(root.lastPathComponent)/\(script.path)", "--help"], in: root.deletingLastPathComponent()
      )
      #expect(code == 0, "\(script.path) --help ends with \(code): \(text)")
      // The comment at its head, without the marks.
      let first = script.lines.dropFirst().first?.dropFirst(2) ?? ""
      #expect(text.hasPrefix(first), "\(script.path) --help says: \(text)")
    }
  }

  @Test(arguments: [
    "run more", "run --for", "run --for soon", "run --for 0", "run --speed=", "run --port 99999999",
    "run --lang fr", "run --board", "run --board nowhere", "run --fresh=1", "run --fresh --port x",
    "crash-loop many", "crash-loop --bogus", "crash-loop 50 --bogus", "crash-loop --seed",
    "fuzz --inputs 10M", "fuzz modbus --seconds", "power-cut many", "power-cut --bogus",
    "power-cut --cuts", "power-cut --seed x",
  ])
  func `a slip is refused before anything is built`(words: String) throws {
    let words = words.split(separator: " ").map(String.init)
    let script = "scripts/\(words[0])"
    let (text, code) = try run([script] + words.dropFirst())
    #expect(code == 2, "\(text)")
    #expect(text.hasPrefix("\(script): ") && text.hasSuffix("see \(script) --help\n"), "\(text)")
    #expect(text.split(separator: "\n").count == 1, "\(text)")
  }

  @Test func `no script is led astray by CDPATH`() throws {
    for file in scripts + Repository.files(in: ".ci", extensions: [""]) {
      for line in file.lines where line.contains("cd \"$(dirname") {
        #expect(line.contains("CDPATH= cd "), "\(file.path): \(line)")
      }
    }
  }

  @Test func `every script is well formed`() throws {
    for file in scripts + Repository.files(in: "scripts", extensions: ["sh"]) {
      let (text, code) = try run(["-n", file.path])
      #expect(code == 0, "\(text)")
    }
  }

  @Test(arguments: [
    "", "profile", "profile acme", "profile Acme-m1", "profile ../acme-m1", "profile acme-m1 more",
    "profile eastron-sdm630", "board acme", "board acme/Edge", "board native/sim",
    "protocol Acme", "protocol modbus", "uplink mirror", "uplink 1st", "toaster acme",
    "protocol default", "protocol self", "protocol raw-value", "protocol none",
    "protocol dlt645", "protocol string", "protocol decimal",
    "profile \(String(repeating: "a", count: 300))-b",
    "profile \(String(repeating: "a", count: 63))-b",
  ])
  func `scripts/new refuses what it cannot make, and makes nothing`(words: String) throws {
    let arguments = words.split(separator: " ").map(String.init)
    let (text, code) = try run(["scripts/new"] + arguments)
    #expect(code == 2, "\(text)")
    #expect(text.hasPrefix("scripts/new: ") && text.contains("--help"))
    #expect(text.split(separator: "\n").count == 1, "\(text)")
  }
}
