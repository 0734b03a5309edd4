import HAL
import TransparencyLog

/// The log as it was handed to the medium, read by nobody but this file from the bytes of each write: what
/// every root must be computed from.
///
/// A frame is 44 bytes and entries, each with its length before it (article DataOnDisk). A frame that begins
/// at an index replaces what stood from there on: it was never committed, or lost. One that says again what stands
/// there mends a log, and changes nothing.
struct LogOracle {
  /// Hash of each entry.
  var leaves: [Digest] { subtrees[0] }
  /// Hashes of the subtrees of 2^k entries, for each k from left to right: what the definition gave when it
  /// was asked for them first.
  private var subtrees: [[Digest]]

  /// A log of these leaves.
  init(leaves: [Digest] = []) {
    subtrees = [leaves] + [[Digest]](repeating: [], count: 40)
  }

  /// Takes further leaves from elsewhere.
  mutating func add(_ leaves: ArraySlice<Digest>) { subtrees[0] += leaves }

  /// Takes the bytes of a write to a segment.
  ///
  /// - Returns: the index of the frame's first entry; `nil` if it is no frame, or says what stands there already.
  mutating func take(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int? {
    // Block 0 is the segment's header.
    guard offset > 0, bytes.count >= 44, bytes.starts(with: Array("TSJF".utf8)) else { return nil }
    let first = Int(WholeSegment.number(bytes, 16, 8))
    let count = Int(WholeSegment.counts(bytes).entries)
    precondition(first <= leaves.count, "a frame continues the log")
    var at = 44
    var hashes: [Digest] = []
    for _ in 0..<count {
      let length = Int(bytes[at]) << 8 | Int(bytes[at + 1])
      var hash = SHA256()
      hash.update(0)
      hash.update(
        UnsafeRawBufferPointer(rebasing: bytes[at + 2..<at + 2 + length])
          .assumingMemoryBound(to: UInt8.self))
      hashes.append(hash.finalize())
      at += 2 + length
    }
    if first + count <= leaves.count, leaves[first..<first + count].elementsEqual(hashes) {
      return nil
    }
    forget(from: first)
    subtrees[0] += hashes
    return first
  }

  /// The medium was set back to a state in which these entries stood, other ones perhaps than were written in their place
  /// since.
  mutating func setBack(to entries: [WholeEntry]) {
    for entry in entries.sorted(by: { $0.index < $1.index }) where entry.index <= leaves.count {
      guard entry.index == leaves.count || leaves[entry.index] != entry.leaf else { continue }
      forget(from: entry.index)
      subtrees[0].append(entry.leaf)
    }
  }

  /// Entries from an index on never were, and nothing that was over them.
  private mutating func forget(from first: Int) {
    for height in subtrees.indices {
      subtrees[height].removeLast(max(subtrees[height].count - first >> height, 0))
    }
  }

  /// The root over the first `size` entries by the definition of RFC 6962, 2.1; `nil` if there are not so many.
  ///
  /// It has nothing in common with any other tree here, and hashes one by one, never many at once as those that
  /// it judges do. What it has computed of entries that nothing replaced since is not computed again.
  mutating func root(size: Int) -> Digest? {
    guard size <= leaves.count else { return nil }
    // A subtree of 2^k entries is a node over its halves.
    for height in 1..<subtrees.count where subtrees[height].count < size >> height {
      for i in subtrees[height].count..<size >> height {
        subtrees[height].append(
          Tree.node(subtrees[height - 1][2 * i], subtrees[height - 1][2 * i + 1]))
      }
    }
    return size == 0 ? Tree.empty : hash(of: 0..<size)
  }

  /// The tile of 256 hashes at a place (C2SP tlog-tiles), each of them over 256^level entries; `nil` if there are not so many.
  mutating func tile(level: Int, index: Int) -> [UInt8]? {
    let height = 8 * level
    let hashes = index * 256..<(index + 1) * 256
    guard height < subtrees.count, hashes.upperBound <= leaves.count >> height,
      root(size: leaves.count) != nil
    else { return nil }
    return subtrees[height][hashes].flatMap { hash in
      (0..<Digest.byteCount).map { hash.bytes[$0] }
    }
  }

  /// MTH of a range that is not empty and begins where a subtree of its width may.
  private func hash(of range: Range<Int>) -> Digest {
    if range.count & (range.count - 1) == 0 {
      return subtrees[range.count.trailingZeroBitCount][range.lowerBound / range.count]
    }
    var split = 1
    while split * 2 < range.count { split *= 2 }
    let middle = range.lowerBound + split
    return Tree.node(hash(of: range.lowerBound..<middle), hash(of: middle..<range.upperBound))
  }

  /// What is wrong with a log that was mended, of which these entries stand on the medium: those of a run are not the ones
  /// that were recorded; `nil` if they are.
  func problem(ofMended run: Range<UInt64>, in entries: [WholeEntry]) -> String? {
    var missing = Set(run.map(Int.init))
    for entry in entries where run.contains(UInt64(entry.index)) && entry.index < leaves.count {
      missing.remove(entry.index)
      if entry.leaf != leaves[entry.index] {
        return "entry \(entry.index) came back as another than was recorded"
      }
    }
    return missing.isEmpty ? nil : "\(missing.count) entries of \(run) did not come back"
  }
}
