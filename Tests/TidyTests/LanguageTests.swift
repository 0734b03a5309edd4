import Foundation
import Testing

/// Every text that a person reads exists in English and in Chinese.
@Suite struct LanguageTests {
  /// Properties and functions that word something, by file: how many in each language.
  private func declarations(of language: String, in file: Repository.File) -> Int {
    let code = String(SwiftSource(file.text).code)
    let pattern = try? Regex("\\b(?:var|func|let)\\s+\(language)\\b")
    return pattern.map { code.matches(of: $0).count } ?? 0
  }

  @Test func `what has an English wording has a Chinese one`() {
    for file in Repository.sources {
      let english = declarations(of: "english", in: file)
      let chinese = declarations(of: "chinese", in: file)
      #expect(english == chinese, "\(file.path): \(english) English, \(chinese) Chinese wordings")
    }
  }

  @Test func `English wordings have no Chinese characters and Chinese wordings have some`() {
    for file in Repository.sources {
      let english = texts(of: "english", in: file)
      let chinese = texts(of: "chinese", in: file)
      for text in english where text.contains(where: isChinese) {
        Issue.record("\(file.path): an English wording says \(text)")
      }
      if !chinese.isEmpty {
        #expect(chinese.contains { $0.contains(where: isChinese) }, "\(file.path)")
      }
    }
  }

  @Test func `no wording hides behind a default`() {
    for file in Repository.sources {
      for language in ["english", "chinese"] {
        for body in bodies(of: language, in: file) {
          let code = String(SwiftSource(body).code)
          #expect(!code.contains("default:"), "\(file.path): \(language)")
        }
      }
    }
  }

  private func isChinese(_ character: Character) -> Bool {
    character.unicodeScalars.contains { (0x4E00...0x9FFF).contains($0.value) }
  }

  /// The string literals inside the bodies that word something in `language`.
  private func texts(of language: String, in file: Repository.File) -> [String] {
    bodies(of: language, in: file).flatMap { body in
      body.matches(of: /"((?:[^"\\\n]|\\.)*)"/).map { String($0.output.1) }
    }
  }

  private func bodies(of language: String, in file: Repository.File) -> [String] {
    guard let pattern = try? Regex("\\b(?:var|func)\\s+\(language)\\b") else { return [] }
    let text = Array(file.text)
    let code = SwiftSource(file.text).code
    let flat = String(code)
    return flat.matches(of: pattern).compactMap { match in
      let start = flat.distance(from: flat.startIndex, to: match.range.lowerBound)
      guard let open = code[start...].firstIndex(of: "{") else { return nil }
      var depth = 0
      for index in open..<code.count {
        if code[index] == "{" { depth += 1 }
        if code[index] == "}" { depth -= 1 }
        if depth == 0 { return String(text[open...index]) }
      }
      return nil
    }
  }
}
