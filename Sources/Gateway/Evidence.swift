import HAL
import Journal
import Metering
import TransparencyLog
import Uplink

/// Memory for digests at addresses that direct input and output take.
enum DigestMemory {
  static func allocate(count: Int) -> UnsafeMutableBufferPointer<Digest> {
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count &* Digest.byteCount, alignment: 4_096)
    return bytes.initializeMemory(as: Digest.self, repeating: .zero)
  }
}

/// The log as the uplink sees it: entries from the journal, hashes from the tree.
///
/// Hashes of level 1 and above are in the open tiles or in tile files; those of level 0 are computed
/// from the entries of their block, which are kept for as long as a proof may need them.
public struct Evidence<Storage: BlockStorage & ~Copyable>: ~Copyable, LevelHashSource,
  EvidenceSource
{
  /// Entries.
  public var journal: Journal<Storage>
  /// The right edge of the tree.
  public var tiles: OpenTiles
  private let blockMemory: UnsafeMutableBufferPointer<Digest>
  private var blockIndex = UInt64.max
  private var blockCount = 0
  private let tileMemory: UnsafeMutableBufferPointer<Digest>
  private var cachedTile: (level: Int, index: UInt64)?

  /// Evidence over a recovered journal and its tree.
  public init(journal: consuming Journal<Storage>, tiles: consuming OpenTiles) {
    self.journal = journal
    self.tiles = tiles
    blockMemory = .allocate(capacity: OpenTiles.tileWidth)
    blockMemory.initialize(repeating: .zero)
    tileMemory = DigestMemory.allocate(count: OpenTiles.tileWidth)
  }

  deinit {
    blockMemory.deallocate()
    tileMemory.deallocate()
  }

  /// The hash of leaves `[index × 2^height, (index + 1) × 2^height)`: at the right edge of the tree, where
  /// most proofs are made, a look into the open tiles.
  public mutating func subtreeHash(
    height: Int, index: UInt64
  ) throws(HashSourceError) -> Digest {
    if let hash = tiles.subtreeHash(height: height, index: index) { return hash }
    return try foldedHash(height: height, index: index)
  }

  /// The hash of leaves `[index × 256^level, (index + 1) × 256^level)`.
  public mutating func levelHash(
    level: Int, index: UInt64
  ) throws(HashSourceError) -> Digest {
    let width = wide(count: OpenTiles.tileWidth)
    if let hash = tiles.subtreeHash(height: level &* 8, index: index) { return hash }
    if level == 0 {
      let block = index / width
      try loadBlock(block, through: index)
      return blockMemory[narrow(index % width)]
    }
    try loadTile(level: level, index: index / width)
    return tileMemory[narrow(index % width)]
  }

  /// Hashes the entries of a block of 256 up to `index`.
  private mutating func loadBlock(
    _ block: UInt64, through index: UInt64
  ) throws(HashSourceError) {
    let first = block &* wide(count: OpenTiles.tileWidth)
    guard index < journal.committedSize, first >= journal.superblock.minimumIndex else {
      throw .missing
    }
    if block == blockIndex, index < first &+ wide(count: blockCount) { return }
    let left = journal.committedSize &- first
    let count = left < wide(count: OpenTiles.tileWidth) ? narrow(left) : OpenTiles.tileWidth
    blockIndex = UInt64.max
    let memory = blockMemory
    do {
      try journal.visit(first..<first &+ wide(count: count)) { (at: UInt64, entry: Span<UInt8>) in
        memory[narrow(at &- first)] = Tree.leaf(entry)
      }
    } catch { throw HashSourceError(error) }
    blockIndex = block
    blockCount = count
  }

  /// Brings a full tile into memory: as it is stored, if that is what the tree above it says, else from the entries.
  private mutating func loadTile(level: Int, index: UInt64) throws(HashSourceError) {
    if let cached = cachedTile, cached.level == level, cached.index == index { return }
    // It may be in a tile, too, and takes the same memory then.
    let root = try levelHash(level: level &+ 1, index: index)
    cachedTile = nil
    let object = StorageObject.tile(level: UInt8(truncatingIfNeeded: level), index: index)
    let bytes = UnsafeMutableRawBufferPointer(tileMemory)
    var isStored = true
    do throws(StorageError) { try journal.storage.read(object, at: 0, into: bytes) } catch {
      isStored = false
    }
    if !isStored || Evidence.root(of: tileMemory) != root {
      guard level == 1 else { throw .unreadable }
      var number = 0
      while number < OpenTiles.tileWidth {
        let block = index &* wide(count: OpenTiles.tileWidth) &+ wide(count: number)
        try loadBlock(block, through: block &* wide(count: OpenTiles.tileWidth) &+ 255)
        tileMemory[number] = Evidence.root(of: blockMemory)
        number &+= 1
      }
      guard Evidence.root(of: tileMemory) == root else { throw .damaged }
      // So that it is read the next time. What cannot be written now is computed again.
      try? journal.storage.publish(object, from: UnsafeRawBufferPointer(bytes))
    }
    cachedTile = (level, index)
  }

  /// The hash over a full tile.
  private static func root(of tile: UnsafeMutableBufferPointer<Digest>) -> Digest {
    var nodes = Array(tile)
    var count = nodes.count
    while count > 1 {
      count /= 2
      for i in 0..<count { nodes[i] = Tree.node(nodes[2 &* i], nodes[2 &* i &+ 1]) }
    }
    return nodes[0]
  }

  /// Adds the entries of `range` to a body, each as `u16 length (big-endian) ‖ bytes`.
  public mutating func appendEntries(
    _ range: Range<UInt64>, to body: inout [UInt8]
  ) throws(HashSourceError) {
    guard range.upperBound <= journal.committedSize,
      range.lowerBound >= journal.superblock.minimumIndex
    else { throw .missing }
    var added: [UInt8] = []
    swap(&added, &body)
    do {
      try journal.visit(range) { (_: UInt64, entry: Span<UInt8>) in
        added.append(UInt8(truncatingIfNeeded: entry.count &>> 8))
        added.append(UInt8(truncatingIfNeeded: entry.count))
        entry.withUnsafeBufferPointer { added.append(contentsOf: $0) }
      }
    } catch {
      swap(&added, &body)
      throw HashSourceError(error)
    }
    swap(&added, &body)
  }
}

extension HashSourceError {
  /// Why entries could not be brought: the medium refused, or they are not what was written.
  fileprivate init(_ error: JournalError) {
    if case .unreadable = error { self = .unreadable } else { self = .damaged }
  }
}

extension Journal where Storage: ~Copyable {
  /// What is acknowledged under `key`, with its note as the log signed it: nothing where the cosigned note is
  /// another mirror's. A collector that was put in its place is owed everything that is kept.
  func acknowledgement<Verifier: SignatureVerifier>(
    under key: VerifierKey, with verifier: Verifier
  ) -> (size: UInt64, note: [UInt8]?) {
    let note = Array(cosignedNote)
    do throws(NoteError) {
      _ = try Note.parse(note.span).verify(note.span, key: key, with: verifier)
    } catch { return (0, nil) }
    return (superblock.acknowledgedSize, acknowledgedLogNote)
  }

  /// The note that the mirror has acknowledged, with the log's own signature alone; `nil` if there is none.
  var acknowledgedLogNote: [UInt8]? {
    let note = Array(cosignedNote)
    guard superblock.acknowledgedSize > 0, let parsed = try? Note.parse(note.span) else {
      return nil
    }
    // Ours is the first line: the mirror's came behind it.
    var lines = NoteLines(note.span, at: parsed.firstLine)
    guard let own = try? lines.next() else { return nil }
    return Array(note[..<own.line.upperBound])
  }
}
