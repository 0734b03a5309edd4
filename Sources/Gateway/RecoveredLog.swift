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
  ///   are not those that were signed, `summaryMissing` when nothing tells what stood in front of them. Nothing may
  ///   be signed then.
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
    journal.spareReadCount = Limits.recoverySpareReadCount
    let summary: KeptSummary
    do { summary = try KeptSummary(newestIn: &journal.storage, configuration) } catch {
      throw .journal(error)
    }
    let start = summary.index
    var tiles = OpenTiles(digests)
    guard summary.bring(&tiles) else { throw .summaryMissing(below: start) }
    var tree = TreeReading(tiles: tiles)
    var learned = summary.history
    let found: RecoveryCase
    do {
      found = try journal.recover { index, entry in
        guard index >= start else { return }
        tree.take(entry)
        learned.take(index: index, entry)
      }
    } catch { throw .journal(error) }
    swap(&learned, &history)
    let minimum = journal.superblock.minimumIndex
    guard start >= minimum else { throw .summaryMissing(below: minimum) }
    guard start <= journal.committedSize else {
      throw .journal(.signedEntriesMissing(signed: start, recovered: journal.committedSize))
    }
    journal.spareReadCount = 0
    tree.keep(in: &journal.storage)
    var evidence = Evidence(journal: journal, tiles: tree.takeTiles())
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

/// The tree over the entries that recovery reads, and the tiles that became full on the way: 8 KiB for
/// 65,536 entries, until they can be compared with what is stored.
private struct TreeReading: ~Copyable {
  private var tiles: OpenTiles
  private var full: [(level: Int, index: UInt64, hashes: [Digest])] = []

  init(tiles: consuming OpenTiles) { self.tiles = tiles }

  mutating func take(_ entry: Span<UInt8>) {
    tiles.append(Tree.leaf(entry))
    for level in 1..<OpenTiles.levelCount where level < tiles.filledLevelCount {
      full.append((level, tiles.tileIndex(level: level), Array(tiles.tile(level: level))))
    }
  }

  /// Writes tiles that are missing, or are not what the entries say. One that cannot be read or written now is looked at
  /// again when it is needed.
  func keep<Storage: BlockStorage & ~Copyable>(in storage: inout Storage) {
    let stored = DigestMemory.allocate(count: OpenTiles.tileWidth)
    defer { stored.deallocate() }
    for tile in full {
      let object = StorageObject.tile(level: UInt8(tile.level), index: tile.index)
      do throws(StorageError) {
        if try storage.size(of: object) != nil {
          try storage.read(object, at: 0, into: UnsafeMutableRawBufferPointer(stored))
          if stored.elementsEqual(tile.hashes) { continue }
        }
      } catch {
        continue
      }
      tile.hashes.withUnsafeBytes { try? storage.publish(object, from: $0) }
    }
  }

  consuming func takeTiles() -> OpenTiles { tiles }
}

extension Evidence where Storage: ~Copyable {
  /// Writes the full tile that the open tiles hold at `level`.
  mutating func keepTile(level: Int) throws(StorageError) {
    let tile = tiles.tile(level: level)
    precondition(tile.count == OpenTiles.tileWidth, "only full tiles are kept")
    try journal.storage.publish(
      .tile(level: UInt8(level), index: tiles.tileIndex(level: level)),
      from: UnsafeRawBufferPointer(tile))
  }
}
