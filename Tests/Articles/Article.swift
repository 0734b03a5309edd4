import Foundation

/// An article of the documentation, so that tests can follow what it says.
public struct Article: Sendable {
  /// A block between fences.
  public struct Block: Equatable, Sendable {
    /// The word after the opening fence.
    public let language: String
    /// The path in backquotes that ends the line before the block; `nil` without one.
    public let path: String?
    /// What stands between the fences, each line with its end.
    public let text: String
  }

  /// The top of the work tree, found from where this file stands.
  public static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// The lines.
  public let lines: [String]

  /// Reads `Sources/Gateway/Gateway.docc/<name>.md`.
  public init(_ name: String) throws {
    let path = "\(Article.root)/Sources/Gateway/Gateway.docc/\(name).md"
    self.init(
      lines: try String(contentsOfFile: path, encoding: .utf8).split(
        separator: "\n", omittingEmptySubsequences: false
      ).map(String.init))
  }

  private init(lines: [String]) { self.lines = lines }

  /// What stands below a heading, up to the next one of its own or a higher level; empty if there is
  /// no such heading.
  public func section(_ heading: String) -> Article {
    func level(_ line: String) -> Int { line.prefix { $0 == "#" }.count }
    guard
      let start = lines.firstIndex(where: {
        level($0) > 0 && $0.drop { $0 == "#" }.dropFirst() == heading
      })
    else { return Article(lines: []) }
    let rest = lines[(start + 1)...]
    let end = rest.firstIndex { (1...level(lines[start])).contains(level($0)) } ?? lines.endIndex
    return Article(lines: Array(lines[(start + 1)..<end]))
  }

  /// The tables, each row as its cells; heads and rules are left out.
  public var tables: [[[String]]] {
    var found: [[[String]]] = []
    var rows: [[String]] = []
    for line in lines + [""] {
      if line.hasPrefix("|") {
        rows.append(
          line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) })
      } else if !rows.isEmpty {
        found.append(Array(rows.dropFirst(2)))
        rows = []
      }
    }
    return found
  }

  /// The fenced blocks.
  public var blocks: [Block] {
    var found: [Block] = []
    var text: String?
    var language = ""
    var path: String?
    var before = ""
    for line in lines {
      if line.hasPrefix("```") {
        if let whole = text {
          found.append(Block(language: language, path: path, text: whole))
          text = nil
          before = ""
        } else {
          language = String(line.dropFirst(3))
          path = Article.lastCode(in: before)
          text = ""
        }
      } else if text != nil {
        text? += line + "\n"
      } else if !line.isEmpty {
        before = line
      }
    }
    return found
  }

  /// The file in backquotes at the end of a line such as "Make `boards/a/b/board.yaml`:".
  private static func lastCode(in line: String) -> String? {
    guard line.hasSuffix("`:") else { return nil }
    return line.dropLast(2).split(separator: "`", omittingEmptySubsequences: false).last
      .map(String.init)
  }

  /// The bytes that a text gives in hexadecimal digits; everything else in it is passed over, so give
  /// it the content of backquotes or of a `hex` block.
  public static func bytes(_ text: some StringProtocol) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map {
      UInt8(digits[$0] * 16 + digits[$0 + 1])
    }
  }

  /// What stands between the first pair of backquotes in a cell; `nil` without one.
  public static func code(_ cell: String) -> String? {
    let parts = cell.split(separator: "`", omittingEmptySubsequences: false)
    return parts.count >= 3 ? String(parts[1]) : nil
  }
}
