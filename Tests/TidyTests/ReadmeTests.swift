import Foundation
import Testing

@Suite struct ReadmeTests {
  /// The commands that the README tells people to type.
  private func commands() -> [[Substring]] {
    guard let readme = Repository.file("README.md") else { return [] }
    var inBlock = false
    return readme.lines.compactMap { line -> [Substring]? in
      if line.hasPrefix("```") {
        inBlock = line == "```sh"
        return nil
      }
      guard inBlock else { return nil }
      let words = line.prefix { $0 != "#" }.split(separator: " ")
      return words.isEmpty ? nil : words
    }
  }

  @Test func `the README has commands`() {
    #expect(commands().contains { $0.first == "scripts/run" })
    #expect(commands().contains { $0.first == "scripts/test" })
  }

  @Test func `every script that the README names exists and knows the options shown`() throws {
    for words in commands() {
      guard let name = words.first, name.hasPrefix("scripts/") else { continue }
      let script = try #require(Repository.file(String(name)), "\(name) does not exist")
      #expect(FileManager.default.isExecutableFile(atPath: Repository.root.path + "/" + name))
      for option in words where option.hasPrefix("--") {
        #expect(script.text.contains(option), "\(name) does not mention \(option)")
      }
    }
  }

  @Test func `every program and subcommand that the README names exists`() {
    for words in commands() {
      guard let program = words.first?.split(separator: "/").last.map(String.init),
        ["tally", "tallyd", "tally-sim", "tally-collector"].contains(program)
      else { continue }
      let sources = Repository.sources.filter { $0.target == program }
      #expect(!sources.isEmpty, "\(program)")
      for word in words.dropFirst() where word.hasPrefix("--") {
        let long = word.dropFirst(2).prefix { $0 != "=" }
        let camel = long.split(separator: "-").enumerated()
          .map { $0.offset == 0 ? String($0.element) : $0.element.capitalized }.joined()
        #expect(
          sources.contains { $0.text.contains("--\(long)") || $0.text.contains("var \(camel)") },
          "\(program) does not know \(word)")
      }
      guard program != "tallyd", words.count > 1, !words[1].hasPrefix("-") else { continue }
      let name = words[1]
      #expect(
        sources.contains {
          $0.text.contains("commandName: \"\(name)\"")
            || $0.text.contains("struct \(name.capitalized): ParsableCommand")
            || $0.text.contains("struct \(name.capitalized): AsyncParsableCommand")
        }, "\(program) has no subcommand \(name)")
    }
  }

  @Test func `every script explains itself`() {
    for script in Repository.files(in: "scripts", extensions: [""]) {
      #expect(script.text.hasPrefix("#!/usr/bin/env bash\n# "), "\(script.path)")
      let explains = script.text.contains("--help") || script.text.contains("explain \"$0\"")
      #expect(explains, "\(script.path)")
      #expect(script.text.contains("set -euo pipefail"), "\(script.path)")
    }
  }

  @Test func `nothing but the agreed names stands at the top`() throws {
    let allowed: Set<String> = [
      "Package.swift", "Package.resolved", "Sources", "Tests", "boards", "scripts", "README.md",
      "LICENSE",
    ]
    for name in try FileManager.default.contentsOfDirectory(atPath: Repository.root.path)
    where !name.hasPrefix(".") {
      #expect(allowed.contains(name), "\(name)")
    }
  }
}
