import Foundation
import Testing

@Suite struct WordingTests {
  /// Names that say nothing about what a thing is. Capitalised, so that "common" and "information"
  /// in a sentence are free. Names of other people's interfaces are excepted below.
  private let emptyNames =
    ["Man" + "ager", "Help" + "er", "Ut" + "ils", "Com" + "mon", "In" + "fo"]
    + ["Hand" + "ler"]
  /// Words that have a better one in the terms of this project, in any case.
  private let bannedWords = ["data" + " point", "ta" + "g", "ma" + "ster", "sla" + "ve"]
  /// Names that others gave.
  private let foreign = [
    "FileManager", "ProcessInfo", "processInfo", "StreamLogHandler", "CodingUserInfoKey",
    "userInfo", "fileInfo", "ChannelDuplexHandler", "RemovableChannelHandler",
    "ChannelHandlerContext",
    // Mathematics, and a word of CBOR (RFC 8949 3.4).
    "greatestCommonDivisor", "CBOR tag",
    // Fields of libyaml's events.
    "scalar.tag", "sequence_start.tag", "mapping_start.tag",
  ]

  /// Vectors and captures are other people's text.
  private func isOurs(_ file: Repository.File) -> Bool {
    !file.path.contains("/Vectors/") && !file.path.contains("/Captures/")
  }

  @Test func `no empty name and no banned word is used`() throws {
    let pattern = try Regex(pattern)
    for file in Repository.prose where isOurs(file) {
      for (number, line) in file.lines.enumerated() {
        var line = String(line)
        for name in foreign { line = line.replacing(name, with: "") }
        guard let match = line.firstMatch(of: pattern) else { continue }
        Issue.record("\(file.path):\(number + 1) says \"\(line[match.range])\"")
      }
    }
  }

  @Test func `one thing has one Chinese word`() throws {
    let terms = try #require(Repository.file("Sources/Gateway/Gateway.docc/Terminology.md"))
    let outputs = Repository.files(in: "Tests", extensions: ["txt"])
    for (other, word) in [
      ("采集" + "端", "汇集端"), ("设备" + "配置", "设备档案"), ("设备" + "模板", "设备档案"),
      ("描述" + "文件", "设备档案"), ("哈希" + "块", "瓦片"), ("联" + "署", "会签"),
    ] {
      #expect(terms.text.contains("| \(word) |"))
      for file in Repository.prose + outputs where file.text.contains(other) {
        Issue.record("\(file.path) says \(other) for \(word)")
      }
    }
  }

  @Test func `every command of tally that a text advises exists`() throws {
    let advice = try Regex("['“`]tally ([a-z]+)", as: (Substring, Substring).self)
    let program = Repository.sources.filter { $0.target == "tally" }
    var names: Set<Substring> = []
    for file in Repository.sources {
      names.formUnion(file.text.matches(of: advice).map(\.output.1))
    }
    #expect(names.count >= 5)
    for name in names {
      #expect(
        program.contains {
          $0.text.contains("struct \(name.capitalized): ParsableCommand")
            || $0.text.contains("commandName: \"\(name)\"")
        },
        "tally has no command \(name)")
    }
  }

  @Test func `nothing is left to do later`() throws {
    let marks = try Regex("\\b(?:TO" + "DO|FIX" + "ME|X" + "XX)\\b")
    for file in Repository.prose where isOurs(file) {
      for (number, line) in file.lines.enumerated() {
        guard let match = line.firstMatch(of: marks) else { continue }
        Issue.record("\(file.path):\(number + 1) says \(line[match.range])")
      }
    }
  }

  @Test func `nothing that scripts/new made is left to fill in`() {
    let mark = "FILL" + "-IN"
    let files =
      Repository.prose.filter {
        !["scripts/new", "README.md"].contains($0.path) && !$0.path.contains(".docc/")
      }
      + Repository.files(in: "Tests", extensions: ["hex", "json"])
    for file in files {
      for (number, line) in file.lines.enumerated() where line.contains(mark) {
        Issue.record("\(file.path):\(number + 1): \(line.trimmingCharacters(in: .whitespaces))")
      }
    }
  }

  @Test func `no code is switched off, and none prints while somebody looks for a fault`() throws {
    let off = try Regex("#if +(?:false|0)\\b")
    let debugging = try Regex("\\b(?:debugPrint|dump|NSLog)\\(")
    let printing = try Regex("(?:^|[^.A-Za-z_])print\\(")
    for file in Repository.sources + Repository.tests {
      let code = String(file.code.code)
      #expect(!code.contains(off), "\(file.path)")
      #expect(!code.contains(debugging), "\(file.path)")
      // The programs that people call speak on standard output; libraries and tests do not. Fuzz cases
      // name themselves first, because a case that traps leaves nothing else behind.
      let speaks =
        ["tally", "tally-collector", "tally-sim"].contains(file.target)
        || file.path == "Tests/Fuzz/Kit/FuzzCases.swift"
      #expect(speaks || !code.contains(printing), "\(file.path) prints")
    }
  }

  @Test func `the pattern finds what it is for and spares the rest`() throws {
    let pattern = try Regex(pattern)
    for line in [
      "struct PortMan" + "ager {", "a ta" + "g of it", "Ma" + "ster", "Modbus sla" + "ves",
    ] {
      #expect(line.contains(pattern), "\(line)")
    }
    for line in ["a stage", "in common use", "information", "Informed", "mastery", "settings"] {
      #expect(!line.contains(pattern), "\(line)")
    }
  }

  private var pattern: String {
    let names = emptyNames.joined(separator: "|")
    let words = bannedWords.joined(separator: "|")
    return "(?:\(names))(?![a-z])|(?i:\\b(?:\(words))s?\\b)"
  }
}
