/// The things that a log keeps on disk. The host maps each to a path; the core knows no paths.
public enum StorageObject: Equatable, Sendable {
  /// One of the two superblocks, slot 0 or 1.
  case superblock(slot: UInt8)
  /// A journal segment by its sequence number, from 0.
  case segment(sequence: UInt64)
  /// A full hash tile of 256 hashes (C2SP tlog-tiles), level 1 or above.
  case tile(level: UInt8, index: UInt64)
  /// The documents that the channels of this log rest on, beside the log itself.
  case documents
  /// What the log held below the index from which it is kept: one of two, slot 0 or 1, written in turn.
  case summary(slot: UInt8)
}

/// What can go wrong with storage.
public enum StorageError: UInt8, Error, Sendable {
  /// The object does not exist.
  case notFound = 1
  /// No space is left.
  case full = 2
  /// The medium or the operating system reported an error.
  case io = 3
  /// The object is shorter than what was asked for.
  case short = 4
  /// This user may not do that: nothing is wrong with the medium.
  case denied = 5
}

/// Durable storage. Calls block until they are done, so they are made on a thread of their own.
///
/// For drivers: `write` and `publish` return only when the bytes are on the medium, directory entry
/// included; `read` goes to the medium, not to a cache that a failed write could have left behind.
/// Offsets, sizes and buffer addresses are multiples of 4,096 for superblocks, summaries and segments.
/// After any error the driver drops its descriptor of that object; the caller never retries the same
/// write on it (a kernel marks a page clean after a failed fsync; ATC'20, Rebello et al.).
public protocol BlockStorage: ~Copyable {
  /// Size in bytes, or `nil` if there is no such object.
  mutating func size(of object: StorageObject) throws(StorageError) -> Int?
  /// Sequence numbers of the segments that exist, from the lowest to the highest, or `nil` if none.
  mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>?
  /// Makes an object of zeros; it exists whole or not at all.
  mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError)
  /// Fills `buffer` from `offset`.
  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError)
  /// Writes at `offset` of an existing object, durably.
  mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError)
  /// Makes or replaces an object whole, durably: a reader sees the old bytes or the new ones.
  mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError)
  /// Removes an object, durably; one that does not exist is no error.
  mutating func remove(_ object: StorageObject) throws(StorageError)
  /// Gives a segment that holds nothing any more another number, durably: it exists under the one or the
  /// other. Its bytes stay what they are.
  mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError)
  /// Bytes that the file system below has free for this user; `nil` where nobody knows.
  mutating func freeByteCount() -> UInt64?
}
