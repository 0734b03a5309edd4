import Testing
import TransparencyLog

@Suite struct OpenTilesTests {
  @Test func `every size to 600 has the root of the naive tree`() throws {
    let memory = UnsafeMutableBufferPointer<Digest>.allocate(capacity: OpenTiles.digestCount)
    defer { memory.deallocate() }
    var tiles = OpenTiles(memory)
    let tree = NaiveTree()
    for size in 0...UInt64(600) {
      let expected = tree.hash(0, size)
      #expect(tiles.size == size)
      #expect(tiles.root() == expected)
      var source = NaiveSource(tree)
      let root = try rootHash(size, &source)
      #expect(root == expected)
      tiles.append(cheapLeaf(Int(size)))
      tree.append(cheapLeaf(Int(size)))
    }
  }

  @Test func `tiles fill at their sizes, and hold the hashes of the naive tree`() throws {
    let memory = UnsafeMutableBufferPointer<Digest>.allocate(capacity: OpenTiles.digestCount)
    defer { memory.deallocate() }
    var tiles = OpenTiles(memory)
    let tree = NaiveTree()
    var random = SeededRandom(state: 7)
    let last = 65_536 * 2 + 300
    var sizes = Set((0..<12).map { _ in UInt64.random(in: 600...UInt64(last), using: &random) })
    sizes.formUnion([65_535, 65_536, 65_537, 65_792, 131_071, 131_072, 131_073])
    for i in 0..<last {
      tiles.append(cheapLeaf(i))
      tree.append(cheapLeaf(i))
      let size = UInt64(i + 1)
      let expectedLevels = size % 65_536 == 0 ? 2 : size % 256 == 0 ? 1 : 0
      guard expectedLevels > 0 || sizes.contains(size) else { continue }
      #expect(tiles.filledLevelCount == expectedLevels)
      #expect(tiles.filled?.level == (expectedLevels == 0 ? nil : expectedLevels - 1))
      for level in 0..<expectedLevels {
        let width = UInt64(1) << UInt64(8 * level)
        let index = size / (width * 256) - 1
        #expect(tiles.tileIndex(level: level) == index)
        let tile = tiles.tile(level: level)
        #expect(tile.count == 256)
        for place in [0, 1, 255] {
          let low = (index * 256 + UInt64(place)) * width
          #expect(tile[place] == tree.hash(low, low + width))
        }
      }
      if sizes.contains(size) { #expect(tiles.root() == tree.hash(0, size)) }
    }
    #expect(tiles.filled == nil)
  }

  @Test func `a subtree is given if the open tiles cover it, and then it is the right one`() {
    let memory = UnsafeMutableBufferPointer<Digest>.allocate(capacity: OpenTiles.digestCount)
    defer { memory.deallocate() }
    var tiles = OpenTiles(memory)
    let tree = NaiveTree()
    for size in [1, 255, 256, 257, 511, 512, 700] as [UInt64] {
      while tiles.size < size {
        tree.append(cheapLeaf(Int(tiles.size)))
        tiles.append(cheapLeaf(Int(tiles.size)))
      }
      for height in 0...10 {
        let width = UInt64(1) << UInt64(height)
        for index in 0...(size / width) {
          let high = (index + 1) * width
          let hash = tiles.subtreeHash(height: height, index: index)
          if high > size {
            #expect(hash == nil)
          } else if height >= 8 || index * width + 256 >= (size - 1) / 256 * 256 {
            // On level 0 the tile before the open one as well.
            #expect(hash == tree.hash(index * width, high))
          } else {
            #expect(hash == nil)
          }
        }
      }
    }
    #expect(tiles.subtreeHash(height: -1, index: 0) == nil)
    #expect(tiles.subtreeHash(height: 62, index: 0) == nil)
    #expect(tiles.subtreeHash(height: 0, index: .max) == nil)
    #expect(tiles.subtreeHash(height: 9, index: .max) == nil)
  }
}
