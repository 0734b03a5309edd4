import CZlib

/// One gzip member with `bytes`.
func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
  var stream = z_stream()
  let started = deflateInit2_(
    &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  guard started == Z_OK else { throw Missing() }
  defer { deflateEnd(&stream) }
  var input = bytes
  var output = [UInt8](repeating: 0, count: bytes.count + 1_024)
  let outcome = input.withUnsafeMutableBufferPointer { source in
    output.withUnsafeMutableBufferPointer { target in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      stream.next_out = target.baseAddress
      stream.avail_out = UInt32(target.count)
      return deflate(&stream, Z_FINISH)
    }
  }
  guard outcome == Z_STREAM_END else { throw Missing() }
  return Array(output.prefix(output.count - Int(stream.avail_out)))
}
