import FuzzKit
import HAL
import TransparencyLog

// The first byte of an input says what the rest is, modulo 4: 0 a note, 1 a verifier key, 2 the path of
// a tile, 3 a proof with the numbers it is about.

/// What the readers of signed notes, keys, paths and proofs make of any bytes.
public func fuzzNote(_ bytes: UnsafeRawBufferPointer) {
  var input = FuzzInput(bytes)
  let kind = input.byte() & 3
  let text = input.rest.span
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2 * text.count + 5_000) { memory in
    var writer = ByteWriter(memory)
    switch kind {
    case 0: checkNote(text, &writer)
    case 1: checkKey(text, &writer)
    case 2: checkPath(text, &writer)
    default: checkProof(&input)
    }
  }
}

/// Takes every signature whose first byte is even: a real one is never found, and takes 50 µs.
private struct EvenVerifier: SignatureVerifier {
  func verify(
    _ signature: borrowing Signature, over message: UnsafeBufferPointer<UInt8>,
    with key: borrowing PublicKey
  ) -> Bool { signature[0] & 1 == 0 }
}

/// The vkey of C2SP's example, and the same key as a cosigner.
private let logKey = VerifierKey(
  "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
private let cosignerKey = logKey.map {
  VerifierKey(name: $0.name, type: .cosigner, publicKey: $0.publicKey)
}

private func checkNote(_ bytes: Span<UInt8>, _ writer: inout ByteWriter) {
  var lines = NoteLines(bytes)
  while let line = try? lines.next() { _ = line.cosignature(in: bytes) }
  if let checkpoint = try? Checkpoint.parse(text: bytes) { check(checkpoint, bytes, &writer) }
  let note: Note
  do throws(NoteError) { note = try Note.parse(bytes) } catch { return }
  mustHold(
    note.text.lowerBound == 0 && note.firstLine == note.text.upperBound + 1, "text, LF, lines")
  writer.reset()
  writer.append(bytes.extracting(note.text))
  writer.append("\n")
  write(linesOf: bytes, note, &writer)
  mustHold(areEqual(writer.written.span, bytes), "a note is written as it was read")
  if let checkpoint = try? Checkpoint.parse(text: bytes.extracting(note.text)) {
    check(checkpoint, bytes.extracting(note.text), &writer)
  }
  for key in [logKey, cosignerKey].compactMap(\.self) {
    if let line = try? note.verify(bytes, key: key, with: EvenVerifier()) {
      mustHold(line.keyID == key.keyID, "the line that verifies is one of the key")
      mustHold(key.name.matches(bytes.extracting(line.name)), "and of its name")
    }
    if let opened = try? Checkpoint.open(bytes, key: key, with: EvenVerifier()) {
      mustHold(opened.origin == key.name, "the origin is the name of the key")
    }
  }
}

private func write(linesOf bytes: Span<UInt8>, _ note: Note, _ writer: inout ByteWriter) {
  var lines = NoteLines(bytes, at: note.firstLine)
  var lineCount = 0
  do throws(NoteError) {
    while let line = try lines.next() {
      lineCount += 1
      guard let name = KeyName(bytes.extracting(line.name)) else {
        // A name of more than 255 bytes is no key's, but stands in a note.
        writer.append(bytes.extracting(line.line))
        continue
      }
      let blob = Base64.bytes(bytes.extracting(line.encoded)) ?? []
      mustHold(blob.count == line.byteCount + 4, "a line has a key ID and a signature")
      if blob.count <= 76 {
        NoteLines.write(
          name: name, keyID: line.keyID, signature: blob.span.extracting(droppingFirst: 4),
          to: &writer)
      } else {
        writer.append(bytes.extracting(line.line))
      }
    }
  } catch {
    mustHold(false, "the lines of a note can be read")
  }
  mustHold(lineCount == note.signatureCount, "a note has the signatures that it counts")
}

private func check(_ checkpoint: Checkpoint, _ text: Span<UInt8>, _ writer: inout ByteWriter) {
  mustHold(checkpoint.size < 1 << 63, "a size is below 2^63")
  writer.reset()
  checkpoint.writeText(to: &writer)
  mustHold(
    writer.count <= text.count && areEqual(writer.written.span, text.extracting(0..<writer.count)),
    "three lines are written as they were read")
}

private func checkKey(_ text: Span<UInt8>, _ writer: inout ByteWriter) {
  if let key = VerifierKey(vkey: text) {
    key.writeVKey(to: &writer)
    mustHold(areEqual(writer.written.span, text), "a key is written as it was read")
  }
  if let name = KeyName(text) {
    mustHold(name.matches(text) && name.count <= KeyName.byteLimit, "a name is its text")
  }
  writer.reset()
  if Base64.decode(text, to: &writer) {
    let count = writer.count
    Base64.write(Array(writer.written).span, to: &writer)
    mustHold(
      areEqual(writer.written.span.extracting(count..<writer.count), text),
      "base64 is written as it was read")
  }
}

private func checkPath(_ text: Span<UInt8>, _ writer: inout ByteWriter) {
  guard let path = TilePath.parse(text) else { return }
  mustHold((1...256).contains(path.width), "a tile has 1 to 256 hashes")
  path.write(to: &writer)
  mustHold(areEqual(writer.written.span, text), "a path is written as it was read")
}

/// Three sizes, a node and a root, and hashes: what an answer of somebody else may hold.
private func checkProof(_ input: inout FuzzInput) {
  let start = input.number()
  let end = input.number()
  let size = input.number()
  let node = Digest(input.bytes(32).span) ?? .zero
  let root = Digest(input.bytes(32).span) ?? Tree.empty
  var proof = Proof()
  while !input.isAtEnd {
    guard let hash = Digest(input.bytes(32).span), proof.push(hash) else { break }
  }
  let isSubtree = proof.verifies(subtree: start, end, in: size, node: node, root: root)
  mustHold(!isSubtree || start < end && end <= size, "only a part of a tree is proved")
  let isLeaf = proof.verifies(leaf: node, at: start, in: size, root: root)
  mustHold(!isLeaf || start < size, "only a leaf of a tree is proved")
  _ = proof.verifies(consistencyFrom: start, oldRoot: node, to: size, root: root)
}
