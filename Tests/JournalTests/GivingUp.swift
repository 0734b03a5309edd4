import HAL
import Journal
import TransparencyLog

// What an agent does with a log whose front a mirror has, in its order: `Recorder.keepRoom` and
// `Evidence.giveUpOldestSegment` of Gateway. The open tiles of those are 4 entries wide here, so that a few entries
// reach over one, and a summary keeps the beginning of each entry, so that it has several sectors.
extension Fixture where Storage: ~Copyable {
  private static var tileWidth: UInt64 { 4 }

  /// Gives up segments of which all is below `limit` until the next one has its room, and removes those that have no
  /// use. What fails is tried again once: an agent comes back to it.
  ///
  /// - Parameter willRecord: takes the index below which entries may be gone from now on.
  func keepRoom(
    below limit: UInt64, _ willRecord: (UInt64) -> Void
  ) throws(JournalError) {
    do throws(JournalError) {
      try journal.reserveSummaries()
      try giveUpSegments(below: limit, willRecord)
    } catch {
      try giveUpSegments(below: limit, willRecord)
    }
  }

  private func giveUpSegments(
    below limit: UInt64, _ willRecord: (UInt64) -> Void
  ) throws(JournalError) {
    while journal.freeSegmentCount == 0 {
      guard try giveUpOldestSegment(below: limit, willRecord) else { break }
    }
    try journal.removeFreeSegments(keeping: 1)
  }

  private func giveUpOldestSegment(
    below limit: UInt64, _ willRecord: (UInt64) -> Void
  ) throws(JournalError) -> Bool {
    guard let end = try journal.endOfOldestSegment() else { return false }
    let index = (end + Self.tileWidth - 1) / Self.tileWidth * Self.tileWidth
    guard index <= limit, index > journal.superblock.minimumIndex else { return false }
    try sumUp(below: index)
    willRecord(index)
    try journal.recordMinimum(index)
    return true
  }

  private func sumUp(below index: UInt64) throws(JournalError) {
    let before = try newestSummary()
    guard before.index < index else { return }
    guard before.index >= journal.superblock.minimumIndex else {
      throw .notStored(index: before.index)
    }
    let history = before.history + summed(try read(before.index..<index))
    let hashes = [Digest](repeating: testOrigin, count: 3)
    let page = UnsafeMutableRawBufferPointer.allocate(
      byteCount: LogSummary.byteCount(hashes: hashes.count, history: history.count),
      alignment: 4096
    ).bindMemory(to: UInt8.self)
    defer { page.deallocate() }
    LogSummary.write(
      index: index / Self.tileWidth * 256, epoch: 1, originHash: testOrigin, hashes: hashes.span,
      history: history.span, into: page)
    _ = try journal.writeSummary(page, besides: before.slot)
  }

  /// The newest summary that is whole; that of a whole log if there is none.
  func newestSummary() throws(JournalError) -> (index: UInt64, slot: UInt8, history: [UInt8]) {
    var newest: (index: UInt64, slot: UInt8, history: [UInt8]) = (0, 1, [])
    for slot in [UInt8(0), 1] {
      let object = StorageObject.summary(slot: slot)
      do throws(StorageError) {
        guard let count = try journal.storage.size(of: object), count > 0 else { continue }
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
        defer { page.deallocate() }
        try journal.storage.read(object, at: 0, into: page)
        let bytes = UnsafeBufferPointer(page.bindMemory(to: UInt8.self))
        guard let found = LogSummary(bytes.span) else { continue }
        let index = found.index / 256 * Self.tileWidth
        if index >= newest.index {
          newest = (index, slot, array(bytes.span.extracting(found.history)))
        }
      } catch {
        throw .unreadable(object, offset: 0, error)
      }
    }
    return newest
  }
}

/// What a summary keeps of entries.
func summed(_ entries: [[UInt8]]) -> [UInt8] { entries.flatMap { $0.prefix(150) } }
