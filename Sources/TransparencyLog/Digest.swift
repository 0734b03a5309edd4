import HAL

/// A SHA-256 value: 32 bytes with alignment 1, so that 256 of them in memory are a tile, byte for byte.
public struct Digest: Equatable, Sendable, BitwiseCopyable {
  /// The size of every digest in bytes.
  public static var byteCount: Int { 32 }

  /// The bytes, the most significant of the first word first (FIPS 180-4).
  public var bytes: InlineArray<32, UInt8>

  /// Takes the bytes.
  public init(bytes: InlineArray<32, UInt8>) { self.bytes = bytes }

  /// Takes 32 bytes; `nil` for any other count.
  public init?(_ span: Span<UInt8>) {
    guard span.count == Digest.byteCount else { return nil }
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    for i in 0..<Digest.byteCount { bytes[i] = span[i] }
    self.bytes = bytes
  }

  /// 32 zero bytes: "none" in fields that cannot be left out.
  public static var zero: Digest { Digest(bytes: InlineArray(repeating: 0)) }

  /// The byte at `index`, 0 to 31; traps out of bounds.
  public subscript(index: Int) -> UInt8 { bytes[index] }

  /// The bytes in place.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes.span }
  }

  /// All bytes are equal. Digests here are public, so it may stop at the first difference.
  public static func == (left: Digest, right: Digest) -> Bool {
    withUnsafeBytes(of: left) { left in
      withUnsafeBytes(of: right) { right in
        var i = 0
        while i < byteCount {
          let word = left.loadUnaligned(fromByteOffset: i, as: UInt32.self)
          if word != right.loadUnaligned(fromByteOffset: i, as: UInt32.self) { return false }
          i &+= 4
        }
        return true
      }
    }
  }

  /// Writes 64 lowercase hexadecimal digits.
  public func writeHex(to writer: inout ByteWriter) { Hex.write(span, to: &writer) }
}

/// Lowercase hexadecimal.
public enum Hex {
  /// Writes two digits for each byte.
  public static func write(_ bytes: Span<UInt8>, to writer: inout ByteWriter) {
    for i in 0..<bytes.count {
      writer.append(digit(bytes[i] &>> 4))
      writer.append(digit(bytes[i] & 15))
    }
  }

  /// The digit for 0 to 15.
  public static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 &+ value : 0x61 &+ (value &- 10)
  }

  /// The value of a lowercase digit; `nil` for anything else, uppercase included.
  public static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit &- 0x30
    case 0x61...0x66: digit &- 0x61 &+ 10
    default: nil
    }
  }

  /// Reads exactly `2 × into.count` lowercase digits; `false` if there are others or another number.
  @_lifetime(bytes: copy bytes)
  public static func read(_ text: Span<UInt8>, into bytes: inout MutableSpan<UInt8>) -> Bool {
    guard text.count == bytes.count &* 2 else { return false }
    for i in 0..<bytes.count {
      guard let high = value(text[i &* 2]), let low = value(text[i &* 2 &+ 1]) else { return false }
      bytes[i] = high &<< 4 | low
    }
    return true
  }
}

#if !hasFeature(Embedded)
  extension Digest: Hashable, CustomStringConvertible {
    /// Hashes all bytes.
    public func hash(into hasher: inout Hasher) {
      for i in 0..<Digest.byteCount { hasher.combine(bytes[i]) }
    }

    /// 64 lowercase hexadecimal digits.
    public var hex: String {
      String(unsafeUninitializedCapacity: 64) { buffer in
        var writer = ByteWriter(buffer)
        writeHex(to: &writer)
        return writer.count
      }
    }

    /// Reads 64 lowercase hexadecimal digits.
    public init?(hex: String) {
      var bytes = InlineArray<32, UInt8>(repeating: 0)
      var target = bytes.mutableSpan
      guard Hex.read(Array(hex.utf8).span, into: &target) else { return nil }
      self.init(bytes: bytes)
    }

    /// The bytes as an array.
    public var array: [UInt8] { (0..<Digest.byteCount).map { bytes[$0] } }

    /// Same as `hex`.
    public var description: String { hex }
  }
#endif
