/// A Swift file with its comments and literals blanked out, so that braces and words can be counted.
///
/// A scanner, not a parser: it knows line and nested block comments, string literals of all four forms
/// with interpolation, regular expression literals of both forms, and nothing else.
struct SwiftSource {
  /// The code; every character of a comment or literal is a space, line ends stay.
  private(set) var code: [Character] = []
  private let text: [Character]
  private var at = 0

  init(_ text: String) {
    self.text = Array(text)
    code.reserveCapacity(self.text.count)
    while at < self.text.count { scanCode() }
  }

  /// A declaration with a body, and on which lines it stands (counted from 1).
  struct Body {
    let name: String
    let firstLine: Int
    let lastLine: Int
    var lineCount: Int { lastLine - firstLine + 1 }
  }

  /// Functions, initialisers and subscripts that have a body, outer and inner ones.
  func bodies() -> [Body] {
    var found: [Body] = []
    var line = 1
    var index = 0
    var word = ""
    while index < code.count {
      let character = code[index]
      if character == "\n" { line += 1 }
      if character.isLetter || character == "_" || character == "#" {
        word.append(character)
      } else {
        if ["func", "init", "subscript", "deinit"].contains(word),
          index < 5 || code[index - word.count - 1] != ".",
          let body = body(of: word, from: index, line: line)
        {
          found.append(body)
        }
        word = ""
      }
      index += 1
    }
    return found
  }

  /// The body of the declaration whose keyword ends before `start`; `nil` for a requirement or a call.
  private func body(of keyword: String, from start: Int, line: Int) -> Body? {
    var depth = 0
    var index = start
    var line = line
    let firstLine = line
    var seenParentheses = false
    var name = ""
    if code[start] == "\n" { return nil }
    while index < code.count {
      switch code[index] {
      case "(", "[":
        depth += 1
        seenParentheses = true
      case ")", "]": depth -= 1
      case "}" where depth == 0: return nil
      case "\n":
        line += 1
        // A requirement or a call ends where a line ends outside parentheses and what follows starts
        // neither a body nor a further clause.
        if depth == 0, seenParentheses, !continues(after: index) { return nil }
      case "{" where depth == 0:
        guard seenParentheses || keyword == "deinit" else { return nil }
        guard let last = closing(from: index, line: line) else { return nil }
        return Body(
          name: keyword + name.prefix { $0 != "(" && $0 != "<" }, firstLine: firstLine,
          lastLine: last)
      default: break
      }
      if !seenParentheses { name.append(code[index]) }
      if depth < 0 { return nil }
      index += 1
    }
    return nil
  }

  private func continues(after index: Int) -> Bool {
    let rest = code[(index + 1)...].prefix(200).drop { $0 == " " || $0 == "\n" }
    let word = String(rest.prefix { $0.isLetter || $0 == "{" || $0 == "-" })
    return word.hasPrefix("{") || word.hasPrefix("-")
      || ["throws", "where", "async", "rethrows"].contains(word)
  }

  private func closing(from start: Int, line: Int) -> Int? {
    var depth = 0
    var line = line
    for character in code[start...] {
      switch character {
      case "\n": line += 1
      case "{": depth += 1
      case "}":
        depth -= 1
        if depth == 0 { return line }
      default: break
      }
    }
    return nil
  }

  // MARK: scanning

  private func follows(_ pattern: String, at index: Int) -> Bool {
    var index = index
    for character in pattern {
      guard index < text.count, text[index] == character else { return false }
      index += 1
    }
    return true
  }

  private mutating func blank(_ count: Int = 1) {
    for _ in 0..<count where at < text.count {
      code.append(text[at] == "\n" ? "\n" : " ")
      at += 1
    }
  }

  private mutating func scanCode() {
    if follows("//", at: at) {
      while at < text.count, text[at] != "\n" { blank() }
    } else if follows("/*", at: at) {
      scanBlockComment()
    } else if text[at] == "\"" || (text[at] == "#" && hashes(before: "\"") != nil) {
      scanString()
    } else if let end = endOfExpression() {
      blank(end - at)
    } else {
      code.append(text[at])
      at += 1
    }
  }

  /// How many `#` stand here before the delimiter of a raw literal; `nil` when it is none.
  private func hashes(before delimiter: Character) -> Int? {
    var index = at
    while index < text.count, text[index] == "#" { index += 1 }
    return index < text.count && text[index] == delimiter ? index - at : nil
  }

  /// Where the regular expression literal that begins here ends; `nil` when none does.
  private func endOfExpression() -> Int? {
    guard let hashes = hashes(before: "/") else { return nil }
    let end = "/" + String(repeating: "#", count: hashes)
    var index = at + hashes + 1
    if hashes == 0 {
      // A division has an operand before it, a literal has none, and begins with no blank.
      let before = code.last { $0 != " " && $0 != "\n" } ?? "("
      guard "(,=:[{!&|?;".contains(before), index < text.count, text[index] != " " else {
        return nil
      }
    }
    while index < text.count, hashes > 0 || text[index] != "\n" {
      if follows(end, at: index) { return index + end.count }
      index += text[index] == "\\" ? 2 : 1
    }
    return nil
  }

  private mutating func scanBlockComment() {
    var depth = 0
    repeat {
      if follows("/*", at: at) {
        depth += 1
        blank(2)
      } else if follows("*/", at: at) {
        depth -= 1
        blank(2)
      } else {
        blank()
      }
    } while depth > 0 && at < text.count
  }

  private mutating func scanString() {
    var hashes = ""
    while text[at] == "#" {
      hashes.append("#")
      blank()
    }
    let quotes = follows("\"\"\"", at: at) ? "\"\"\"" : "\""
    blank(quotes.count)
    while at < text.count, !follows(quotes + hashes, at: at) {
      if follows("\\" + hashes + "(", at: at) {
        blank(hashes.count + 2)
        scanInterpolation()
      } else {
        blank(text[at] == "\\" && hashes.isEmpty ? 2 : 1)
      }
    }
    blank(quotes.count + hashes.count)
  }

  private mutating func scanInterpolation() {
    var depth = 1
    while at < text.count, depth > 0 {
      if text[at] == "(" { depth += 1 }
      if text[at] == ")" { depth -= 1 }
      if text[at] == "\"" || (text[at] == "#" && hashes(before: "\"") != nil) {
        scanString()
      } else {
        blank()
      }
    }
  }
}
