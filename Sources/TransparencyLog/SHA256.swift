import Metering

/// SHA-256 (FIPS 180-4) over pieces of any size, without allocation.
///
/// It is a concrete type because everything here is defined over SHA-256 (RFC 6962, C2SP); there is
/// nothing to choose.
public struct SHA256: Sendable, BitwiseCopyable {
  private var state: InlineArray<8, UInt32> = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
    0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var pending = InlineArray<64, UInt8>(repeating: 0)
  private var pendingCount = 0
  private var total: UInt64 = 0

  /// Starts with nothing hashed.
  public init() {}

  /// Hashes `bytes` as the next piece.
  public mutating func update(_ bytes: Span<UInt8>) {
    bytes.withUnsafeBufferPointer { update($0) }
  }

  /// Hashes `bytes` as the next piece.
  public mutating func update(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let start = bytes.baseAddress else { return }
    total &+= wide(count: bytes.count)
    var offset = 0
    if pendingCount > 0 {
      while pendingCount < 64, offset < bytes.count {
        pending[pendingCount] = bytes[offset]
        pendingCount &+= 1
        offset &+= 1
      }
      guard pendingCount == 64 else { return }
      compressPending()
    }
    while bytes.count &- offset >= 64 {
      compress(start + offset)
      offset &+= 64
    }
    while offset < bytes.count {
      pending[pendingCount] = bytes[offset]
      pendingCount &+= 1
      offset &+= 1
    }
  }

  /// Hashes one byte as the next piece.
  public mutating func update(_ byte: UInt8) {
    total &+= 1
    pending[pendingCount] = byte
    pendingCount &+= 1
    if pendingCount == 64 { compressPending() }
  }

  /// Pads and gives the digest (FIPS 180-4, 5.1.1: 0x80, zeros, the length in bits as 64 bits).
  public consuming func finalize() -> Digest {
    let bits = total &<< (3 as UInt64)
    update(0x80)
    while pendingCount != 56 { update(0) }
    var shift: UInt64 = 64
    while shift > 0 {
      shift &-= 8
      update(UInt8(truncatingIfNeeded: low32(bits &>> shift)))
    }
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    for i in 0..<8 {
      let word = state[i]
      bytes[i &* 4] = UInt8(truncatingIfNeeded: word &>> 24)
      bytes[i &* 4 &+ 1] = UInt8(truncatingIfNeeded: word &>> 16)
      bytes[i &* 4 &+ 2] = UInt8(truncatingIfNeeded: word &>> 8)
      bytes[i &* 4 &+ 3] = UInt8(truncatingIfNeeded: word)
    }
    return Digest(bytes: bytes)
  }

  /// The digest of `bytes`.
  public static func hash(_ bytes: Span<UInt8>) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }

  /// The digest of `bytes`.
  public static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }

  private mutating func compressPending() {
    let block = pending
    block.span.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      compress(start)
    }
    pendingCount = 0
  }

  /// One block of 64 bytes (FIPS 180-4, 6.2.2), with a message schedule of 16 words that rolls.
  private mutating func compress(_ block: UnsafePointer<UInt8>) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 16) { w in
      var a = state[0]
      var b = state[1]
      var c = state[2]
      var d = state[3]
      var e = state[4]
      var f = state[5]
      var g = state[6]
      var h = state[7]
      var i = 0
      while i < 64 {
        let word: UInt32
        if i < 16 {
          word = SHA256.bigEndianWord(block + i &* 4)
        } else {
          let w15 = w[(i &+ 1) & 15]
          let w2 = w[(i &+ 14) & 15]
          let s0 = SHA256.rotate(w15, 7) ^ SHA256.rotate(w15, 18) ^ (w15 &>> 3)
          let s1 = SHA256.rotate(w2, 17) ^ SHA256.rotate(w2, 19) ^ (w2 &>> 10)
          word = w[i & 15] &+ s0 &+ w[(i &+ 9) & 15] &+ s1
        }
        w[i & 15] = word
        let s1 = SHA256.rotate(e, 6) ^ SHA256.rotate(e, 11) ^ SHA256.rotate(e, 25)
        let t1 = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ SHA256.roundConstants[i] &+ word
        let s0 = SHA256.rotate(a, 2) ^ SHA256.rotate(a, 13) ^ SHA256.rotate(a, 22)
        let t2 = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
        h = g
        g = f
        f = e
        e = d &+ t1
        d = c
        c = b
        b = a
        a = t1 &+ t2
        i &+= 1
      }
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

  @inline(__always)
  private static func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { x &>> n | x &<< (32 &- n) }

  @inline(__always)
  private static func bigEndianWord(_ p: UnsafePointer<UInt8>) -> UInt32 {
    UInt32(truncatingIfNeeded: p[0]) &<< 24 | UInt32(truncatingIfNeeded: p[1]) &<< 16
      | UInt32(truncatingIfNeeded: p[2]) &<< 8 | UInt32(truncatingIfNeeded: p[3])
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
