import HAL
import Metering

/// The name of a key, which for a log is its origin: 1 to 255 bytes of UTF-8 in fixed memory.
///
/// Valid if and only if there is no white space, no `+` and no control character in it (C2SP
/// signed-note; 255 because ML-DSA messages count an origin in one byte).
public struct KeyName: Equatable, Sendable, BitwiseCopyable {
  /// The most bytes.
  public static var byteLimit: Int { 255 }

  private var storage = InlineArray<255, UInt8>(repeating: 0)
  private var length: UInt8 = 0

  /// Takes a name; `nil` unless it is valid.
  public init?(_ text: Span<UInt8>) {
    guard KeyName.isValid(text) else { return nil }
    for i in 0..<text.count { storage[i] = text[i] }
    length = UInt8(truncatingIfNeeded: text.count)
  }

  /// The text is a valid name.
  public static func isValid(_ text: Span<UInt8>) -> Bool {
    guard text.count > 0, text.count <= KeyName.byteLimit else { return false }
    var position = 0
    while position < text.count {
      guard let (scalar, count) = UTF8Text.scalar(text, at: position) else { return false }
      guard scalar >= 0x20, scalar != 0x7F, scalar != 0x2B, !UTF8Text.isSpace(scalar) else {
        return false
      }
      position &+= count
    }
    return true
  }

  /// How many bytes it has.
  public var count: Int { Int(truncatingIfNeeded: length) }

  /// The bytes in place.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(first: Int(truncatingIfNeeded: length)) }
  }

  /// SHA-256 of the name: the path under which a mirror serves a log, in lowercase hexadecimal.
  public var hash: Digest { SHA256.hash(span) }

  /// The text is this name.
  public func matches(_ text: Span<UInt8>) -> Bool {
    guard text.count == count else { return false }
    let own = storage.span
    for i in 0..<text.count where own[i] != text[i] { return false }
    return true
  }

  /// All bytes are equal.
  public static func == (left: KeyName, right: KeyName) -> Bool { left.matches(right.span) }
}

#if !hasFeature(Embedded)
  extension KeyName: Hashable, CustomStringConvertible {
    /// Takes a name; `nil` unless it is valid.
    public init?(_ text: String) {
      self.init(Array(text.utf8).span)
    }

    /// Hashes all bytes.
    public func hash(into hasher: inout Hasher) {
      let bytes = span
      for i in 0..<bytes.count { hasher.combine(bytes[i]) }
    }

    /// The name as a string.
    public var description: String {
      String(unsafeUninitializedCapacity: count) { buffer in
        var writer = ByteWriter(buffer)
        writer.append(span)
        return writer.count
      }
    }
  }
#endif
