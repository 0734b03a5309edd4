import HAL
import HostHAL
import TransparencyLog
import Uplink

/// A package whose bytes are at hand. Its form is checked, its signature and its proofs are not.
struct ReadPackage: Sendable {
  let path: String
  let submitted: SubmittedCheckpoint
  let origin: String
  /// Index of its first entry, a multiple of 256.
  let start: UInt64
  /// Its blocks, the first of which begins at `start`.
  let blocks: [UploadPackage]

  init(path: String) throws(PackageRefusal) {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try Files.readFile(path, limit: PackageFile.fileByteLimit)
    } catch { throw .unreadable(error) }
    let file: PackageFile
    do throws(PackageFile.Fault) { file = try PackageFile(reading: bytes) } catch {
      throw .file(error)
    }
    try self.init(path: path, file)
  }

  init(path: String, _ file: PackageFile) throws(PackageRefusal) {
    self.path = path
    do {
      submitted = try SubmittedCheckpoint(file.note)
      origin = submitted.checkpoint.origin.description
      var reader = UploadReader(.identity)
      reader.feed(file.body)
      guard let header = try reader.header(),
        submitted.checkpoint.origin.matches(header.origin.span),
        header.end == submitted.checkpoint.size, header.start < header.end,
        header.end <= Tree.sizeLimit, header.start % 256 == 0, header.ticket.isEmpty
      else { throw PackageRefusal.malformed }
      start = header.start
      var blocks: [UploadPackage] = []
      var base = start
      while base < header.end,
        let block = try reader.package(entryCount: Int(min(256, header.end - base)))
      {
        blocks.append(block)
        base += UInt64(block.leaves.count)
      }
      guard !blocks.isEmpty, try reader.isAtEnd() else { throw PackageRefusal.malformed }
      self.blocks = blocks
    } catch {
      throw .malformed
    }
  }

  var end: UInt64 { start + UInt64(blocks.reduce(0) { $0 + $1.leaves.count }) }

  /// Index of the first entry of a block.
  func base(of number: Int) -> UInt64 { start + 256 * UInt64(number) }

  /// Each block is what the checkpoint signs at its place.
  var belongsToItsCheckpoint: Bool {
    let checkpoint = submitted.checkpoint
    return blocks.indices.allSatisfy { number in
      let base = base(of: number)
      let block = blocks[number]
      var source = ListedHashes(base: base, hashes: block.leaves)
      let end = base + UInt64(block.leaves.count)
      guard let node = try? rangeHash(base, end, &source) else { return false }
      return block.proof.verifies(
        subtree: base, end, in: checkpoint.size, node: node, root: checkpoint.root)
    }
  }

  var outline: PackageOutline {
    PackageOutline(path: path, submitted: submitted, origin: origin, start: start, end: end)
  }
}

/// A package that was checked, without its entries: a stick may hold a year of them.
struct PackageOutline: Sendable {
  let path: String
  let submitted: SubmittedCheckpoint
  let origin: String
  let start: UInt64
  let end: UInt64
  /// It was kept here since an earlier import.
  var waited = false
}

/// All packages of one log that are at hand.
struct PackagePool: Sendable {
  private let outlines: [PackageOutline]
  private var read: ReadPackage?

  init(_ outlines: [PackageOutline]) {
    self.outlines = outlines.sorted { ($0.start, $0.end) < ($1.start, $1.end) }
  }

  /// Their checkpoints, each once, the smallest first.
  var targets: [SubmittedCheckpoint] {
    var seen: Set<[UInt8]> = []
    return outlines.map(\.submitted).filter { seen.insert($0.note).inserted }
      .sorted { $0.checkpoint.size < $1.checkpoint.size }
  }

  /// The first `width` entries of a block under `target`, from a package under that checkpoint if there is one.
  func holder(of base: UInt64, width: Int, for target: SubmittedCheckpoint) -> PackageOutline? {
    var found: PackageOutline?
    for outline in outlines
    where outline.start <= base && outline.end >= base + UInt64(width) {
      if outline.submitted.note == target.note { return outline }
      found = found ?? outline
    }
    return found
  }

  /// The entries themselves, as a bundle, with their hashes. A file that is not there any more, or not the same, holds
  /// none: what it was checked for, it is no longer.
  mutating func block(
    _ base: UInt64, width: Int, for target: SubmittedCheckpoint
  ) -> (bytes: [UInt8], leaves: [Digest])? {
    guard let outline = holder(of: base, width: width, for: target) else { return nil }
    if read?.path != outline.path { read = try? ReadPackage(path: outline.path) }
    guard let read, read.start <= base else { return nil }
    let number = Int((base - read.start) / 256)
    guard read.blocks.indices.contains(number), read.blocks[number].leaves.count >= width,
      let bundle = IndexedBundle(read.blocks[number].entries)
    else { return nil }
    return (bundle.prefix(width), Array(read.blocks[number].leaves.prefix(width)))
  }

  /// What is missing from `first` on for the checkpoints of these packages.
  func gaps(from first: UInt64) -> [Range<UInt64>] {
    var gaps: [Range<UInt64>] = []
    var known = first
    for outline in outlines {
      if outline.start > known { gaps.append(known..<outline.start) }
      known = max(known, outline.end)
    }
    let size = outlines.map(\.submitted.checkpoint.size).max() ?? known
    if size > known { gaps.append(known..<size) }
    return gaps
  }
}

/// A log's tree of which the front is stored and the rest is at hand.
struct CombinedHashes: HashSource {
  private var stored: StoredTiles
  /// The first entry that is not taken from the stored tiles, a multiple of 256.
  private let first: UInt64
  private let leaves: [Digest]
  /// Roots of the full blocks among them.
  private let roots: [Digest]

  init(stored: StoredTiles, first: UInt64, leaves: [Digest]) throws(HashSourceError) {
    self.stored = stored
    self.first = first
    self.leaves = leaves
    var roots: [Digest] = []
    var listed = ListedHashes(base: first, hashes: leaves)
    for number in 0..<UInt64(leaves.count / 256) {
      roots.append(try listed.subtreeHash(height: 8, index: first / 256 + number))
    }
    self.roots = roots
  }

  mutating func subtreeHash(height: Int, index: UInt64) throws(HashSourceError) -> Digest {
    if (index + 1) << UInt64(height) <= first {
      return try stored.subtreeHash(height: height, index: index)
    }
    if height == 8 {
      let number = index - first / 256
      guard number < UInt64(roots.count) else { throw .missing }
      return roots[Int(number)]
    }
    if height > 0 {
      return Tree.node(
        try subtreeHash(height: height - 1, index: 2 * index),
        try subtreeHash(height: height - 1, index: 2 * index + 1))
    }
    guard index - first < UInt64(leaves.count) else { throw .missing }
    return leaves[Int(index - first)]
  }
}
