import Foundation
import Testing

/// Every text that a person reads exists in English and in Chinese.
@Suite struct LanguageTests {
  /// Properties and functions that word something, by file: how many in each language.
  private func declarations(of language: String, in file: Repository.File) -> Int {
    let code = String(file.code.code)
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

  @Test func `no case says the same in both languages`() {
    for file in Repository.sources {
      let english = cases(of: "english", in: file)
      let chinese = cases(of: "chinese", in: file)
      for (name, text) in english {
        guard text.contains(where: \.isLetter), let other = chinese[name] else { continue }
        #expect(text != other, "\(file.path): \(name) says \"\(text)\" in both languages")
      }
      if english.isEmpty || chinese.isEmpty { continue }
      #expect(
        Set(english.keys) == Set(chinese.keys), "\(file.path): a case is worded in one language")
    }
  }

  @Test func `texts are worded in english and chinese, not chosen on the spot`() {
    for file in Repository.sources {
      for choice in choices(in: file.text) {
        Issue.record("\(file.path): \(choice): word it in `english` and in `chinese`")
      }
      for match in String(file.code.code).matches(of: /case \(.*\.(?:english|chinese)\):/) {
        Issue.record("\(file.path): \(match.0): word it in `english` and in `chinese`")
      }
    }
    #expect(choices(in: "x = isEnglish ? \"it is \\(name)\" : \"是 \\(name)\"").count == 1)
    #expect(choices(in: "x = isChinese\n  ? \"是\"\n  + \"的\" : \"it is\"").count == 1)
    #expect(choices(in: "x = torn ? \"；残缺\" : \"\"").isEmpty)
    #expect(choices(in: "x = isOne ? \"one\" : \"many\"").isEmpty)
  }

  @Test func `what --help says of a command or an option is in both languages`() {
    let texts = Repository.sources.flatMap { file in
      file.text.matches(of: /(?:help|abstract|discussion):\s*("""[\s\S]*?"""|"(?:[^"\\\n]|\\.)*")/)
        .map { (file.path, String($0.output.1)) }
    }
    #expect(texts.count > 40)
    for (path, text) in texts {
      #expect(text.contains(where: isChinese), "\(path): \(text)")
      #expect(text.contains { $0.isASCII && $0.isLetter }, "\(path): \(text)")
    }
  }

  /// Conditional expressions between a Chinese literal and one in another language.
  private func choices(in text: String) -> [String] {
    let literal = #""(?:[^"\\\n]|\\.)*""#
    let side = "(\(literal)(?:\\s*\\+\\s*\(literal))*)"
    guard let pattern = try? Regex("\\?\\s*\(side)\\s*:\\s*\(side)") else { return ["no pattern"] }
    return text.matches(of: pattern).compactMap { match in
      let sides = [1, 2].map {
        String(match.output[$0].substring ?? "").replacing(/\\\([^)]*\)/, with: "")
      }
      let worded = sides.filter { $0.contains(where: \.isLetter) }
      let isBoth =
        worded.count == 2 && worded.contains { $0.contains(where: isChinese) }
        && worded.contains { !$0.contains(where: isChinese) }
      return isBoth ? String(match.output[0].substring ?? "") : nil
    }
  }

  @Test func `labels in profiles and boards differ in their languages`() throws {
    let label = /\{en: ([^,}]*), zh: ([^,}]*)\}/
    var count = 0
    for file in Repository.files(in: "Sources", extensions: ["yaml"])
      + Repository.files(in: "boards", extensions: ["yaml"])
    {
      for match in file.text.matches(of: label) {
        count += 1
        #expect(match.1 != match.2, "\(file.path): \(match.0)")
        #expect(match.2.contains(where: isChinese), "\(file.path): \(match.0)")
        #expect(!match.1.contains(where: isChinese), "\(file.path): \(match.0)")
      }
    }
    #expect(count > 50)
  }

  @Test func `a case that says the same twice would be seen`() {
    let file = Repository.File(
      path: "Sources/Example/Example.swift",
      text: """
        var english: String {
          switch self {
          case .a(let x): "good \\(x)"
          case .b: "same"
          }
        }
        var chinese: String {
          switch self {
          case .a(let x): "好 \\(x)"
          case .b: "same"
          }
        }
        """)
    let english = cases(of: "english", in: file)
    #expect(english.count == 2)
    #expect(english["b"] == cases(of: "chinese", in: file)["b"])
    #expect(english["a"] != cases(of: "chinese", in: file)["a"])
  }

  /// The literals of each case of the switches that word something in `language`, interpolations and
  /// what is not prose left out. Cases that share an arm are one.
  private func cases(of language: String, in file: Repository.File) -> [String: String] {
    var found: [String: String] = [:]
    for body in bodies(of: language, in: file) {
      for arm in body.split(separator: /\n *case\s/).dropFirst() {
        let name = String(arm.drop { $0 == "." }.prefix { $0.isLetter || $0.isNumber })
        let text = arm.matches(of: /"((?:[^"\\\n]|\\.)*)"/).map { String($0.output.1) }
          .joined().replacing(/\\(?:\([^)]*\)|.)/, with: "")
        found[name, default: ""] += text
      }
    }
    return found
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
    let code = file.code.code
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
