import HAL
import Metering

/// What a key signs (C2SP signed-note, signature types). Both are Ed25519.
public enum KeyType: UInt8, Sendable, BitwiseCopyable {
  /// 0x01: a note's text; the key of a log.
  case log = 1
  /// 0x04: `cosignature/v1` of a mirror or a witness.
  case cosigner = 4
}

/// Names a key within a note: the first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key), most
/// significant first. It finds a line and proves nothing.
public typealias KeyID = UInt32

/// A public key with its name, as exchanged out of band.
///
///     vkey = name + hex(key ID) + base64(type ‖ public key), joined by "+"
///
/// Valid if and only if the name is (see `KeyName`), the key ID is that of name and key in eight
/// lowercase digits, the type is one of `KeyType`, and the key has 32 bytes. Example:
/// `collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ`.
public struct VerifierKey: Sendable, BitwiseCopyable {
  /// The name; for a log its origin.
  public let name: KeyName
  /// What it signs.
  public let type: KeyType
  /// The Ed25519 key.
  public let publicKey: PublicKey
  /// Its name within notes.
  public let keyID: KeyID

  /// Takes a name and a key.
  public init(name: KeyName, type: KeyType, publicKey: PublicKey) {
    self.name = name
    self.type = type
    self.publicKey = publicKey
    keyID = VerifierKey.keyID(name: name, type: type, publicKey: publicKey)
  }

  /// Reads a vkey, without a line feed; `nil` unless it is valid.
  public init?(vkey text: Span<UInt8>) {
    guard let first = VerifierKey.plus(in: text, from: 0),
      let second = VerifierKey.plus(in: text, from: first &+ 1), second &- first == 9,
      let name = KeyName(text.extracting(0..<first))
    else { return nil }
    let encoded = text.extracting((second &+ 1)..<text.count)
    guard Base64.decodedCount(encoded) == 33,
      let type = KeyType(rawValue: Base64.byte(encoded, at: 0))
    else { return nil }
    var key = PublicKey(repeating: 0)
    for i in 0..<32 { key[i] = Base64.byte(encoded, at: i &+ 1) }
    self.init(name: name, type: type, publicKey: key)
    guard VerifierKey.readID(text.extracting((first &+ 1)..<second)) == keyID else { return nil }
  }

  /// Writes the vkey, without a line feed.
  public func writeVKey(to writer: inout ByteWriter) {
    writer.append(name.span)
    writer.append("+")
    Hex.write(VerifierKey.bytes(of: keyID).span, to: &writer)
    writer.append("+")
    var blob = InlineArray<33, UInt8>(repeating: type.rawValue)
    for i in 0..<32 { blob[i &+ 1] = publicKey[i] }
    Base64.write(blob.span, to: &writer)
  }

  /// The key ID of a name and a key.
  public static func keyID(name: KeyName, type: KeyType, publicKey: PublicKey) -> KeyID {
    var hash = SHA256()
    hash.update(name.span)
    hash.update(0x0A)
    hash.update(type.rawValue)
    hash.update(publicKey.span)
    let digest = hash.finalize()
    var id: KeyID = 0
    for i in 0..<4 { id = id &<< 8 | UInt32(truncatingIfNeeded: digest[i]) }
    return id
  }

  /// The four bytes of a key ID, as they begin a signature in a note.
  static func bytes(of id: KeyID) -> InlineArray<4, UInt8> {
    [
      UInt8(truncatingIfNeeded: id &>> 24), UInt8(truncatingIfNeeded: id &>> 16),
      UInt8(truncatingIfNeeded: id &>> 8), UInt8(truncatingIfNeeded: id),
    ]
  }

  private static func readID(_ digits: Span<UInt8>) -> KeyID? {
    var bytes = InlineArray<4, UInt8>(repeating: 0)
    var target = bytes.mutableSpan
    guard Hex.read(digits, into: &target) else { return nil }
    var id: KeyID = 0
    for i in 0..<4 { id = id &<< 8 | UInt32(truncatingIfNeeded: bytes[i]) }
    return id
  }

  private static func plus(in text: Span<UInt8>, from start: Int) -> Int? {
    var i = start
    while i < text.count {
      if text[i] == 0x2B { return i }
      i &+= 1
    }
    return nil
  }
}

#if !hasFeature(Embedded)
  extension VerifierKey: CustomStringConvertible {
    /// Reads a vkey; `nil` unless it is valid.
    public init?(_ vkey: String) { self.init(vkey: Array(vkey.utf8).span) }

    /// The vkey.
    public var description: String {
      String(unsafeUninitializedCapacity: 320) { buffer in
        var writer = ByteWriter(buffer)
        writeVKey(to: &writer)
        return writer.count
      }
    }
  }
#endif
