import HAL
import Metering
import TransparencyLog

/// How a log leaves a gateway that may call nobody: as packages in a directory, which a courier or a data diode takes
/// on. All of it is declared, none of it has a default.
public struct PackageTerms: Equatable, Sendable {
  /// µs between two packages.
  public var every: UInt64
  /// µs of running time for which entries are kept that stand in packages and were not acknowledged. Afterwards they count as
  /// delivered, as acknowledged ones do at once: what is pruned, and when, is the journal's business.
  public var retention: UInt64
  /// Entries that stand in packages already; see `PackageClient.writtenSize`.
  public var writtenSize: UInt64

  /// Takes the fields.
  public init(every: UInt64, retention: UInt64, writtenSize: UInt64) {
    self.every = every
    self.retention = retention
    self.writtenSize = writtenSize
  }
}

/// What whoever has the directory is to do, in this order; none of it when something before fails.
public struct PackageRequest: Equatable, Sendable {
  /// A file to be written durably under this name.
  public struct File: Equatable, Sendable {
    /// Its name in the directory.
    public var name: [UInt8]
    /// Its bytes.
    public var bytes: [UInt8]

    /// Takes the fields.
    public init(name: [UInt8], bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }
  }

  /// The package that is due.
  public var package: File?
  /// What to remember durably beside the log, once the package is durable.
  public var writtenSize: UInt64?
  /// The acknowledgement that was found last was taken, or refused: it gets the name that says so.
  public var acknowledgementWasTaken: Bool?
  /// What asked for packages again was heard: it gets the name that says so.
  public var wasHeard = false

  /// Nothing but a look.
  public init() {}
}

/// What came of it, and what lies in the directory.
public struct PackageAnswer: Equatable, Sendable {
  /// Why it could not be done; nothing of the request counts as done then.
  public var failure: LinkFailure?
  /// The content of the file `PackageName.acknowledgement`, if there is one.
  public var acknowledgement: [UInt8]?
  /// The content of the file `PackageName.again`, if there is one.
  public var again: [UInt8]?

  /// An answer; by default all is done and nothing was found.
  public init(
    failure: LinkFailure? = nil, acknowledgement: [UInt8]? = nil, again: [UInt8]? = nil
  ) {
    self.failure = failure
    self.acknowledgement = acknowledgement
    self.again = again
  }
}

/// Writes a log as packages and takes acknowledgements that are carried back, as a state machine without input or
/// output of its own.
///
/// Its owner calls `noteSigned` when a checkpoint is durable, `nextRequest` until it gives one, performs it, and hands
/// what came back to `receive`. At most one request is under way.
///
/// When time is up, everything that is signed and stands in no package goes into one, or into several of at most
/// `PackageFile.byteLimit` under the same checkpoint. Each begins with a whole block of 256, so that it can be checked
/// by itself; up to 255 entries are in two packages therefore. A package that was written is not written again, whoever
/// took it away, unless somebody asks for it.
public struct PackageClient: Sendable {
  /// The log's name.
  public let origin: KeyName
  /// The key whose signature acknowledges.
  public let mirrorKey: VerifierKey
  /// What the site declares.
  public let terms: PackageTerms
  /// Everything below stands in packages that were durable once. With `terms.retention` it is how far the log counts as
  /// delivered when no acknowledgement ever comes.
  public internal(set) var writtenSize: UInt64
  /// Everything below was acknowledged by the mirror's signature.
  public internal(set) var acknowledgedSize: UInt64
  /// What is wrong with the acknowledgement that was found last.
  public internal(set) var alarm: MirrorAlarm?
  /// Why the directory takes nothing now.
  public internal(set) var failure: LinkFailure?

  /// A checkpoint of ours.
  struct SignedNote: Equatable, Sendable {
    var size: UInt64
    var bytes: [UInt8]
    var root: Digest
  }
  var newest: SignedNote?
  /// The checkpoint that packages are being written under.
  var target: SignedNote?
  /// The package under way, and what it brings `writtenSize` to. It is kept until it is durable: a directory that is not
  /// there, which is the normal state of a stick, costs the medium of the log nothing.
  var underWay: (file: PackageRequest.File?, end: UInt64)?
  var awaiting = false
  /// When it was given, monotonic µs.
  var begunAt: UInt64 = 0
  /// The log has signed another history before: nothing of it leaves any more.
  var isOver = false
  /// A package is due from then on, monotonic µs.
  var dueAt: UInt64 = 0
  /// No package is made before that, for the last one could not be, monotonic µs.
  var makeAt: UInt64 = 0
  /// The directory is looked into then, monotonic µs.
  var lookAt: UInt64 = 0
  /// As short as the looks: whoever puts the stick in waits beside it.
  var backOff = BackOff(limit: PackageClient.lookPeriod)
  var acknowledgementWasTaken: Bool?
  var wasHeard = false

  /// µs between two looks into the directory: as long as a person with a stick waits for a sign.
  public static var lookPeriod: UInt64 { 5_000_000 }
  /// µs after which a directory counts as down that has not answered: a package takes seconds on a slow stick.
  public static var patience: UInt64 { 60_000_000 }
  /// µs after which a package is tried again that could not be made.
  static var makePause: UInt64 { 30_000_000 }

  /// A client that knows what a gateway knows when it starts.
  public init(
    origin: KeyName, mirrorKey: VerifierKey, acknowledgedSize: UInt64, terms: PackageTerms
  ) {
    precondition(mirrorKey.type == .cosigner, "a mirror's key has type 4")
    self.origin = origin
    self.mirrorKey = mirrorKey
    self.acknowledgedSize = acknowledgedSize
    self.terms = terms
    writtenSize = terms.writtenSize > acknowledgedSize ? terms.writtenSize : acknowledgedSize
  }

  /// Takes a checkpoint of this log that is durable, its entries too.
  ///
  /// Traps if it is not one of this log, or smaller than one before: both are errors of the caller.
  public mutating func noteSigned(note: [UInt8]) {
    guard let parsed = try? Note.parse(note.span),
      let checkpoint = try? Checkpoint.parse(text: note.span.extracting(parsed.text)),
      checkpoint.origin == origin
    else { preconditionFailure("not a checkpoint of this log") }
    precondition(checkpoint.size >= newest?.size ?? 0, "a log never signs a smaller tree")
    newest = SignedNote(size: checkpoint.size, bytes: note, root: checkpoint.root)
  }

  /// The size of the checkpoint that is in the request under way; `nil` if none is.
  public var offeredSize: UInt64? { awaiting && underWay != nil ? target?.size : nil }

  /// When to call `nextRequest` again, or `noteSilence` while a request is under way, in monotonic µs; `nil` if there is
  /// only its answer to wait for.
  public var wakeAt: UInt64? {
    guard awaiting else { return isOver ? nil : lookAt }
    return failure == nil ? begunAt &+ PackageClient.patience : nil
  }

  /// What is to be done at monotonic time `now`, in µs; `nil` if nothing is (see `wakeAt`).
  ///
  /// `minimumIndex` is the first entry that is still stored; while it `isSignedDoubtful` which checkpoint is the newest on
  /// the medium, none leaves that has not left before. Throws what the source throws, and `.damaged` when its
  /// bytes do not hash to what was signed: a package is tried again 30 s later, and the directory is looked into
  /// meanwhile, so ask again at once.
  ///
  /// - Returns: the request. When it has a package, its checkpoint is the newest that was noted, or was in an earlier
  ///   request: the caller marks it as released before it performs the request.
  public mutating func nextRequest<Source: EvidenceSource & ~Copyable>(
    now: UInt64, minimumIndex: UInt64, source: inout Source, isSignedDoubtful: Bool = false
  ) throws(HashSourceError) -> PackageRequest? {
    guard !awaiting, !isOver, now >= lookAt else { return nil }
    if underWay == nil, now >= makeAt {
      do throws(HashSourceError) {
        try make(now, minimumIndex, &source, isSignedDoubtful)
      } catch {
        makeAt = now &+ PackageClient.makePause
        throw error
      }
    }
    var request = PackageRequest()
    request.package = underWay?.file
    request.writtenSize = underWay?.end
    request.acknowledgementWasTaken = acknowledgementWasTaken
    request.wasHeard = wasHeard
    awaiting = true
    begunAt = now
    return request
  }

  /// Makes the next package, if one is due.
  private mutating func make<Source: EvidenceSource & ~Copyable>(
    _ now: UInt64, _ minimumIndex: UInt64, _ source: inout Source, _ isSignedDoubtful: Bool
  ) throws(HashSourceError) {
    var next = target
    if next == nil, !isSignedDoubtful, now >= dueAt, let newest, newest.size > writtenSize {
      next = newest
    }
    guard let next else { return }
    let start = PackageClient.start(at: writtenSize, minimumIndex: minimumIndex)
    underWay = try package(of: next, from: start, &source)
    // One that could not be made, and so has not left yet, is not the newest any more when it is tried again.
    if target == nil {
      target = next
      dueAt = now &+ terms.every
    }
  }

  /// The first entry of a package: that of the block that `index` is in, or of the first whole one that is stored.
  private static func start(at index: UInt64, minimumIndex: UInt64) -> UInt64 {
    let block = index &- (index & 255)
    return block >= minimumIndex ? block : (minimumIndex &+ 255) & ~255
  }

  private func package<Source: EvidenceSource & ~Copyable>(
    of target: SignedNote, from start: UInt64, _ source: inout Source
  ) throws(HashSourceError) -> (file: PackageRequest.File?, end: UInt64) {
    // What is not stored any more, to the end, cannot be written.
    guard start < target.size else { return (nil, target.size) }
    var body: [UInt8] = []
    UploadBody.appendHeader(origin, start: start, end: target.size, ticket: [], to: &body)
    var end = start
    while end < target.size, body.count < PackageFile.byteLimit {
      try UploadBody.appendPackage(
        from: end, in: target.size, root: target.root, &source, to: &body)
      end = UploadBody.packageEnd(from: end, in: target.size)
    }
    let file = PackageRequest.File(
      name: PackageName.package(origin, start..<end),
      bytes: PackageFile(note: target.bytes, body: body).bytes())
    return (file, end)
  }
}
