import HAL
import Metering

/// Base64 with padding (RFC 4648 §4), canonical: each value has one text, and only that is accepted.
///
/// `Zg==` is valid, `Zh==` (bits left over), `Zg=`, `Zg`, and any line break are not. Without that, one
/// signature could be written in several ways and a byte of a stored note could change unseen.
public enum Base64 {
  /// Writes the text for `bytes`.
  public static func write(_ bytes: Span<UInt8>, to writer: inout ByteWriter) {
    var i = 0
    while i < bytes.count {
      let left = bytes.count &- i
      let b1: UInt8 = left > 1 ? bytes[i &+ 1] : 0
      let b2: UInt8 = left > 2 ? bytes[i &+ 2] : 0
      writer.append(letter(bytes[i] &>> 2))
      writer.append(letter((bytes[i] & 3) &<< 4 | b1 &>> 4))
      writer.append(left > 1 ? letter((b1 & 15) &<< 2 | b2 &>> 6) : 0x3D)
      writer.append(left > 2 ? letter(b2 & 63) : 0x3D)
      i &+= 3
    }
  }

  /// How many bytes a text stands for; `nil` unless it is canonical.
  public static func decodedCount(_ text: Span<UInt8>) -> Int? {
    guard text.count & 3 == 0 else { return nil }
    guard text.count > 0 else { return 0 }
    var padding = 0
    if text[text.count &- 1] == 0x3D { padding = text[text.count &- 2] == 0x3D ? 2 : 1 }
    let letters = text.count &- padding
    for i in 0..<letters {
      guard value(text[i]) != nil else { return nil }
    }
    guard let last = value(text[letters &- 1]) else { return nil }
    if padding == 1, last & 3 != 0 { return nil }
    if padding == 2, last & 15 != 0 { return nil }
    return text.count / 4 &* 3 &- padding
  }

  /// Writes the bytes that a text stands for; `false`, with nothing written, unless it is canonical.
  public static func decode(_ text: Span<UInt8>, to writer: inout ByteWriter) -> Bool {
    guard let count = decodedCount(text) else { return false }
    for i in 0..<count { writer.append(byte(text, at: i)) }
    return true
  }

  /// The 32 bytes that a text stands for; `nil` for another number or a text that is not canonical.
  public static func digest(_ text: Span<UInt8>) -> Digest? {
    guard decodedCount(text) == Digest.byteCount else { return nil }
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    for i in 0..<Digest.byteCount { bytes[i] = byte(text, at: i) }
    return Digest(bytes: bytes)
  }

  /// The byte at `index` of what a text stands for; only for a text that is canonical.
  static func byte(_ text: Span<UInt8>, at index: Int) -> UInt8 {
    let group = index / 3 &* 4
    let place = index % 3
    let high = value(text[group &+ place]) ?? 0
    let low = value(text[group &+ place &+ 1]) ?? 0
    return switch place {
    case 0: high &<< 2 | low &>> 4
    case 1: high &<< 4 | low &>> 2
    default: high &<< 6 | low
    }
  }

  private static func letter(_ value: UInt8) -> UInt8 {
    switch value {
    case 0...25: 0x41 &+ value
    case 26...51: 0x61 &+ (value &- 26)
    case 52...61: 0x30 &+ (value &- 52)
    case 62: 0x2B
    default: 0x2F
    }
  }

  private static func value(_ letter: UInt8) -> UInt8? {
    switch letter {
    case 0x41...0x5A: letter &- 0x41
    case 0x61...0x7A: letter &- 0x61 &+ 26
    case 0x30...0x39: letter &- 0x30 &+ 52
    case 0x2B: 62
    case 0x2F: 63
    default: nil
    }
  }
}
