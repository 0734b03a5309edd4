import HAL
import Journal
import TransparencyLog

/// What a log held below the index from which it is kept, as the agent goes on with it.
struct KeptSummary {
  /// Entries below it are summed up; 0 where the log is whole.
  var index: UInt64 = 0
  /// The open tiles of levels 1 to 4 at that size.
  var hashes: [Digest] = []
  /// What the agent had learnt from those entries.
  var history = LogHistory()
  /// The slot that it stands in; the next one goes into the other.
  var slot: UInt8 = 1

  /// The log is whole.
  init() {}

  /// Reads the newest summary of a log; that of a whole log if there is none.
  ///
  /// - Throws: what the medium refuses to show. One that is not whole does not count: the superblock says whether
  ///   it is needed.
  init<Storage: BlockStorage & ~Copyable>(
    newestIn storage: inout Storage, _ configuration: JournalConfiguration
  ) throws(JournalError) {
    // What is refused once may be given the next time: three refusals in a row count as damage to those who need it.
    var spare = 0
    for slot in [UInt8(0), 1] {
      let object = StorageObject.summary(slot: slot)
      do throws(StorageError) {
        let size = try storage.ask(spare: &spare) { medium throws(StorageError) in
          try medium.size(of: object)
        }
        guard let count = size, count > 0 else { continue }
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4_096)
        defer { page.deallocate() }
        try storage.ask(spare: &spare) { medium throws(StorageError) in
          try medium.read(object, at: 0, into: page)
        }
        take(
          UnsafeBufferPointer(page.bindMemory(to: UInt8.self)).span, slot: slot, configuration)
      } catch {
        throw .unreadable(object, offset: 0, error)
      }
    }
  }

  private mutating func take(
    _ bytes: Span<UInt8>, slot: UInt8, _ configuration: JournalConfiguration
  ) {
    guard let found = LogSummary(bytes), found.index >= index,
      found.epoch == configuration.epoch, found.originHash == configuration.originHash,
      let history = LogHistory(encoded: bytes.extracting(found.history))
    else { return }
    var hashes: [Digest] = []
    var at = found.hashes.lowerBound
    while at < found.hashes.upperBound {
      if let hash = Digest(bytes.extracting(at..<(at + Digest.byteCount))) { hashes.append(hash) }
      at += Digest.byteCount
    }
    index = found.index
    self.hashes = hashes
    self.history = history
    self.slot = slot
  }

  /// Brings an empty tree to this place; `false` if the hashes are not those of such a size.
  func bring(_ tiles: inout OpenTiles) -> Bool {
    index == 0 || tiles.goOn(at: index, hashes: hashes.span)
  }
}

extension Evidence where Storage: ~Copyable {
  /// Gives up the oldest segment if all that it holds is below `limit`; returns whether it did.
  ///
  /// What later entries rest on goes into a summary first; then the superblock says that they may be gone.
  ///
  /// - Throws: what the medium refuses; nothing is lost then.
  mutating func giveUpOldestSegment(below limit: UInt64) throws(JournalError) -> Bool {
    guard let end = try journal.endOfOldestSegment() else { return false }
    let width = UInt64(OpenTiles.tileWidth)
    let index = (end + width - 1) / width * width
    guard index <= limit, index > journal.superblock.minimumIndex else { return false }
    try sumUp(below: index)
    try journal.recordMinimum(index)
    return true
  }

  /// Makes a summary of the entries below `index` durable.
  private mutating func sumUp(below index: UInt64) throws(JournalError) {
    let configuration = journal.configuration
    let before = try KeptSummary(newestIn: &journal.storage, configuration)
    // Of one that was made and not yet in force there is nothing more to learn.
    guard before.index < index else { return }
    let memory = DigestMemory.allocate(count: OpenTiles.digestCount)
    defer { memory.deallocate() }
    var tiles = OpenTiles(memory)
    guard before.index >= journal.superblock.minimumIndex, before.bring(&tiles) else {
      throw .notStored(index: before.index)
    }
    var history = before.history
    try journal.visit(before.index..<index) { (at: UInt64, entry: Span<UInt8>) in
      tiles.append(Tree.leaf(entry))
      history.take(index: at, entry)
    }
    var hashes: [Digest] = []
    for level in 1..<OpenTiles.levelCount { hashes.append(contentsOf: tiles.tile(level: level)) }
    let bytes = history.encoded()
    let page = UnsafeMutableRawBufferPointer.allocate(
      byteCount: LogSummary.byteCount(hashes: hashes.count, history: bytes.count),
      alignment: 4_096
    ).bindMemory(to: UInt8.self)
    defer { page.deallocate() }
    LogSummary.write(
      index: index, epoch: configuration.epoch, originHash: configuration.originHash,
      hashes: hashes.span, history: bytes.span, into: page)
    _ = try journal.writeSummary(page, besides: before.slot)
  }
}
