import Testing

@testable import TransparencyLog

@Suite struct SHA256Tests {
  @Test func `the examples of FIPS 180-4 give their digests`() {
    let examples: [(String, String)] = [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ]
    for (text, expected) in examples {
      #expect(SHA256.hash(Array(text.utf8).span).hex == expected)
    }
  }

  @Test func `every length to 300 agrees with libsodium, in one piece and in three`() {
    var random = SeededRandom(state: 1)
    let all = (0..<300).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    for count in 0...300 {
      let message = Array(all[..<count])
      let expected = sodiumHash(message)
      #expect(SHA256.hash(message.span) == expected)
      var hash = SHA256()
      let cut = count / 3
      hash.update(message.span.extracting(0..<cut))
      for byte in message[cut..<(cut * 2)] { hash.update(byte) }
      message.withUnsafeBufferPointer {
        hash.update(UnsafeBufferPointer(rebasing: $0[(cut * 2)...]))
      }
      #expect(hash.finalize() == expected)
    }
  }

  @Test func `many blocks at any alignment agree with libsodium`() {
    var random = SeededRandom(state: 2)
    let all = (0..<4_200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    for start in 0..<8 {
      for count in [64, 127, 128, 129, 640, 4_095, 4_096, 4_100] {
        let message = Array(all[start..<start + count])
        all.withUnsafeBufferPointer {
          let piece = UnsafeBufferPointer(rebasing: $0[start..<start + count])
          #expect(SHA256.hash(piece) == sodiumHash(message))
        }
      }
    }
  }

  @Test func `what a processor has instructions for is computed in Swift alike`() {
    var random = SeededRandom(state: 5)
    let all = (0..<4_200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    for count in [1, 2, 3, 64] {
      for start in 0..<8 {
        var words = InlineArray<8, UInt32>(repeating: 0)
        for i in 0..<8 { words[i] = UInt32(truncatingIfNeeded: random.next()) }
        var plain = words
        all.withUnsafeBytes {
          guard let bytes = $0.baseAddress else { return }
          SHA256.compress(bytes + start, blockCount: count, into: &words)
          SHA256.compressPlainly(bytes + start, blockCount: count, into: &plain)
        }
        for i in 0..<8 { #expect(words[i] == plain[i]) }
      }
    }
  }

  @Test func `a node is the digest of 0x01 and its two halves`() {
    var random = SeededRandom(state: 3)
    for _ in 0..<100 {
      let bytes = (0..<64).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      guard let left = Digest(bytes.span.extracting(0..<32)),
        let right = Digest(bytes.span.extracting(32..<64))
      else {
        Issue.record("32 bytes are a digest")
        return
      }
      #expect(Tree.node(left, right) == sodiumHash([0x01] + bytes))
    }
  }

  @Test func `digests that differ in one byte are not equal`() {
    let value = SHA256.hash([1].span)
    for index in 0..<Digest.byteCount {
      var other = value
      #expect(other == value)
      other.bytes[index] ^= 1
      #expect(other != value)
    }
  }

  @Test func `a digest survives hexadecimal and refuses other lengths and capitals`() {
    let value = SHA256.hash([1, 2, 3].span)
    #expect(Digest(hex: value.hex) == value)
    #expect(Digest(hex: value.hex.uppercased()) == nil)
    #expect(Digest(hex: String(value.hex.dropLast(2))) == nil)
    #expect(Digest([UInt8](repeating: 0, count: 31).span) == nil)
    #expect(Digest([UInt8](repeating: 0, count: 33).span) == nil)
  }
}
