import HAL
import TransparencyLog

/// A request that breaks the grammar.
public struct Malformed: Error, Equatable, Sendable {
  /// What was wrong.
  public var what: String

  /// Makes the error.
  public init(_ what: String) { self.what = what }
}

/// The body of `add-checkpoint` (C2SP tlog-witness, tlog-mirror).
///
///     old <decimal> LF
///     { <base64 of a hash> LF }   0 to 63
///     LF
///     <checkpoint>
///
/// Valid if and only if decimals are canonical and below 2^63, every hash is 32 bytes in canonical
/// base64, and what follows the first blank line is a signed note whose text is a checkpoint.
public struct CheckpointRequest: Sendable {
  /// Size of the tree that the proof begins at.
  public var old: UInt64
  /// Consistency proof from `old` to the checkpoint's size.
  public var proof: Proof
  /// The checkpoint.
  public var submitted: SubmittedCheckpoint

  /// The longest body that is taken: 63 hashes and a checkpoint of a few lines are 4 KiB.
  public static let maximumByteCount = 256 * 1_024

  /// Puts the parts together.
  init(old: UInt64, proof: Proof, submitted: SubmittedCheckpoint) {
    self.old = old
    self.proof = proof
    self.submitted = submitted
  }

  /// Reads a body.
  public init(_ body: [UInt8]) throws(Malformed) {
    let newline = UInt8(ascii: "\n")
    var rest = body[...]
    var lines: [ArraySlice<UInt8>] = []
    while true {
      guard let end = rest.firstIndex(of: newline) else { throw Malformed("no blank line") }
      let line = rest[..<end]
      rest = rest[(end + 1)...]
      if line.isEmpty { break }
      guard lines.count <= Proof.capacity else { throw Malformed("more than 63 hashes") }
      lines.append(line)
    }
    guard let first = lines.first, first.starts(with: "old ".utf8),
      let old = UnsignedText.read(Array(first.dropFirst(4)).span)
    else { throw Malformed("the first line is not \"old\" and a size") }
    self.old = old
    proof = Proof()
    for line in lines.dropFirst() {
      guard let hash = Base64.digest(Array(line).span), proof.push(hash) else {
        throw Malformed("a line of the proof is not a hash")
      }
    }
    submitted = try SubmittedCheckpoint(Array(rest))
  }
}

/// A signed checkpoint as it came, taken apart.
public struct SubmittedCheckpoint: Sendable {
  /// The note.
  public let note: [UInt8]
  /// Where its parts lie.
  let parts: Note
  /// Origin, size and root.
  public let checkpoint: Checkpoint

  /// Takes a note apart; signatures are not checked yet.
  public init(_ note: [UInt8]) throws(Malformed) {
    do throws(NoteError) {
      parts = try Note.parse(note.span)
      checkpoint = try Checkpoint.parse(text: note.span.extracting(parts.text))
    } catch {
      throw Malformed("not a signed checkpoint")
    }
    // What cannot be cosigned must not become pending.
    guard parts.text.count <= Cosignature.textByteLimit else {
      throw Malformed("the checkpoint is longer than \(Cosignature.textByteLimit) bytes")
    }
    self.note = note
  }

  /// The signed bytes, to and with the LF before the blank line.
  var text: [UInt8] { Array(note[parts.text]) }

  /// The line of `key`; `nil` if there is none that verifies, or one that does not.
  func line(of key: VerifierKey, with verifier: some SignatureVerifier) -> [UInt8]? {
    do throws(NoteError) {
      return Array(note[try parts.verify(note.span, key: key, with: verifier).line])
    } catch {
      return nil
    }
  }
}
