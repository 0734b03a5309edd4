import Metering

// Fixed-width little-endian fields in memory; offsets are checked by the buffer in debug builds and
// by the callers' constants always.

extension Span<UInt8> {
  /// The 32-bit field at `offset`.
  func load32(_ offset: Int) -> UInt32 {
    UInt32(self[offset])
      | (UInt32(self[offset &+ 1]) &<< (8 as UInt32))
      | (UInt32(self[offset &+ 2]) &<< (16 as UInt32))
      | (UInt32(self[offset &+ 3]) &<< (24 as UInt32))
  }

  /// The 64-bit field at `offset`.
  func load64(_ offset: Int) -> UInt64 {
    wide(load32(offset)) | (wide(load32(offset &+ 4)) &<< (32 as UInt64))
  }
}

extension UnsafeMutableBufferPointer<UInt8> {
  /// Puts a 32-bit field at `offset`.
  func store(_ value: UInt32, at offset: Int) {
    self[offset] = UInt8(truncatingIfNeeded: value)
    self[offset &+ 1] = UInt8(truncatingIfNeeded: value &>> (8 as UInt32))
    self[offset &+ 2] = UInt8(truncatingIfNeeded: value &>> (16 as UInt32))
    self[offset &+ 3] = UInt8(truncatingIfNeeded: value &>> (24 as UInt32))
  }

  /// Puts a 64-bit field at `offset`.
  func store(_ value: UInt64, at offset: Int) {
    store(low32(value), at: offset)
    store(high32(value), at: offset &+ 4)
  }

  /// The bytes in `range`.
  func slice(_ range: Range<Int>) -> UnsafeMutableBufferPointer<UInt8> {
    UnsafeMutableBufferPointer(rebasing: self[range])
  }

  /// Sets the bytes in `range` to zero.
  func clear(_ range: Range<Int>) {
    let bytes = slice(range)
    bytes.update(repeating: 0)
  }

  /// Puts `bytes` at `offset`.
  func put(_ bytes: Span<UInt8>, at offset: Int) {
    let target = UnsafeMutableRawBufferPointer(
      slice(offset..<(offset &+ bytes.count)))
    bytes.withUnsafeBytes { target.copyMemory(from: $0) }
  }
}

/// Every byte is zero. For whole blocks: the length is a multiple of eight.
func isZero(_ bytes: Span<UInt8>) -> Bool {
  bytes.withUnsafeBytes { raw in
    var i = 0
    while i < raw.count {
      if raw.loadUnaligned(fromByteOffset: i, as: UInt64.self) != 0 { return false }
      i &+= 8
    }
    return true
  }
}

/// Both hold the same bytes. For whole blocks: both lengths are the same multiple of eight.
func isEqual(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
  a.withUnsafeBytes { left in
    b.withUnsafeBytes { right in
      var i = 0
      while i < left.count {
        let l = left.loadUnaligned(fromByteOffset: i, as: UInt64.self)
        if l != right.loadUnaligned(fromByteOffset: i, as: UInt64.self) { return false }
        i &+= 8
      }
      return true
    }
  }
}

/// The unit of every read and write of the journal, bytes: the physical block of flash and disks.
public let blockByteCount = 4096

/// Rounded up to whole blocks.
func roundedToBlocks(_ byteCount: Int) -> Int { (byteCount &+ 4095) & ~4095 }
