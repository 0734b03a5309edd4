import Metering

/// SHA-256 (FIPS 180-4) over pieces of any size, without allocation.
///
/// It is a concrete type because everything here is defined over SHA-256 (RFC 6962, C2SP); there is
/// nothing to choose.
public struct SHA256: Sendable, BitwiseCopyable {
  private var state = SHA256.start
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
    guard let start = UnsafeRawPointer(bytes.baseAddress) else { return }
    total &+= wide(count: bytes.count)
    var offset = 0
    if pendingCount > 0 {
      let room = 64 &- pendingCount
      offset = bytes.count < room ? bytes.count : room
      keep(start, byteCount: offset)
      guard pendingCount == 64 else { return }
      compressPending()
    }
    let blockCount = (bytes.count &- offset) &>> 6
    if blockCount > 0 {
      SHA256.compress(start + offset, blockCount: blockCount, into: &state)
      offset &+= blockCount &<< 6
    }
    keep(start + offset, byteCount: bytes.count &- offset)
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
    let used = pendingCount
    fill(from: used, mark: true)
    if used >= 56 {
      compressPending()
      fill(from: 0, mark: false)
    }
    // Byte by byte: `storeBytes` counts as allocating on 32-bit ARM.
    var shift: UInt64 = 64
    while shift > 0 {
      shift &-= 8
      pending[63 &- narrow(shift &>> (3 as UInt64))] = UInt8(
        truncatingIfNeeded: low32(bits &>> shift))
    }
    compressPending()
    return SHA256.digest(of: state)
  }

  /// The digest of two digests behind a byte 0x01: what each inner node of a tree costs, so its two
  /// blocks are laid out at once.
  static func node(_ left: Digest, _ right: Digest) -> Digest {
    var message = InlineArray<128, UInt8>(repeating: 0)
    message[0] = 0x01
    message[65] = 0x80
    var state = SHA256.start
    // The length is 65 bytes, 0x0208 bits.
    message[126] = 0x02
    message[127] = 0x08
    withUnsafeMutableBytes(of: &message) { bytes in
      withUnsafeBytes(of: left) {
        UnsafeMutableRawBufferPointer(rebasing: bytes[1..<33]).copyMemory(from: $0)
      }
      withUnsafeBytes(of: right) {
        UnsafeMutableRawBufferPointer(rebasing: bytes[33..<65]).copyMemory(from: $0)
      }
      guard let start = UnsafeRawPointer(bytes.baseAddress) else { return }
      compress(start, blockCount: 2, into: &state)
    }
    return digest(of: state)
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

  /// Keeps bytes that do not fill a block yet.
  private mutating func keep(_ start: UnsafeRawPointer, byteCount: Int) {
    let offset = pendingCount
    withUnsafeMutableBytes(of: &pending) {
      UnsafeMutableRawBufferPointer(rebasing: $0[offset..<offset &+ byteCount])
        .copyMemory(from: UnsafeRawBufferPointer(start: start, count: byteCount))
    }
    pendingCount &+= byteCount
  }

  /// Fills the block up from `offset` on with zeros, the first of which is 0x80 with `mark`.
  private mutating func fill(from offset: Int, mark: Bool) {
    var i = offset
    while i < 64 {
      pending[i] = 0
      i &+= 1
    }
    if mark { pending[offset] = 0x80 }
  }

  private mutating func compressPending() {
    let block = pending
    withUnsafeBytes(of: block) { bytes in
      guard let start = bytes.baseAddress else { return }
      SHA256.compress(start, blockCount: 1, into: &state)
    }
    pendingCount = 0
  }

  private static func digest(of state: InlineArray<8, UInt32>) -> Digest {
    var words = state
    for i in 0..<8 { words[i] = state[i].bigEndian }
    return Digest(bytes: unsafeBitCast(words, to: InlineArray<32, UInt8>.self))
  }

  /// FIPS 180-4, 5.3.3: what every message begins with.
  private static var start: InlineArray<8, UInt32> {
    [
      0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
      0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
  }
}
