// Test vectors are known to be whole: a missing one may stop the run.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Testing
import TransparencyLog

@Suite struct ProofTests {
  let tree: NaiveTree = {
    let tree = NaiveTree()
    for i in 0..<1_200 { tree.append(cheapLeaf(i)) }
    return tree
  }()

  /// The hash of a subtree that may be partial at its right end.
  private func node(_ start: UInt64, _ end: UInt64) -> Digest { tree.hash(start, end) }

  private func check(_ start: UInt64, _ end: UInt64, _ size: UInt64, manglings: Bool) throws {
    var source = NaiveSource(tree)
    let proof = try Proof.subtree(start, end, in: size, &source)
    #expect(proof.array == tree.proof(start, end, size))
    let root = tree.hash(0, size)
    let hash = node(start, end)
    #expect(proof.verifies(subtree: start, end, in: size, node: hash, root: root))
    guard manglings else { return }
    #expect(!proof.verifies(subtree: start, end, in: size, node: flipped(hash), root: root))
    #expect(!proof.verifies(subtree: start, end, in: size, node: hash, root: flipped(root)))
    for i in 0..<proof.count {
      var hashes = proof.array
      hashes[i] = flipped(hashes[i])
      #expect(
        !Proof(hashes)!.verifies(subtree: start, end, in: size, node: hash, root: root))
      hashes.remove(at: i)
      #expect(
        !Proof(hashes)!.verifies(subtree: start, end, in: size, node: hash, root: root))
    }
    #expect(
      !Proof(proof.array + [hash])!.verifies(
        subtree: start, end, in: size, node: hash, root: root))
    if start != end - 1 {
      #expect(
        !proof.verifies(subtree: start, end - 1, in: size, node: hash, root: root))
    }
  }

  private func flipped(_ digest: Digest) -> Digest {
    var digest = digest
    digest.bytes[17] ^= 0x20
    return digest
  }

  @Test func `every subtree of every tree to 40 leaves is proved as the specification says`() throws
  {
    for size in UInt64(1)...40 {
      for start in 0..<size {
        for end in (start + 1)...size where Tree.isSubtree(start, end) {
          try check(start, end, size, manglings: size % 7 == 5)
        }
      }
    }
  }

  @Test func `random subtrees of larger trees are proved likewise`() throws {
    var random = SeededRandom(state: 3)
    var done = 0
    while done < 300 {
      let size = UInt64.random(in: 41...1_200, using: &random)
      let power = UInt64(1) << UInt64.random(in: 0...10, using: &random)
      let start = UInt64.random(in: 0..<size, using: &random) / power * power
      let end = min(start + UInt64.random(in: 1...power, using: &random), size)
      guard Tree.isSubtree(start, end) else { continue }
      try check(start, end, size, manglings: done % 10 == 0)
      done += 1
    }
  }

  @Test func `the proofs of the mirror vectors are reproduced and verify`() throws {
    let vectors = MirrorVectors.shared
    let tree = NaiveTree()
    for entry in MirrorVectors.entries { tree.append(Tree.leaf(entry.span)) }
    var source = NaiveSource(tree)
    #expect(vectors.proofs.count >= 9)
    for example in vectors.proofs {
      let (start, end) = (example.subtree[0], example.subtree[1])
      let proof = try Proof.subtree(start, end, in: example.size, &source)
      #expect(proof.array == example.hashes, "\(example.step)")
      #expect(
        proof.verifies(
          subtree: start, end, in: example.size, node: tree.hash(start, end),
          root: tree.hash(0, example.size)))
    }
  }

  @Test func `entry 300 of 700 is included as the vector's proof says`() throws {
    let example = MirrorVectors.shared.tlog_proof
    let lines = example.text.split(separator: "\n", omittingEmptySubsequences: false)
    let hashes = lines[2..<lines.firstIndex(of: "")!].map {
      Base64.digest(Array($0.utf8).span)!
    }
    let root = digest(MirrorVectors.shared.roots["700"]!.hex)
    let leaf = Tree.leaf(bytes(example.entry_hex).span)
    let proof = try #require(Proof(hashes))
    #expect(proof.verifies(leaf: leaf, at: example.index, in: 700, root: root))
    #expect(!proof.verifies(leaf: leaf, at: example.index + 1, in: 700, root: root))
    #expect(!proof.verifies(leaf: leaf, at: .max, in: 700, root: root))
  }

  @Test func `consistency from nothing has no hash, and from itself needs the same root`() {
    let root = tree.hash(0, 77)
    let other = tree.hash(0, 78)
    #expect(Proof().verifies(consistencyFrom: 0, oldRoot: Tree.empty, to: 77, root: root))
    #expect(!Proof().verifies(consistencyFrom: 0, oldRoot: root, to: 77, root: root))
    #expect(
      !Proof([root])!.verifies(consistencyFrom: 0, oldRoot: Tree.empty, to: 77, root: root))
    #expect(Proof().verifies(consistencyFrom: 77, oldRoot: root, to: 77, root: root))
    #expect(!Proof().verifies(consistencyFrom: 77, oldRoot: root, to: 77, root: other))
    #expect(!Proof().verifies(consistencyFrom: 78, oldRoot: other, to: 77, root: root))
  }

  @Test func `a proof holds 63 hashes and no more`() {
    var proof = Proof()
    var taken = (0..<63).allSatisfy { proof.push(cheapLeaf($0)) }
    #expect(taken)
    taken = proof.push(cheapLeaf(63))
    #expect(!taken)
    #expect(proof.count == 63)
    #expect(Proof((0..<64).map(cheapLeaf)) == nil)
  }

  @Test func `ranges from outside that are no subtree are refused, not trapped`() {
    var random = SeededRandom(state: 11)
    let root = tree.hash(0, 9)
    for _ in 0..<20_000 {
      let shift = random.next() % 64
      let start = random.next() >> shift
      let end = random.next() >> shift
      let size = random.next() >> (random.next() % 64)
      var proof = Proof()
      for i in 0..<Int(random.next() % 4) { _ = proof.push(cheapLeaf(i)) }
      #expect(!proof.verifies(subtree: start, end, in: size, node: .zero, root: root))
    }
  }
}
