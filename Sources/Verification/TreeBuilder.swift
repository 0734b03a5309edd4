import TransparencyLog

/// Grows a tree leaf by leaf (or block by block) and gives its root and its tiles.
struct TreeBuilder {
  /// Leaves so far.
  private(set) var size: UInt64 = 0
  /// Of each level, the hashes of the tile that is being filled.
  private(set) var open: [[Digest]] = [[]]
  /// Called with each tile that is complete: level, index, hashes.
  typealias FullTile = (_ level: Int, _ index: UInt64, _ hashes: [Digest]) -> Void

  /// Goes on behind `size` leaves, a multiple of 256, of which the hashes of the tiles of levels 1 and up are known,
  /// 1 to 256 of each level that has any. `nil` if there are not exactly as many.
  init?(size: UInt64, hashes: [Digest]) {
    guard size % 256 == 0 else { return nil }
    self.size = size
    var rest = hashes[...]
    var count = size / 256
    while count > 0 {
      let width = Int((count - 1) % 256) + 1
      guard rest.count >= width else { return nil }
      // A full tile is a hash of the next level.
      open.append(width == 256 ? [] : Array(rest.prefix(width)))
      rest = rest.dropFirst(width)
      count /= 256
    }
    guard rest.isEmpty else { return nil }
  }

  /// An empty tree.
  init() {}

  /// Adds a leaf.
  mutating func append(_ leaf: Digest, _ full: FullTile = { _, _, _ in }) {
    size += 1
    push(leaf, level: 0, full)
  }

  /// Adds 256 leaves by the root of their subtree, when the size is a multiple of 256.
  mutating func append(blockRoot: Digest, _ full: FullTile = { _, _, _ in }) {
    precondition(size % 256 == 0, "blocks are added at multiples of 256")
    size += 256
    if open.count < 2 { open.append([]) }
    push(blockRoot, level: 1, full)
  }

  private mutating func push(_ hash: Digest, level: Int, _ full: FullTile) {
    if level == open.count { open.append([]) }
    open[level].append(hash)
    guard open[level].count == 256 else { return }
    let hashes = open[level]
    let index = (size >> (8 * UInt64(level + 1))) - 1
    full(level, index, hashes)
    open[level] = []
    push(TreeBuilder.root(of: hashes), level: level + 1, full)
  }

  /// The root of the tree so far.
  var root: Digest {
    var right: Digest?
    for hashes in open where !hashes.isEmpty {
      // The hashes of a level are complete subtrees of equal size: folded as a tree of their own they
      // give the subtrees that the whole tree has there, from the right.
      var rest = hashes[...]
      while !rest.isEmpty {
        let count = 1 << rest.count.trailingZeroBitCount
        let hash = TreeBuilder.root(of: Array(rest.suffix(count)))
        right = right.map { Tree.node(hash, $0) } ?? hash
        rest = rest.dropLast(count)
      }
    }
    return right ?? Tree.empty
  }

  /// The root over `hashes`, at least one, as leaves of a tree (RFC 6962 §2.1).
  static func root(of hashes: [Digest]) -> Digest {
    if hashes.count == 1 { return hashes[0] }
    var split = 1
    while split * 2 < hashes.count { split *= 2 }
    return Tree.node(root(of: Array(hashes[..<split])), root(of: Array(hashes[split...])))
  }
}

/// The bytes of a tile.
func tileBytes(_ hashes: ArraySlice<Digest>) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(hashes.count * 32)
  for hash in hashes { bytes += hash.array }
  return bytes
}

/// The hashes in the bytes of a tile; `nil` if these are not `count` of them.
func tileHashes(_ bytes: [UInt8], count: Int) -> [Digest]? {
  guard bytes.count == count * 32 else { return nil }
  let span = bytes.span
  return (0..<count).compactMap { Digest(span.extracting(($0 * 32)..<($0 * 32 + 32))) }
}
