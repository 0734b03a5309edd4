/// What was found of the two superblocks.
public enum SuperblockFinding: UInt8, Sendable {
  /// Both are valid.
  case both
  /// One is valid, the other is torn or was never written.
  case one
  /// At least one exists and none is valid.
  case noneValid
  /// Neither exists.
  case missing
}

/// What was found of the segments.
public enum SegmentFinding: UInt8, Sendable {
  /// No segment has ever held a frame.
  case absent
  /// Frames follow each other up to a clean end.
  case clean
  /// The last frame is not whole and nothing of this log comes after it.
  case torn
  /// A frame or a header is damaged, and the log goes on after it.
  case damaged
  /// The same, and what stands around it is whole: it is known which entries are missing, and the mirror has
  /// acknowledged all of them.
  case gap
}

/// The recovered size against the signed size.
public enum SizeFinding: UInt8, Sendable {
  /// Everything that was signed is there.
  case coversSigned
  /// Something that was signed is missing.
  case lessThanSigned
}

/// What to do at the start of an agent. The first five go on; with the others the agent refuses to
/// sign, and `Journal.recover` throws the error that says where. Behind a gap it goes on once that is mended.
public enum RecoveryCase: UInt8, Sendable {
  /// Nothing is there: a new log begins, superblocks first.
  case emptyDirectory
  /// Everything is as the last agent left it.
  case clean
  /// The last commit was cut by a loss of power: its blocks are set to zero, the log goes on.
  case tornTail
  /// A superblock was cut by a loss of power: it is written again from the other one.
  case oneSuperblock
  /// Both of them.
  case oneSuperblockAndTornTail
  /// Committed entries are damaged that the mirror has: `Journal.mend` puts them back.
  case gap
  /// Committed entries are damaged, and cannot be put back: the mirror has not acknowledged them, or nobody knows
  /// which they were.
  case damagedMiddle
  /// Signed entries are missing: rollback or loss of the medium.
  case signedEntriesMissing
  /// There is no valid superblock, so what was signed is unknown.
  case superblocksDamaged
  /// There is a log without a superblock.
  case superblocksMissing
}

/// What recovery decides on.
public struct RecoveryInputs: Equatable, Sendable {
  /// The superblocks.
  public var superblocks: SuperblockFinding
  /// The segments.
  public var segments: SegmentFinding
  /// The recovered size.
  public var size: SizeFinding

  /// All three findings.
  public init(superblocks: SuperblockFinding, segments: SegmentFinding, size: SizeFinding) {
    self.superblocks = superblocks
    self.segments = segments
    self.size = size
  }
}

/// The decisions of recovery as a table. Every combination of findings matches exactly one row: a test
/// goes through all of them.
public enum RecoveryTable {
  /// One row: for each finding the set of values that it admits, a bit for each raw value.
  public struct Row: Sendable {
    var superblocks: UInt8
    var segments: UInt8
    var size: UInt8
    /// What is done.
    public var decision: RecoveryCase

    init(_ superblocks: UInt8, _ segments: UInt8, _ size: UInt8, _ decision: RecoveryCase) {
      self.superblocks = superblocks
      self.segments = segments
      self.size = size
      self.decision = decision
    }

    /// The row admits these findings.
    public func matches(_ inputs: RecoveryInputs) -> Bool {
      superblocks & bit(inputs.superblocks.rawValue) != 0
        && segments & bit(inputs.segments.rawValue) != 0
        && size & bit(inputs.size.rawValue) != 0
    }

    private func bit(_ value: UInt8) -> UInt8 { (1 as UInt8) &<< value }
  }

  private static let both: UInt8 = 1
  private static let one: UInt8 = 2
  private static let noneValid: UInt8 = 4
  private static let missing: UInt8 = 8
  private static let absent: UInt8 = 1
  private static let clean: UInt8 = 2
  private static let torn: UInt8 = 4
  private static let damaged: UInt8 = 8
  private static let gap: UInt8 = 16
  private static let covers: UInt8 = 1
  private static let less: UInt8 = 2

  /// The table.
  public static let rows: InlineArray<10, Row> = [
    // superblocks, segments, size against signed size, decision
    Row(missing, absent, covers | less, .emptyDirectory),
    Row(missing, clean | torn | damaged | gap, covers | less, .superblocksMissing),
    Row(noneValid, absent | clean | torn | damaged | gap, covers | less, .superblocksDamaged),
    Row(both | one, damaged, covers | less, .damagedMiddle),
    Row(both | one, gap, covers, .gap),
    Row(both | one, absent | clean | torn | gap, less, .signedEntriesMissing),
    Row(both, absent | clean, covers, .clean),
    Row(both, torn, covers, .tornTail),
    Row(one, absent | clean, covers, .oneSuperblock),
    Row(one, torn, covers, .oneSuperblockAndTornTail),
  ]

  /// The decision for `inputs`.
  public static func decide(_ inputs: RecoveryInputs) -> RecoveryCase {
    let rows = RecoveryTable.rows
    var i = 0
    while i < rows.count {
      if rows[i].matches(inputs) { return rows[i].decision }
      i &+= 1
    }
    preconditionFailure("the recovery table has no row")
  }
}
