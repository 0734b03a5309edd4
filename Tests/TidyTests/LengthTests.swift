import Testing

@Suite struct LengthTests {
  /// Files that are longer than most, with their lines. The list may only shrink: split a file before it
  /// gets longer, and lower its number when it got shorter.
  private let longerFiles: [String: Int] = [
    "Tests/UplinkTests/MirrorClientTests.swift": 622
  ]
  /// Functions that are longer than most, likewise.
  private let longerFunctions: [String: Int] = [
    "Sources/Uplink/MirrorClient+Answers.swift func receive": 65,
    "Tests/CollectorTests/OpenAnswerTests.swift func `it makes no difference where the decoder stops, restarts and goes on`":
      51,
  ]

  private let fileBound = 400
  private let fileLimit = 700
  private let functionBound = 50
  private let functionLimit = 70
  /// A number in a list is lowered when it is this much too high.
  private let slack = 20

  @Test func `no file has more than 700 lines`() {
    for file in Repository.sources + Repository.tests {
      let count = file.lines.count - 1
      #expect(count <= fileLimit, "\(file.path) has \(count) lines")
    }
  }

  @Test func `no function has more than 70 lines`() {
    for (name, body) in functions {
      #expect(body.lineCount <= functionLimit, "\(name) has \(body.lineCount) lines")
    }
  }

  @Test func `long files do not get longer, nor more`() {
    var left = longerFiles
    for file in Repository.sources + Repository.tests {
      let count = file.lines.count - 1
      let known = left.removeValue(forKey: file.path)
      check(file.path, count, known: known, bound: fileBound)
    }
    for path in left.keys { Issue.record("\(path) is gone: take it out of the list") }
  }

  @Test func `long functions do not get longer, nor more`() {
    var left = longerFunctions
    var longest: [String: Int] = [:]
    for (name, body) in functions { longest[name] = max(longest[name] ?? 0, body.lineCount) }
    for (name, count) in longest {
      check(name, count, known: left.removeValue(forKey: name), bound: functionBound)
    }
    for name in left.keys { Issue.record("\(name) is gone: take it out of the list") }
  }

  private func check(_ name: String, _ count: Int, known: Int?, bound: Int) {
    #expect(count <= known ?? bound, "\(name) has \(count) lines, more than \(known ?? bound)")
    guard let known else { return }
    #expect(count > bound, "\(name) has \(count) lines: take it out of the list")
    #expect(count > known - slack, "\(name) has \(count) lines: lower its \(known)")
  }

  private var functions: [(name: String, body: SwiftSource.Body)] {
    (Repository.sources + Repository.tests).flatMap { file in
      file.code.bodies().map { ("\(file.path) \($0.name)", $0) }
    }
  }

  @Test func `lengths are counted past braces in strings and comments`() throws {
    let source = SwiftSource(
      """
      protocol P { func requirement() -> Int
        init(x: Int) }
      struct S {
        init(_ a: Int) throws(E) { // }
          let t = "}\\("}" + f(")"))"
          let r = #"}"\\(}"#
        }
        func long(
          a: Int = { 3 }()
        ) -> [Int]
        where Int: Equatable {
          /* } /* } */ */
          if true { x.init() }
          return []
        }
      }
      """)
    let bodies = source.bodies()
    #expect(bodies.map(\.firstLine) == [4, 8])
    #expect(bodies.map(\.lineCount) == [4, 8])
    #expect(bodies.map(\.name) == ["init", "func long"])
  }
}
