import HAL
import TransparencyLog

/// Verifies a log in the C2SP layout: `checkpoint`, `tile/<L>/<N>`, `tile/entries/<N>`.
///
/// Entries and level-0 tiles say the same twice. Where they differ, the side wins with which the tree
/// has the signed root; the file or the entry of the other side is named.
struct CollectorVerifier {
  let files: LogFiles
  let policy: Policy
  var report: Report
  private var audit: EntryAudit
  private let notes: NoteCheck

  /// 256 entries, or fewer at the end, seen from both sides.
  private struct Block {
    var index: UInt64
    var width: Int
    /// Root over the hashes of the entries; `nil` if the bundle is missing or malformed.
    var fromEntries: Digest?
    /// Root over the hashes in the tile.
    var fromTile: Digest?
    /// Where they differ.
    var places: [Int] = []
    /// The hashes of both sides, none if a side is missing or malformed.
    var leaves: [Digest] = []
    var hashes: [Digest] = []
    /// The paths that were read.
    var bundlePath: String
    var tilePath: String
  }
  /// Blocks of which the two sides differ; for the others only `roots` is kept.
  private var disputed: [Block] = []
  /// Roots of full blocks, by the entries where there is a choice.
  private var roots: [Digest] = []
  /// The hashes of the last, partial block from both sides.
  private var lastFromEntries: [Digest] = []
  private var lastFromTile: [Digest] = []
  private var size: UInt64 = 0
  /// The first block that the audit has not seen: where the first dispute or hole is. What entries say
  /// is read in order, so the rest is read again once it is settled.
  private var firstUnaudited: UInt64?
  /// Entries that the decision found damaged.
  private var damaged: Set<UInt64> = []

  init(files: LogFiles, policy: Policy) {
    self.files = files
    self.policy = policy
    report = Report(origin: policy.logKey.name.description, source: .collector)
    report.statistics.cosignedSizes = policy.cosigners.map { _ in nil }
    audit = EntryAudit(origin: policy.logKey.name)
    notes = NoteCheck(policy: policy)
  }

  mutating func run() throws(ReadFailure) {
    guard let note = try files.read("checkpoint") else {
      throw ReadFailure(
        english:
          "there is no checkpoint: nothing of this log is mirrored yet, or the place is wrong",
        chinese: "没有检查点：该日志尚未镜像，或位置有误")
    }
    let checkpoint = notes.open(note, path: "checkpoint", &report)
    if let checkpoint {
      size = checkpoint.size
      report.signedSize = checkpoint.size
      report.signedRoot = Base64.text(checkpoint.root)
      notes.checkCosigners(note, size: checkpoint.size, path: "checkpoint", &report)
    } else {
      // Nothing proves what the log was, but what contradicts itself is still named.
      size = try storedSize(unsigned: NoteCheck.unsigned(note))
      report.doNotJudge(.completeness)
    }
    let root =
      checkpoint?.root ?? NoteCheck.unsigned(note).flatMap { $0.size == size ? $0.root : nil }
    var block: UInt64 = 0
    while block * 256 < size, report.findingCount < Report.findingLimit {
      try check(block)
      block += 1
    }
    if block * 256 < size {
      // So much is damaged or missing that the rest would only repeat it.
      report.add(.entriesMissing(signed: size, found: report.entryCount))
      report.doNotJudge(.completeness)
      notes.judge(&report)
      return
    }
    decide(root, isSigned: checkpoint != nil)
    try checkUpperTiles()
    for block in disputed {
      let areEntriesRight = block.places.allSatisfy {
        !damaged.contains(block.index * 256 + UInt64($0))
      }
      let known = areEntriesRight && !block.leaves.isEmpty ? block.leaves : block.hashes
      try checkNarrower(block, known: known)
    }
    try auditRest()
    audit.finish(&report)
    notes.judge(&report)
  }

  // MARK: Level 0

  /// A tile or a bundle: the partial one of this width, or the full one, which may have come since.
  private func readTile(
    _ content: TilePath.Content, _ index: UInt64, _ width: Int
  ) throws(ReadFailure) -> (bytes: [UInt8]?, path: String) {
    let path = TilePath(content, index: index, width: width).text
    if let bytes = try files.read(path) { return (bytes, path) }
    guard width < 256 else { return (nil, path) }
    let full = TilePath(content, index: index).text
    if let bytes = try files.read(full) { return (bytes, full) }
    return (nil, path)
  }

  private mutating func check(_ index: UInt64) throws(ReadFailure) {
    let width = Int(min(256, size - index * 256))
    let (bundle, bundlePath) = try readTile(.entries, index, width)
    let (tile, tilePath) = try readTile(.hashes(level: 0), index, width)
    var block = Block(index: index, width: width, bundlePath: bundlePath, tilePath: tilePath)
    let entries = bundle.flatMap {
      CollectorVerifier.entries($0, width, isLonger: !bundlePath.contains(".p/"))
    }
    let hashes = tile.flatMap { tileHashes(Array($0.prefix(width * 32)), count: width) }
    if bundle == nil { report.add(.missingFile(path: bundlePath)) }
    if tile == nil { report.add(.missingFile(path: tilePath)) }
    if bundle != nil, entries == nil { report.add(.damagedFile(path: bundlePath, offset: nil)) }
    if let tile, hashes == nil || (tile.count != width * 32 && tilePath.contains(".p/")) {
      report.add(.damagedFile(path: tilePath, offset: nil))
    }
    var leaves: [Digest] = []
    if let bundle, let entries {
      leaves = entries.map { Tree.leaf(bundle.span.extracting($0)) }
      block.fromEntries = TreeBuilder.root(of: leaves)
      report.entryCount += UInt64(width)
    }
    if let hashes {
      block.fromTile = TreeBuilder.root(of: hashes)
      report.tileCount += 1
    }
    if !leaves.isEmpty, let hashes {
      block.places = (0..<width).filter { leaves[$0] != hashes[$0] }
    }
    if width == 256 {
      roots.append(block.fromEntries ?? block.fromTile ?? levelOne(index) ?? Digest.zero)
    } else {
      lastFromEntries = leaves
      lastFromTile = hashes ?? []
    }
    let isSettled = block.fromEntries == block.fromTile
    if let bundle, let entries, isSettled, disputed.isEmpty, firstUnaudited == nil {
      take(entries, of: bundle, index)
    } else {
      firstUnaudited = firstUnaudited ?? index
    }
    block.leaves = leaves
    block.hashes = hashes ?? []
    if isSettled { try checkNarrower(block, known: leaves) } else { disputed.append(block) }
  }

  /// Exactly `width` entries that fill the bundle; of a full bundle read for a narrower tree, the first.
  private static func entries(_ bundle: [UInt8], _ width: Int, isLonger: Bool) -> [Range<Int>]? {
    var reader = EntryBundle(bundle.span)
    var entries: [Range<Int>] = []
    while entries.count < width {
      guard let next = try? reader.next() else { return nil }
      entries.append(next)
    }
    return reader.position == bundle.count || (isLonger && width < 256) ? entries : nil
  }

  /// Hands the entries of a block to the audit, damaged ones excepted.
  private mutating func take(_ entries: [Range<Int>], of bundle: [UInt8], _ block: UInt64) {
    for (place, range) in entries.enumerated() {
      let index = block * 256 + UInt64(place)
      if damaged.contains(index) {
        audit.skip(1)
      } else {
        audit.take(bundle.span.extracting(range), at: index, &report)
      }
    }
  }

  /// Hands over what was held back while something was in dispute.
  private mutating func auditRest() throws(ReadFailure) {
    guard var block = firstUnaudited else { return }
    while block * 256 < size {
      let width = Int(min(256, size - block * 256))
      let (bundle, path) = try readTile(.entries, block, width)
      if let bundle,
        let entries = CollectorVerifier.entries(bundle, width, isLonger: !path.contains(".p/"))
      {
        take(entries, of: bundle, block)
      } else {
        audit.skip(UInt64(width))
      }
      block += 1
    }
  }

  /// Partial files of earlier checkpoints, where directories can be listed: each must be the beginning
  /// of what is there now.
  private mutating func checkNarrower(_ block: Block, known: [Digest]) throws(ReadFailure) {
    let expected = tileBytes(known[...])
    try forEachNarrower(.hashes(level: 0), block.index, known.count) { stored, width in
      stored[...] == expected[..<(width * 32)]
    }
    try forEachNarrower(.entries, block.index, known.count) { stored, width in
      guard let entries = CollectorVerifier.entries(stored, width, isLonger: false) else {
        return false
      }
      return (0..<width).allSatisfy {
        Tree.leaf(stored.span.extracting(entries[$0])) == known[$0]
      }
    }
  }

  private mutating func forEachNarrower(
    _ content: TilePath.Content, _ index: UInt64, _ width: Int,
    _ isRight: (_ stored: [UInt8], _ width: Int) -> Bool
  ) throws(ReadFailure) {
    guard let list = files.list else { return }
    let folder = TilePath(content, index: index).text + ".p"
    for name in try list(folder) {
      guard let narrow = Int(name), narrow > 0, narrow < width, String(narrow) == name,
        let stored = try files.read("\(folder)/\(name)")
      else { continue }
      report.tileCount += 1
      if !isRight(stored, narrow) {
        report.add(.damagedFile(path: "\(folder)/\(name)", offset: nil))
      }
    }
  }

  // MARK: Decision

  /// Settles each dispute: with the entries, with the tiles, or block by block with level 1.
  ///
  /// A root without a signature that holds still helps to tell which side is right, and proves nothing.
  private mutating func decide(_ root: Digest?, isSigned: Bool) {
    let entriesSide = tree { $0.fromEntries ?? $0.fromTile }
    if entriesSide == root {
      for block in disputed { settle(block, entriesAreRight: true, isProven: isSigned) }
      return
    }
    if disputed.isEmpty {
      if isSigned, !hasDamage { report.add(.wrongRoot(size: size)) }
      return
    }
    let tilesSide = tree { $0.fromTile ?? $0.fromEntries }
    if tilesSide == root {
      for block in disputed { settle(block, entriesAreRight: false, isProven: isSigned) }
      useTiles { _ in true }
      return
    }
    // Both kinds are damaged, in different blocks. Level 1 says which side a full block had.
    let isTileRight = disputed.map { block in
      block.width == 256 && levelOne(block.index) == block.fromTile && block.fromTile != nil
    }
    let mixed = tree { block in
      let position = disputed.firstIndex { $0.index == block.index } ?? 0
      return isTileRight[position]
        ? block.fromTile ?? block.fromEntries : block.fromEntries ?? block.fromTile
    }
    let isProven = isSigned && mixed == root
    for (position, block) in disputed.enumerated() {
      settle(block, entriesAreRight: !isTileRight[position], isProven: isProven)
      // Nothing proves either side: the entries are named too.
      if !isProven, !isTileRight[position] { nameEntries(block, isProven: false) }
    }
    let blocks = disputed
    useTiles { index in
      blocks.firstIndex { $0.index == index }.map { isTileRight[$0] } ?? false
    }
    if isSigned, !isProven { report.add(.wrongRoot(size: size)) }
  }

  private var hasDamage: Bool {
    report.findings.contains {
      switch $0 {
      case .missingFile, .damagedFile: true
      default: false
      }
    }
  }

  /// The root if each disputed block is taken from the side that `choose` says.
  private func tree(_ choose: (Block) -> Digest?) -> Digest {
    var builder = TreeBuilder()
    var chosen: [UInt64: Digest] = [:]
    var last = lastFromEntries.isEmpty ? lastFromTile : lastFromEntries
    for block in disputed {
      guard let root = choose(block) else { continue }
      if block.width == 256 {
        chosen[block.index] = root
      } else {
        last = root == block.fromTile && !lastFromTile.isEmpty ? lastFromTile : lastFromEntries
      }
    }
    for (index, root) in roots.enumerated() {
      builder.append(blockRoot: chosen[UInt64(index)] ?? root)
    }
    for leaf in last { builder.append(leaf) }
    return builder.root
  }

  /// What level 1 says about a full block.
  private func levelOne(_ block: UInt64) -> Digest? {
    let width = Int(min(256, size / 256 - block / 256 * 256))
    guard let bytes = try? readTile(.hashes(level: 1), block / 256, width).bytes,
      bytes.count >= (Int(block % 256) + 1) * 32
    else { return nil }
    let start = Int(block % 256) * 32
    return Digest(bytes.span.extracting(start..<(start + 32)))
  }

  private mutating func settle(_ block: Block, entriesAreRight: Bool, isProven: Bool) {
    // A file that is missing or malformed was named already.
    guard block.fromEntries != nil, block.fromTile != nil else { return }
    if entriesAreRight {
      report.add(.damagedFile(path: block.tilePath, offset: nil))
      return
    }
    nameEntries(block, isProven: isProven)
  }

  private mutating func nameEntries(_ block: Block, isProven: Bool) {
    for place in block.places {
      let index = block.index * 256 + UInt64(place)
      damaged.insert(index)
      report.add(.damagedEntry(index: index, path: block.bundlePath, confirmed: isProven))
    }
  }

  /// From here on the hashes of the tiles count for these blocks.
  private mutating func useTiles(_ isChosen: (UInt64) -> Bool) {
    for block in disputed where isChosen(block.index) {
      guard let root = block.fromTile else { continue }
      if block.width == 256 {
        roots[Int(block.index)] = root
      } else {
        lastFromEntries = lastFromTile
      }
    }
  }

  // MARK: Level 1 and above

  private mutating func checkUpperTiles() throws(ReadFailure) {
    var level = 1
    var hashes = roots
    while !hashes.isEmpty {
      var start = 0
      var next: [Digest] = []
      while start < hashes.count {
        let end = min(start + 256, hashes.count)
        try checkUpperTile(level, UInt64(start / 256), hashes[start..<end])
        if end - start == 256 { next.append(TreeBuilder.root(of: Array(hashes[start..<end]))) }
        start = end
      }
      hashes = next
      level += 1
    }
  }

  private mutating func checkUpperTile(
    _ level: Int, _ index: UInt64, _ hashes: ArraySlice<Digest>
  ) throws(ReadFailure) {
    let content = TilePath.Content.hashes(level: UInt8(level))
    let expected = tileBytes(hashes)
    let (stored, path) = try readTile(content, index, hashes.count)
    if let stored {
      report.tileCount += 1
      let isFull = !path.contains(".p/")
      if stored.prefix(expected.count) != expected[...]
        || (stored.count != expected.count && !(isFull && hashes.count < 256))
      {
        report.add(.damagedFile(path: path, offset: nil))
      }
    } else {
      report.add(.missingFile(path: path))
    }
    try forEachNarrower(content, index, hashes.count) { stored, width in
      stored[...] == expected[..<(width * 32)]
    }
  }
}
