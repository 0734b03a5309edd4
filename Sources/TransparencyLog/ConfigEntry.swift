import HAL
import Metering

/// A document that readings depend on, with its bytes.
///
///     [4, idx, boot, mono, utc, tq, kind, name, sha256, body / null, ? ext]
///
///     kind    see `Kind`
///     name    path or label of the document, without personal data
///     sha256  of the whole document
///     body    the document; null if it is over 3,900 bytes and stands in the part entries before
///     ext     4: number of the part, from 0 (kind 8 only)
///
/// A document over 3,900 bytes is written as parts, kind 8, with the same name and the hash of the
/// whole, numbered from 0, and then the entry itself with body null. Other entries may stand between.
///
/// Example, 79 bytes, with the head of `ReadingEntry`'s example: a site file of 5 bytes, "a: 1" LF.
///
///     8a 04                                                        array of 10, config
///     1a00011173 11 1b00000014f46b0400 1b00065772b2ec9000 186e     head
///     02 69 736974652e79616d6c                                     site, "site.yaml"
///     5820 37b128c5 9f1f5097 f73f8269 1cb519f1 f568667f aab5ced1 b4ab979d 36837eae
///     45 613a20310a                                                body
public struct ConfigEntry: Equatable, Sendable {
  /// What every entry begins with.
  public var head: EntryHead
  /// What the document is, as encoded.
  public var kindCode: UInt64
  /// Name, a text of the entry.
  public var name: Range<Int>
  /// Hash of the whole document.
  public var sha256: Digest
  /// The document, or this part of it; `nil` when it stands in part entries.
  public var body: Range<Int>?
  /// Further fields.
  public var ext: EntryExtension

  /// What a document is.
  public enum Kind: UInt8, Sendable {
    case enrolment = 1
    case site = 2
    case profile = 3
    case channel = 4
    case plan = 5
    case software = 6
    case document = 7
    /// A piece of a document of another kind.
    case part = 8
  }

  /// The kind; `nil` for a number that this version does not know.
  public var kind: Kind? { kindCode > 255 ? nil : Kind(rawValue: low8(kindCode)) }

  /// Number of the part, from 0; `nil` for an entry that is no part.
  public func part(in entry: Span<UInt8>) -> UInt64? { ext.unsigned(4, in: entry) }

  static func read(
    _ head: EntryHead, _ reader: inout CBORReader, hasExtension: Bool
  ) throws(CBORError) -> ConfigEntry {
    let kind = try reader.unsigned()
    let name = try reader.text()
    let sha256 = try reader.digest()
    let body = try reader.byteStringOrNull()
    let ext = try EntryExtension.read(&reader, present: hasExtension)
    return ConfigEntry(
      head: head, kindCode: kind, name: name, sha256: sha256, body: body, ext: ext)
  }

  /// Writes a config entry; `body` `nil` when parts were written before it.
  public static func write(
    head: EntryHead, kind: Kind, name: Span<UInt8>, sha256: Digest,
    body: UnsafeBufferPointer<UInt8>?, to writer: inout ByteWriter
  ) {
    head.write(.config, elements: 4, to: &writer)
    writeFields(kind, name, sha256, body, to: &writer)
  }

  /// Writes one part of a long document.
  public static func writePart(
    head: EntryHead, name: Span<UInt8>, sha256: Digest, body: UnsafeBufferPointer<UInt8>,
    number: UInt32, to writer: inout ByteWriter
  ) {
    head.write(.config, elements: 5, to: &writer)
    writeFields(.part, name, sha256, body, to: &writer)
    writer.cbor(mapOf: 1)
    writer.cbor(4)
    writer.cbor(wide(number))
  }

  /// The most bytes of a body under a name of `nameByteCount` bytes: 3,900, less where the name needs
  /// the room. Head, hash, ext and the heads of name and body take at most 90 bytes.
  public static func bodyLimit(nameByteCount: Int) -> Int {
    precondition(nameByteCount <= nameByteCountMax, "a document's name is longer than allowed")
    let room = EntryType.byteLimit &- 90 &- nameByteCount
    return room < EntryType.bodyLimit ? room : EntryType.bodyLimit
  }

  /// The longest name, bytes.
  public static var nameByteCountMax: Int { 2_000 }

  /// How many part entries a document of `byteCount` bytes needs: 0 if it fits one entry.
  public static func partCount(byteCount: Int, nameByteCount: Int) -> Int {
    let limit = bodyLimit(nameByteCount: nameByteCount)
    guard byteCount > limit else { return 0 }
    return (byteCount &+ limit &- 1) / limit
  }

  /// The bytes of the document that part `number` carries.
  public static func partRange(_ number: Int, byteCount: Int, nameByteCount: Int) -> Range<Int> {
    let limit = bodyLimit(nameByteCount: nameByteCount)
    let start = number &* limit
    let end = start &+ limit
    return start..<(end < byteCount ? end : byteCount)
  }

  private static func writeFields(
    _ kind: Kind, _ name: Span<UInt8>, _ sha256: Digest, _ body: UnsafeBufferPointer<UInt8>?,
    to writer: inout ByteWriter
  ) {
    writer.append(kind.rawValue)
    writer.cbor(text: name)
    writer.cbor(sha256)
    if let body { writer.cbor(bytes: body) } else { writer.cborNull() }
  }
}
