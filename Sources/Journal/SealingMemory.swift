/// The memory that sealing works in, in the order in which it stands in the codec's memory.
public enum SealingMemory {
  /// A chunk as it stands in the segment: a cell, and the rest of a frame that begins in its last block.
  static let plainByteCount = SealedTable.cellByteCount &+ frameByteCountMax
  /// The longest frame that a chunk takes whole, bytes: the longest that a journal writes by itself
  /// (`JournalConfiguration`). The blocks of a longer one are kept as they are.
  static let frameByteCountMax = 32 << 10
  /// Its columns: at most the chunk, a head, and three bytes for an entry of none.
  public static let columnsByteCount = plainByteCount &+ blockByteCount
  /// Its compressed columns: what Zstandard may need for bytes that do not compress, 1/256 more.
  static let compressedByteCount = columnsByteCount &+ blockByteCount
  /// The whole blocks that hold these wherever they begin.
  static let storedByteCount = compressedByteCount &+ 2 &* blockByteCount
  /// The shapes of entries.
  static let shapesByteCount = blockByteCount

  /// All of it, bytes.
  public static var byteCount: Int {
    plainByteCount &+ columnsByteCount &+ storedByteCount &+ SealedTable.byteCountMax
      &+ blockByteCount &+ shapesByteCount
  }
}
