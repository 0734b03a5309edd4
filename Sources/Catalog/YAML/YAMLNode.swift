/// A node of a configuration file, with the place where it stands.
///
/// The tree carries text only: whether `0101`, `no` or `12e3` is a number, a truth value or a name is
/// decided by whoever asks for it, so that no meaning depends on YAML's implicit types.
public struct YAMLNode: Sendable, Equatable {
  /// What the node holds.
  public enum Content: Sendable, Equatable {
    /// A single text; `quoted` when it was written in quotes or as a block.
    case scalar(String, quoted: Bool)
    /// A list.
    case sequence([YAMLNode])
    /// Keys with their values in the order of the file; no key occurs twice.
    case mapping([YAMLEntry])
  }

  /// What the node holds.
  public var content: Content
  /// Where the node begins.
  public var place: YAMLPlace

  /// A node at a place.
  public init(_ content: Content, at place: YAMLPlace) {
    self.content = content
    self.place = place
  }

  /// The text, when the node is a scalar that is not empty; `~` and `null` without quotes are empty.
  public var text: String? {
    guard case .scalar(let text, let quoted) = content else { return nil }
    if !quoted, text.isEmpty || text == "~" || text == "null" { return nil }
    return text
  }

  /// Nothing stands here: an empty value, `~` or `null`.
  public var isEmpty: Bool {
    guard case .scalar = content else { return false }
    return text == nil
  }

  /// The value of a key; `nil` when the node is no mapping or lacks the key.
  public subscript(key: String) -> YAMLNode? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.first { $0.key == key }?.value
  }

  /// What kind of node this is, for findings.
  public var shape: YAMLShape {
    switch content {
    case .scalar: isEmpty ? .nothing : .text
    case .sequence: .list
    case .mapping: .mapping
    }
  }
}

/// A key with its value.
public struct YAMLEntry: Sendable, Equatable {
  /// The key.
  public var key: String
  /// Where the key begins.
  public var place: YAMLPlace
  /// The value.
  public var value: YAMLNode
}

/// A line and a column, both counted from 1; the column counts characters.
public struct YAMLPlace: Sendable, Equatable, Comparable {
  /// The line, from 1.
  public var line: Int
  /// The column, from 1.
  public var column: Int

  /// A place.
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// So many characters further on the same line.
  func after(_ count: Int) -> YAMLPlace { YAMLPlace(line: line, column: column + count) }

  /// The first character of a file.
  public static var start: YAMLPlace { YAMLPlace(line: 1, column: 1) }

  /// In the order of reading.
  public static func < (left: YAMLPlace, right: YAMLPlace) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// Kinds of nodes.
public enum YAMLShape: Sendable, Equatable {
  /// An empty value.
  case nothing
  /// A scalar.
  case text
  /// A sequence.
  case list
  /// A mapping.
  case mapping
}
