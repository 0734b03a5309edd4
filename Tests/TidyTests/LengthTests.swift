import Testing

@Suite struct LengthTests {
  /// Functions that are longer than the limit, with their length. This list may only shrink.
  private let longer: [String: Int] = [:]

  private let fileLimit = 700
  private let functionLimit = 70

  @Test func `no file has more than 700 lines`() {
    for file in Repository.sources + Repository.tests {
      let count = file.lines.count - 1
      #expect(count <= fileLimit, "\(file.path) has \(count) lines")
    }
  }

  @Test func `no function has more than 70 lines`() {
    for file in Repository.sources + Repository.tests {
      for body in SwiftSource(file.text).bodies() {
        let limit = longer["\(file.path) \(body.name)"] ?? functionLimit
        #expect(
          body.lineCount <= limit,
          "\(file.path):\(body.firstLine) \(body.name) has \(body.lineCount) lines")
      }
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
