/// The three questions that are answered apart from each other.
public enum VerdictKind: UInt8, CaseIterable, Sendable {
  /// Is every byte that was signed still what was signed, and by whom?
  case signature
  /// Is every slot of the schedule there, or explained?
  case completeness
  /// Does the log keep the limits that the verifier was given?
  case policy
}

/// The answer to one of them.
public enum Verdict: Equatable, Sendable {
  /// Everything was checked and nothing found.
  case good
  /// Something was found.
  case bad
  /// It could not be judged, or nothing was asked.
  case notJudged
}

/// Something wrong with the evidence. Each case names the file or the entry.
public enum Finding: Equatable, Sendable {
  // Signature
  /// A file that the log must have is missing.
  case missingFile(path: String)
  /// Bytes of a file are damaged; `offset` is that of the block or frame, if it is known.
  case damagedFile(path: String, offset: Int?)
  /// The bytes of one entry are damaged. `confirmed`: with the damage undone the root is the signed one.
  case damagedEntry(index: UInt64, path: String, confirmed: Bool)
  /// Some of these entries are damaged or lost.
  case damagedEntries(Range<UInt64>, path: String, offset: Int?)
  /// The note is not one that the key has signed.
  case badNote(path: String, NoteProblem)
  /// A file says something else than the note in it, or belongs to another log.
  case contradiction(path: String)
  /// The entries do not have the signed root, and nothing tells which of them is wrong.
  case wrongRoot(size: UInt64)
  /// There are fewer entries than were signed.
  case entriesMissing(signed: UInt64, found: UInt64)
  /// The entry says that it stands elsewhere, or belongs to another log.
  case misplacedEntry(index: UInt64)
  /// Nothing is signed yet.
  case nothingSigned

  // Completeness
  /// The entry is whole and is no entry of this format.
  case malformedEntry(index: UInt64)
  /// A document in the log does not have the hash that its entry states, or parts of it are missing.
  case damagedDocument(index: UInt64)
  /// A reading names a channel that the log has not stated before.
  case unknownChannel(index: UInt64, channel: UInt64)
  /// Slots of a request are neither there nor explained.
  case missingSlots(channel: UInt64, request: UInt64, slots: ClosedRange<UInt64>)
  /// A slot of a request has two readings.
  case doubledSlot(index: UInt64, channel: UInt64, request: UInt64, slot: UInt64)

  // Policy
  /// More entries than the limit were written by a clock that was never synchronised.
  case unsynchronised(entries: UInt64, of: UInt64, limitPercent: Double)
  /// The newest entry is older than the limit.
  case tooOld(seconds: UInt64, limit: UInt64)
  /// The note has no cosignature of a key that was given.
  case notCosigned(key: String, path: String)

  /// What is wrong with a note.
  public enum NoteProblem: Equatable, Sendable {
    case malformed
    case unsigned
    case badSignature
    case otherOrigin
  }

  /// Which verdict it decides.
  public var kind: VerdictKind {
    switch self {
    case .missingFile, .damagedFile, .damagedEntry, .damagedEntries, .badNote, .contradiction,
      .wrongRoot, .entriesMissing, .misplacedEntry, .nothingSigned:
      .signature
    case .malformedEntry, .damagedDocument, .unknownChannel, .missingSlots, .doubledSlot:
      .completeness
    case .unsynchronised, .tooOld, .notCosigned: .policy
    }
  }
}

/// The outcome of a verification: findings, and what was looked at.
public struct Report: Sendable {
  /// What kind of copy of the log was read.
  public enum Source: Sendable {
    /// The journal of a gateway.
    case gateway
    /// The C2SP layout of a collector.
    case collector
  }

  /// The log's name.
  public var origin: String
  /// What was read.
  public var source: Source
  /// The signed tree; `nil` without a valid note.
  public var signedSize: UInt64?
  /// Its root, base64.
  public var signedRoot: String?
  /// Entries that were read, which may be more than were signed.
  public var entryCount: UInt64 = 0
  /// Files that were compared byte for byte with what follows from the entries.
  public var tileCount = 0
  /// Signature lines of keys that were not given, hence not checked.
  public var uncheckedNames: [String] = []
  /// Entries below it were given up here, once a collector had them.
  public var givenUp: UInt64 = 0
  /// Entries that a gateway's medium had damaged and its mirror gave back, as the log tells.
  public var mended: [Range<UInt64>] = []
  /// Bytes behind the last whole frame: a write that was cut, and never signed.
  public var tornTail: (path: String, offset: Int)?
  /// The one of two superblocks that is not valid: a write that was cut, which the next start repeats.
  public var tornSuperblock: String?
  /// What the entries say.
  public var statistics = Statistics()
  /// What is wrong, in the order of the log; at most `findingLimit`, `findingCount` counts on.
  public private(set) var findings: [Finding] = []
  /// How many there are.
  public private(set) var findingCount = 0
  /// How many findings are kept.
  public static let findingLimit = 200

  /// The file that holds the newest note.
  var notePath = "checkpoint"
  /// Cosigner keys of which a signature is wrong, by position.
  var badCosigners: Set<Int> = []
  private var isBad: [Bool] = [false, false, false]
  private var isJudged: [Bool] = [true, true, true]

  init(origin: String, source: Source) {
    self.origin = origin
    self.source = source
  }

  /// The answer to one question.
  public func verdict(_ kind: VerdictKind) -> Verdict {
    if isBad[Int(kind.rawValue)] { return .bad }
    return isJudged[Int(kind.rawValue)] ? .good : .notJudged
  }

  /// Nothing was found.
  public var isGood: Bool { findingCount == 0 }

  mutating func add(_ finding: Finding) {
    // One damaged file is named once.
    if findings.contains(finding) { return }
    isBad[Int(finding.kind.rawValue)] = true
    findingCount += 1
    if findings.count < Report.findingLimit { findings.append(finding) }
  }

  mutating func doNotJudge(_ kind: VerdictKind) { isJudged[Int(kind.rawValue)] = false }

  /// Keeps only the findings that meet a condition.
  mutating func keepFindings(_ isKept: (Finding) -> Bool) {
    let kept = findings.filter(isKept)
    findings = []
    findingCount = 0
    isBad = [false, false, false]
    for finding in kept { add(finding) }
  }

  /// Marks what was named provisionally once the root proves it.
  mutating func confirmEntries(below size: UInt64) {
    for (position, finding) in findings.enumerated() {
      if case .damagedEntry(let index, let path, _) = finding, index < size {
        findings[position] = .damagedEntry(index: index, path: path, confirmed: true)
      }
    }
  }
}

/// What the entries say; figures, not judgements.
public struct Statistics: Equatable, Sendable {
  /// Entries by their type number, 0 to 15.
  public var entriesByType = [UInt64](repeating: 0, count: 16)
  /// Readings by outcome, 0 to 15 (`Metering.ReadingStatus`).
  public var readingsByStatus = [UInt64](repeating: 0, count: 16)
  /// Channels that have a schedule.
  public var scheduledChannelCount = 0
  /// (channel, request, slot) that the schedule asks for, between the first and the last slot of each
  /// channel.
  public var expectedCount: UInt64 = 0
  /// Of these, with a reading, whatever its outcome.
  public var presentCount: UInt64 = 0
  /// Of these, explained by a shed event.
  public var shedCount: UInt64 = 0
  /// Of these, neither.
  public var missingCount: UInt64 = 0
  /// Entries written by a clock that had never been synchronised in its boot.
  public var unsynchronisedCount: UInt64 = 0
  /// Entries read.
  public var entryCount: UInt64 = 0
  /// Times that the clock was set.
  public var clockStepCount: UInt64 = 0
  /// The oldest and the newest time of an entry, µs since 1970.
  public var firstUTC: UInt64?
  /// The newest time of an entry, µs since 1970.
  public var lastUTC: UInt64?
  /// The size with a valid cosignature of each cosigner key given, in their order.
  public var cosignedSizes: [UInt64?] = []

  /// Nothing counted yet.
  public init() {}
}
