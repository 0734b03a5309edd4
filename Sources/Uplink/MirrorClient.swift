import HAL
import Metering
import TransparencyLog

/// Limits of the uplink.
public struct MirrorConfiguration: Equatable, Sendable {
  /// Packages of at most 256 entries in one request; C2SP tlog-mirror: SHOULD be at most 32.
  public var packageLimit: Int
  /// Bytes of one body after which no further package is begun. A single package may exceed it.
  public var bodyByteLimit: Int
  /// Bytes that a body may have when a mirror accepts no prefix (it answered 500 twice).
  public var wholeBodyByteLimit: Int
  /// What the record may send in a time; `nil` for as much as the link takes.
  public var catchUp: CatchUpBudget?

  /// 32 packages, 1.2 MB, 4 MB, no budget.
  public init(
    packageLimit: Int = 32, bodyByteLimit: Int = 1_200_000, wholeBodyByteLimit: Int = 4_000_000,
    catchUp: CatchUpBudget? = nil
  ) {
    precondition(packageLimit > 0 && bodyByteLimit > 0, "a limit of nothing sends nothing")
    self.catchUp = catchUp
    self.packageLimit = packageLimit
    self.bodyByteLimit = bodyByteLimit
    self.wholeBodyByteLimit = wholeBodyByteLimit
  }
}

/// The client of one mirror (C2SP tlog-mirror), as a state machine without input or output of its own.
///
/// Its owner calls `noteSigned` when a checkpoint is durable, `nextRequest` until it gives one, performs
/// it, and hands what came back to `receive`. At most one request is under way. A request that the budget does not
/// allow yet waits (`CatchUpBudget`), and with it the whole record, in order; live values are not of it.
///
///     A  add-checkpoint (old → end)   the mirror now expects entries up to `end`
///     B  add-entries from `start`     until the mirror signed for `end`
///     C  check the signature          acknowledged = end; a newer checkpoint: A
///
/// Nothing is acknowledged but what the configured key signed, over this log's own text. Sizes that the
/// mirror names are hints: they say where to continue and never what is true. All state but the
/// acknowledged size may be lost; the mirror's answers restore it.
public struct MirrorClient: Sendable {
  /// A checkpoint of ours.
  struct SignedNote: Equatable, Sendable {
    var size: UInt64
    var bytes: [UInt8]
    /// The signed text within `bytes`.
    var text: Range<Int>
    var root: Digest
    /// Seconds since 1970 when it was signed; 0 if not known.
    var signedAt: UInt64
  }

  /// The log's name.
  public let origin: KeyName
  /// The key whose signature acknowledges.
  public let mirrorKey: VerifierKey
  /// Limits.
  public let configuration: MirrorConfiguration

  /// Everything below was acknowledged by the mirror's signature.
  public internal(set) var acknowledgedSize: UInt64
  /// The text that it signed for that; empty if it is 0.
  var acknowledgedText: [UInt8] = []
  /// What the mirror still lacks although it acknowledged it; entries from here on must be kept.
  public internal(set) var keepFrom: UInt64
  /// The alarm that holds now.
  public internal(set) var alarm: MirrorAlarm?
  /// The mirror answered last time.
  public internal(set) var isLinkUp = true
  /// Monotonic time in µs before which nothing is asked; 0 for at once.
  public internal(set) var notBefore: UInt64 = 0

  /// The largest tree that was released. A mirror that knows of more has seen a checkpoint that is not of this
  /// log.
  var releasedSize: UInt64
  /// What was signed last before this start; whether it was released nobody remembers.
  let recoveredSize: UInt64
  /// Where the mirror stands was asked since the start, before anything new was sent.
  var isPlaced: Bool
  /// The last probe was answered as if the mirror knew of no checkpoint.
  var isProbeRefused = false

  var newest: SignedNote?
  /// The checkpoint that is being mirrored; nil when there is nothing to do.
  var target: SignedNote?
  var stage = Stage.checkpoint
  var awaiting = false
  /// The size that the mirror is thought to expect as `old`.
  var pendingSize: UInt64
  /// The mirror itself named that size, and has not signed for it.
  var isPendingNamed = false
  /// Where the mirror wants to continue.
  var start: UInt64
  var ticket: [UInt8] = []
  var backOff = BackOff()
  var packageLimit: Int
  var batchSize = BatchSize()
  /// What is left of the budget; `nil` without one.
  var budget: CatchUpBudget?
  /// When the request that is under way left, monotonic µs.
  var sentAt: UInt64 = 0
  var packagesSent = 0
  var sentWasWhole = false
  var staleAnswers = 0
  var answersWithoutGrowth = 0
  /// How often the mirror named a place before the last one, since it last signed or stored.
  var stepsBack = 0
  /// So many are taken at once: a crash of the mirror loses what it had not synced, once.
  static var stepsBackMax: Int { 3 }
  var prefixRefusals = 0
  /// How often in a row the mirror showed another history than this log's.
  var divergentAnswers = 0
  var offeredAgain = false

  /// A client that knows what a gateway knows when it starts.
  ///
  /// The first thing that it sends is nothing new: the note that the mirror has acknowledged, or without one a
  /// question. If the medium was set back, the answer shows it before a second history leaves.
  ///
  /// - Parameters:
  ///   - acknowledged: the note of `acknowledgedSize` with the log's signature; `nil` if that is 0.
  ///   - releasedSize: the largest tree that had left the gateway when the last one was signed.
  ///   - signedSize: the size of that last one, which may have left too.
  public init(
    origin: KeyName, mirrorKey: VerifierKey, acknowledgedSize: UInt64, acknowledged: [UInt8]?,
    releasedSize: UInt64, signedSize: UInt64,
    configuration: MirrorConfiguration = MirrorConfiguration()
  ) {
    precondition(mirrorKey.type == .cosigner, "a mirror's key has type 4")
    self.origin = origin
    self.mirrorKey = mirrorKey
    self.configuration = configuration
    self.acknowledgedSize = acknowledgedSize
    keepFrom = acknowledgedSize
    pendingSize = acknowledgedSize
    start = acknowledgedSize
    packageLimit = configuration.packageLimit
    budget = configuration.catchUp
    self.releasedSize = releasedSize > acknowledgedSize ? releasedSize : acknowledgedSize
    recoveredSize = signedSize
    isPlaced = acknowledged != nil
    guard let acknowledged else { return }
    noteSigned(note: acknowledged)
    if let newest { acknowledgedText = Array(newest.bytes[newest.text]) }
    begin()
  }

  /// The mirror can know of this size without a second history: it was released, or may have been.
  func mayKnow(_ size: UInt64) -> Bool { size <= releasedSize || size == recoveredSize }

  /// The newest size that was signed here.
  public var newestSignedSize: UInt64 { newest?.size ?? acknowledgedSize }
  /// How many signed entries are not acknowledged.
  public var backlog: UInt64 { newestSignedSize &- acknowledgedSize }

  /// The size of the checkpoint that is in the request under way; `nil` if none is.
  public var offeredSize: UInt64? { awaiting && stage == .checkpoint ? target?.size : nil }

  /// Entries are in the request under way: the mirror said that it stands where they begin.
  public var offersEntries: Bool { awaiting && stage == .entries }

  /// When to call `nextRequest` again, in monotonic µs: 0 for now, `nil` if only a new checkpoint or an
  /// answer can change anything.
  public var wakeAt: UInt64? {
    if awaiting { return nil }
    guard target != nil || hasNewer else { return nil }
    return notBefore > paidAt ? notBefore : paidAt
  }

  /// When the budget lets the next request leave, monotonic µs; 0 for at once.
  var paidAt: UInt64 { budget?.freeAt ?? 0 }

  var hasNewer: Bool {
    guard let newest else { return false }
    return newest.size > acknowledgedSize && newest.size > (target?.size ?? 0)
      && newest.size > storedSize
  }

  /// What a mirror stored without the configured key's signature: not offered again by itself.
  var storedSize: UInt64 = 0

  /// Takes a checkpoint of this log that is durable, its entries too.
  ///
  /// `note` is the whole signed note; traps if it is not one of this log, or smaller than one before:
  /// both are errors of the caller. `signedAt` is when it was signed, in seconds since 1970; 0 if that
  /// is not known, and then a mirror's signature is not compared with it.
  public mutating func noteSigned(note: [UInt8], signedAt: UInt64 = 0) {
    guard let parsed = try? Note.parse(note.span),
      let checkpoint = try? Checkpoint.parse(text: note.span.extracting(parsed.text)),
      checkpoint.origin == origin
    else { preconditionFailure("not a checkpoint of this log") }
    precondition(
      checkpoint.size >= newestSignedSize, "a log never signs a smaller tree")
    newest = SignedNote(
      size: checkpoint.size, bytes: note, text: parsed.text, root: checkpoint.root,
      signedAt: signedAt)
  }
}
