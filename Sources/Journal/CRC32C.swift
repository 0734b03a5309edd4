/// CRC-32C (Castagnoli), the checksum of iSCSI: RFC 3720 §12.1 and its vectors in appendix B.4.
///
/// Polynomial 0x1EDC6F41, reflected, register preset to ones, result complemented.
public struct CRC32C: Equatable, Sendable, BitwiseCopyable {
  /// The register; complemented when read out.
  var register: UInt32 = 0xffff_ffff

  /// The checksum of nothing yet.
  public init() {}

  /// Takes in further bytes.
  public mutating func update(_ bytes: Span<UInt8>) {
    register = bytes.withUnsafeBytes { CRC32C.advance(register, $0) }
  }

  /// The checksum of all bytes taken in so far.
  public var value: UInt32 { ~register }

  /// The checksum of `bytes`.
  public static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }

  /// Four bytes a step, each through the table that shifts it behind the other ones.
  private static func advance(_ start: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var c = start
    let table = CRC32C.tables.span
    var i = 0
    while bytes.count &- i >= 4 {
      let w = c ^ UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt32.self))
      let low =
        table[Int(truncatingIfNeeded: 768 &+ (w & 0xff))]
        ^ table[Int(truncatingIfNeeded: 512 &+ ((w &>> (8 as UInt32)) & 0xff))]
      let high =
        table[Int(truncatingIfNeeded: 256 &+ ((w &>> (16 as UInt32)) & 0xff))]
        ^ table[Int(truncatingIfNeeded: w &>> (24 as UInt32))]
      c = low ^ high
      i &+= 4
    }
    while i < bytes.count {
      c =
        table[Int(truncatingIfNeeded: (c ^ UInt32(bytes[i])) & 0xff)] ^ (c &>> (8 as UInt32))
      i &+= 1
    }
    return c
  }

  /// Where a single damaged byte can stand in `byteCount` bytes, and by what it was changed, given
  /// the difference (exclusive or) of the stored and the computed checksum.
  ///
  /// A checksum is linear: the difference is what the one wrong byte leaves in the register after
  /// the bytes behind it have been shifted through. Shifting back one zero byte at a time finds each
  /// position where a single byte explains it. In short data there is at most one; the caller
  /// confirms each candidate by a stronger hash. `found` returns `true` to stop the search.
  public static func locateSingleByte(
    difference: UInt32, byteCount: Int, _ found: (_ offset: Int, _ change: UInt8) -> Bool
  ) {
    guard difference != 0 else { return }
    let table = CRC32C.tables.span
    var register = difference
    var offset = byteCount &- 1
    while offset >= 0 {
      // The top bytes of the table's entries are a permutation of 0...255, so one names its entry.
      let index = entry(withTop: register &>> (24 as UInt32))
      if table[index] == register, found(offset, UInt8(truncatingIfNeeded: index)) { return }
      register =
        ((register ^ table[index]) &<< (8 as UInt32)) | UInt32(truncatingIfNeeded: index)
      offset &-= 1
    }
  }

  /// The index of the entry of the first table that has this top byte.
  private static func entry(withTop top: UInt32) -> Int {
    let table = CRC32C.tables.span
    var i = 0
    while i < 255, table[i] &>> (24 as UInt32) != top { i &+= 1 }
    return i
  }

  /// Four tables of 256: what a byte becomes when 0, 1, 2 or 3 zero bytes follow it.
  private static let tables: InlineArray<1024, UInt32> = {
    var tables = InlineArray<1024, UInt32>(repeating: 0)
    var i = 0
    while i < 1024 {
      var c = i < 256 ? UInt32(truncatingIfNeeded: i) : tables[i &- 256]
      var step = 0
      while step < 8 {
        // 0x82F63B78 is the polynomial with its bits reversed.
        c = (c &>> (1 as UInt32)) ^ (c & 1 == 1 ? 0x82f6_3b78 : 0)
        step &+= 1
      }
      tables[i] = c
      i &+= 1
    }
    return tables
  }()
}
