import Metering

/// The address of a DL/T 645 meter: twelve decimal digits, as on its nameplate.
///
/// On the wire it is six BCD bytes, the last two digits first. The byte AA stands for any two digits,
/// so that a single meter can be asked without knowing its number.
public struct DLT645Address: Equatable, Hashable, Sendable, BitwiseCopyable {
  /// The digits as hexadecimal digits, such as `0x0034_1100_1043` for 003411001043.
  public let digits: UInt64

  /// Takes six bytes in the order of the nameplate, two digits each; `nil` if there are not six, or if
  /// one of them is neither two decimal digits nor AA.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count == 6 else { return nil }
    var value: UInt64 = 0
    var i = 0
    while i < 6 {
      guard DLT645Address.isAllowed(bytes[i]) else { return nil }
      value = (value &<< (8 as UInt64)) | wide(UInt32(truncatingIfNeeded: bytes[i]))
      i &+= 1
    }
    digits = value
  }

  /// Takes six bytes as they stand on the wire.
  init(wire bytes: Span<UInt8>, at start: Int) {
    var value: UInt64 = 0
    var i = 6
    while i > 0 {
      i &-= 1
      value = (value &<< (8 as UInt64)) | wide(UInt32(truncatingIfNeeded: bytes[start &+ i]))
    }
    digits = value
  }

  private init(digits: UInt64) { self.digits = digits }

  /// Any meter: AAAAAAAAAAAA. Only where one meter is on the line, for all answer at once.
  public static var any: DLT645Address { DLT645Address(digits: 0xAAAA_AAAA_AAAA) }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    byte == 0xAA || (byte & 15 <= 9 && byte &>> 4 <= 9)
  }

  /// Byte `index`, from 0, in the order of the wire.
  func wireByte(_ index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: low32(digits &>> wide(count: index &* 8)))
  }

  /// A meter with the address `other`, which has no AA, is meant by this one.
  public func matches(_ other: DLT645Address) -> Bool {
    var i = 0
    while i < 6 {
      if wireByte(i) != 0xAA, wireByte(i) != other.wireByte(i) { return false }
      i &+= 1
    }
    return true
  }
}

#if !hasFeature(Embedded)
  extension DLT645Address: CustomStringConvertible {
    /// Takes twelve digits; pairs of `A` stand for any two digits.
    public init?(_ text: String) {
      guard text.utf8.count == 12 else { return nil }
      var bytes: [UInt8] = []
      var high: UInt8?
      for character in text {
        guard let digit = character.hexDigitValue else { return nil }
        if let first = high {
          bytes.append(first << 4 | UInt8(digit))
          high = nil
        } else {
          high = UInt8(digit)
        }
      }
      self.init(bytes.span)
    }

    /// The twelve digits.
    public var description: String {
      let text = String(digits, radix: 16, uppercase: true)
      return String(repeating: "0", count: 12 - text.count) + text
    }
  }
#endif
