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
  /// The sealed form of a journal segment, which holds the same bytes in less room.
  case sealed(sequence: UInt64)
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
/// Offsets, sizes and buffer addresses are multiples of 4,096 for superblocks, summaries, segments and sealed
/// segments; what is prepared is written with any.
/// After any error the driver drops its descriptor of that object; the caller never retries the same
/// write on it (a kernel marks a page clean after a failed fsync; ATC'20, Rebello et al.).
public protocol BlockStorage: ~Copyable {
  /// Size in bytes, or `nil` if there is no such object.
  mutating func size(of object: StorageObject) throws(StorageError) -> Int?
  /// Sequence numbers of the segments that exist, plain or sealed, from the lowest to the highest, or `nil` if none.
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
  /// Puts bytes of an object that is being prepared at `offset`. Nobody sees it before it is published, and a loss of
  /// power or an end of the process forgets it. One object is prepared at a time: another one takes its place.
  mutating func prepare(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError)
  /// Makes a prepared object appear, whole and durably, with its first `byteCount` bytes.
  mutating func publish(prepared object: StorageObject, byteCount: Int) throws(StorageError)
  /// Does one step of sealing a segment: the next one goes on from there. Where nothing is sealed, nothing is done.
  mutating func seal(segment sequence: UInt64) throws(StorageError) -> SealingStep
  /// The sealed form of a segment counts: no plain one stands, or the two were compared.
  mutating func isSealed(segment sequence: UInt64) throws(StorageError) -> Bool
  /// Removes the plain form of a segment that is sealed, durably.
  mutating func removePlain(segment sequence: UInt64) throws(StorageError)
}

/// What a step of sealing came to.
public enum SealingStep: Equatable, Sendable {
  /// There is more to do; so many bytes were handed to the medium.
  case working(writtenByteCount: Int)
  /// The sealed form, of so many bytes, is on the medium beside the plain one, and is compared from now on; so many bytes
  /// were handed to the medium. 0 bytes if it stood there already.
  case published(byteCount: Int, writtenByteCount: Int)
  /// The sealed form is on the medium, was read back and holds the same bytes: it counts from now on. Its size.
  case sealed(byteCount: Int)
  /// The segment stays as it is: it would not become at most half as long, or is none that can be sealed.
  case declined
}

/// Storage that seals nothing.
extension BlockStorage where Self: ~Copyable {
  /// Refuses: no object here is prepared.
  public mutating func prepare(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { throw .full }

  /// Refuses: no object here is prepared.
  public mutating func publish(
    prepared object: StorageObject, byteCount: Int
  ) throws(StorageError) { throw .notFound }

  /// Declines.
  public mutating func seal(segment sequence: UInt64) throws(StorageError) -> SealingStep {
    .declined
  }

  /// None is.
  public mutating func isSealed(segment sequence: UInt64) throws(StorageError) -> Bool { false }

  /// Refuses: no segment here is sealed.
  public mutating func removePlain(segment sequence: UInt64) throws(StorageError) {
    throw .notFound
  }
}
