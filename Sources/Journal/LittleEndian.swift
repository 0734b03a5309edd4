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
    var i = range.lowerBound
    while i < range.upperBound {
      self[i] = 0
      i &+= 1
    }
  }
}

/// Every byte is zero.
func isZero(_ bytes: Span<UInt8>) -> Bool {
  var i = 0
  while i < bytes.count {
    if bytes[i] != 0 { return false }
    i &+= 1
  }
  return true
}

/// Both hold the same bytes.
func isEqual(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
  guard a.count == b.count else { return false }
  var i = 0
  while i < a.count {
    if a[i] != b[i] { return false }
    i &+= 1
  }
  return true
}

/// The unit of every read and write of the journal, bytes: the physical block of flash and disks.
public let blockByteCount = 4096

/// Rounded up to whole blocks.
func roundedToBlocks(_ byteCount: Int) -> Int { (byteCount &+ 4095) & ~4095 }
