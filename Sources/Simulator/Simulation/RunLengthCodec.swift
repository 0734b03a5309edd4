import HAL

/// The codec of the simulated gateway: runs of one byte become two bytes, so that one seed gives the same bytes whatever
/// library a host has.
///
/// A byte n below 128 stands before n + 1 bytes as they are; one from 128 on stands for n − 125 times the byte after it.
public struct RunLengthCodec: ChunkCodec, ~Copyable {
  /// Memory for whoever works with it.
  public let memory: UnsafeMutableRawBufferPointer
  private let isCompressing: Bool
  private static let literalCountMax = 128
  private static let runCountMin = 3
  private static let runCountMax = 130

  /// A codec with so much memory; one that does not compress refuses everything.
  public init(memoryByteCount: Int, isCompressing: Bool = true) {
    memory = .allocate(byteCount: memoryByteCount, alignment: 4_096)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    self.isCompressing = isCompressing
  }

  deinit { memory.deallocate() }

  /// Compresses `bytes`.
  public mutating func compress(
    _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard isCompressing else { return nil }
    var taken = 0
    var count = 0
    var literals = 0
    /// Writes what was gathered as it is, up to `taken`.
    func flush() -> Bool {
      guard literals > 0 else { return true }
      guard buffer.count - count > literals else { return false }
      buffer[count] = UInt8(literals - 1)
      for i in 0..<literals { buffer[count + 1 + i] = bytes[taken - literals + i] }
      count += literals + 1
      literals = 0
      return true
    }
    while taken < bytes.count {
      var run = 1
      while run < Self.runCountMax, taken + run < bytes.count, bytes[taken + run] == bytes[taken] {
        run += 1
      }
      if run >= Self.runCountMin {
        guard flush(), buffer.count - count >= 2 else { return nil }
        buffer[count] = UInt8(run + 125)
        buffer[count + 1] = bytes[taken]
        count += 2
        taken += run
      } else {
        if literals == Self.literalCountMax, !flush() { return nil }
        literals += 1
        taken += 1
      }
    }
    return flush() ? count : nil
  }

  /// Decompresses `bytes`, which must fill `buffer`.
  public mutating func decompress(
    _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    var taken = 0
    var count = 0
    while taken < bytes.count {
      let isRun = bytes[taken] >= 128
      let length = isRun ? Int(bytes[taken]) - 125 : Int(bytes[taken]) + 1
      let needed = isRun ? 1 : length
      guard bytes.count - taken > needed, buffer.count - count >= length else { return false }
      for i in 0..<length { buffer[count + i] = bytes[taken + 1 + (isRun ? 0 : i)] }
      count += length
      taken += 1 + needed
    }
    return count == buffer.count
  }
}
