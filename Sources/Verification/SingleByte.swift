import Journal

/// Undoes the change of one byte in data with a CRC-32C, where that is possible.
enum SingleByte {
  /// A copy of the data with one byte changed back, and which one.
  struct Repair {
    var bytes: [UInt8]
    var offset: Int
  }

  /// The ways to change one byte of `bytes` so that their checksum becomes `checksum`; usually one.
  static func repairs(of bytes: [UInt8], checksum: UInt32) -> [Repair] {
    var repairs: [Repair] = []
    let difference = checksum ^ CRC32C.checksum(bytes.span)
    CRC32C.locateSingleByte(difference: difference, byteCount: bytes.count) { offset, change in
      var copy = bytes
      copy[offset] ^= change
      repairs.append(Repair(bytes: copy, offset: offset))
      return false
    }
    return repairs
  }

  /// The ways to change one byte of a header that ends in its own checksum (little-endian) so that it
  /// is right: one of the bytes before it, or one of its own.
  static func headerRepairs(of header: [UInt8]) -> [Repair] {
    let body = Array(header.dropLast(4))
    let stored = header.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let difference = stored ^ CRC32C.checksum(body.span)
    guard difference != 0 else { return [] }
    var repairs = SingleByte.repairs(of: body, checksum: stored).map {
      Repair(bytes: $0.bytes + header.suffix(4), offset: $0.offset)
    }
    for byte in 0..<4 where difference & ~(0xff << UInt32(8 * byte)) == 0 {
      var copy = header
      copy[body.count + byte] ^= UInt8(truncatingIfNeeded: difference >> UInt32(8 * byte))
      repairs.append(Repair(bytes: copy, offset: body.count + byte))
    }
    return repairs
  }
}
