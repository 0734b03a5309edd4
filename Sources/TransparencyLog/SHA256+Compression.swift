#if !hasFeature(Embedded)
  import CSHA256
#endif

// The compression function of SHA-256 (FIPS 180-4, 6.2.2), which is most of what a gateway computes. Where a
// processor has instructions for it they do it, in C; else this does.
//
// Sixteen rounds are written out, so that the eight working variables change their names instead of
// their places, and the message schedule is sixteen words that roll, in variables and not in an array:
// half as long again per second as a loop over rounds.

/// The eight working variables of FIPS 180-4, 6.2.2.
private struct Working: BitwiseCopyable {
  var a: UInt32
  var b: UInt32
  var c: UInt32
  var d: UInt32
  var e: UInt32
  var f: UInt32
  var g: UInt32
  var h: UInt32

  @inline(__always)
  init(_ state: InlineArray<8, UInt32>) {
    a = state[0]
    b = state[1]
    c = state[2]
    d = state[3]
    e = state[4]
    f = state[5]
    g = state[6]
    h = state[7]
  }

  @inline(__always)
  func add(to state: inout InlineArray<8, UInt32>) {
    state[0] &+= a
    state[1] &+= b
    state[2] &+= c
    state[3] &+= d
    state[4] &+= e
    state[5] &+= f
    state[6] &+= g
    state[7] &+= h
  }
}

/// Sixteen words of the message schedule, W(t) to W(t + 15).
private struct Schedule: BitwiseCopyable {
  var w0: UInt32
  var w1: UInt32
  var w2: UInt32
  var w3: UInt32
  var w4: UInt32
  var w5: UInt32
  var w6: UInt32
  var w7: UInt32
  var w8: UInt32
  var w9: UInt32
  var w10: UInt32
  var w11: UInt32
  var w12: UInt32
  var w13: UInt32
  var w14: UInt32
  var w15: UInt32

  /// The first sixteen: the block itself.
  @inline(__always)
  init(_ block: UnsafeRawPointer) {
    w0 = Schedule.word(block, 0)
    w1 = Schedule.word(block, 4)
    w2 = Schedule.word(block, 8)
    w3 = Schedule.word(block, 12)
    w4 = Schedule.word(block, 16)
    w5 = Schedule.word(block, 20)
    w6 = Schedule.word(block, 24)
    w7 = Schedule.word(block, 28)
    w8 = Schedule.word(block, 32)
    w9 = Schedule.word(block, 36)
    w10 = Schedule.word(block, 40)
    w11 = Schedule.word(block, 44)
    w12 = Schedule.word(block, 48)
    w13 = Schedule.word(block, 52)
    w14 = Schedule.word(block, 56)
    w15 = Schedule.word(block, 60)
  }

  /// Goes on to the next sixteen.
  @inline(__always)
  mutating func roll() {
    w0 = Schedule.next(w0, w1, w9, w14)
    w1 = Schedule.next(w1, w2, w10, w15)
    w2 = Schedule.next(w2, w3, w11, w0)
    w3 = Schedule.next(w3, w4, w12, w1)
    w4 = Schedule.next(w4, w5, w13, w2)
    w5 = Schedule.next(w5, w6, w14, w3)
    w6 = Schedule.next(w6, w7, w15, w4)
    w7 = Schedule.next(w7, w8, w0, w5)
    w8 = Schedule.next(w8, w9, w1, w6)
    w9 = Schedule.next(w9, w10, w2, w7)
    w10 = Schedule.next(w10, w11, w3, w8)
    w11 = Schedule.next(w11, w12, w4, w9)
    w12 = Schedule.next(w12, w13, w5, w10)
    w13 = Schedule.next(w13, w14, w6, w11)
    w14 = Schedule.next(w14, w15, w7, w12)
    w15 = Schedule.next(w15, w0, w8, w13)
  }

  @inline(__always)
  private static func next(_ w0: UInt32, _ w1: UInt32, _ w9: UInt32, _ w14: UInt32) -> UInt32 {
    let s0 = rotate(w1, 7) ^ rotate(w1, 18) ^ (w1 &>> 3)
    let s1 = rotate(w14, 17) ^ rotate(w14, 19) ^ (w14 &>> 10)
    return w0 &+ s0 &+ w9 &+ s1
  }

  @inline(__always)
  private static func word(_ block: UnsafeRawPointer, _ offset: Int) -> UInt32 {
    UInt32(bigEndian: block.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}

extension SHA256 {
  /// Takes in `blockCount` blocks of 64 bytes that begin at `start`, aligned or not.
  static func compress(
    _ start: UnsafeRawPointer, blockCount: Int, into state: inout InlineArray<8, UInt32>
  ) {
    #if !hasFeature(Embedded)
      let isDone = withUnsafeMutableBytes(of: &state) {
        csha256_blocks(
          $0.baseAddress?.assumingMemoryBound(to: UInt32.self),
          start.assumingMemoryBound(to: UInt8.self), blockCount)
      }
      if isDone != 0 { return }
    #endif
    compressPlainly(start, blockCount: blockCount, into: &state)
  }

  /// The same in Swift.
  static func compressPlainly(
    _ start: UnsafeRawPointer, blockCount: Int, into state: inout InlineArray<8, UInt32>
  ) {
    let constants = SHA256.roundConstants.span
    constants.withUnsafeBufferPointer { buffer in
      guard let k = buffer.baseAddress else { return }
      var block = start
      var left = blockCount
      while left > 0 {
        var w = Schedule(block)
        var s = Working(state)
        sixteenRounds(&s, w, k)
        var t = 16
        while t < 64 {
          w.roll()
          sixteenRounds(&s, w, k + t)
          t &+= 16
        }
        s.add(to: &state)
        block += 64
        left &-= 1
      }
    }
  }

  @inline(__always)
  private static func sixteenRounds(
    _ s: inout Working, _ w: Schedule, _ k: UnsafePointer<UInt32>
  ) {
    round(s.a, s.b, s.c, &s.d, s.e, s.f, s.g, &s.h, k[0] &+ w.w0)
    round(s.h, s.a, s.b, &s.c, s.d, s.e, s.f, &s.g, k[1] &+ w.w1)
    round(s.g, s.h, s.a, &s.b, s.c, s.d, s.e, &s.f, k[2] &+ w.w2)
    round(s.f, s.g, s.h, &s.a, s.b, s.c, s.d, &s.e, k[3] &+ w.w3)
    round(s.e, s.f, s.g, &s.h, s.a, s.b, s.c, &s.d, k[4] &+ w.w4)
    round(s.d, s.e, s.f, &s.g, s.h, s.a, s.b, &s.c, k[5] &+ w.w5)
    round(s.c, s.d, s.e, &s.f, s.g, s.h, s.a, &s.b, k[6] &+ w.w6)
    round(s.b, s.c, s.d, &s.e, s.f, s.g, s.h, &s.a, k[7] &+ w.w7)
    round(s.a, s.b, s.c, &s.d, s.e, s.f, s.g, &s.h, k[8] &+ w.w8)
    round(s.h, s.a, s.b, &s.c, s.d, s.e, s.f, &s.g, k[9] &+ w.w9)
    round(s.g, s.h, s.a, &s.b, s.c, s.d, s.e, &s.f, k[10] &+ w.w10)
    round(s.f, s.g, s.h, &s.a, s.b, s.c, s.d, &s.e, k[11] &+ w.w11)
    round(s.e, s.f, s.g, &s.h, s.a, s.b, s.c, &s.d, k[12] &+ w.w12)
    round(s.d, s.e, s.f, &s.g, s.h, s.a, s.b, &s.c, k[13] &+ w.w13)
    round(s.c, s.d, s.e, &s.f, s.g, s.h, s.a, &s.b, k[14] &+ w.w14)
    round(s.b, s.c, s.d, &s.e, s.f, s.g, s.h, &s.a, k[15] &+ w.w15)
  }

  /// One round: T1 into `d` and T1 + T2 into `h`, which are then called e and a.
  @inline(__always)
  private static func round(
    _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32, _ e: UInt32, _ f: UInt32,
    _ g: UInt32, _ h: inout UInt32, _ kw: UInt32
  ) {
    // Σ1 and Σ0 with the rotations in one another; Ch and Maj with an operation less than written.
    let s1 = rotate(rotate(rotate(e, 14) ^ e, 5) ^ e, 6)
    let t1 = h &+ kw &+ s1 &+ (g ^ (e & (f ^ g)))
    let s0 = rotate(rotate(rotate(a, 9) ^ a, 11) ^ a, 2)
    d = d &+ t1
    h = t1 &+ s0 &+ ((a & b) | (c & (a | b)))
  }

  /// FIPS 180-4, 4.2.2: the first 32 bits of the fractions of the cube roots of the first 64 primes.
  private static let roundConstants: InlineArray<64, UInt32> = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
    0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
    0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
    0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
    0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
    0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
    0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
    0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
    0xc671_78f2,
  ]
}

@inline(__always)
private func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { x &>> n | x &<< (32 &- n) }
