import HAL
import Metering

/// The text of a log's signed note (C2SP tlog-checkpoint v1.0.0).
///
///     origin LF
///     size LF                     decimal, no leading zero
///     base64(root) LF             32 bytes
///     extension LF                any number; our logs write none
///
/// Valid if and only if the origin is a `KeyName`, the size is below 2^63, the root is canonical
/// base64 of 32 bytes, and no extension line is empty. Example:
///
///     mrv.example/gw/7f3a01c2/1
///     300
///     QY+CLzxlJ19FD4eChHSEF7p5e0GLyvxrbgrNppKsO2c=
public struct Checkpoint: Equatable, Sendable, BitwiseCopyable {
  /// The most bytes of the note that `sign` writes: three lines, a blank one, and one signature.
  public static var noteByteLimit: Int { 255 &+ 1 &+ 20 &+ 45 &+ 1 &+ 4 &+ 255 &+ 1 &+ 92 &+ 1 }
  /// The most bytes of that note with the line of one cosigner added.
  public static var cosignedByteLimit: Int { noteByteLimit &+ 4 &+ 255 &+ 1 &+ 104 &+ 1 }

  /// The log's name.
  public var origin: KeyName
  /// How many entries the tree has.
  public var size: UInt64
  /// The tree's root hash.
  public var root: Digest

  /// Takes the fields.
  public init(origin: KeyName, size: UInt64, root: Digest) {
    self.origin = origin
    self.size = size
    self.root = root
  }

  /// Writes the text.
  public func writeText(to writer: inout ByteWriter) {
    writer.append(origin.span)
    writer.append("\n")
    UnsignedText.write(size, to: &writer)
    writer.append("\n")
    Base64.write(root.span, to: &writer)
    writer.append("\n")
  }

  /// Reads a text.
  public static func parse(text: Span<UInt8>) throws(NoteError) -> Checkpoint {
    guard let first = Lines.end(text, from: 0), let second = Lines.end(text, from: first &+ 1),
      let third = Lines.end(text, from: second &+ 1),
      let origin = KeyName(text.extracting(0..<first)),
      let size = UnsignedText.read(text.extracting((first &+ 1)..<second)),
      let root = Base64.digest(text.extracting((second &+ 1)..<third))
    else { throw .malformed }
    var position = third &+ 1
    while position < text.count {
      guard let end = Lines.end(text, from: position), end > position else { throw .malformed }
      position = end &+ 1
    }
    return Checkpoint(origin: origin, size: size, root: root)
  }

  /// Writes the signed note; `false`, with nothing written, when the key cannot be used now or there
  /// is too little room (`noteByteLimit` is enough).
  public func sign<Key: Signer & ~Copyable>(
    with signer: inout Key, to writer: inout ByteWriter
  ) -> Bool {
    let start = writer.count
    writeText(to: &writer)
    let text = UnsafeBufferPointer(rebasing: writer.written[start...])
    guard !writer.overflowed, let signature = signer.sign(text) else {
      writer.truncate(to: start)
      return false
    }
    let id = VerifierKey.keyID(name: origin, type: .log, publicKey: signer.publicKey)
    writer.append("\n")
    NoteLines.write(name: origin, keyID: id, signature: signature.span, to: &writer)
    guard !writer.overflowed else {
      writer.truncate(to: start)
      return false
    }
    return true
  }

  /// Takes a note apart, checks the log's signature, and reads its text.
  ///
  /// `.otherOrigin` if the text names another log than the key.
  public static func open<Verifier: SignatureVerifier>(
    _ note: Span<UInt8>, key: VerifierKey, with verifier: Verifier
  ) throws(NoteError) -> Checkpoint {
    let parsed = try Note.parse(note)
    _ = try parsed.verify(note, key: key, with: verifier)
    let checkpoint = try Checkpoint.parse(text: note.extracting(parsed.text))
    guard checkpoint.origin == key.name else { throw .otherOrigin }
    return checkpoint
  }
}
