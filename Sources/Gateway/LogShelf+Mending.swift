import HAL
import Journal
import Metering
import TransparencyLog

// What a start does about a log with damaged places whose entries the mirror has acknowledged: it asks the mirror for
// them, and puts them back if, with them, the log is the one that was signed. The mirror is not trusted in this: what
// counts is the root under the agent's own signature. Where that cannot be done the epoch ends, as for any other
// damage: nothing is lost by it, for what is damaged is with the mirror, and what the mirror lacks is carried over. So
// a start waits for the mirror no longer than `Limits.mendingPatience`, in which nothing is polled.
extension LogShelf where Storage: ~Copyable {
  /// Recovers the log of an epoch, and mends it first where it must be and can be. `history.mended` then says what
  /// was put back.
  func recover(
    _ epoch: UInt32, _ history: inout LogHistory
  ) throws(RecorderError) -> RecoveredLog<Storage> {
    do throws(RecorderError) { return try read(epoch, &history) } catch {
      guard case .journal(.gap) = error else { throw error }
      let deadline = uptime() &+ Limits.mendingPatience
      var runs: [Range<UInt64>] = []
      var isRefused = false
      for _ in 0..<Limits.recoveryAttemptsMax {
        // A write that failed may have gone elsewhere: what is damaged is looked for anew.
        let isWhole: Bool
        do throws(JournalError) { isWhole = try mend(epoch, by: deadline, &runs) } catch {
          isRefused = true
          continue
        }
        guard isWhole else { break }
        let log = try read(epoch, &history)
        history.mended = runs
        history.isMendingRefused = isRefused
        return log
      }
      throw error
    }
  }

  /// Mends every gap in the log of an epoch, and adds the runs of entries that are put back to `runs`, an empty one
  /// for the header of a segment. `false` if that cannot be done; nothing was written then.
  ///
  /// - Throws: what the medium refuses; some of the gaps may be mended then.
  private func mend(
    _ epoch: UInt32, by deadline: UInt64, _ runs: inout [Range<UInt64>]
  ) throws(JournalError) -> Bool {
    let configuration = configuration(epoch)
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: configuration.memoryByteCount, alignment: 4_096)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    guard let storage = try? self.storage(epoch) else { return false }
    var journal = Journal(storage: storage, configuration: configuration, memory: memory)
    do throws(JournalError) {
      _ = try journal.recover { _, _ in }
      return true
    } catch {
      guard case .gap = error else { throw error }
    }
    var gaps: [JournalGap] = []
    guard try journal.walk({ gaps.append($0) }, visitor: { _, _ in }) != nil,
      let missing = missingEntries(of: gaps, origin(epoch), by: deadline),
      try journal.isSigned(gaps, filledWith: missing),
      let packings = journal.packings(of: gaps, missing)
    else { return false }
    for number in gaps.indices {
      let run = gaps[number].firstIndex..<gaps[number].endIndex
      if !runs.contains(run) { runs.append(run) }
      try journal.mend(gaps[number], with: missing[number], in: packings[number])
    }
    return true
  }

  /// The entries of each gap as the mirror has them; `nil` if it does not give them in time.
  private func missingEntries(
    of gaps: [JournalGap], _ origin: KeyName, by deadline: UInt64
  ) -> [[[UInt8]]]? {
    var missing = [[[UInt8]]](repeating: [], count: gaps.count)
    var copy = MirrorCopy(origin: origin)
    var byteCount = 0
    for (number, gap) in gaps.enumerated() {
      for index in gap.firstIndex..<gap.endIndex {
        guard let entry = copy.entry(index, by: deadline, self) else { return nil }
        byteCount += entry.count
        guard byteCount <= Limits.mendedByteCountMax else { return nil }
        missing[number].append(entry)
      }
    }
    return missing
  }
}

/// A mirror's copy of a log, read a bundle at a time.
private struct MirrorCopy {
  let origin: KeyName
  /// Entries that it has.
  private var size: UInt64?
  private var block: (index: UInt64, entries: [[UInt8]])?

  init(origin: KeyName) { self.origin = origin }

  /// The entry at `index`; `nil` if it cannot be had by `deadline`, µs since boot.
  mutating func entry<Storage: BlockStorage & ~Copyable>(
    _ index: UInt64, by deadline: UInt64, _ shelf: LogShelf<Storage>
  ) -> [UInt8]? {
    let width = UInt64(OpenTiles.tileWidth)
    func ask(_ object: BundleRequest.Object) -> [UInt8]? {
      let now = shelf.uptime()
      guard now < deadline else { return nil }
      let answer = shelf.bundles(
        BundleRequest(origin: origin, object: object, patience: deadline - now))
      switch answer {
      case .taken(let bytes): return bytes
      case .refused: return nil
      }
    }
    if size == nil { size = ask(.checkpoint).flatMap { MirrorCopy.size($0, of: origin) } }
    guard let size, index < size else { return nil }
    let number = index / width
    if block?.index != number {
      let count = min(size - number * width, width)
      guard let bytes = ask(.bundle(index: number, width: Int(count))),
        let entries = MirrorCopy.entries(bytes), entries.count == Int(count)
      else { return nil }
      block = (number, entries)
    }
    return block?.entries[Int(index % width)]
  }

  /// The size that a checkpoint states.
  private static func size(_ note: [UInt8], of origin: KeyName) -> UInt64? {
    guard let parsed = try? Note.parse(note.span),
      let checkpoint = try? Checkpoint.parse(text: note.span.extracting(parsed.text)),
      checkpoint.origin == origin
    else { return nil }
    return checkpoint.size
  }

  private static func entries(_ bytes: [UInt8]) -> [[UInt8]]? {
    var bundle = EntryBundle(bytes.span)
    var entries: [[UInt8]] = []
    do throws(EntryBundle.Truncated) {
      while let entry = try bundle.next() { entries.append(Array(bytes[entry])) }
    } catch { return nil }
    return entries
  }
}

extension Journal where Storage: ~Copyable {
  /// With these entries in its gaps the log is the one that was signed.
  ///
  /// - Throws: `unreadable`.
  fileprivate mutating func isSigned(
    _ gaps: [JournalGap], filledWith missing: [[[UInt8]]]
  ) throws(JournalError) -> Bool {
    let signed = superblock.signedSize
    let summary = try KeptSummary(newestIn: &storage, configuration)
    let digests = DigestMemory.allocate(count: OpenTiles.digestCount)
    defer { digests.deallocate() }
    var tiles = OpenTiles(digests)
    guard summary.bring(&tiles), signed >= summary.index else { return false }
    var isSame = true
    var next = 0
    _ = try walk { gap in
      // What the summary stands for is known by the hashes of blocks, and what was signed by its root.
      guard next < gaps.count, gaps[next] == gap,
        gap.isHeader || gap.firstIndex >= summary.index && gap.endIndex <= signed
      else {
        isSame = false
        return
      }
      for entry in missing[next] { tiles.append(Tree.leaf(entry.span)) }
      next += 1
    } visitor: { (index: UInt64, entry: Span<UInt8>) in
      if index >= summary.index, index < signed { tiles.append(Tree.leaf(entry)) }
    }
    guard isSame, next == gaps.count, tiles.size == signed else { return false }
    return signed == 0 || tiles.root() == superblock.signedRoot
  }

  /// How the entries of each gap are divided into frames; `nil` if those of one do not fit into it.
  fileprivate func packings(of gaps: [JournalGap], _ missing: [[[UInt8]]]) -> [[Range<Int>]]? {
    var packings: [[Range<Int>]] = []
    for number in gaps.indices {
      guard
        let runs = GapPacking<Storage>.runs(
          lengths: missing[number].map(\.count), into: gaps[number].byteCount,
          payloadByteCountMax: mendedByteCountMax)
      else { return nil }
      packings.append(runs)
    }
    return packings
  }

  /// Puts these entries into a gap, divided so.
  ///
  /// - Throws: `unwritable`.
  fileprivate mutating func mend(
    _ gap: JournalGap, with entries: [[UInt8]], in runs: [Range<Int>]
  ) throws(JournalError) {
    if gap.isHeader { return try mendHeader(gap) }
    var left = gap
    for run in runs {
      var payload: [UInt8] = []
      for entry in entries[run] {
        payload.append(UInt8(truncatingIfNeeded: entry.count >> 8))
        payload.append(UInt8(truncatingIfNeeded: entry.count))
        payload += entry
      }
      try mend(&left, with: payload.span, count: UInt32(truncatingIfNeeded: run.count))
    }
  }
}
