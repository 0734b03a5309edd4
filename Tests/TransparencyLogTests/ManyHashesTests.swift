import CSHA256
import HAL
import Testing

@testable import TransparencyLog

@Suite struct ManyHashesTests {
  /// Bytes that repeat late.
  private func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 7) }
  }

  private func bundle(of lengths: [Int]) -> [UInt8] {
    lengths.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] + bytes($0) }
  }

  private func digests(_ count: Int) -> [Digest] {
    (0..<count).map { SHA256.hash([UInt8($0 & 255), UInt8($0 >> 8)].span) }
  }

  /// Lengths around each place where the padding takes another block, side by side and far apart.
  private static let lengths =
    Array(0...200) + [4_000, 1, 65_535, 54, 55, 56, 62, 63, 64, 118, 119, 126, 127, 0]

  @Test(arguments: [4, 8, 16]) func `each lane count gives the hashes of one by one`(lanes: Int) {
    let bundle = bundle(of: ManyHashesTests.lengths)
    let count = ManyHashesTests.lengths.count
    var leaves = [UInt8](repeating: 0, count: 32 * count)
    guard csha256_leaves_in_lanes(Int32(lanes), bundle, count, &leaves) != 0 else {
      // This processor has no such vectors; 4 lanes are everywhere.
      #expect(lanes != 4)
      return
    }
    #expect(leaves == ManyHashesTests.lengths.flatMap { Tree.leaf(bytes($0).span).array })
    for count in 0...2 * lanes + 1 {
      let pairs = digests(2 * count)
      var nodes = [UInt8](repeating: 0, count: 32 * count)
      #expect(
        csha256_nodes_in_lanes(Int32(lanes), pairs.flatMap(\.array), count, &nodes) == 1)
      #expect(nodes == (0..<count).flatMap { Tree.node(pairs[2 * $0], pairs[2 * $0 + 1]).array })
    }
  }

  @Test func `a bundle is hashed if it holds as many entries as were asked for`() {
    let entries = [[1, 2, 3], [], [4], [5, 6]] as [[UInt8]]
    let bundle: [UInt8] = entries.flatMap { entry -> [UInt8] in [0, UInt8(entry.count)] + entry }
    let hashes = entries.map { Tree.leaf($0.span) }
    let cut = Array(bundle.dropLast())
    let (none, last) = ([UInt8](), Array(bundle.suffix(4)))
    #expect(Tree.leaves(ofBundle: bundle.span, count: 4) == hashes)
    #expect(Tree.leaves(ofBundle: bundle.span, count: 3) == nil)
    #expect(Tree.leaves(ofBundle: bundle.span, count: 5) == nil)
    #expect(Tree.leaves(ofBundle: cut.span, count: 4) == nil)
    #expect(Tree.leaves(ofBundle: none.span, count: 0) == [])
    #expect(Tree.leaves(ofBundle: last.span, count: 1) == [hashes[3]])
  }

  @Test func `nodes are over neighbours`() {
    let pairs = digests(10)
    for count in 0...5 {
      var nodes = [Tree.empty]
      Tree.append(nodesOver: pairs[..<(2 * count)], to: &nodes)
      #expect(
        nodes == [Tree.empty] + (0..<count).map { Tree.node(pairs[2 * $0], pairs[2 * $0 + 1]) })
    }
  }

  @Test func `open tiles that take many leaves at once are those that take them one by one`() {
    let leaves = digests(1_500)
    let memory = (0..<2).map { _ in
      let memory = UnsafeMutableBufferPointer<Digest>.allocate(capacity: OpenTiles.digestCount)
      memory.initialize(repeating: .zero)
      return memory
    }
    defer { for memory in memory { memory.deallocate() } }
    var one = OpenTiles(memory[0])
    var many = OpenTiles(memory[1])
    var counts = [1, 2, 3, 250, 255, 256, 257, 7, 64, 300, 0, 105]
    leaves.withUnsafeBufferPointer { leaves in
      var next = 0
      while next < leaves.count {
        let count = counts.removeFirst()
        var rest = UnsafeBufferPointer(rebasing: leaves[next..<next + count])
        while !rest.isEmpty {
          let taken = many.append(rest)
          #expect(taken == min(rest.count, 256 - next % 256))
          for i in 0..<taken { one.append(rest[i]) }
          #expect(many.size == one.size && many.root() == one.root())
          #expect(many.filledLevelCount == one.filledLevelCount)
          rest = UnsafeBufferPointer(rebasing: rest[taken...])
          next += taken
        }
      }
    }
    for i in memory[0].indices where memory[0][i] != memory[1][i] {
      Issue.record("digest \(i) of the tiles' memory differs")
    }
  }
}
