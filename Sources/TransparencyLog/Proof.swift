/// The hashes that connect a subtree with a root, at most 63, lowest first.
///
/// One form serves all: inclusion is the subtree `[i, i + 1)`, consistency the subtree `[0, old)`, a
/// package of the mirror protocol `[256 k, min(end, 256 k + 256))`.
public struct Proof: Sendable, BitwiseCopyable {
  /// The most hashes that a proof can have (C2SP tlog-witness, tlog-mirror).
  public static var capacity: Int { 63 }

  private var hashes = InlineArray<63, Digest>(repeating: .zero)
  /// How many hashes it has.
  public private(set) var count = 0

  /// No hash.
  public init() {}

  /// The hash at `index`; traps out of bounds.
  public subscript(index: Int) -> Digest {
    precondition(index >= 0 && index < count, "index out of range")
    return hashes[index]
  }

  /// Adds a hash, or returns `false` when 63 are there.
  public mutating func push(_ hash: Digest) -> Bool {
    guard count < Proof.capacity else { return false }
    hashes[count] = hash
    count &+= 1
    return true
  }
}

extension Proof {
  /// Builds the proof that `[start, end)` belongs to the tree of `size` leaves.
  ///
  /// C2SP tlog-mirror, "subtree consistency proof": PROOF(s, e, n) = SUB(s, e, [0, n), known), with
  /// SUB(s, e, [lo, hi), known) = [] or [MTH(lo, hi)] when unknown, if [s, e) = [lo, hi); else, m
  /// being where [lo, hi) splits, the proof within the half that holds the subtree, then the hash of
  /// the other half; a subtree that spans m has its left half known to the reader, so its right half
  /// is proved as unknown. The descent below notes the other halves and emits them in reverse.
  ///
  /// `[start, end)` must be a subtree with `end ≤ size ≤ Tree.sizeLimit`. Nothing is needed for
  /// consistency from 0: ask with `start < end`.
  public static func subtree<Source: HashSource & ~Copyable>(
    _ start: UInt64, _ end: UInt64, in size: UInt64, _ source: inout Source
  ) throws(HashSourceError) -> Proof {
    precondition(Tree.isSubtree(start, end), "not a subtree")
    precondition(end <= size && size <= Tree.sizeLimit, "the subtree is not within the tree")
    var others = InlineArray<63, SiblingRange>(repeating: SiblingRange(low: 0, high: 0))
    var depth = 0
    var low: UInt64 = 0
    var high = size
    var first = start
    var known = true
    while first != low || end != high {
      let middle = low &+ Tree.split(high &- low)
      if end <= middle {
        others[depth] = SiblingRange(low: middle, high: high)
        high = middle
      } else {
        others[depth] = SiblingRange(low: low, high: middle)
        if first < middle {
          first = middle
          known = false
        }
        low = middle
      }
      depth &+= 1
    }
    var proof = Proof()
    if !known { _ = proof.push(try rangeHash(low, high, &source)) }
    while depth > 0 {
      depth &-= 1
      _ = proof.push(try rangeHash(others[depth].low, others[depth].high, &source))
    }
    return proof
  }

  /// Checks that the subtree `[start, end)` with hash `node` belongs to the tree of `size` leaves
  /// with hash `root` (C2SP tlog-mirror, "verifying a subtree consistency proof").
  ///
  /// For arguments from outside: `false` too for a range that is no subtree of that tree, for a
  /// missing hash and for a hash too many.
  public func verifies(
    subtree start: UInt64, _ end: UInt64, in size: UInt64, node: Digest, root: Digest
  ) -> Bool {
    guard Tree.isSubtree(start, end), end <= size, size <= Tree.sizeLimit else { return false }
    var walk = ProofWalk(first: start, last: end &- 1, treeLast: size &- 1)
    walk.skipToSubtree()
    var next = 0
    var nodeHash = node
    var rootHash = node
    if walk.first != walk.last {
      guard count > 0 else { return false }
      nodeHash = hashes[0]
      rootHash = hashes[0]
      next = 1
    }
    while next < count {
      guard walk.treeLast != 0 else { return false }
      let hash = hashes[next]
      if walk.last & 1 == 1 || walk.last == walk.treeLast {
        if walk.first < walk.last { nodeHash = Tree.node(hash, nodeHash) }
        rootHash = Tree.node(hash, rootHash)
        while walk.last & 1 == 0 { walk.shift() }
      } else {
        rootHash = Tree.node(rootHash, hash)
      }
      walk.shift()
      next &+= 1
    }
    return walk.treeLast == 0 && nodeHash == node && rootHash == root
  }

  /// Checks that leaf `index` with hash `leaf` belongs to the tree of `size` leaves (RFC 6962 §2.1.1).
  public func verifies(leaf: Digest, at index: UInt64, in size: UInt64, root: Digest) -> Bool {
    guard index < Tree.sizeLimit else { return false }
    return verifies(subtree: index, index &+ 1, in: size, node: leaf, root: root)
  }

  /// Checks that the tree of `old` leaves is a prefix of the tree of `size` (RFC 6962 §2.1.2).
  ///
  /// From 0 there is nothing to prove: no hash, and `oldRoot` the empty root.
  public func verifies(
    consistencyFrom old: UInt64, oldRoot: Digest, to size: UInt64, root: Digest
  ) -> Bool {
    guard old > 0 else { return count == 0 && oldRoot == Tree.empty && size <= Tree.sizeLimit }
    return verifies(subtree: 0, old, in: size, node: oldRoot, root: root)
  }
}

/// A half that the descent to the subtree leaves aside.
private struct SiblingRange: BitwiseCopyable {
  var low: UInt64
  var high: UInt64
}

/// Where the verification stands: the first and last node of the subtree and the tree's last node, on
/// the level reached (fn, sn and tn of the specification).
private struct ProofWalk {
  var first: UInt64
  var last: UInt64
  var treeLast: UInt64

  mutating func shift() {
    first = first &>> (1 as UInt64)
    last = last &>> (1 as UInt64)
    treeLast = treeLast &>> (1 as UInt64)
  }

  /// Climbs to the largest complete subtree at the right end, whose hash the proof begins with.
  mutating func skipToSubtree() {
    if last == treeLast {
      while first != last { shift() }
    } else {
      while first != last && last & 1 == 1 { shift() }
    }
  }
}
