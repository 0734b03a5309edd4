import Metering

/// Why bytes were refused as deterministic CBOR or as an entry.
public enum CBORError: UInt8, Error, Sendable {
  /// The bytes end inside an item.
  case truncated = 1
  /// A number, length or simple value is not in its shortest form.
  case notShortest = 2
  /// An item is of another type than is due here.
  case unexpectedType = 3
  /// A length is indefinite, or a reserved code stands where there is none.
  case reserved = 4
  /// A text is not UTF-8.
  case notUTF8 = 5
  /// Keys of a map are not in ascending order, or one stands twice.
  case unsortedKeys = 6
  /// Items are nested more than 16 deep.
  case tooDeep = 7
  /// Bytes follow the item.
  case trailingBytes = 8
  /// A number or a length is outside of what its place allows.
  case outOfRange = 9
  /// An array has fewer elements than its type needs.
  case tooFewElements = 10
}

/// Reads deterministic CBOR (RFC 8949 §4.2.1) and refuses everything else.
///
/// It never traps on any bytes, and gives strings as ranges of them. After an error its position is
/// undefined; the caller gives up on the bytes.
public struct CBORReader: ~Escapable {
  /// How deep arrays and maps may be nested.
  public static var depthLimit: Int { 16 }

  /// What is read.
  public let bytes: Span<UInt8>
  /// Where the next item starts.
  public private(set) var position: Int

  /// Starts at `position` of `bytes`.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>, at position: Int = 0) {
    self.bytes = bytes
    self.position = position < 0 || position > bytes.count ? bytes.count : position
  }

  /// Every byte was read.
  public var isAtEnd: Bool { position == bytes.count }

  /// Ensures that nothing follows.
  public func finish() throws(CBORError) {
    guard isAtEnd else { throw .trailingBytes }
  }

  /// The major type of the next item, 0 to 7; `nil` at the end.
  public var nextMajorType: UInt8? { isAtEnd ? nil : bytes[position] &>> 5 }

  /// The next item is `null`.
  public var nextIsNull: Bool { !isAtEnd && bytes[position] == 0xF6 }

  /// Reads an unsigned integer.
  public mutating func unsigned() throws(CBORError) -> UInt64 { try head(0) }

  /// Reads an unsigned integer, or `null` as `nil`.
  public mutating func unsignedOrNull() throws(CBORError) -> UInt64? {
    if skipNull() { return nil }
    return try unsigned()
  }

  /// Reads an integer that fits 64 bits with sign.
  public mutating func signed() throws(CBORError) -> Int64 {
    let negative = nextMajorType == 1
    let value = try head(negative ? 1 : 0)
    guard value <= 0x7FFF_FFFF_FFFF_FFFF else { throw .outOfRange }
    return Int64(bitPattern: negative ? ~value : value)
  }

  /// Reads a byte string.
  public mutating func byteString() throws(CBORError) -> Range<Int> { try string(2) }

  /// Reads a byte string, or `null` as `nil`.
  public mutating func byteStringOrNull() throws(CBORError) -> Range<Int>? {
    if skipNull() { return nil }
    return try string(2)
  }

  /// Reads a byte string of exactly 32 bytes.
  public mutating func digest() throws(CBORError) -> Digest {
    let range = try string(2)
    guard let digest = Digest(bytes.extracting(range)) else { throw .outOfRange }
    return digest
  }

  /// Reads a text string, which is UTF-8.
  public mutating func text() throws(CBORError) -> Range<Int> {
    let range = try string(3)
    guard UTF8Text.isValid(bytes.extracting(range)) else { throw .notUTF8 }
    return range
  }

  /// Reads a text string, or `null` as `nil`.
  public mutating func textOrNull() throws(CBORError) -> Range<Int>? {
    if skipNull() { return nil }
    return try text()
  }

  /// Reads the head of an array: how many items follow. There may be fewer bytes than items.
  public mutating func array() throws(CBORError) -> Int { try itemCount(4, bytesEach: 1) }

  /// Reads the head of a map: how many pairs follow.
  public mutating func map() throws(CBORError) -> Int { try itemCount(5, bytesEach: 2) }

  /// Reads `true` or `false`.
  public mutating func bool() throws(CBORError) -> Bool {
    guard !isAtEnd else { throw .truncated }
    guard bytes[position] == 0xF4 || bytes[position] == 0xF5 else { throw .unexpectedType }
    position &+= 1
    return bytes[position &- 1] == 0xF5
  }

  /// Passes over `null`; `false`, with nothing read, if the next item is something else.
  public mutating func skipNull() -> Bool {
    guard nextIsNull else { return false }
    position &+= 1
    return true
  }

  /// Passes over one item of any type, checks that it is well formed and deterministic, and gives the
  /// bytes that it takes.
  public mutating func skip() throws(CBORError) -> Range<Int> {
    let start = position
    // One frame for each open array or map; a loop, because recursion on bytes from outside is a
    // stack overflow that the sender chooses.
    var frames = InlineArray<16, Frame>(repeating: Frame())
    var depth = 0
    repeat {
      let itemStart = position
      var opened = Frame()
      try skipHead(&opened)
      if opened.itemsLeft > 0 {
        guard depth < CBORReader.depthLimit else { throw .tooDeep }
        opened.itemStart = itemStart
        frames[depth] = opened
        depth &+= 1
        continue
      }
      // The item is whole, and with it every container whose last item it was.
      var wholeStart = itemStart
      while depth > 0 {
        try noteItem(wholeStart..<position, in: &frames[depth &- 1])
        guard frames[depth &- 1].itemsLeft == 0 else { break }
        wholeStart = frames[depth &- 1].itemStart
        depth &-= 1
      }
    } while depth > 0
    return start..<position
  }

  // MARK: heads

  private struct Frame: BitwiseCopyable {
    /// Items that are still due; a map has two for each pair.
    var itemsLeft = 0
    var isMap = false
    var itemStart = 0
    /// The key before, to compare the next one with.
    var keyStart = 0
    var keyEnd = 0
  }

  private func noteItem(_ item: Range<Int>, in frame: inout Frame) throws(CBORError) {
    if frame.isMap, frame.itemsLeft & 1 == 0 {
      if frame.keyEnd > frame.keyStart {
        guard isAscending(frame.keyStart..<frame.keyEnd, item) else { throw .unsortedKeys }
      }
      frame.keyStart = item.lowerBound
      frame.keyEnd = item.upperBound
    }
    frame.itemsLeft &-= 1
  }

  /// Bytewise order of the encoded keys, strictly ascending (RFC 8949 §4.2.1).
  private func isAscending(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
    var i = 0
    while i < left.count, i < right.count {
      let a = bytes[left.lowerBound &+ i]
      let b = bytes[right.lowerBound &+ i]
      if a != b { return a < b }
      i &+= 1
    }
    return left.count < right.count
  }

  @_lifetime(self: copy self)
  private mutating func skipHead(_ opened: inout Frame) throws(CBORError) {
    guard let major = nextMajorType else { throw .truncated }
    switch major {
    case 0, 1: _ = try head(major)
    case 2: _ = try byteString()
    case 3: _ = try text()
    case 4: opened.itemsLeft = try array()
    case 5:
      opened.itemsLeft = try map() &* 2
      opened.isMap = true
    case 6:
      _ = try head(6)
      opened.itemsLeft = 1
    default: try skipSimple()
    }
  }

  /// Major type 7: false, true, null, undefined, other simple values from 32, and floats.
  private mutating func skipSimple() throws(CBORError) {
    let code = bytes[position] & 31
    let extra: Int
    switch code {
    case 20...23: extra = 0
    case 24: extra = 1
    case 25: extra = 2
    case 26: extra = 4
    case 27: extra = 8
    default: throw .reserved
    }
    guard bytes.count &- position > extra else { throw .truncated }
    if code == 24, bytes[position &+ 1] < 32 { throw .notShortest }
    position &+= 1 &+ extra
  }

  /// Reads a head of major type `major` and gives its number.
  @_lifetime(self: copy self)
  private mutating func head(_ major: UInt8) throws(CBORError) -> UInt64 {
    guard !isAtEnd else { throw .truncated }
    let first = bytes[position]
    guard first &>> 5 == major else { throw .unexpectedType }
    let code = first & 31
    if code < 24 {
      position &+= 1
      return wide(code)
    }
    let byteCount: Int
    let least: UInt64
    switch code {
    case 24: (byteCount, least) = (1, 24)
    case 25: (byteCount, least) = (2, 0x100)
    case 26: (byteCount, least) = (4, 0x1_0000)
    case 27: (byteCount, least) = (8, 0x1_0000_0000)
    default: throw .reserved
    }
    guard bytes.count &- position > byteCount else { throw .truncated }
    var value: UInt64 = 0
    for i in 1...byteCount { value = value &<< (8 as UInt64) | wide(bytes[position &+ i]) }
    guard value >= least else { throw .notShortest }
    position &+= 1 &+ byteCount
    return value
  }

  @_lifetime(self: copy self)
  private mutating func string(_ major: UInt8) throws(CBORError) -> Range<Int> {
    let count = try head(major)
    guard count <= wide(count: bytes.count &- position) else { throw .truncated }
    let start = position
    position &+= narrow(count)
    return start..<position
  }

  /// A count that the bytes left can hold: each item takes one byte at least.
  @_lifetime(self: copy self)
  private mutating func itemCount(_ major: UInt8, bytesEach: Int) throws(CBORError) -> Int {
    let count = try head(major)
    guard count <= wide(count: (bytes.count &- position) / bytesEach) else { throw .truncated }
    return narrow(count)
  }
}
