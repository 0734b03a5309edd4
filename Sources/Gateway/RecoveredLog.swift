import HAL
import Journal
import Metering
import TransparencyLog

/// Reads a log from the medium when the agent starts: repairs a torn tail, rebuilds the tree, compares
/// it with what was signed, and learns its history.
public struct RecoveredLog<Storage: BlockStorage & ~Copyable>: ~Copyable {
  /// The log, ready to be continued.
  public var evidence: Evidence<Storage>
  /// Which case of the recovery table it was.
  public let recoveryCase: RecoveryCase

  /// Reads the whole log once, and learns into `history` what stands in it.
  ///
  /// The history is no property of this value: Swift 6.3.1 with -O gives back the array of a property
  /// that was copied out before the value is consumed, and the copy with it.
  ///
  /// - Throws: `journal` when the medium is damaged beyond a torn tail, `otherRoot` when the entries
  ///   are not those that were signed. Nothing may be signed then.
  public init(
    storage: consuming Storage, configuration: JournalConfiguration, history: inout LogHistory
  ) throws(RecorderError) {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: configuration.memoryByteCount, alignment: 4_096)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    let digests = DigestMemory.allocate(count: OpenTiles.digestCount)
    var journal = Journal(
      storage: storage, configuration: configuration,
      memory: memory)
    let found: RecoveryCase
    do { found = try journal.recover { _, _ in } } catch { throw .journal(error) }
    var evidence = Evidence(journal: journal, tiles: OpenTiles(digests))
    do { try evidence.rebuild(&history) } catch { throw .journal(error) }
    let superblock = evidence.journal.superblock
    if superblock.signedSize > 0 {
      let root: Digest
      do { root = try rootHash(superblock.signedSize, &evidence) } catch { throw .hash(error) }
      guard root == superblock.signedRoot else {
        throw .otherRoot(signedSize: superblock.signedSize)
      }
    }
    self.evidence = evidence
    recoveryCase = found
  }

  /// Gives the log to its recorder.
  public consuming func takeEvidence() -> Evidence<Storage> { evidence }
}

extension Evidence where Storage: ~Copyable {
  /// Reads all entries once: into the tree, and into `history`. Writes tiles that are missing.
  mutating func rebuild(_ history: inout LogHistory) throws(JournalError) {
    let width = wide(count: OpenTiles.tileWidth)
    var leaves = [Digest](repeating: .zero, count: OpenTiles.tileWidth)
    var first: UInt64 = 0
    while first < journal.committedSize {
      let left = journal.committedSize &- first
      let end = first &+ (left < width ? left : width)
      var learned = LogHistory()
      swap(&learned, &history)
      try journal.visit(first..<end) { index, entry in
        leaves[narrow(index &- first)] = Tree.leaf(entry)
        learned.take(index: index, entry)
      }
      swap(&learned, &history)
      for i in 0..<narrow(end &- first) {
        tiles.append(leaves[i])
        for level in 1..<OpenTiles.levelCount where level < tiles.filledLevelCount {
          let object = StorageObject.tile(
            level: UInt8(level), index: tiles.tileIndex(level: level))
          // A tile that cannot be written now is computed when it is needed.
          if (try? journal.storage.size(of: object)) == .some(nil) {
            try? keepTile(level: level)
          }
        }
      }
      first = end
    }
  }

  /// Writes the full tile that the open tiles hold at `level`.
  mutating func keepTile(level: Int) throws(StorageError) {
    let tile = tiles.tile(level: level)
    precondition(tile.count == OpenTiles.tileWidth, "only full tiles are kept")
    try journal.storage.publish(
      .tile(level: UInt8(level), index: tiles.tileIndex(level: level)),
      from: UnsafeRawBufferPointer(tile))
  }
}
