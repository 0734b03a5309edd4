import HAL
import Metering
import TransparencyLog

extension Journal where Storage: ~Copyable {
  /// The signed note of `superblock.signedSize`; empty if nothing is signed. Valid until the next
  /// call that changes the journal.
  public var signedNote: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(superblockPage.slice(superblock.signedNoteRange))
  }

  /// The cosigned note of `superblock.acknowledgedSize`; empty if nothing is acknowledged. Valid until
  /// the next call that changes the journal.
  public var cosignedNote: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(superblockPage.slice(superblock.cosignedNoteRange))
  }

  /// Counts one more start of an agent; returns the new count, from 1, and from `earlier` + 1 on a log that
  /// takes over from another.
  ///
  /// - Throws: `unwritable`.
  public mutating func recordBoot(
    after earlier: UInt32 = 0
  ) throws(JournalError) -> UInt32 {
    precondition(isRecovered, "recover first")
    var next = superblock
    next.bootCounter = (next.bootCounter > earlier ? next.bootCounter : earlier) &+ 1
    try writeSuperblock(next)
    return next.bootCounter
  }

  /// Makes a signed note durable; only afterwards may it leave the gateway.
  ///
  /// `size` is at most `committedSize` and at least the size signed before: anything else would be a
  /// log that forgets or cheats, so it traps.
  ///
  /// - Parameter note: the whole note, at most `Superblock.noteByteCountMax` bytes.
  /// - Throws: `unwritable`.
  public mutating func recordSigned(
    size: UInt64, root: Digest, note: Span<UInt8>
  ) throws(JournalError) {
    precondition(isRecovered, "recover first")
    precondition(
      size <= committedSize && size >= superblock.signedSize,
      "only committed entries are signed, and none twice differently")
    precondition(note.count <= Superblock.noteByteCountMax, "the note is too long")
    var next = superblock
    next.signedSize = size
    next.signedRoot = root
    next.releasedSize = releasedSize
    next.signedNoteByteCount = note.count
    try writeSuperblock(next, note, at: Superblock.signedNoteOffset)
  }

  /// The checkpoint of `size` leaves the gateway; the next superblock says so.
  ///
  /// Traps if it is neither the one that was signed last nor below one that left before: after a power cut nothing would
  /// tell that it is this log's.
  public mutating func noteReleased(size: UInt64) {
    precondition(
      size == superblock.signedSize || size <= releasedSize,
      "only the newest checkpoint leaves, or one that has left")
    if size > releasedSize { releasedSize = size }
  }

  /// Makes the mirror's acknowledgement durable.
  ///
  /// `size` is at most the signed size (the caller has checked the note); anything else traps.
  /// - Parameter cosignedNote: the whole note with the cosignature, at most
  ///   `Superblock.noteByteCountMax` bytes.
  /// - Throws: `unwritable`.
  public mutating func recordAcknowledged(
    size: UInt64, cosignedNote: Span<UInt8>
  ) throws(JournalError) {
    precondition(isRecovered, "recover first")
    precondition(
      size <= superblock.signedSize && size >= superblock.acknowledgedSize,
      "only signed entries are acknowledged")
    precondition(cosignedNote.count <= Superblock.noteByteCountMax, "the note is too long")
    var next = superblock
    next.acknowledgedSize = size
    next.cosignedNoteByteCount = cosignedNote.count
    try writeSuperblock(next, cosignedNote, at: Superblock.cosignedNoteOffset)
  }

  /// Writes the next superblock as it is.
  mutating func writeSuperblock(_ next: Superblock) throws(JournalError) {
    try writeSuperblock(next, Span<UInt8>(), at: 0)
  }

  /// Writes the next generation into the slot that does not hold the newest one, reads it back and
  /// compares. After a failure the slot is replaced whole (a new file, a new descriptor), once.
  private mutating func writeSuperblock(
    _ block: Superblock, _ note: Span<UInt8>, at noteOffset: Int
  ) throws(JournalError) {
    var next = block
    next.generation = superblock.generation &+ 1
    let page = nextSuperblockPage
    page.put(superblockPage.span, at: 0)
    page.put(note, at: noteOffset)
    next.write(into: page)
    let slot: UInt8 = 1 &- superblockSlot
    let object = StorageObject.superblock(slot: slot)
    var exists = false
    do throws(StorageError) {
      exists = try storage.size(of: object) == blockByteCount
    } catch {
      exists = false
    }
    let first =
      exists ? writeAndReadBack(object, at: 0, page) : publishAndReadBack(object, page)
    if first != nil {
      if let failure = publishAndReadBack(object, page) {
        throw .unwritable(object, offset: 0, failure.error)
      }
    }
    superblockPage.put(page.span, at: 0)
    superblock = next
    superblockSlot = slot
  }

  /// Replaces a superblock whole, reads the medium and compares.
  private mutating func publishAndReadBack(
    _ object: StorageObject, _ page: UnsafeMutableBufferPointer<UInt8>
  ) -> WriteFailure? {
    let copy = scratch.slice(0..<blockByteCount)
    window = Window()
    writtenByteCount &+= wide(count: blockByteCount)
    do throws(StorageError) {
      try storage.publish(
        object, from: UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(page)))
      try storage.read(object, at: 0, into: UnsafeMutableRawBufferPointer(copy))
    } catch {
      return WriteFailure(object: object, offset: 0, error: error)
    }
    return isEqual(page.span, copy.span)
      ? nil : WriteFailure(object: object, offset: 0, error: nil)
  }
}
