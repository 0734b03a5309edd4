// Test vectors are known to be whole: a missing one may stop the run.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Foundation
import HAL
import HostCrypto
import Testing
import TransparencyLog

@Suite struct NoteTests {
  /// C2SP signed-note.md, the example.
  static let exampleKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
  static let exampleNote = """
    This is an example message.

    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=

    """

  /// golang/mod sumdb/note, note_test.go.
  static let goKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
  static let goSeed = Data(base64Encoded: "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")!
  static let goText = """
    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    """
  static let goLine =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

  private func verify(_ note: [UInt8], _ vkey: String) throws(NoteError) -> NoteSignature {
    guard let key = VerifierKey(vkey) else {
      Issue.record("not a vkey: \(vkey)")
      throw .malformed
    }
    return try Note.parse(note.span).verify(note.span, key: key, with: SodiumVerifier())
  }

  @Test func `the examples of C2SP and Go verify`() throws {
    _ = try verify(Array(NoteTests.exampleNote.utf8), NoteTests.exampleKey)
    _ = try verify(
      Array((NoteTests.goText + "\n" + NoteTests.goLine).utf8), NoteTests.goKey)
  }

  @Test func `Go's signature is reproduced from its seed`() throws {
    var seed = InlineArray<32, UInt8>(repeating: 0)
    for i in 0..<32 { seed[i] = NoteTests.goSeed[i + 1] }
    var signer = try FileKeySigner(seed: seed)
    let name = try #require(KeyName("PeterNeumann"))
    #expect("\(signer.verifierKey(name: name, type: .log))" == NoteTests.goKey)
    let text = Array(NoteTests.goText.utf8)
    let made = text.withUnsafeBufferPointer { signer.sign($0) }
    let signature = try #require(made)
    let signatureBytes = (0..<64).map { signature[$0] }
    let id = VerifierKey.keyID(name: name, type: .log, publicKey: signer.publicKey)
    let line = ByteWriter.bytes {
      NoteLines.write(name: name, keyID: id, signature: signatureBytes.span, to: &$0)
    }
    #expect(String(decoding: line, as: UTF8.self) == NoteTests.goLine)
  }

  @Test func `every single changed bit of a note is refused`() {
    let note = Array(NoteTests.exampleNote.utf8)
    for place in 0..<note.count {
      for bit in 0..<8 {
        var changed = note
        changed[place] ^= 1 << UInt8(bit)
        #expect(throws: NoteError.self, "byte \(place), bit \(bit)") {
          try verify(changed, NoteTests.exampleKey)
        }
      }
    }
  }

  @Test func `every prefix of a note is refused`() {
    let note = Array(NoteTests.exampleNote.utf8)
    for count in 0..<note.count {
      #expect(throws: NoteError.self) {
        try verify(Array(note[..<count]), NoteTests.exampleKey)
      }
    }
  }

  @Test(arguments: [
    "text\n\n- a AAAAAAA=\n", "text\n\n— a  AAAAAAA=\n", "text\n\n— a AAAAAAA= \n",
    "text\n\n— a AAAAAAA=", "text\n\n— a+b AAAAAAA=\n", "text\n\n—  AAAAAAA=\n",
    "text\n\n— a AAAAAA==\n", "text\n\n— a AAAAAAB=\n", "text\n\n— a AAAAAAA\n",
    "text\n— a AAAAAAA=\n", "text\n\n", "text\n\n— a AAAAAAA=\n\n",
    "text\n\n— a AAAAAAA=\nmore\n", "text\r\n\n— a AAAAAAA=\n", "te\tt\n\n— a AAAAAAA=\n",
    "te\u{7F}t\n\n— a AAAAAAA=\n", "text\n\n— a\u{A0}b AAAAAAA=\n",
    "text\n\n— a AAAAAAA=\n— a\n", "text\n\n— a AA AAAA=\n",
  ])
  func `what is not strictly a note is refused`(text: String) {
    let note = Array(text.utf8)
    #expect(throws: NoteError.malformed) { try Note.parse(note.span) }
  }

  @Test func `the shortest note is one, and bytes that are not UTF-8 are none`() throws {
    let note = Array("text\n\n— a AAAAAAA=\n".utf8)
    let parsed = try Note.parse(note.span)
    #expect(parsed.text == 0..<5 && parsed.signatureCount == 1)
    var wrong = note
    wrong[1] = 0xC3
    #expect(throws: NoteError.malformed) { try Note.parse(wrong.span) }
  }

  @Test func `lines of unknown keys are ignored, whatever their algorithm`() throws {
    // An ML-DSA-44 cosignature has 4 + 8 + 2,420 bytes.
    let large = Data(repeating: 5, count: 4 + 8 + 2_420).base64EncodedString()
    let unknown = (0..<16).map { "— other.example/\($0) \(large)\n" }.joined()
    let note = NoteTests.goText + "\n" + unknown + NoteTests.goLine + "— x AAAAAAA=\n"
    let line = try verify(Array(note.utf8), NoteTests.goKey)
    #expect(Array(note.utf8)[line.line].elementsEqual(NoteTests.goLine.utf8))
    #expect(throws: NoteError.unsigned) {
      try verify(Array(note.utf8), NoteTests.exampleKey)
    }
  }

  @Test func `the same name with another key ID is another key`() {
    let note =
      NoteTests.goText + "\n" + NoteTests.goLine.replacingOccurrences(of: "x08g", with: "x08h")
    #expect(throws: NoteError.unsigned) { try verify(Array(note.utf8), NoteTests.goKey) }
  }

  @Test func `a bad line of a known key spoils the note, before or after a good one`() {
    let bad = NoteTests.goLine.replacingOccurrences(of: "BwJnAM=", with: "BwJnQM=")
    for lines in [bad + NoteTests.goLine, NoteTests.goLine + bad, bad] {
      let note = NoteTests.goText + "\n" + lines
      #expect(throws: NoteError.badSignature) { try verify(Array(note.utf8), NoteTests.goKey) }
    }
    // A known key with a signature of another size is no good line either.
    let id = Data(base64Encoded: "x08go/Y=")![..<4]
    let short = "— PeterNeumann \((id + Data(count: 10)).base64EncodedString())\n"
    let note = NoteTests.goText + "\n" + NoteTests.goLine + short
    #expect(throws: NoteError.badSignature) { try verify(Array(note.utf8), NoteTests.goKey) }
  }

  @Test func `a text may hold blank lines; the last one ends it`() throws {
    let note = Array("a\n\nb\n\n— a AAAAAAA=\n".utf8)
    #expect(try Note.parse(note.span).text == 0..<5)
  }
}

@Suite struct VerifierKeyTests {
  @Test func `the vkeys of the vectors are read, written and have their key IDs`() throws {
    for key in MirrorVectors.shared.keys.values {
      let read = try #require(VerifierKey(key.vkey))
      #expect("\(read)" == key.vkey)
      #expect("\(read.name)" == key.name)
      #expect(read.type.rawValue == key.type)
      #expect(String(format: "%08x", read.keyID) == key.key_id_hex)
      #expect(hex((0..<32).map { read.publicKey[$0] }) == key.public_hex)
    }
  }

  @Test func `every mangling of a vkey is refused`() {
    for vkey in [NoteTests.goKey, NoteTests.exampleKey, MirrorVectors.shared.keys["mirror"]!.vkey] {
      let text = Array(vkey.utf8)
      #expect(VerifierKey(vkey: text.span) != nil)
      for place in 0..<text.count {
        for bit in 0..<8 {
          var changed = text
          changed[place] ^= 1 << UInt8(bit)
          #expect(VerifierKey(vkey: changed.span) == nil, "byte \(place), bit \(bit)")
        }
        var shorter = text
        shorter.remove(at: place)
        // Removing one of two equal neighbours of a group gives the same text as removing the other.
        #expect(VerifierKey(vkey: shorter.span) == nil, "without byte \(place)")
      }
      #expect(VerifierKey(vkey + "\n") == nil)
      #expect(VerifierKey(" " + vkey) == nil)
      #expect(VerifierKey(vkey + "A") == nil)
    }
    #expect(VerifierKey("") == nil)
    #expect(VerifierKey("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW") == nil)
  }

  @Test func `a name has no space, plus, control character or bad UTF-8, and at most 255 bytes`() {
    #expect(KeyName("mrv.example/gw/7f3a01c2/1") != nil)
    #expect(KeyName("厂站/网关/1") != nil)
    for text in ["", "a b", "a+b", "a\nb", "a\u{85}b", "a\u{3000}b", "a\u{2028}", "\u{7F}"] {
      #expect(KeyName(text) == nil, "\(text.debugDescription)")
    }
    #expect(KeyName(String(repeating: "a", count: 255)) != nil)
    #expect(KeyName(String(repeating: "a", count: 256)) == nil)
    #expect(KeyName([0x61, 0xC0, 0x80].span) == nil)
    let name = KeyName("mrv.example/gw/7f3a01c2/1")
    #expect(name?.hash.hex == MirrorVectors.shared.origin_hash_hex)
  }
}

@Suite struct CheckpointTests {
  private func signer(_ key: MirrorVectors.Key) throws -> FileKeySigner {
    let all = bytes(key.seed_hex)
    var seed = InlineArray<32, UInt8>(repeating: 0)
    for i in 0..<32 { seed[i] = all[i] }
    return try FileKeySigner(seed: seed)
  }

  @Test func `the signed checkpoints of the vectors are reproduced and open`() throws {
    let vectors = MirrorVectors.shared
    let key = try #require(VerifierKey(vectors.keys["log"]!.vkey))
    for (size, expected) in vectors.checkpoints {
      let checkpoint = Checkpoint(
        origin: key.name, size: UInt64(size)!, root: digest(vectors.roots[size]!.hex))
      var signer = try signer(vectors.keys["log"]!)
      var made = false
      let note = ByteWriter.bytes { made = checkpoint.sign(with: &signer, to: &$0) }
      #expect(made)
      #expect(String(decoding: note, as: UTF8.self) == expected)
      #expect(note.count <= Checkpoint.noteByteLimit)
      let opened = try Checkpoint.open(note.span, key: key, with: SodiumVerifier())
      #expect(opened == checkpoint)
    }
  }

  @Test func `a note of another log, or under another key, does not open`() throws {
    let note = Array(MirrorVectors.shared.checkpoints["300"]!.utf8)
    let other = try #require(VerifierKey(NoteTests.goKey))
    #expect(throws: NoteError.unsigned) {
      try Checkpoint.open(note.span, key: other, with: SodiumVerifier())
    }
    // Signed by the right key, but the text names another log.
    var signer = try signer(MirrorVectors.shared.keys["log"]!)
    let name = try #require(KeyName(MirrorVectors.shared.origin))
    let key = signer.verifierKey(name: name, type: .log)
    let text = Array("other.example\n5\n\(Base64.text(Tree.empty.span))\n".utf8)
    let made = text.withUnsafeBufferPointer { signer.sign($0) }
    let signature = try #require(made)
    let signatureBytes = (0..<64).map { signature[$0] }
    let foreign =
      text
      + ByteWriter.bytes {
        $0.append("\n")
        NoteLines.write(name: name, keyID: key.keyID, signature: signatureBytes.span, to: &$0)
      }
    #expect(throws: NoteError.otherOrigin) {
      try Checkpoint.open(foreign.span, key: key, with: SodiumVerifier())
    }
  }

  @Test func `too little room writes nothing`() throws {
    var signer = try signer(MirrorVectors.shared.keys["log"]!)
    let name = try #require(KeyName(MirrorVectors.shared.origin))
    let checkpoint = Checkpoint(origin: name, size: 300, root: .zero)
    for capacity in [0, 40, 73, 120, 190] {
      let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: capacity)
      defer { memory.deallocate() }
      var writer = ByteWriter(memory)
      let made = checkpoint.sign(with: &signer, to: &writer)
      let count = writer.count
      #expect(!made && count == 0)
    }
  }

  @Test(arguments: [
    "", "o\n", "o\n5\n", "o\n5\nROOT", "o\n05\nROOT\n", "o\n+5\nROOT\n", "o\n-1\nROOT\n",
    "o\n 5\nROOT\n", "o\n\nROOT\n", "o\n9223372036854775808\nROOT\n", "o\n5\nROOT=\n",
    "o\n5\nAAAA\n", "o\n5\n\n", "\n5\nROOT\n", "o p\n5\nROOT\n", "o+p\n5\nROOT\n",
    "o\n5\nROOT\n\n", "o\n5\nROOT\nx\n\n", "o\n5\nROOT\nx", "o\n0x5\nROOT\n", "o\n00\nROOT\n",
  ])
  func `what is not strictly a checkpoint is refused`(text: String) {
    let root = Base64.text(Tree.empty.span)
    let body = Array(text.replacingOccurrences(of: "ROOT", with: root).utf8)
    #expect(throws: NoteError.malformed) { try Checkpoint.parse(text: body.span) }
  }

  @Test func `sizes to 2^63 and extension lines are read`() throws {
    let root = Base64.text(Tree.empty.span)
    for size in ["0", "1", "9223372036854775807"] {
      let body = Array("o\n\(size)\n\(root)\nfirst\nsecond\n".utf8)
      #expect(try Checkpoint.parse(text: body.span).size == UInt64(size)!)
    }
  }
}

@Suite struct CosignatureTests {
  private let mirror = MirrorVectors.shared.keys["mirror"]!

  private func signer() throws -> FileKeySigner {
    let all = bytes(mirror.seed_hex)
    var seed = InlineArray<32, UInt8>(repeating: 0)
    for i in 0..<32 { seed[i] = all[i] }
    return try FileKeySigner(seed: seed)
  }

  private var text: [UInt8] {
    let note = Array(MirrorVectors.shared.checkpoints["300"]!.utf8)
    return Array(note[(try! Note.parse(note.span)).text])
  }

  @Test func `the vector's message and line are reproduced`() throws {
    let expected = MirrorVectors.shared.cosignature
    let message = ByteWriter.bytes {
      Cosignature.writeMessage(time: expected.time, text: text.span, to: &$0)
    }
    #expect(String(decoding: message, as: UTF8.self) == expected.signed_message)
    var signer = try signer()
    let name = try #require(KeyName(mirror.name))
    var made = false
    let line = ByteWriter.bytes {
      made = Cosignature.sign(
        text: text.span, time: expected.time, name: name, with: &signer, to: &$0)
    }
    #expect(made)
    #expect(String(decoding: line, as: UTF8.self) == expected.line)
    var lines = NoteLines(line.span)
    let next = try lines.next()
    let parsed = try #require(next)
    #expect(hex(Base64.bytes(line.span.extracting(parsed.encoded))!) == expected.blob_hex)
    #expect(parsed.cosignature(in: line.span)?.time == expected.time)
  }

  @Test func `a cosigned note verifies under both keys, and under neither after a change`() throws {
    let note = Array(MirrorVectors.shared.served.checkpoint_after_3_5.utf8)
    let parsed = try Note.parse(note.span)
    for name in ["log", "mirror"] {
      let key = try #require(VerifierKey(MirrorVectors.shared.keys[name]!.vkey))
      _ = try parsed.verify(note.span, key: key, with: SodiumVerifier())
      var changed = note
      changed[30] ^= 1
      #expect(throws: NoteError.badSignature) {
        try parsed.verify(changed.span, key: key, with: SodiumVerifier())
      }
    }
    let inclusion = MirrorVectors.shared.tlog_proof.text
    let witnessed = Array(inclusion[inclusion.range(of: "\n\n")!.upperBound...].utf8)
    let witness = try #require(VerifierKey(MirrorVectors.shared.keys["witness"]!.vkey))
    _ = try Note.parse(witnessed.span).verify(witnessed.span, key: witness, with: SodiumVerifier())
  }

  @Test func `a time of zero or from 2^63 is neither signed nor believed`() throws {
    var signer = try signer()
    let name = try #require(KeyName(mirror.name))
    let key = signer.verifierKey(name: name, type: .cosigner)
    for time in [0, 0x8000_0000_0000_0000] as [UInt64] {
      let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 500)
      defer { memory.deallocate() }
      var writer = ByteWriter(memory)
      let made = Cosignature.sign(
        text: text.span, time: time, name: name, with: &signer, to: &writer)
      let count = writer.count
      #expect(!made && count == 0)
      #expect(throws: NoteError.badSignature) {
        try Cosignature.verify(
          Signature(repeating: 1), time: time, over: text.span, key: key, with: SodiumVerifier())
      }
    }
    let long = [UInt8](repeating: 0x61, count: 4_001)
    #expect(throws: NoteError.tooLong) {
      try Cosignature.verify(
        Signature(repeating: 1), time: 5, over: long.span, key: key, with: SodiumVerifier())
    }
  }
}
