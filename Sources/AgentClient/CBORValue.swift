import TransparencyLog

/// Any item of deterministic CBOR as a tree, for answers whose keys may grow over time.
public indirect enum CBORValue: Equatable, Sendable {
  case integer(Int64)
  case text(String)
  case bytes([UInt8])
  case array([CBORValue])
  case map([String: CBORValue])
  case bool(Bool)
  case null

  /// Reads bytes that are one item and nothing else.
  public init(decoding bytes: [UInt8]) throws(CBORError) {
    var reader = CBORReader(bytes.span)
    self = try CBORValue(from: &reader, depth: 0)
    try reader.finish()
  }

  private init(from reader: inout CBORReader, depth: Int) throws(CBORError) {
    guard depth < CBORReader.depthLimit else { throw .tooDeep }
    switch reader.nextMajorType {
    case 0, 1: self = .integer(try reader.signed())
    case 2: self = .bytes(CBORValue.bytes(of: reader.bytes, try reader.byteString()))
    case 3: self = .text(CBORValue.text(of: reader.bytes, try reader.text()))
    case 4:
      var items: [CBORValue] = []
      for _ in 0..<(try reader.array()) {
        items.append(try CBORValue(from: &reader, depth: depth + 1))
      }
      self = .array(items)
    case 5:
      var items: [String: CBORValue] = [:]
      for _ in 0..<(try reader.map()) {
        let key = CBORValue.text(of: reader.bytes, try reader.text())
        items[key] = try CBORValue(from: &reader, depth: depth + 1)
      }
      self = .map(items)
    case 7:
      if reader.skipNull() { self = .null } else { self = .bool(try reader.bool()) }
    case nil: throw .truncated
    default: throw .unexpectedType
    }
  }

  private static func bytes(of span: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    range.map { span[$0] }
  }

  private static func text(of span: Span<UInt8>, _ range: Range<Int>) -> String {
    String(decoding: bytes(of: span, range), as: UTF8.self)
  }

  /// The value under `key`; `nil` when this is no map, has no such key, or holds null there.
  public subscript(_ key: String) -> CBORValue? {
    guard case .map(let items) = self, let value = items[key], value != .null else { return nil }
    return value
  }

  /// The number, if it is one.
  public var number: Int? {
    if case .integer(let value) = self { Int(exactly: value) } else { nil }
  }
  /// The text, if it is one.
  public var string: String? { if case .text(let value) = self { value } else { nil } }
  /// The items, if it is an array; none otherwise.
  public var items: [CBORValue] { if case .array(let value) = self { value } else { [] } }
}
