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
    "more", "--for", "--for soon", "--speed=", "--lang fr", "--board", "--board nowhere",
    "--fresh=1",
    "--fresh --port x",
  ])
  func `scripts/run refuses a slip before it builds`(words: String) throws {
    let (text, code) = try run(["scripts/run"] + words.split(separator: " ").map(String.init))
    #expect(code == 2, "\(text)")
    #expect(
      text.hasPrefix("scripts/run: ") && text.hasSuffix("see scripts/run --help\n"), "\(text)")
    #expect(text.split(separator: "\n").count == 1, "\(text)")
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
