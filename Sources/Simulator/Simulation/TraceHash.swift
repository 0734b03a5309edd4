import TransparencyLog

/// A fast hash of a sequence of pieces, to tell two runs apart; it withstands accidents, not intent.
///
/// Two lanes take 8-byte words by turns: exclusive or, times an odd constant, the upper half folded onto the
/// lower. Each step is a bijection of its lane for a given word, so a difference that has come in never
/// goes out again by what follows alike. The length of each piece goes in before it.
struct TraceHash {
  private var even: UInt64 = 0x243F_6A88_85A3_08D3
  private var odd: UInt64 = 0x1319_8A2E_0370_7344

  /// Takes one number.
  mutating func update(_ number: UInt64) {
    even = TraceHash.step(even, number)
    swap(&even, &odd)
  }

  /// Takes one piece.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    update(UInt64(bytes.count))
    var at = 0
    while bytes.count - at >= 16 {
      even = TraceHash.step(even, TraceHash.word(bytes, at))
      odd = TraceHash.step(odd, TraceHash.word(bytes, at + 8))
      at += 16
    }
    while at < bytes.count {
      // The last bytes, filled up with zeros: how many they are is in already.
      var word: UInt64 = 0
      for i in (at..<min(at + 8, bytes.count)).reversed() { word = word << 8 | UInt64(bytes[i]) }
      update(word)
      at += 8
    }
  }

  /// The hash so far, as a digest over both lanes.
  var digest: Digest {
    var hash = SHA256()
    for lane in [even, odd] {
      for shift in stride(from: UInt64(0), to: 64, by: 8) {
        hash.update(UInt8(truncatingIfNeeded: lane >> shift))
      }
    }
    return hash.finalize()
  }

  @inline(__always)
  private static func step(_ lane: UInt64, _ word: UInt64) -> UInt64 {
    // 2^64 / golden ratio, made odd.
    let product = (lane ^ word) &* 0x9E37_79B9_7F4A_7C15
    return product ^ (product >> 32)
  }

  private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}
