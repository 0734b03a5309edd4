import HAL
import Metering

// Deterministic CBOR (RFC 8949 §4.2.1): the shortest head for every number, definite lengths only,
// map keys in the order of their encoding. A caller that writes a map writes its keys sorted.
//
// Head: major type in bits 7–5; bits 4–0 hold the number below 24, or 24, 25, 26, 27 for 1, 2, 4, 8
// further bytes, most significant first. Example: 17 → 11, 110 → 18 6e, [1, null] → 82 01 f6.
extension ByteWriter {
  /// Writes an unsigned integer.
  public mutating func cbor(_ value: UInt64) { cborHead(0, value) }

  /// Writes an integer; below zero as major type 1 with −1 − value.
  public mutating func cbor(signed value: Int64) {
    if value >= 0 {
      cborHead(0, UInt64(bitPattern: value))
    } else {
      cborHead(1, ~UInt64(bitPattern: value))
    }
  }

  /// Writes a byte string.
  public mutating func cbor(bytes: Span<UInt8>) {
    cborHead(2, wide(count: bytes.count))
    append(bytes)
  }

  /// Writes a byte string.
  public mutating func cbor(bytes: UnsafeBufferPointer<UInt8>) { cbor(bytes: bytes.span) }

  /// Writes a digest as a byte string.
  public mutating func cbor(_ digest: Digest) { cbor(bytes: digest.span) }

  /// Writes a text string; the bytes must be UTF-8.
  public mutating func cbor(text: Span<UInt8>) {
    cborHead(3, wide(count: text.count))
    append(text)
  }

  /// Writes a text string.
  public mutating func cbor(text: StaticString) {
    cborHead(3, wide(count: text.utf8CodeUnitCount))
    append(text)
  }

  /// Starts an array of `count` items, which follow.
  public mutating func cbor(arrayOf count: Int) { cborHead(4, wide(count: count)) }

  /// Starts a map of `count` pairs, which follow with their keys sorted.
  public mutating func cbor(mapOf count: Int) { cborHead(5, wide(count: count)) }

  /// Writes `null`.
  public mutating func cborNull() { append(0xF6) }

  /// Writes an unsigned integer or `null`.
  public mutating func cbor(orNull value: UInt64?) {
    if let value { cbor(value) } else { cborNull() }
  }

  /// Writes `true` or `false`.
  public mutating func cbor(_ value: Bool) { append(value ? 0xF5 : 0xF4) }

  private mutating func cborHead(_ major: UInt8, _ value: UInt64) {
    let type = major &<< 5
    if value < 24 {
      append(type | low8(value))
    } else if value <= 0xFF {
      append(type | 24)
      append(low8(value))
    } else if value <= 0xFFFF {
      append(type | 25)
      appendBigEndian(value, byteCount: 2)
    } else if value <= 0xFFFF_FFFF {
      append(type | 26)
      appendBigEndian(value, byteCount: 4)
    } else {
      append(type | 27)
      appendBigEndian(value, byteCount: 8)
    }
  }

  /// Writes the lowest `byteCount` bytes of `value`, most significant first.
  public mutating func appendBigEndian(_ value: UInt64, byteCount: Int) {
    var left = byteCount
    while left > 0 {
      left &-= 1
      append(low8(value &>> wideShift(left &* 8)))
    }
  }
}
