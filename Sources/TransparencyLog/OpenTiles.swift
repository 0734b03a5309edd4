import Metering

/// The right edge of a growing tree in fixed memory: of each level the tile that is being filled, with
/// the nodes inside it.
///
/// Level L holds hashes of complete subtrees of 256^L leaves, 256 to a tile (C2SP tlog-tiles), so the
/// memory of a tile is the file's bytes. A tile that became full stays readable until the first hash
/// of the next one arrives on its level; its owner publishes it before the next `append`. On level 0,
/// whose tiles are written nowhere, the tile before stays readable as well: a proof from the last
/// checkpoint begins there when a block has just been filled.
///
/// A node is computed once, when the leaf that completes it arrives; a root or a proof then costs a hash
/// for each level, and no folding. Five levels hold 256^5 = 2^40 entries: a thousand a second for 34
/// years.
public struct OpenTiles: ~Copyable {
  /// Levels 0 to 4.
  public static var levelCount: Int { 5 }
  /// Hashes in a full tile.
  public static var tileWidth: Int { 256 }
  /// How many digests of memory are needed: six tiles with their inner nodes, 3,072, or 96 KiB.
  public static var digestCount: Int { 2 &* tileCount &* tileWidth }
  /// The most leaves.
  public static var sizeLimit: UInt64 { 0x100_0000_0000 }
  /// One for each level, and another one for level 0.
  private static var tileCount: Int { levelCount &+ 1 }

  /// The tiles, and behind them the nodes inside each: of height h, 1 to 8, from (256 >> h) on, so that
  /// 1 is the whole tile.
  private let memory: UnsafeMutableBufferPointer<Digest>
  /// The number of leaves.
  public private(set) var size: UInt64 = 0
  /// The leaves below are known by the hashes of their blocks alone.
  private var firstLeaf: UInt64 = 0

  /// An empty tree over `memory`, `digestCount` digests that outlive it.
  public init(_ memory: UnsafeMutableBufferPointer<Digest>) {
    precondition(memory.count >= OpenTiles.digestCount, "too little memory for the open tiles")
    self.memory = memory
  }

  /// Goes on behind `size` leaves, a multiple of 256, of which the tiles of levels 1 to 4 are known: `hashes`
  /// are those that `tile(level:)` gave at that size, level after level. The tree must be empty.
  ///
  /// Returns `false`, and stays empty, unless there are exactly as many.
  public mutating func goOn(at size: UInt64, hashes: Span<Digest>) -> Bool {
    precondition(self.size == 0, "the tree has leaves already")
    guard size & 255 == 0, size <= OpenTiles.sizeLimit else { return false }
    self.size = size
    firstLeaf = size
    var level = 1
    var next = 0
    while level < OpenTiles.levelCount {
      let width = tile(level: level).count
      let page = OpenTiles.page(level, tile: tileIndex(level: level))
      var index = 0
      while index < width, next < hashes.count {
        keep(hashes[next], page, at: index)
        index &+= 1
        next &+= 1
      }
      guard index == width else { break }
      level &+= 1
    }
    if level == OpenTiles.levelCount, next == hashes.count { return true }
    self.size = 0
    firstLeaf = 0
    return false
  }

  /// Puts a hash into a tile, with the nodes that it completes.
  private func keep(_ hash: Digest, _ page: Int, at index: Int) {
    var hash = hash
    var index = index
    var height = 0
    memory[OpenTiles.slot(page, 0, index)] = hash
    while height < 8, index & 1 == 1 {
      hash = Tree.node(memory[OpenTiles.slot(page, height, index &- 1)], hash)
      height &+= 1
      index = index &>> 1
      memory[OpenTiles.slot(page, height, index)] = hash
    }
  }

  /// Adds the next leaf; traps at `sizeLimit`.
  public mutating func append(_ leaf: Digest) {
    precondition(size < OpenTiles.sizeLimit, "more leaves than the open tiles hold")
    size &+= 1
    var hash = leaf
    var level = 0
    while level < OpenTiles.levelCount {
      let last = OpenTiles.total(size, level) &- 1
      let page = OpenTiles.page(level, tile: last &>> (8 as UInt64))
      let index = narrow(last & 255)
      keep(hash, page, at: index)
      // A full tile is one hash of the level above.
      guard index == 255 else { return }
      hash = memory[OpenTiles.slot(page, 8, 0)]
      level &+= 1
    }
  }

  /// Adds as many of the next leaves as the open tile of level 0 still takes, and returns their number: the
  /// owner looks at `filledLevelCount` before it adds the rest. Many at once cost a tenth of one by one.
  public mutating func append(_ leaves: UnsafeBufferPointer<Digest>) -> Int {
    let first = narrow(size & 255)
    let room = OpenTiles.tileWidth &- first
    let count = leaves.count < room ? leaves.count : room
    guard count > 0 else { return 0 }
    // The last one alone may complete the tile, and then the tiles above take its hash.
    let page = OpenTiles.page(0, tile: size &>> (8 as UInt64))
    let end = first &+ count &- 1
    var i = first
    while i < end {
      memory[OpenTiles.slot(page, 0, i)] = leaves[i &- first]
      i &+= 1
    }
    var height = 1
    while height < 8, first &>> height < end &>> height {
      let nodes = first &>> height..<end &>> height
      Tree.nodes(
        over: UnsafeBufferPointer(
          part(page, height &- 1, 2 &* nodes.lowerBound..<2 &* nodes.upperBound)),
        into: part(page, height, nodes))
      height &+= 1
    }
    size &+= wide(count: count &- 1)
    append(leaves[count &- 1])
    return count
  }

  /// Nodes of one height inside a tile.
  private func part(
    _ page: Int, _ height: Int, _ range: Range<Int>
  ) -> UnsafeMutableBufferPointer<Digest> {
    let start = OpenTiles.slot(page, height, 0)
    return UnsafeMutableBufferPointer(
      rebasing: memory[start &+ range.lowerBound..<start &+ range.upperBound])
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
    let start = OpenTiles.slot(OpenTiles.page(level, tile: tileIndex(level: level)), 0, 0)
    return UnsafeBufferPointer(rebasing: UnsafeBufferPointer(memory)[start..<(start &+ width)])
  }

  /// The root of the tree of `size` leaves. At most 40 hashes.
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
    guard total > 0, index < (total &>> wideShift(rest)) else { return nil }
    let first = index &<< wideShift(rest)
    if level == 0, first < firstLeaf { return nil }
    let tile = first &>> (8 as UInt64)
    let open = tileIndex(level: level)
    guard tile == open || (level == 0 && tile &+ 1 == open) else { return nil }
    return memory[
      OpenTiles.slot(OpenTiles.page(level, tile: tile), rest, narrow(first & 255) &>> rest)]
  }

  /// How many hashes a level of a tree of `size` leaves has.
  private static func total(_ size: UInt64, _ level: Int) -> UInt64 {
    size &>> wideShift(level &* 8)
  }

  /// Where a tile of a level is kept: those of level 0 by turns in two places.
  private static func page(_ level: Int, tile: UInt64) -> Int {
    level == 0 ? narrow(tile & 1) : level &+ 1
  }

  /// Where a hash of a tile stands: one of the tile itself (height 0), or a node inside it.
  private static func slot(_ page: Int, _ height: Int, _ index: Int) -> Int {
    let start = height == 0 ? 0 : tileCount &* tileWidth &+ tileWidth &>> height
    return start &+ page &* tileWidth &+ index
  }
}
