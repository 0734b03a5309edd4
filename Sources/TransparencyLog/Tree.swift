/// The hashes of RFC 6962 §2.1 (the same in RFC 9162 §2.1).
public enum Tree {
  /// The largest tree that is handled, 2^62 leaves: then a proof has at most 63 hashes, as the
  /// protocols allow. At a thousand entries a second that is 146 million years.
  public static var sizeLimit: UInt64 { 0x4000_0000_0000_0000 }

  /// The hash of one entry: SHA-256(0x00 ‖ entry).
  public static func leaf(_ entry: Span<UInt8>) -> Digest {
    var hash = SHA256()
    hash.update(0x00)
    hash.update(entry)
    return hash.finalize()
  }

  /// The hash of one entry: SHA-256(0x00 ‖ entry).
  public static func leaf(_ entry: UnsafeBufferPointer<UInt8>) -> Digest { leaf(entry.span) }

  /// The hash over two subtrees: SHA-256(0x01 ‖ left ‖ right).
  public static func node(_ left: Digest, _ right: Digest) -> Digest {
    SHA256.node(left, right)
  }

  /// The root of the tree without leaves: SHA-256 of nothing.
  public static var empty: Digest { SHA256().finalize() }

  /// The largest power of two below `count`, which is at least 2: where a range is split.
  static func split(_ count: UInt64) -> UInt64 {
    (1 as UInt64) &<< wideShift(63 &- (count &- 1).leadingZeroBitCount)
  }

  /// `true` if and only if `[start, end)` may be a subtree: not empty, and `start` a multiple of the
  /// least power of two that is not below its count (C2SP tlog-mirror, "subtree").
  public static func isSubtree(_ start: UInt64, _ end: UInt64) -> Bool {
    guard start < end, end <= sizeLimit else { return false }
    let count = end &- start
    let power: UInt64 = count == 1 ? 1 : split(count) &* 2
    return start & (power &- 1) == 0
  }
}

/// Why a hash could not be had.
public enum HashSourceError: UInt8, Error, Sendable {
  /// It lies before what is kept, or after what there is.
  case missing = 1
  /// The medium could not be read.
  case unreadable = 2
  /// What was read is not what was signed.
  case damaged = 3
}

/// Gives the hash of any complete subtree.
///
/// Implementations find it in open tiles, in tile files, or by hashing entries; none may answer with
/// an unchecked value that it did not itself compute or verify.
public protocol HashSource: ~Copyable {
  /// The hash of leaves `[index × 2^height, (index + 1) × 2^height)`, `height` 0 to 62.
  mutating func subtreeHash(height: Int, index: UInt64) throws(HashSourceError) -> Digest
}

/// A source that keeps hashes as tiles do: only heights 0, 8, 16 … Everything between follows.
public protocol LevelHashSource: HashSource, ~Copyable {
  /// The hash of leaves `[index × 256^level, (index + 1) × 256^level)`.
  mutating func levelHash(level: Int, index: UInt64) throws(HashSourceError) -> Digest
}

extension LevelHashSource where Self: ~Copyable {
  /// Folds at most 128 hashes of the level below.
  public mutating func subtreeHash(
    height: Int, index: UInt64
  ) throws(HashSourceError) -> Digest { try foldedHash(height: height, index: index) }

  /// The same, for a source that knows some subtrees without folding.
  public mutating func foldedHash(
    height: Int, index: UInt64
  ) throws(HashSourceError) -> Digest {
    let level = height &>> 3
    let rest = height & 7
    var next = index &<< wideShift(rest)
    let end = next &+ ((1 as UInt64) &<< wideShift(rest))
    var fold = CompleteFold()
    while next < end {
      fold.append(try levelHash(level: level, index: next))
      next &+= 1
    }
    return fold.result
  }
}

/// Folds 2^k hashes, k ≤ 8, given from left to right, into their subtree's hash.
struct CompleteFold {
  private var stack = InlineArray<9, Digest>(repeating: .zero)
  private var depth = 0
  private var count = 0

  mutating func append(_ digest: Digest) {
    var hash = digest
    count &+= 1
    var carry = count
    while carry & 1 == 0 {
      depth &-= 1
      hash = Tree.node(stack[depth], hash)
      carry = carry &>> 1
    }
    stack[depth] = hash
    depth &+= 1
  }

  /// The hash; only when the number of hashes given is a power of two.
  var result: Digest {
    precondition(depth == 1, "a complete subtree has 2^k leaves")
    return stack[0]
  }
}

/// The hash of the subtree `[start, end)`: MTH(D[start:end]) of RFC 6962.
///
/// A range is complete subtrees side by side, one for each bit of its count, the largest first; they
/// are folded from the right. `start < end`, and the range must be a subtree (see `isSubtree`).
public func rangeHash<Source: HashSource & ~Copyable>(
  _ start: UInt64, _ end: UInt64, _ source: inout Source
) throws(HashSourceError) -> Digest {
  precondition(Tree.isSubtree(start, end), "not a subtree")
  let count = end &- start
  var right = end
  var folded: Digest? = nil
  var height = 0
  while height < 63 {
    let size = (1 as UInt64) &<< wideShift(height)
    if count & size != 0 {
      right &-= size
      let hash = try source.subtreeHash(height: height, index: right &>> wideShift(height))
      if let tail = folded { folded = Tree.node(hash, tail) } else { folded = hash }
    }
    height &+= 1
  }
  return folded ?? Tree.empty
}

/// The root of the tree of `size` leaves, at most `Tree.sizeLimit`; the empty root for 0.
public func rootHash<Source: HashSource & ~Copyable>(
  _ size: UInt64, _ source: inout Source
) throws(HashSourceError) -> Digest {
  size == 0 ? Tree.empty : try rangeHash(0, size, &source)
}
