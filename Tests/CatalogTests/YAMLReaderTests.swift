import Testing

@testable import Catalog

@Suite struct YAMLReaderTests {
  private func faults(_ text: String) -> [YAMLFault] {
    YAMLReader.read(Array(text.utf8), file: "f").findings.compactMap {
      if case .yaml(let fault) = $0.kind { fault } else { nil }
    }
  }

  @Test func `keys, lists and scalars stand where the file has them`() throws {
    let text = "a: 1\nb:\n  - x\n  - 'y: z'\nc: {d: ~}\n"
    let (root, findings) = YAMLReader.read(Array(text.utf8), file: "f")
    #expect(findings.isEmpty)
    let tree = try #require(root)
    #expect(tree["a"]?.text == "1")
    #expect(tree["a"]?.place == YAMLPlace(line: 1, column: 4))
    guard case .sequence(let items) = try #require(tree["b"]).content else {
      Issue.record("b is no list")
      return
    }
    #expect(items.map(\.text) == ["x", "y: z"])
    #expect(items[1].place == YAMLPlace(line: 4, column: 5))
    #expect(tree["c"]?["d"]?.isEmpty == true)
    #expect(tree["e"] == nil)
  }

  @Test func `a quoted null is text and a plain one is nothing`() {
    let (root, _) = YAMLReader.read(Array("a: 'null'\nb: null\nc: ''\n".utf8), file: "f")
    #expect(root?["a"]?.text == "null")
    #expect(root?["b"]?.text == nil)
    #expect(root?["c"]?.text == "")
  }

  @Test func `a key that stands twice is told with the line of the first`() {
    #expect(faults("a: 1\nb: 2\na: 3\n") == [.duplicateKey("a", firstLine: 1)])
  }

  @Test func `anchors, aliases and types are refused`() {
    #expect(faults("a: &x 1\nb: *x\nc: !t 2\n") == [.anchor, .alias, .typeTag])
  }

  @Test func `the billion laughs are refused at the first line`() {
    let text = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
    #expect(faults(text).first == .anchor)
    #expect(faults(text).count == 7)
  }

  @Test func `a tab is told with its line, wherever it stands`() {
    #expect(faults("a:\n\t- b\n") == [.tab])
    #expect(faults("a: b\t# c\n") == [.tab])
  }

  @Test func `a second document is refused`() {
    #expect(faults("a: 1\n---\nb: 2\n") == [.secondDocument])
  }

  @Test func `an empty file and one of comments are refused`() {
    #expect(faults("") == [.empty])
    #expect(faults("# nothing\n") == [.empty])
  }

  @Test func `nesting ends at the limit and so does size`() {
    let deep = String(repeating: "[", count: 5000)
    #expect(faults(deep) == [.tooDeep(limit: YAMLReader.depthMax)])
    let large = String(repeating: "# filling\n", count: 30_000)
    #expect(faults(large) == [.tooLarge(limit: YAMLReader.byteCountMax)])
    // No more is read than shows that it is too large, so its size is not known.
    let tooLarge = YAMLFault.tooLarge(limit: YAMLReader.byteCountMax)
    #expect(tooLarge.wording(.english).found == "the file has more than 262144 bytes")
    #expect(tooLarge.wording(.chinese).found == "文件超过 262144 字节")
    let many = "[" + String(repeating: "a,", count: 70_000) + "]"
    #expect(faults(many) == [.tooManyNodes(limit: YAMLReader.nodeCountMax)])
  }

  @Test func `bytes that are no text are refused`() {
    let (root, findings) = YAMLReader.read([0x61, 0x3A, 0x20, 0xFF, 0xFE], file: "f")
    #expect(root == nil)
    #expect(findings.map(\.kind) == [.yaml(.notText(byteOffset: 3))])
    #expect(!YAMLReader.read([0x61, 0x3A, 0x20, 0x00], file: "f").findings.isEmpty)
  }

  @Test func `bytes that are no text are told with their line and column`() {
    // "电" in UTF-8 is one column. C4 E3 is GBK: C4 may begin a character, E3 does not go on with it.
    let (_, findings) = YAMLReader.read(
      Array("a: 1\nb: 电\nc: 电 ".utf8) + [0xC4, 0xE3, 0x0A], file: "f")
    #expect(findings.map(\.place) == [YAMLPlace(line: 3, column: 7)])
  }

  @Test func `a byte order mark is no part of the text`() {
    let (root, findings) = YAMLReader.read(Array("\u{FEFF}a: 1\nb: 2\n".utf8), file: "f")
    #expect(findings.isEmpty)
    #expect(root?["a"]?.place == YAMLPlace(line: 1, column: 4))
    #expect(faults("\u{FEFF}") == [.empty])
  }

  @Test func `punctuation of full width is told where it stands`() {
    func found(_ text: String) -> [Finding] {
      YAMLReader.read(Array(text.utf8), file: "f").findings
    }
    func expect(_ text: String, _ wide: Character, _ plain: Character, _ line: Int, _ column: Int) {
      let findings = found(text)
      #expect(findings.map(\.kind) == [.yaml(.fullWidth(wide, plain: plain))], "\(text)")
      #expect(findings.map(\.place) == [YAMLPlace(line: line, column: column)], "\(text)")
    }
    expect("a: 1\nword： x\nb: 2\n", "：", ":", 2, 5)
    expect("mirror：\n  url: x\n", "：", ":", 1, 7)
    expect("a: {en: b， zh: c}\n", "，", ",", 1, 10)
    expect("a: ｛en: b, zh: c｝\n", "｛", "{", 1, 4)
    expect("a: {en: “b: c”, zh: c}\n", "“", "\"", 1, 9)
    // In quotes, in a comment and in plain text it is what somebody wants to say.
    #expect(faults("a: '一：二'\nb: 三，四 # 五：六\n").isEmpty)
    #expect(found("a: '一：二'\nb: [\n").map(\.kind).allSatisfy { $0 != .yaml(.empty) })
    let quoted = faults("a: {b: '，', c: d: e} # ：\n")
    guard case .syntax = quoted.first else {
      Issue.record("\(quoted)")
      return
    }
  }

  @Test func `a tab is the only mistake of a line that it moves`() {
    #expect(faults("a:\n  b: 1\n\tc: 2\n") == [.tab])
  }

  @Test func `a list as key is refused`() {
    #expect(faults("? [a, b]\n: c\n") == [.keyNotText])
  }

  @Test func `columns count characters, not bytes`() {
    let (root, _) = YAMLReader.read(Array("{名称: 发电机, b: c}\n".utf8), file: "f")
    #expect(root?["b"]?.place == YAMLPlace(line: 1, column: 14))
  }

  /// What people leave out or put in too much; libyaml's words for it are in `YAMLProblem`.
  @Test(arguments: [
    "a: 1\nb\n", "a: [1\nb: 2\n", "a: {b: 1\nc: 2\n", "a: 1\n  b: 2\n", "a: 'x\n", "a: @x\n",
    "- a\nb: 1\n", "a: \"\\q\"\n", "a: 1\n- b\n", "a: \"\\xg\"\n",
  ])
  func `what libyaml refuses is told in Chinese`(text: String) throws {
    let fault = try #require(faults(text).first)
    guard case .syntax = fault else {
      Issue.record("\(fault) is another fault")
      return
    }
    let found = fault.wording(.chinese).found.replacing("YAML", with: "")
    #expect(!found.contains { $0.isASCII && $0.isLetter }, "\(found)")
  }
}
