import Foundation
import Testing

@Suite struct ReadmeTests {
  /// The shell blocks of the README and of the articles, with the file that each stands in.
  private func shellBlocks() -> [(file: String, text: String)] {
    let articles = Repository.files(in: "Sources/Gateway/Gateway.docc", extensions: ["md"])
    var found: [(file: String, text: String)] = []
    for file in [Repository.file("README.md")].compactMap(\.self) + articles {
      var block: String?
      for line in file.lines {
        if line.hasPrefix("```") {
          if let block { found.append((file.path, block)) }
          block = line == "```sh" ? "" : nil
        } else {
          block = block.map { $0 + line + "\n" }
        }
      }
    }
    return found
  }

  /// The commands that README and articles tell people to type.
  private func commands() -> [[Substring]] {
    shellBlocks().flatMap { block in
      block.text.split(separator: "\n").compactMap { line in
        let words = line.prefix { $0 != "#" }.split(separator: " ")
        return words.isEmpty ? nil : words
      }
    }
  }

  @Test func `every shell block is one that a shell reads`() throws {
    for block in shellBlocks() {
      let (problem, code) = try Repository.run(["bash", "-n", "-c", block.text])
      #expect(code == 0, "\(block.file): \(block.text) \(problem)")
    }
  }

  @Test func `every command begins with something that is there`() {
    let others = ["curl", "swift", "git", "docc"]
    for words in commands() {
      let name = String(words[0])
      let known =
        others.contains(name) || name.hasPrefix("scripts/") || name.hasPrefix(".build/release/")
        || ["tally", "tallyd", "tally-collector", "tally-sim"].contains(name)
      #expect(known, "\(words.joined(separator: " "))")
    }
  }

  /// The programs are asked that were built with these tests; the collector only where it is built.
  @Test func `every option of a program stands in its own help`() throws {
    let built = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent()
    #expect(FileManager.default.isExecutableFile(atPath: built.appending(path: "tally").path))
    for words in commands() {
      guard let name = words[0].split(separator: "/").last, name.hasPrefix("tally") else {
        continue
      }
      let path = built.appending(path: name).path
      guard FileManager.default.isExecutableFile(atPath: path) else { continue }
      let subcommands = words.dropFirst().prefix { word in word.allSatisfy { $0.isLowercase } }
      let (help, code) = try Repository.run([path] + subcommands.map(String.init) + ["--help"])
      #expect(code == 0, "\(words.joined(separator: " "))")
      let known = help.split { !$0.isLetter && $0 != "-" }
      for word in words where word.hasPrefix("--") {
        let option = word.prefix { $0 != "=" }
        #expect(known.contains(option), "\(name) \(subcommands.joined(separator: " ")): \(option)")
      }
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

  @Test func `every script is careful`() {
    for script in Repository.files(in: "scripts", extensions: [""]) {
      #expect(script.text.hasPrefix("#!/usr/bin/env bash\n# "), "\(script.path)")
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
