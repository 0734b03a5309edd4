import HAL
import Metering
import TransparencyLog

/// A package: a file that carries part of a log where no network does.
///
///     "tallystick package 1" LF           21 bytes
///     u32be length ‖ note                 a signed checkpoint (C2SP tlog-checkpoint) of n entries
///     u32be length ‖ body                 a body of `add-entries` (C2SP tlog-mirror): the head [start, n) without a
///                                         ticket, then as many packages of the protocol as the file holds
///     SHA-256 of everything before        32 bytes
///
/// Valid if and only if the lengths fill the file, the hash is right, and note and body are what they should be: the
/// head names the origin and the size of the note, `start` is a multiple of 256, and at least one package follows.
/// The hash finds what a stick or a copy spoiled; what somebody changed the signature and the proofs find, as they do
/// in an upload. A proof that the checkpoint goes on from an earlier one is not in it: which one the mirror saw last
/// nobody knows here, and a mirror that has all entries needs none.
public struct PackageFile: Equatable, Sendable {
  /// The checkpoint.
  public var note: [UInt8]
  /// The body of `add-entries`.
  public var body: [UInt8]

  /// The most bytes of entries and proofs after which a file gets no further package.
  public static var byteLimit: Int { 1 << 20 }
  /// The most bytes of a file: one more package of 256 entries of 4,002 bytes with 63 hashes, note and frame.
  public static var fileByteLimit: Int { byteLimit + 256 * 4_002 + 2_017 + 8_192 }
  /// The end of a package's name.
  public static var suffix: StaticString { ".package" }

  static var firstLine: StaticString { "tallystick package 1\n" }
  static var firstWords: StaticString { "tallystick package " }

  /// Why bytes are no package.
  public enum Fault: UInt8, Error, CaseIterable, Sendable {
    /// It does not begin as one.
    case notAPackage = 1
    /// It is one of another version.
    case otherVersion = 2
    /// It ends too early, or goes on after its end: it was not copied whole.
    case cut = 3
    /// Its hash is wrong: bytes of it changed on the way.
    case damaged = 4
  }

  /// Puts the parts together.
  public init(note: [UInt8], body: [UInt8]) {
    self.note = note
    self.body = body
  }

  /// Takes a file apart; note and body are not looked into.
  public init(reading bytes: [UInt8]) throws(Fault) {
    let first = PackageFile.firstLine.utf8CodeUnitCount
    guard PackageFile.begins(bytes, PackageFile.firstWords) else { throw .notAPackage }
    guard PackageFile.begins(bytes, PackageFile.firstLine) else {
      throw bytes.count < first ? .cut : .otherVersion
    }
    let end = bytes.count - Digest.byteCount
    guard let note = PackageFile.part(bytes, at: first, before: end),
      let body = PackageFile.part(bytes, at: note.upperBound, before: end),
      body.upperBound == end
    else { throw .cut }
    let hash = SHA256.hash(bytes.span.extracting(0..<end))
    for i in 0..<Digest.byteCount where hash[i] != bytes[end + i] { throw .damaged }
    self.note = Array(bytes[note])
    self.body = Array(bytes[body])
  }

  /// The bytes of the file.
  public func bytes() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(note.count + body.count + 64)
    bytes.append(PackageFile.firstLine)
    bytes.append(bigEndian: wide(count: note.count), byteCount: 4)
    bytes.append(contentsOf: note)
    bytes.append(bigEndian: wide(count: body.count), byteCount: 4)
    bytes.append(contentsOf: body)
    let hash = SHA256.hash(bytes.span)
    for i in 0..<Digest.byteCount { bytes.append(hash[i]) }
    return bytes
  }

  private static func begins(_ bytes: [UInt8], _ text: StaticString) -> Bool {
    guard bytes.count >= text.utf8CodeUnitCount else { return false }
    return Array(bytes[0..<text.utf8CodeUnitCount]).equals(text)
  }

  /// What stands behind the length at `start`, if it ends by `end`.
  private static func part(_ bytes: [UInt8], at start: Int, before end: Int) -> Range<Int>? {
    // No part is as long as 16 MiB, and 32 bits of length need not fit an Int.
    guard start + 4 <= end, bytes[start] == 0 else { return nil }
    var count = 0
    for i in 1..<4 { count = count << 8 | Int(bytes[start + i]) }
    return count <= end - start - 4 ? start + 4..<start + 4 + count : nil
  }
}

/// Names of the files that pass between a gateway and its courier.
///
/// The stem is the origin with `~` for `/` and the epoch in at least four digits, so that a stick of any file system
/// takes it, names sort in the order of the log, and one directory can serve several gateways:
///
///     mrv.example~gw~7f3a01c2~0001~000000000256-000000000300.package      entries 256 to 299
///     mrv.example~gw~7f3a01c2~0001.ack                                    the collector's acknowledgement
///     mrv.example~gw~7f3a01c2~0001.again                                  asks for packages once more
public enum PackageName {
  /// What the names of one log begin with.
  public static func stem(_ origin: KeyName) -> [UInt8] {
    var name: [UInt8] = []
    var last = 0
    for i in 0..<origin.count {
      let isSlash = origin.span[i] == 0x2F
      name.append(isSlash ? 0x7E : origin.span[i])
      if isSlash { last = i + 1 }
    }
    // Only a last part that is a number is one of an epoch.
    guard last > 0, name[last...].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return name }
    while name.count - last < 4 { name.insert(0x30, at: last) }
    return name
  }

  /// The name of the package that holds these entries.
  public static func package(_ origin: KeyName, _ range: Range<UInt64>) -> [UInt8] {
    var name = stem(origin)
    name.append("~")
    append(range.lowerBound, to: &name)
    name.append("-")
    append(range.upperBound, to: &name)
    name.append(PackageFile.suffix)
    return name
  }

  /// The name under which an acknowledgement is looked for.
  public static func acknowledgement(_ origin: KeyName) -> [UInt8] {
    var name = stem(origin)
    name.append(".ack")
    return name
  }

  /// The name of a file that asks for packages once more: it holds the index of the first entry that is wanted, in
  /// decimal, or nothing for everything that is not acknowledged.
  public static func again(_ origin: KeyName) -> [UInt8] {
    var name = stem(origin)
    name.append(".again")
    return name
  }

  private static func append(_ index: UInt64, to name: inout [UInt8]) {
    var digits: [UInt8] = []
    digits.append(decimal: index)
    for _ in 0..<(digits.count < 12 ? 12 - digits.count : 0) { name.append(0x30) }
    name.append(contentsOf: digits)
  }
}
