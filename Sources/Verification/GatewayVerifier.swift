import HAL
import HostHAL
import Journal
import TransparencyLog

/// Verifies the journal of a gateway. It reads what recovery reads, but stops at nothing: what is
/// damaged is named, what can be undone is undone in memory, and the tree decides.
struct GatewayVerifier {
  let files: LogFiles
  let policy: Policy
  var report: Report
  var audit: EntryAudit
  private let notes: NoteCheck
  var tree = TreeBuilder()

  /// A signed tree that some note states.
  private struct Claim {
    var size: UInt64
    var root: Digest
  }
  private var claims: [Claim] = []
  private var signedSize: UInt64 = 0
  /// Entries below it may be gone, by the newest superblock.
  var minimumIndex: UInt64 = 0
  var epoch: UInt32

  /// The place that the chain of frames has reached.
  var index: UInt64 = 0
  var previousChecksum: UInt32 = 0
  /// Entries from here on cannot be hashed, for one before is lost.
  var firstLost: UInt64?
  /// The place after the last frame, for naming what is missing there.
  var lastStop: (path: String, offset: Int)?
  /// Tiles that differ from the entries: path, level, index, places.
  private var differences: [(path: String, level: Int, index: UInt64, places: [Int])] = []

  init(files: LogFiles, policy: Policy) {
    self.files = files
    self.policy = policy
    report = Report(origin: policy.logKey.name.description, source: .gateway)
    report.statistics.cosignedSizes = policy.cosigners.map { _ in nil }
    audit = EntryAudit(origin: policy.logKey.name)
    notes = NoteCheck(policy: policy)
    epoch =
      report.origin.split(separator: "/").last.flatMap { UInt32($0) } ?? 1
  }

  mutating func run() throws(ReadFailure) {
    try checkSuperblocks()
    if minimumIndex > 0 { try readSummary() }
    try checkSegments()
    finish()
  }

  // MARK: Superblocks

  /// Checks both superblocks with the notes in them, and learns what is signed.
  mutating func checkSuperblocks() throws(ReadFailure) {
    var newest: Superblock?
    var invalid: [Finding] = []
    for path in ["super.a", "super.b"] {
      guard let bytes = try files.read(path) else {
        invalid.append(.missingFile(path: path))
        continue
      }
      guard let block = Superblock(bytes.span) else {
        invalid.append(.damagedFile(path: path, offset: nil))
        continue
      }
      guard block.originHash == policy.logKey.name.hash, block.epoch == epoch else {
        report.add(.contradiction(path: path))
        continue
      }
      checkNotes(block, bytes, path)
      if newest.map(block.isNewer(than:)) ?? true {
        newest = block
        report.notePath = path
      }
    }
    // A loss of power may cost one; the next start writes it again.
    if newest != nil, case .damagedFile(let path, _)? = invalid.first {
      report.tornSuperblock = path
    } else {
      for finding in invalid { report.add(finding) }
    }
    guard let newest else { return }
    minimumIndex = newest.minimumIndex
    if newest.signedSize == 0 {
      report.add(.nothingSigned)
      return
    }
    signedSize = newest.signedSize
    report.signedSize = newest.signedSize
    report.signedRoot = Base64.text(newest.signedRoot)
  }

  private mutating func checkNotes(_ block: Superblock, _ bytes: [UInt8], _ path: String) {
    if block.signedSize > 0 || block.signedNoteByteCount > 0 {
      let note = Array(bytes[block.signedNoteRange])
      if let checkpoint = notes.open(note, path: path, &report) {
        if checkpoint.size != block.signedSize || checkpoint.root != block.signedRoot {
          report.add(.contradiction(path: path))
        }
        claims.append(Claim(size: checkpoint.size, root: checkpoint.root))
      }
    }
    if block.acknowledgedSize > 0 || block.cosignedNoteByteCount > 0 {
      let note = Array(bytes[block.cosignedNoteRange])
      if let checkpoint = notes.open(note, path: path, &report) {
        if checkpoint.size != block.acknowledgedSize { report.add(.contradiction(path: path)) }
        claims.append(Claim(size: checkpoint.size, root: checkpoint.root))
        notes.checkCosigners(note, size: checkpoint.size, path: path, &report)
      }
    }
  }

  // MARK: Frames

  /// Takes the frames of a segment, up to the index where the next one begins: what stands behind that
  /// was given up after a write error.
  mutating func walk(_ segment: Segment, _ bytes: [UInt8], to bound: UInt64?) {
    var offset = blockByteCount
    while bytes.count - offset >= blockByteCount, index < bound ?? UInt64.max {
      if let (header, checksum) = frame(bytes, segment, at: offset) {
        let start = offset + FrameHeader.byteCount
        let payload = Array(bytes[start..<(start + Int(header.payloadByteCount))])
        let isTail = bound == nil && index >= signedSize
        guard take(payload, header, segment, offset, mayBeTorn: isTail, bytes) else { break }
        previousChecksum = checksum
        offset += header.strideByteCount ?? blockByteCount
      } else if let found = nextFrame(
        bytes, segment, from: offset + blockByteCount, beyond: index),
        found.header.firstIndex <= bound ?? UInt64.max
      {
        lose(index..<found.header.firstIndex, path: segment.path, offset: offset)
        index = found.header.firstIndex
        previousChecksum = found.header.previousChecksum
        offset = found.offset
      } else {
        break
      }
    }
    lastStop = (segment.path, offset)
    if bound == nil { noteTail(bytes, segment, offset) }
  }

  /// The header of the frame that continues the chain at `offset`, as it is or with one byte changed
  /// back, and the checksum of the frame.
  private mutating func frame(
    _ bytes: [UInt8], _ segment: Segment, at offset: Int
  ) -> (FrameHeader, UInt32)? {
    let head = Array(bytes[offset..<(offset + FrameHeader.byteCount)])
    if fits(FrameHeader(head.span), segment, bytes.count - offset) {
      return FrameHeader(head.span).map { ($0, FrameHeader.checksum(of: head.span)) }
    }
    guard FrameHeader(head.span) == nil else { return nil }
    for repair in SingleByte.headerRepairs(of: head) {
      if fits(FrameHeader(repair.bytes.span), segment, bytes.count - offset) {
        report.add(.damagedFile(path: segment.path, offset: offset))
        return FrameHeader(repair.bytes.span).map {
          ($0, FrameHeader.checksum(of: repair.bytes.span))
        }
      }
    }
    return nil
  }

  private func fits(_ header: FrameHeader?, _ segment: Segment, _ room: Int) -> Bool {
    guard let header, let byteCount = header.strideByteCount, byteCount <= room,
      header.endIndex != nil
    else { return false }
    return header.continues(
      epoch: epoch, sequence: UInt32(truncatingIfNeeded: segment.sequence), index: index,
      previous: previousChecksum)
  }

  /// The next block that begins a frame of this segment (with an index above `beyond`).
  func nextFrame(
    _ bytes: [UInt8], _ segment: Segment, from start: Int, beyond: UInt64?
  ) -> (header: FrameHeader, offset: Int)? {
    var offset = start
    while bytes.count - offset >= blockByteCount {
      let head = bytes[offset..<(offset + FrameHeader.byteCount)]
      if let header = FrameHeader(head.span), header.epoch == epoch,
        UInt64(header.sequence) == segment.sequence,
        beyond.map({ header.firstIndex > $0 }) ?? true
      {
        return (header, offset)
      }
      offset += blockByteCount
    }
    return nil
  }

  /// Remembers bytes behind the last frame that are no frame of an earlier use of the segment.
  private mutating func noteTail(_ bytes: [UInt8], _ segment: Segment, _ offset: Int) {
    guard bytes.count - offset >= blockByteCount else { return }
    let block = bytes[offset..<(offset + blockByteCount)]
    guard let header = FrameHeader(block.span), header.epoch == epoch,
      UInt64(header.sequence) == segment.sequence
    else { return }
    report.tornTail = (segment.path, offset)
  }

  // MARK: Entries

  /// Takes the entries of a frame. `false` if it is the torn end of the log.
  private mutating func take(
    _ payload: [UInt8], _ header: FrameHeader, _ segment: Segment, _ offset: Int,
    mayBeTorn: Bool, _ bytes: [UInt8]
  ) -> Bool {
    let end = header.endIndex ?? header.firstIndex
    if CRC32C.checksum(payload.span) == header.payloadChecksum,
      let entries = GatewayVerifier.entries(of: payload, count: header.count)
    {
      take(entries, of: payload)
      return true
    }
    let repairs = SingleByte.repairs(of: payload, checksum: header.payloadChecksum)
    let plausible = repairs.compactMap { repair in
      GatewayVerifier.entries(of: repair.bytes, count: header.count).map { (repair, $0) }
    }
    // More than one candidate is rare; an entry that decodes and knows its place decides.
    let chosen =
      plausible.first { repair, entries in
        entries.enumerated().allSatisfy { number, range in
          let entry = try? Entry.decode(repair.bytes.span.extracting(range))
          return entry?.head.index == header.firstIndex + UInt64(number)
        }
      } ?? plausible.first
    if let (repair, entries) = chosen {
      if let number = entries.firstIndex(where: { $0.contains(repair.offset) }) {
        report.add(
          .damagedEntry(
            index: header.firstIndex + UInt64(number), path: segment.path, confirmed: false))
      } else {
        report.add(.damagedFile(path: segment.path, offset: offset))
      }
      take(entries, of: repair.bytes)
      return true
    }
    if mayBeTorn, nextFrame(bytes, segment, from: offset + blockByteCount, beyond: index) == nil {
      return false
    }
    lose(header.firstIndex..<end, path: segment.path, offset: offset)
    index = end
    return true
  }

  /// The ranges of exactly `count` entries that fill a payload.
  private static func entries(of payload: [UInt8], count: UInt32) -> [Range<Int>]? {
    var bundle = EntryBundle(payload.span)
    var entries: [Range<Int>] = []
    while entries.count < Int(count) {
      guard let next = try? bundle.next() else { return nil }
      entries.append(next)
    }
    return bundle.position == payload.count ? entries : nil
  }

  private mutating func take(_ entries: [Range<Int>], of payload: [UInt8]) {
    for range in entries {
      let entry = payload.span.extracting(range)
      if firstLost == nil, index >= report.givenUp {
        var filled: [(Int, UInt64, [Digest])] = []
        tree.append(Tree.leaf(entry)) { filled.append(($0, $1, $2)) }
        for (level, tile, hashes) in filled where level > 0 { compare(level, tile, hashes) }
        for claim in claims where claim.size == tree.size && claim.root != tree.root {
          report.add(.wrongRoot(size: claim.size))
        }
      }
      audit.take(entry, at: index, &report)
      index += 1
      report.entryCount += 1
    }
  }

  mutating func lose(_ range: Range<UInt64>, path: String, offset: Int) {
    report.add(.damagedEntries(range, path: path, offset: offset))
    firstLost = firstLost ?? range.lowerBound
    audit.skip(range.upperBound - range.lowerBound)
  }

  /// Compares a tile with what follows from the entries. A tile that is not there can be computed
  /// again from them and is no damage.
  mutating func compare(_ level: Int, _ tile: UInt64, _ hashes: [Digest]) {
    let path = FileBlockStorage.name(of: .tile(level: UInt8(level), index: tile))
    let stored: [UInt8]?
    do { stored = try files.read(path) } catch { return }
    guard let stored else { return }
    report.tileCount += 1
    guard let found = tileHashes(stored, count: 256) else {
      report.add(.damagedFile(path: path, offset: nil))
      return
    }
    let places = (0..<256).filter { found[$0] != hashes[$0] }
    if !places.isEmpty { differences.append((path, level, tile, places)) }
  }

  // MARK: The end

  mutating func finish() {
    let reached = firstLost ?? index
    if reached < signedSize {
      if firstLost == nil { report.add(.entriesMissing(signed: signedSize, found: index)) }
    }
    // A superblock whose note is not good states a size and proves nothing.
    let isSigned = claims.contains { $0.size == signedSize }
    let isProven = isSigned && reached >= signedSize && signedSize > 0 && !hasWrongRoot
    if isProven { report.confirmEntries(below: signedSize) }
    for difference in differences {
      if isProven || difference.level > 1 {
        report.add(.damagedFile(path: difference.path, offset: nil))
        continue
      }
      // The tile was right when it was written: the blocks that differ hold what was changed.
      for place in difference.places {
        let first = (difference.index * 256 + UInt64(place)) * 256
        report.add(.damagedEntries(first..<(first + 256), path: difference.path, offset: nil))
      }
    }
    audit.finish(&report)
    notes.judge(&report)
  }

  private var hasWrongRoot: Bool {
    report.findings.contains { if case .wrongRoot = $0 { true } else { false } }
  }
}
