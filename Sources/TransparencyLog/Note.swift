import HAL
import Metering

// A signed note (C2SP signed-note v1.0.0):
//
//     text, ending in LF          what is signed, with that LF
//     LF                          the blank line is not signed
//     "— " name " " base64(key ID (4 bytes) ‖ signature) LF      one or more
//
// Valid if and only if it is UTF-8 without control characters other than LF, the text ends at the last
// blank line and is not empty, and every line below has that form with canonical base64 of at least
// five bytes. "—" is U+2014, E2 80 94.
//
// Example, C2SP's own, under the vkey
// `example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k`:
//
//     This is an example message.
//
//     — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG
//     1Yu72IneyaQM=                                          (one line)
//
// Who checks a note looks for the keys he knows. Lines of unknown keys are ignored; a line that names
// a known key and does not verify spoils the note, even if another line is good.

/// One signature line of a note, as ranges of the note's bytes.
public struct NoteSignature: Equatable, Sendable {
  /// The key's name.
  public var name: Range<Int>
  /// Which key of that name.
  public var keyID: KeyID
  /// The base64 text of key ID and signature.
  public var encoded: Range<Int>
  /// Bytes of the signature without the key ID: 64 for a log, 72 for a cosigner.
  public var byteCount: Int
  /// The whole line with its LF.
  public var line: Range<Int>

  /// The Ed25519 signature of a log; `nil` if it has another size.
  public func logSignature(in note: Span<UInt8>) -> Signature? {
    byteCount == 64 ? signature(from: 4, in: note) : nil
  }

  /// Time in seconds since 1970 and Ed25519 signature of a cosigner; `nil` if it has another size.
  public func cosignature(in note: Span<UInt8>) -> (time: UInt64, signature: Signature)? {
    guard byteCount == 72 else { return nil }
    let text = note.extracting(encoded)
    var time: UInt64 = 0
    for i in 4..<12 { time = time &<< (8 as UInt64) | wide(Base64.byte(text, at: i)) }
    return (time, signature(from: 12, in: note))
  }

  private func signature(from start: Int, in note: Span<UInt8>) -> Signature {
    let text = note.extracting(encoded)
    var signature = Signature(repeating: 0)
    for i in 0..<64 { signature[i] = Base64.byte(text, at: start &+ i) }
    return signature
  }
}

/// Why a note was refused.
public enum NoteError: UInt8, Error, Sendable {
  /// It is no note, or its text no checkpoint.
  case malformed = 1
  /// No line of the key asked for.
  case unsigned = 2
  /// A line of that key does not verify.
  case badSignature = 3
  /// The origin is not the key's name.
  case otherOrigin = 4
  /// The text is longer than what is checked here (4,000 bytes).
  case tooLong = 5
}

/// The signature lines of a note, or of an answer that consists of such lines alone.
public struct NoteLines: ~Escapable {
  /// The bytes that hold the lines.
  public let bytes: Span<UInt8>
  /// Where the next line starts.
  public private(set) var position: Int

  /// Starts at `position`, the first byte of a line.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>, at position: Int = 0) {
    self.bytes = bytes
    self.position = position < 0 || position > bytes.count ? bytes.count : position
  }

  /// The next line; `nil` at the end; `.malformed` for anything that is no signature line.
  public mutating func next() throws(NoteError) -> NoteSignature? {
    guard position < bytes.count else { return nil }
    let start = position
    guard let end = Lines.end(bytes, from: start), end &- start > 6, bytes[start] == 0xE2,
      bytes[start &+ 1] == 0x80, bytes[start &+ 2] == 0x94, bytes[start &+ 3] == 0x20
    else { throw .malformed }
    var space = start &+ 4
    while space < end, bytes[space] != 0x20 { space &+= 1 }
    guard space < end, KeyName.isValid(bytes.extracting((start &+ 4)..<space)) else {
      throw .malformed
    }
    let encoded = (space &+ 1)..<end
    let text = bytes.extracting(encoded)
    guard let count = Base64.decodedCount(text), count > 4 else { throw .malformed }
    var id: KeyID = 0
    for i in 0..<4 { id = id &<< 8 | UInt32(truncatingIfNeeded: Base64.byte(text, at: i)) }
    position = end &+ 1
    return NoteSignature(
      name: (start &+ 4)..<space, keyID: id, encoded: encoded, byteCount: count &- 4,
      line: start..<position)
  }

  /// Writes a signature line.
  public static func write(
    name: KeyName, keyID: KeyID, signature: Span<UInt8>, to writer: inout ByteWriter
  ) {
    precondition(signature.count <= 72, "only Ed25519 signatures are written")
    writer.append("— ")
    writer.append(name.span)
    writer.append(" ")
    var blob = InlineArray<76, UInt8>(repeating: 0)
    let id = VerifierKey.bytes(of: keyID)
    for i in 0..<4 { blob[i] = id[i] }
    for i in 0..<signature.count { blob[i &+ 4] = signature[i] }
    Base64.write(blob.span.extracting(first: signature.count &+ 4), to: &writer)
    writer.append("\n")
  }
}

/// A note taken apart. Its signatures are not checked yet.
public struct Note: Equatable, Sendable {
  /// The signed text with its last LF, from 0.
  public var text: Range<Int>
  /// Where the signature lines start.
  public var firstLine: Int
  /// How many there are, at least 1.
  public var signatureCount: Int

  /// Takes a note apart and checks the form of every line.
  public static func parse(_ bytes: Span<UInt8>) throws(NoteError) -> Note {
    guard UTF8Text.isNoteText(bytes), let blank = lastBlankLine(bytes) else { throw .malformed }
    var lines = NoteLines(bytes, at: blank &+ 1)
    var count = 0
    while try lines.next() != nil { count &+= 1 }
    guard count > 0 else { throw .malformed }
    return Note(text: 0..<blank, firstLine: blank &+ 1, signatureCount: count)
  }

  /// Finds the line of a key that verifies.
  ///
  /// `.unsigned` if there is none, `.badSignature` if any line of that key fails.
  public func verify<Verifier: SignatureVerifier>(
    _ bytes: Span<UInt8>, key: VerifierKey, with verifier: Verifier
  ) throws(NoteError) -> NoteSignature {
    var lines = NoteLines(bytes, at: firstLine)
    var found: NoteSignature? = nil
    while let line = try lines.next() {
      guard line.keyID == key.keyID, key.name.matches(bytes.extracting(line.name)) else { continue }
      switch key.type {
      case .log:
        guard let signature = line.logSignature(in: bytes),
          bytes.extracting(text).withUnsafeBufferPointer({
            verifier.verify(signature, over: $0, with: key.publicKey)
          })
        else { throw .badSignature }
      case .cosigner:
        guard let (time, signature) = line.cosignature(in: bytes) else { throw .badSignature }
        try Cosignature.verify(
          signature, time: time, over: bytes.extracting(text), key: key, with: verifier)
      }
      found = found ?? line
    }
    guard let found else { throw .unsigned }
    return found
  }

  /// The second LF of the last "LF LF"; the text is everything before it.
  private static func lastBlankLine(_ bytes: Span<UInt8>) -> Int? {
    var i = bytes.count &- 1
    while i > 0 {
      if bytes[i] == 0x0A, bytes[i &- 1] == 0x0A { return i }
      i &-= 1
    }
    return nil
  }
}

/// Lines of text, each of which ends in LF.
enum Lines {
  /// The position of the next LF at or after `start`.
  static func end(_ text: Span<UInt8>, from start: Int) -> Int? {
    var i = start
    while i < text.count {
      if text[i] == 0x0A { return i }
      i &+= 1
    }
    return nil
  }
}
