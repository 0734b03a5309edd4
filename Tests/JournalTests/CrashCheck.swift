import Journal
import Testing

/// Recovers from states of a medium and compares with what was promised and with the oracle.
struct CrashCheck {
  private(set) var oracle = CrashOracle()
  /// States that were recovered from. The same state with the same promise is one.
  private(set) var count = 0
  /// How often recovery came to each decision.
  private(set) var decisions: [RecoveryCase: Int] = [:]
  private var last: (image: Image, promise: Promise)?

  init(_ operations: [CrashMedium.Operation]) { oracle.learn(operations) }

  /// For the operations of a recovery, which writes superblocks too.
  mutating func learn(_ operations: [CrashMedium.Operation]) { oracle.learn(operations) }

  /// After any one cut nothing that was promised is missing, and the log goes on.
  mutating func expectNothingLost(_ image: Image, _ promise: Promise, _ place: String) {
    if let last, last.image == image, last.promise == promise { return }
    last = (image, promise)
    let finding = check(image, promise, place)
    if let problem = promise.problem(finding, image) {
      Issue.record("\(place), state \(count): \(problem)")
    }
  }

  /// After a cut of a lying medium recovery finds what is there, as the table says, and goes on only with
  /// the beginning of what was written, and all of what the surviving superblocks say was signed.
  mutating func expectHonesty(_ image: Image, _ promise: Promise, _ place: String) {
    _ = check(image, promise, place)
  }

  private mutating func check(
    _ image: Image, _ promise: Promise, _ place: String
  ) -> CrashOracle.Finding {
    count += 1
    let due = oracle.finding(image)
    decisions[due.decision, default: 0] += 1
    if let problem = problem(image, promise, due) {
      Issue.record("\(place), state \(count), \(due.decision) due: \(problem)")
    }
    return due
  }

  private func problem(
    _ image: Image, _ promise: Promise, _ due: CrashOracle.Finding
  ) -> String? {
    let medium = CrashMedium(image)
    let fixture = Fixture(CrashStorage(medium: medium))
    var entries: [[UInt8]]
    let first: UInt64
    let decision: RecoveryCase
    do throws(JournalError) { (decision, first, entries) = try fixture.recoverKept() } catch {
      guard let refused = error.recoveryCase, refused == due.decision else {
        return "throws \(error)"
      }
      return medium.image == image ? nil : "changes a log that it refuses"
    }
    if decision != due.decision { return "recovery decides \(decision)" }
    let size = first + UInt64(entries.count)
    if first != due.firstIndex || size != due.size {
      return "entries \(first)..<\(size) instead of \(due.firstIndex)..<\(due.size)"
    }
    let offered = promise.offered.prefix(Int(size))
    if entries[...] != offered.dropFirst(Int(first)) { return "other entries" }
    if let problem = due.problem(fixture) { return problem }
    do throws(JournalError) {
      let summary = try fixture.newestSummary()
      if summary.index != due.summaryIndex * 4 { return "the summary of \(summary.index)" }
      if summary.index <= size, summary.history != summed(Array(offered.prefix(Int(summary.index))))
      {
        return "a summary of other entries"
      }
      return try problemWhenGoingOn(fixture, medium, from: first, &entries)
    } catch {
      return "going on throws \(error)"
    }
  }

  /// The log takes a further entry and signs it, and all is there after the next recovery.
  private func problemWhenGoingOn(
    _ fixture: Fixture<CrashStorage>, _ medium: CrashMedium, from first: UInt64,
    _ entries: inout [[UInt8]]
  ) throws(JournalError) -> String? {
    let boot = try fixture.journal.recordBoot()
    // One block: what a torn frame left behind it must be gone.
    entries.append(sampleEntry(1000 + entries.count, byteCount: 77))
    try fixture.append(entries[entries.count - 1])
    let size = first + UInt64(entries.count)
    try fixture.journal.recordSigned(
      size: size, root: CrashWorkload.root(size), note: CrashWorkload.note(size, "s").span)
    if try fixture.read(first..<size) != entries { return "a visit shows other entries" }
    let again = Fixture(CrashStorage(medium: medium))
    let (decision, start, found) = try again.recoverKept()
    if decision != .clean {
      var oracle = oracle
      oracle.learn(medium.operations)
      let due = oracle.finding(medium.image)
      // The rest of a frame that the segment held under another number cannot be told from a torn one.
      guard decision == .tornTail, due.decision == .tornTail || due.decision == .clean,
        due.isTailRecycled
      else { return "the second recovery is \(decision)" }
    }
    if start != first || found != entries { return "the second recovery shows other entries" }
    let superblock = again.journal.superblock
    return superblock.bootCounter == boot && superblock.signedSize == size
      ? nil : "the second recovery has forgotten a superblock"
  }
}

extension CrashOracle.Finding {
  /// What the recovered superblock says otherwise.
  fileprivate func problem(_ fixture: Fixture<CrashStorage>) -> String? {
    let superblock = fixture.journal.superblock
    if superblock.signedSize != signedSize { return "another signed size" }
    if superblock.acknowledgedSize != acknowledgedSize { return "another acknowledged size" }
    if superblock.minimumIndex != minimumIndex { return "another minimum index" }
    let free = fixture.journal.freeSegmentCount
    if free != freeSegmentCount { return "\(free) free segments instead of \(freeSegmentCount)" }
    let standing = fixture.journal.standingByteCount
    if standing != standingByteCount {
      return "\(standing) bytes counted where \(standingByteCount) stand"
    }
    // The lost one of two may have counted one boot more.
    let isOne = decision == .oneSuperblock || decision == .oneSuperblockAndTornTail
    if superblock.bootCounter != bootCounter + (isOne ? 1 : 0) { return "another boot counter" }
    if signedSize > 0 {
      if superblock.signedRoot != CrashWorkload.root(signedSize) { return "another root" }
      if array(fixture.journal.signedNote) != CrashWorkload.note(signedSize, "s") {
        return "another note"
      }
    }
    if acknowledgedSize > 0,
      array(fixture.journal.cosignedNote) != CrashWorkload.note(acknowledgedSize, "c")
    {
      return "another cosigned note"
    }
    return nil
  }
}

extension Promise {
  /// What was promised and is not there.
  fileprivate func problem(_ finding: CrashOracle.Finding, _ image: Image) -> String? {
    switch finding.decision {
    case .emptyDirectory where offered.isEmpty && bootCounter == 0: return nil
    case .clean, .tornTail, .oneSuperblock, .oneSuperblockAndTornTail: break
    case .emptyDirectory, .damagedMiddle, .gap, .signedEntriesMissing, .superblocksDamaged,
      .superblocksMissing:
      return "the log ends: \(finding.decision)"
    }
    if finding.size < committedCount { return "committed entries are missing" }
    if finding.size > offered.count { return "entries appear that nobody wrote" }
    if finding.signedSize < signedSize { return "a signed size is forgotten" }
    if finding.acknowledgedSize < acknowledgedSize { return "an acknowledged size is forgotten" }
    if finding.minimumIndex < minimumIndex { return "a minimum index is forgotten" }
    if finding.minimumIndex > givenUpIndex { return "entries may be gone that nobody gave up" }
    if finding.summaryIndex * 4 < finding.minimumIndex {
      return "nothing tells of what was given up"
    }
    if finding.summaryIndex * 4 > finding.size { return "what is not there is summed up" }
    if finding.bootCounter < bootCounter { return "a boot is forgotten" }
    if finding.signedSize > finding.size { return "more is signed than is there" }
    for (name, bytes) in published where image[name] != bytes { return "\(name) is not whole" }
    return nil
  }
}

extension JournalError {
  /// The row of the recovery table that refuses with this error; the oracle does not tell damage that can be mended
  /// from damage that cannot (`MendingTests` does).
  fileprivate var recoveryCase: RecoveryCase? {
    switch self {
    case .damagedFrame, .damagedSegment, .gap: .damagedMiddle
    case .signedEntriesMissing: .signedEntriesMissing
    case .superblocksDamaged: .superblocksDamaged
    case .superblocksMissing: .superblocksMissing
    case .unreadable, .unwritable, .foreignLog, .notStored, .frameTooLong, .exhausted: nil
    }
  }
}
