import HAL
import Metering
import TransparencyLog

/// The body of `add-entries` (C2SP tlog-mirror), which mirrors take and package files hold: made here alone.
enum UploadBody {
  /// u16be length ‖ origin ‖ u64be start ‖ u64be end ‖ u16be length ‖ ticket.
  ///
  /// Example: [0, 300) of `mrv.example/gw/7f3a01c2/1` without a ticket, 45 bytes:
  /// `0019 6d72762e6578616d706c652f67772f37663361303163322f31 0000000000000000 000000000000012c 0000`.
  static func appendHeader(
    _ origin: KeyName, start: UInt64, end: UInt64, ticket: [UInt8], to body: inout [UInt8]
  ) {
    body.append(bigEndian: wide(count: origin.count), byteCount: 2)
    for i in 0..<origin.count { body.append(origin.span[i]) }
    body.append(bigEndian: start, byteCount: 8)
    body.append(bigEndian: end, byteCount: 8)
    body.append(bigEndian: wide(count: ticket.count), byteCount: 2)
    body.append(contentsOf: ticket)
  }

  /// Where the package that begins in the block of `first` ends, in a tree of `size` entries.
  static func packageEnd(from first: UInt64, in size: UInt64) -> UInt64 {
    let base = first &- (first & 255)
    return size &- base > 256 ? base &+ 256 : size
  }

  /// Appends entries `[first, end)` of one block with the proof that the block belongs to the tree of `size`
  /// entries with this root: entries, u8 number of hashes, the hashes.
  ///
  /// Throws what the source throws, and `.damaged` when its bytes do not hash to the root: what leaves is what was
  /// signed, or nothing.
  static func appendPackage<Source: EvidenceSource & ~Copyable>(
    from first: UInt64, in size: UInt64, root: Digest, _ source: inout Source,
    to body: inout [UInt8]
  ) throws(HashSourceError) {
    // A request may begin inside a block, but its proof is for the block: the entries that the mirror
    // has already are read too, hashed, and taken out again.
    let base = first &- (first & 255)
    let end = packageEnd(from: first, in: size)
    let packageStart = body.count
    var leaves = BlockHash()
    var known = base
    while known < first {
      // Complete subtrees side by side, the largest first.
      let height = 63 - (first - known).leadingZeroBitCount
      leaves.push(
        try source.subtreeHash(height: height, index: known >> UInt64(height)), height: height)
      known += 1 << UInt64(height)
    }
    try source.appendEntries(first..<end, to: &body)
    guard
      leaves.append(body.span.extracting(packageStart..<body.count), count: narrow(end &- first))
    else { throw .damaged }
    let proof = try Proof.subtree(base, end, in: size, &source)
    guard proof.verifies(subtree: base, end, in: size, node: leaves.root(), root: root) else {
      throw .damaged
    }
    body.append(UInt8(truncatingIfNeeded: proof.count))
    for i in 0..<proof.count {
      for j in 0..<Digest.byteCount { body.append(proof[i][j]) }
    }
  }
}

/// The root over at most 256 entries, of which complete subtrees at the left are known.
private struct BlockHash {
  /// Hashes of complete subtrees side by side, each narrower than the one before.
  private var known: [Digest] = []
  private var knownCount = 0
  private var added: [Digest] = []

  /// Adds a complete subtree that is narrower than those before it; before any entry.
  mutating func push(_ hash: Digest, height: Int) {
    known.append(hash)
    knownCount += 1 << height
  }

  /// Adds `count` entries, all that a bundle has; `false` if it has more or fewer, or ends inside one.
  mutating func append(_ bundle: Span<UInt8>, count: Int) -> Bool {
    var leaves = [Digest](repeating: .zero, count: count)
    let isWhole = leaves.withUnsafeMutableBufferPointer {
      Tree.leaves(ofBundle: bundle, into: $0)
    }
    added = leaves
    return isWhole
  }

  /// Folds level by level: what is known joins from the left where a level begins with a right child, and what
  /// has no right sibling waits for the levels above.
  consuming func root() -> Digest {
    var level = added
    var first = knownCount
    var tail: Digest?
    while !level.isEmpty || !known.isEmpty {
      if first & 1 == 1, let left = known.popLast() {
        level.insert(left, at: 0)
        first -= 1
      }
      if level.count & 1 == 1, let last = level.popLast() {
        tail = tail.map { Tree.node(last, $0) } ?? last
      }
      var nodes = [Digest](repeating: .zero, count: level.count / 2)
      level.withUnsafeBufferPointer { pairs in
        nodes.withUnsafeMutableBufferPointer { Tree.nodes(over: pairs, into: $0) }
      }
      level = nodes
      first = first >> 1
    }
    return tail ?? Tree.empty
  }
}
