import Testing
import TransparencyLog

@Suite struct TreeTests {
  /// transparency-dev/merkle, testonly/constants.go: leaves and the roots of 0 to 8 of them.
  static let referenceLeaves = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ]
  static let referenceRoots = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ]

  @Test func `the leaf hash of golang mod's note test is reproduced`() {
    let leaf = Tree.leaf(Array("hello world".utf8).span)
    #expect(Base64.text(leaf) == "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=")
  }

  @Test func `the roots of the reference leaves are those of the certificate transparency tests`()
    throws
  {
    let memory = UnsafeMutableBufferPointer<Digest>.allocate(capacity: OpenTiles.digestCount)
    defer { memory.deallocate() }
    var tiles = OpenTiles(memory)
    let tree = NaiveTree()
    for size in 0...8 {
      #expect(tiles.root().hex == TreeTests.referenceRoots[size])
      var source = NaiveSource(tree)
      let root = try rootHash(UInt64(size), &source)
      #expect(root.hex == TreeTests.referenceRoots[size])
      if size < 8 {
        let leaf = Tree.leaf(bytes(TreeTests.referenceLeaves[size]).span)
        tiles.append(leaf)
        tree.append(leaf)
      }
    }
  }

  @Test func `the 700 entries of the mirror vectors give its leaf hashes, subtrees and roots`()
    throws
  {
    let vectors = MirrorVectors.shared
    let entries = MirrorVectors.entries
    #expect(entries.count == vectors.entries.count)
    let tree = NaiveTree()
    for entry in entries { tree.append(Tree.leaf(entry.span)) }
    for (index, expected) in vectors.entries.leaf_hash_hex {
      #expect(tree.leaves[Int(index)!].hex == expected)
    }
    var source = NaiveSource(tree)
    for (range, expected) in vectors.subtree_hash_hex {
      let ends = range.split(separator: ",").map { UInt64($0)! }
      let hash = try rangeHash(ends[0], ends[1], &source)
      #expect(hash.hex == expected)
    }
    for (size, expected) in vectors.roots {
      let root = try rootHash(UInt64(size)!, &source)
      #expect(root.hex == expected.hex)
      #expect(Base64.text(root) == expected.base64)
    }
  }

  @Test func `a subtree starts at a multiple of the least power of two that holds it`() {
    for start in 0..<UInt64(40) {
      for end in 0..<UInt64(80) {
        var power: UInt64 = 1
        while end > start, power < end - start { power *= 2 }
        #expect(Tree.isSubtree(start, end) == (end > start && start % power == 0))
      }
    }
    #expect(Tree.isSubtree(0, Tree.sizeLimit))
    #expect(!Tree.isSubtree(0, Tree.sizeLimit + 1))
    #expect(!Tree.isSubtree(.max - 1, .max))
  }

  @Test func `a source of levels gives every height between`() throws {
    struct Levels: LevelHashSource {
      var tree: NaiveTree
      mutating func levelHash(level: Int, index: UInt64) throws(HashSourceError) -> Digest {
        let width = UInt64(1) << UInt64(level * 8)
        guard (index + 1) * width <= UInt64(tree.leaves.count) else { throw .missing }
        return tree.hash(index * width, (index + 1) * width)
      }
    }
    let tree = NaiveTree()
    for i in 0..<1_024 { tree.append(cheapLeaf(i)) }
    var levels = Levels(tree: tree)
    for height in 0...10 {
      let width = UInt64(1) << UInt64(height)
      for index in [0, 1024 / width - 1] {
        let hash = try levels.subtreeHash(height: height, index: index)
        #expect(hash == tree.hash(index * width, (index + 1) * width))
      }
      #expect(throws: HashSourceError.missing) {
        try levels.subtreeHash(height: height, index: 1024 / width)
      }
    }
  }
}
