import Metering

/// The right edge of a growing tree in fixed memory: of each level the tile that is being filled.
///
/// Level L holds hashes of complete subtrees of 256^L leaves, 256 to a tile (C2SP tlog-tiles), so the
/// memory of a tile is the file's bytes. A tile that became full stays readable until the first hash
/// of the next one arrives on its level; its owner publishes it before the next `append`.
/// Five levels hold 256^5 = 2^40 entries: a thousand a second for 34 years.
public struct OpenTiles: ~Copyable {
  /// Levels 0 to 4.
  public static var levelCount: Int { 5 }
  /// Hashes in a full tile.
  public static var tileWidth: Int { 256 }
  /// How many digests of memory are needed: 1,280, or 40 KiB.
  public static var digestCount: Int { levelCount &* tileWidth }
  /// The most leaves.
  public static var sizeLimit: UInt64 { 0x100_0000_0000 }

  private let memory: UnsafeMutableBufferPointer<Digest>
  /// The number of leaves.
  public private(set) var size: UInt64 = 0

  /// An empty tree over `memory`, `digestCount` digests that outlive it.
  public init(_ memory: UnsafeMutableBufferPointer<Digest>) {
    precondition(memory.count >= OpenTiles.digestCount, "too little memory for the open tiles")
    self.memory = memory
  }

  /// Adds the next leaf; traps at `sizeLimit`.
  public mutating func append(_ leaf: Digest) {
    precondition(size < OpenTiles.sizeLimit, "more leaves than the open tiles hold")
    memory[slot(0, size)] = leaf
    size &+= 1
    var level = 1
    while level < OpenTiles.levelCount, level <= filledLevelCount {
      let total = OpenTiles.total(size, level)
      memory[slot(level, total &- 1)] = fold(level &- 1, from: 0, count: 256)
      level &+= 1
    }
  }

  /// How many levels, from 0 up, have a tile that the last `append` completed: 0 in 255 of 256 cases.
  public var filledLevelCount: Int {
    guard size > 0 else { return 0 }
    let levels = size.trailingZeroBitCount &>> 3
    return levels < OpenTiles.levelCount ? levels : OpenTiles.levelCount
  }

  /// The highest level whose tile the last `append` completed, and the tile's index; `nil` if none.
  ///
  /// Lower levels were completed with it: walk `0..<filledLevelCount` to see them all.
  public var filled: (level: Int, index: UInt64)? {
    let count = filledLevelCount
    guard count > 0 else { return nil }
    return (count &- 1, tileIndex(level: count &- 1))
  }

  /// The index of the tile that a level holds now; 0 too when it holds nothing yet.
  public func tileIndex(level: Int) -> UInt64 {
    let total = OpenTiles.total(size, level)
    return total == 0 ? 0 : (total &- 1) &>> (8 as UInt64)
  }

  /// The hashes of the tile that a level holds now, 0 to 256 of them. Valid until the next change.
  public func tile(level: Int) -> UnsafeBufferPointer<Digest> {
    precondition(level >= 0 && level < OpenTiles.levelCount, "no such level")
    let total = OpenTiles.total(size, level)
    let width = total == 0 ? 0 : narrow((total &- 1) & 255) &+ 1
    let start = level &* OpenTiles.tileWidth
    return UnsafeBufferPointer(rebasing: UnsafeBufferPointer(memory)[start..<(start &+ width)])
  }

  /// The root of the tree of `size` leaves. At most 5 × 255 hashes.
  public func root() -> Digest {
    var folded: Digest? = nil
    var height = 0
    while height < 41 {
      if size & ((1 as UInt64) &<< wideShift(height)) != 0 {
        // The set bits of a size are subtrees at its right edge, so they lie in the open tiles.
        let index = (size &>> wideShift(height)) &- 1
        guard let hash = subtreeHash(height: height, index: index) else {
          preconditionFailure("the right edge is not in the open tiles")
        }
        if let tail = folded { folded = Tree.node(hash, tail) } else { folded = hash }
      }
      height &+= 1
    }
    return folded ?? Tree.empty
  }

  /// The hash of leaves `[index × 2^height, (index + 1) × 2^height)`; `nil` if the tiles held now do
  /// not cover them.
  public func subtreeHash(height: Int, index: UInt64) -> Digest? {
    guard height >= 0, height <= 40 else { return nil }
    // 2^40 leaves are the whole level-4 tile.
    let level = height == 40 ? 4 : height &>> 3
    let rest = height &- level &* 8
    let total = OpenTiles.total(size, level)
    let count = (1 as UInt64) &<< wideShift(rest)
    guard total > 0, index < (total &>> wideShift(rest)) else { return nil }
    let first = index &<< wideShift(rest)
    guard first &>> (8 as UInt64) == tileIndex(level: level) else { return nil }
    return fold(level, from: narrow(first & 255), count: narrow(count))
  }

  private func fold(_ level: Int, from first: Int, count: Int) -> Digest {
    var fold = CompleteFold()
    let start = level &* OpenTiles.tileWidth &+ first
    for i in start..<(start &+ count) { fold.append(memory[i]) }
    return fold.result
  }

  /// How many hashes a level of a tree of `size` leaves has.
  private static func total(_ size: UInt64, _ level: Int) -> UInt64 {
    size &>> wideShift(level &* 8)
  }

  private func slot(_ level: Int, _ index: UInt64) -> Int {
    level &* OpenTiles.tileWidth &+ narrow(index & 255)
  }
}
