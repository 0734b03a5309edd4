import TransparencyLog

/// An entry bundle: up to 256 entries, each as `u16be length ‖ entry` (C2SP tlog-tiles).
struct IndexedBundle: Sendable {
  let bytes: [UInt8]
  /// Where each entry lies in `bytes`, without its length.
  let ranges: [Range<Int>]

  /// Reads a bundle; `nil` if it does not end with an entry's end.
  init?(_ bytes: [UInt8]) {
    var ranges: [Range<Int>] = []
    var bundle = EntryBundle(bytes.span)
    do throws(EntryBundle.Truncated) {
      while let range = try bundle.next() { ranges.append(range) }
    } catch {
      return nil
    }
    guard ranges.count <= Block.entryCount else { return nil }
    self.bytes = bytes
    self.ranges = ranges
  }

  /// The first `count` entries with their lengths.
  func prefix(_ count: Int) -> [UInt8] {
    count == 0 ? [] : [UInt8](bytes[..<ranges[count - 1].upperBound])
  }

  /// Hash of each of the first `count` entries.
  func leaves(_ count: Int) -> [Digest] {
    ranges.prefix(count).map { Tree.leaf(bytes.span.extracting($0)) }
  }
}

/// A block is what one entry bundle and one level-0 tile cover.
enum Block {
  /// Entries of a full block.
  static let entryCount = 256

  /// Number of the block that holds entry `index`.
  static func number(of index: UInt64) -> UInt64 { index / 256 }
}

/// A tile: up to 256 hashes of 32 bytes, side by side (C2SP tlog-tiles).
enum HashTile {
  static func bytes(_ hashes: some Sequence<Digest>) -> [UInt8] {
    var bytes: [UInt8] = []
    for hash in hashes { bytes.append(contentsOf: hash.array) }
    return bytes
  }

  /// `nil` for a length that is not that of whole hashes.
  static func hashes(_ bytes: [UInt8]) -> [Digest]? {
    guard bytes.count % Digest.byteCount == 0 else { return nil }
    var hashes: [Digest] = []
    hashes.reserveCapacity(bytes.count / Digest.byteCount)
    for at in stride(from: 0, to: bytes.count, by: Digest.byteCount) {
      guard let hash = Digest(bytes.span.extracting(at..<(at + Digest.byteCount))) else {
        return nil
      }
      hashes.append(hash)
    }
    return hashes
  }
}

/// Hashes that are at hand, as a source of the subtrees over them.
struct ListedHashes: HashSource {
  /// Index of the first.
  let base: UInt64
  let hashes: [Digest]

  mutating func subtreeHash(height: Int, index: UInt64) throws(HashSourceError) -> Digest {
    if height > 0 {
      return Tree.node(
        try subtreeHash(height: height - 1, index: 2 * index),
        try subtreeHash(height: height - 1, index: 2 * index + 1))
    }
    guard index >= base, index - base < UInt64(hashes.count) else { throw .missing }
    return hashes[Int(index - base)]
  }
}

/// The tiles of a log on disk, as a source of subtrees of the tree of `size` entries.
struct StoredTiles: LevelHashSource {
  let files: DurableFiles
  let size: UInt64
  private var cache: [String: [Digest]] = [:]

  init(files: DurableFiles, size: UInt64) {
    self.files = files
    self.size = size
  }

  mutating func levelHash(level: Int, index: UInt64) throws(HashSourceError) -> Digest {
    let hashes = try tile(level: level, index: index / 256)
    let position = Int(index % 256)
    guard position < hashes.count else { throw .missing }
    return hashes[position]
  }

  private mutating func tile(level: Int, index: UInt64) throws(HashSourceError) -> [Digest] {
    let full = TilePath.hashes(level, index).text
    if let cached = cache[full] { return cached }
    let count = size >> UInt64(8 * level)
    let isLast = count / 256 == index && count % 256 > 0
    let partial = TilePath.hashes(level, index, width: isLast ? Int(count % 256) : 256).text
    do {
      guard let bytes = try files.read(partial) ?? files.read(full) else {
        throw HashSourceError.missing
      }
      guard let hashes = HashTile.hashes(bytes) else { throw HashSourceError.damaged }
      cache[full] = hashes
      return hashes
    } catch let error as HashSourceError {
      throw error
    } catch {
      throw .unreadable
    }
  }
}
