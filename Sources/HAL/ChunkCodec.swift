/// Compresses pieces of a sealed segment, each by itself, and brings them back.
///
/// For implementers: nothing is allocated after the start, and all memory was touched there, so that what an agent
/// takes is known when it begins. Both calls are bounded by the lengths of their buffers.
public protocol ChunkCodec: ~Copyable {
  /// Memory for whoever works with the codec, as much as was asked for when it was made, aligned to 4,096 and zero at
  /// first. It lives as long as the codec.
  var memory: UnsafeMutableRawBufferPointer { get }

  /// Compresses `bytes` to the start of `buffer`; returns the length, or `nil` if it does not fit.
  mutating func compress(
    _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int?

  /// Fills all of `buffer` with what `compress` was given; `false` if `bytes` do not stand for exactly as many. What
  /// the buffer holds then is not defined.
  mutating func decompress(
    _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool
}
