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
    guard leaves.append(body.span.extracting(packageStart..<body.count)),
      wide(count: leaves.count) == end &- base
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

/// The root over at most 256 entries, folded as they come.
private struct BlockHash {
  private var stack: [Digest] = []
  private(set) var count = 0

  /// Adds a complete subtree that is narrower than those before it.
  mutating func push(_ hash: Digest, height: Int) {
    stack.append(hash)
    count += 1 << height
  }

  /// Adds the entries of a bundle; `false` if it ends inside one.
  mutating func append(_ bundle: Span<UInt8>) -> Bool {
    var entries = EntryBundle(bundle)
    do throws(EntryBundle.Truncated) {
      while let entry = try entries.next() {
        var hash = Tree.leaf(bundle.extracting(entry))
        count += 1
        var carry = count
        while carry & 1 == 0, let left = stack.popLast() {
          hash = Tree.node(left, hash)
          carry = carry &>> 1
        }
        stack.append(hash)
      }
    } catch {
      return false
    }
    return true
  }

  func root() -> Digest {
    guard var hash = stack.last else { return Tree.empty }
    var i = stack.count - 2
    while i >= 0 {
      hash = Tree.node(stack[i], hash)
      i -= 1
    }
    return hash
  }
}
