import HAL
import Metering

/// Where a tile or an entry bundle is found (C2SP tlog-tiles).
///
///     tile/<level>/<index>[.p/<width>]      tile/entries/<index>[.p/<width>]
///
/// `<index>` is written in groups of three digits, all but the last with an `x` before them:
/// 1,234,067 → `x001/x234/067`, 5 → `005`. `<width>` is 1 to 255 and stands only with partial tiles.
/// Valid if and only if writing what was read gives the same text.
public struct TilePath: Equatable, Sendable, BitwiseCopyable {
  /// What lies there.
  public enum Content: Equatable, Sendable, BitwiseCopyable {
    /// Hashes of subtrees of 256^level leaves; level 0 to 63.
    case hashes(level: UInt8)
    /// The entries themselves.
    case entries
  }

  /// What lies there.
  public var content: Content
  /// Which tile, from 0.
  public var index: UInt64
  /// Hashes or entries in it, 1 to 256; 256 is a full tile.
  public var width: Int

  /// Takes the fields.
  public init(_ content: Content, index: UInt64, width: Int = 256) {
    self.content = content
    self.index = index
    self.width = width
  }

  /// Hashes of `level` (0 for entries, whose tiles have the same widths) that the last tile of a tree
  /// of `size` leaves has: 0 if all its tiles are full.
  public static func partialWidth(size: UInt64, level: Int) -> Int {
    narrow((size &>> wideShift(level &* 8)) & 255)
  }

  /// How many full tiles a level of a tree of `size` leaves has.
  public static func fullTileCount(size: UInt64, level: Int) -> UInt64 {
    size &>> wideShift(level &* 8 &+ 8)
  }

  /// Writes the path.
  public func write(to writer: inout ByteWriter) {
    writer.append("tile/")
    switch content {
    case .hashes(let level): UnsignedText.write(wide(level), to: &writer)
    case .entries: writer.append("entries")
    }
    writer.append("/")
    TilePath.writeIndex(index, to: &writer)
    if width < 256 {
      writer.append(".p/")
      UnsignedText.write(wide(count: width), to: &writer)
    }
  }

  /// Reads a path; `nil` for anything else.
  public static func parse(_ text: Span<UInt8>) -> TilePath? {
    var rest = Scanner(text)
    guard rest.skip("tile/") else { return nil }
    let content: Content
    if rest.skip("entries/") {
      content = .entries
    } else {
      guard let level = rest.number(limit: 63), rest.skip("/") else { return nil }
      content = .hashes(level: low8(level))
    }
    guard let index = rest.tileIndex() else { return nil }
    if rest.isAtEnd { return TilePath(content, index: index) }
    guard rest.skip(".p/"), let width = rest.number(limit: 255), width > 0, rest.isAtEnd else {
      return nil
    }
    return TilePath(content, index: index, width: narrow(width))
  }

  private static func writeIndex(_ index: UInt64, to writer: inout ByteWriter) {
    var divisor: UInt64 = 1
    while index / divisor >= 1_000 { divisor &*= 1_000 }
    while divisor > 0 {
      let group = index / divisor % 1_000
      if divisor > 1 { writer.append("x") }
      writer.append(0x30 &+ low8(group / 100))
      writer.append(0x30 &+ low8(group / 10 % 10))
      writer.append(0x30 &+ low8(group % 10))
      if divisor > 1 { writer.append("/") }
      divisor /= 1_000
    }
  }

  /// Walks over the text of a path.
  private struct Scanner: ~Escapable {
    let text: Span<UInt8>
    var position = 0

    @_lifetime(copy text)
    init(_ text: Span<UInt8>) { self.text = text }

    var isAtEnd: Bool { position == text.count }

    @_lifetime(self: copy self)
    mutating func skip(_ literal: StaticString) -> Bool {
      let count = literal.utf8CodeUnitCount
      guard text.count &- position >= count else { return false }
      for i in 0..<count where text[position &+ i] != literal.utf8Start[i] { return false }
      position &+= count
      return true
    }

    @_lifetime(self: copy self)
    mutating func number(limit: UInt64) -> UInt64? {
      var end = position
      while end < text.count, text[end] >= 0x30, text[end] <= 0x39 { end &+= 1 }
      guard let value = UnsignedText.read(text.extracting(position..<end)), value <= limit else {
        return nil
      }
      position = end
      return value
    }

    mutating func tileIndex() -> UInt64? {
      var index: UInt64 = 0
      var groups = 0
      while true {
        let more = skip("x")
        guard let group = threeDigits(), groups < 6 else { return nil }
        // A leading group of zeros would be a second way to write the same index.
        if groups == 0, more, group == 0 { return nil }
        index = index &* 1_000 &+ group
        groups &+= 1
        guard more else { return index }
        guard skip("/") else { return nil }
      }
    }

    private mutating func threeDigits() -> UInt64? {
      guard text.count &- position >= 3 else { return nil }
      var value: UInt64 = 0
      for i in 0..<3 {
        let digit = text[position &+ i]
        guard digit >= 0x30, digit <= 0x39 else { return nil }
        value = value &* 10 &+ wide(digit &- 0x30)
      }
      position &+= 3
      return value
    }
  }
}
