import CYAML

/// Reads one YAML document into a tree, strictly.
///
/// A file is accepted if and only if it is UTF-8 of at most `byteCountMax` bytes without tabs, holds
/// exactly one document that libyaml accepts, nests at most `depthMax` deep, has at most `nodeCountMax`
/// nodes, and uses neither anchors, aliases nor types; the keys of each mapping are scalars and differ.
/// What breaks a rule becomes a finding and reading goes on where it can, so that one run shows all.
public struct YAMLReader {
  /// The largest file, in bytes: a site of 250 devices with 20 lines of 40 characters each, and a margin.
  public static let byteCountMax = 256 * 1024
  /// The deepest nesting: a site has 7 levels, and the tree is taken down by recursion.
  public static let depthMax = 24
  /// The most nodes; bounds the memory that a hostile file can claim.
  public static let nodeCountMax = 64 * 1024

  private struct Frame {
    var place: YAMLPlace
    var isMapping: Bool
    var items: [YAMLNode] = []
    var entries: [YAMLEntry] = []
    var places: [String: Int] = [:]
    var key: (text: String, place: YAMLPlace, repeated: Bool)?
  }

  private let file: String
  private let text: [UInt8]
  private var findings: [Finding] = []
  private var frames: [Frame] = []
  private var root: YAMLNode?
  private var nodeCount = 0

  private init(_ text: [UInt8], file: String) {
    self.text = text
    self.file = file
  }

  /// U+FEFF at the beginning of a file says that it is UTF-8 (Unicode 16.0, 23.8); some editors write it.
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// Reads `bytes`; `file` is the name that findings carry.
  ///
  /// - Returns: the tree, or `nil` when there is none to speak of, and everything that was wrong.
  public static func read(
    _ bytes: [UInt8], file: String
  ) -> (root: YAMLNode?, findings: [Finding]) {
    let isMarked = bytes.starts(with: byteOrderMark)
    let text = isMarked ? Array(bytes.dropFirst(byteOrderMark.count)) : bytes
    var reader = YAMLReader(text, file: file)
    if bytes.count > byteCountMax {
      reader.note(.tooLarge(limit: byteCountMax), at: .start)
      return (nil, reader.findings)
    }
    reader.findTabs(in: text)
    // Blanks in their places, so that reading goes on behind them.
    reader.parse(text.map { $0 == 0x09 ? 0x20 : $0 })
    if reader.root == nil, reader.findings.isEmpty { reader.note(.empty, at: .start) }
    return (reader.root, reader.findings)
  }

  private mutating func note(_ fault: YAMLFault, at place: YAMLPlace) {
    findings.append(Finding(file: file, place: place, kind: .yaml(fault)))
  }

  /// libyaml forbids tabs only in indentation; they look like blanks everywhere else too.
  private mutating func findTabs(in bytes: [UInt8]) {
    var place = YAMLPlace.start
    var lineHasTab = false
    for byte in bytes {
      if byte == 0x0A {
        place = YAMLPlace(line: place.line + 1, column: 1)
        lineHasTab = false
        continue
      }
      if byte == 0x09, !lineHasTab {
        note(.tab, at: place)
        lineHasTab = true
        // A file full of tabs is one mistake: ten lines show it.
        if findings.count == 10 { return }
      }
      // Continuation bytes of UTF-8 do not begin a character.
      if byte & 0xC0 != 0x80 { place.column += 1 }
    }
  }

  private mutating func parse(_ bytes: [UInt8]) {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) == 1 else {
      note(.syntax("out of memory"), at: .start)
      return
    }
    defer { yaml_parser_delete(parser) }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    bytes.withUnsafeBufferPointer { buffer in
      // An empty array has no address, and libyaml asserts that there is one.
      var nothing: UInt8 = 0
      withUnsafePointer(to: &nothing) { empty in
        yaml_parser_set_input_string(parser, buffer.baseAddress ?? empty, buffer.count)
        readEvents(parser)
      }
    }
  }

  private mutating func readEvents(_ parser: UnsafeMutablePointer<yaml_parser_t>) {
    var event = yaml_event_t()
    while true {
      guard yaml_parser_parse(parser, &event) == 1 else {
        noteSyntax(parser)
        return
      }
      let goesOn = take(event)
      yaml_event_delete(&event)
      if !goesOn { return }
    }
  }

  private mutating func noteSyntax(_ parser: UnsafeMutablePointer<yaml_parser_t>) {
    // Half a tree would give findings about what stands in the other half.
    root = nil
    if parser.pointee.error == YAML_READER_ERROR {
      let offset = min(Int(parser.pointee.problem_offset), text.count)
      note(.notText(byteOffset: offset), at: place(ofByte: offset))
      return
    }
    let mark = parser.pointee.problem_mark
    let place = YAMLPlace(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    // A tab was told already, and what follows from its width is the same mistake.
    if findings.contains(where: { $0.kind == .yaml(.tab) && $0.place <= place }) { return }
    if let wide = FullWidth.first(in: text, nearLine: place.line) {
      note(.fullWidth(wide.found, plain: wide.plain), at: wide.place)
      return
    }
    var problem = parser.pointee.problem.map { String(cString: $0) } ?? "unreadable"
    if let context = parser.pointee.context { problem += " " + String(cString: context) }
    note(.syntax(problem), at: place)
  }

  private func place(ofByte offset: Int) -> YAMLPlace {
    let before = text[..<offset]
    let line = before.lastIndex(of: 0x0A).map { before[($0 + 1)...] } ?? before
    // Continuation bytes of UTF-8 do not begin a character.
    return YAMLPlace(
      line: before.count { $0 == 0x0A } + 1, column: line.count { $0 & 0xC0 != 0x80 } + 1)
  }

  /// Takes one event; `false` ends the reading.
  private mutating func take(_ event: yaml_event_t) -> Bool {
    let place = YAMLPlace(
      line: Int(event.start_mark.line) + 1, column: Int(event.start_mark.column) + 1)
    switch event.type {
    case YAML_STREAM_END_EVENT:
      return false
    case YAML_DOCUMENT_START_EVENT:
      if root != nil {
        note(.secondDocument, at: place)
        return false
      }
      return true
    case YAML_ALIAS_EVENT:
      note(.alias, at: place)
      add(YAMLNode(.scalar("", quoted: false), at: place))
      return true
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      refuse(anchor: scalar.anchor, type: scalar.tag, at: place)
      let text = String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: Int(scalar.length)),
        as: UTF8.self)
      add(YAMLNode(.scalar(text, quoted: scalar.style != YAML_PLAIN_SCALAR_STYLE), at: place))
      return nodeCount <= Self.nodeCountMax
    case YAML_SEQUENCE_START_EVENT:
      refuse(
        anchor: event.data.sequence_start.anchor, type: event.data.sequence_start.tag, at: place)
      return open(Frame(place: place, isMapping: false))
    case YAML_MAPPING_START_EVENT:
      refuse(anchor: event.data.mapping_start.anchor, type: event.data.mapping_start.tag, at: place)
      return open(Frame(place: place, isMapping: true))
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
      guard let frame = frames.popLast() else { return false }
      add(
        YAMLNode(
          frame.isMapping ? .mapping(frame.entries) : .sequence(frame.items), at: frame.place))
      return true
    default:
      return true
    }
  }

  private mutating func refuse(
    anchor: UnsafeMutablePointer<UInt8>?, type: UnsafeMutablePointer<UInt8>?, at place: YAMLPlace
  ) {
    if anchor != nil { note(.anchor, at: place) }
    if type != nil { note(.typeTag, at: place) }
  }

  private mutating func open(_ frame: Frame) -> Bool {
    guard frames.count < Self.depthMax else {
      note(.tooDeep(limit: Self.depthMax), at: frame.place)
      root = nil
      return false
    }
    frames.append(frame)
    return true
  }

  /// Puts a finished node where it belongs.
  private mutating func add(_ node: YAMLNode) {
    nodeCount += 1
    if nodeCount > Self.nodeCountMax {
      note(.tooManyNodes(limit: Self.nodeCountMax), at: node.place)
      root = nil
      return
    }
    guard var frame = frames.popLast() else {
      root = node
      return
    }
    if !frame.isMapping {
      frame.items.append(node)
    } else if let key = frame.key {
      if !key.repeated {
        frame.places[key.text] = key.place.line
        frame.entries.append(YAMLEntry(key: key.text, place: key.place, value: node))
      }
      frame.key = nil
    } else if case .scalar(let text, _) = node.content {
      let first = frame.places[text]
      if let first { note(.duplicateKey(text, firstLine: first), at: node.place) }
      frame.key = (text, node.place, first != nil)
    } else {
      note(.keyNotText, at: node.place)
      frame.key = ("", node.place, true)
    }
    frames.append(frame)
  }
}
