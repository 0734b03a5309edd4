import HAL

/// One way in which the world around a gateway goes wrong.
///
/// The fault model is this list (article FaultModel): what is not in it is not simulated, and what is in it
/// a gateway must survive. A fault is *timed*, with so many a day on average, or it has a *chance*, so
/// many in a million opportunities: operations of the medium, requests, replies, starts.
public enum FaultKind: UInt8, CaseIterable, Sendable {
  // Storage. An opportunity is an operation.
  /// A write is not done, or half of it, and reported as failed; a removal is not done.
  case writeError
  /// A write or a removal is done, and reported as failed all the same.
  case writeReported
  /// A write changes a byte on its way, and nobody says so.
  case writeChanged
  /// A write lands in another block, and nobody says so.
  case writeMisdirected
  /// A read fails once, or what only looks: opening, the size of an object, which segments there are, the free space.
  case readError
  /// An area of an object, mostly of a segment, refuses every read for 1 min to 2 h.
  case unreadable
  /// An operation takes 0.1 to 20 s.
  case slowMedium
  /// A stored bit changes.
  case bitRot
  /// The medium is full for 1 to 30 min.
  case mediumFull
  /// The medium makes files and removes them, and refuses every write into one, for 10 s to 30 min.
  case mediumRefuses
  /// The file system is read-only for 10 s to 30 min, as a kernel makes one that it has found damaged, until somebody mounts
  /// it again.
  case mediumReadOnly
  /// The medium says that bytes are safe which it has only in its cache, all the run long: a power cut loses
  /// any of them. The opportunity is the run.
  case lyingFlush
  /// A power cut sets the whole medium back by up to an hour. The opportunity is a power cut.
  case rollback

  // Power and process.
  /// The power goes, in the middle of an operation where one is under way.
  case powerCut
  /// After a power cut another one follows while the log is being recovered. The opportunity is a start.
  case powerCutAgain
  /// The agent is killed (SIGKILL) and started again.
  case agentKilled
  /// The agent is told to end (SIGTERM) and started again: an upgrade.
  case agentStopped

  // Clock.
  /// The wall clock is set, by seconds to days, forward or back.
  case clockStep
  /// A boot begins in 1970, and the clock is set some minutes later: no RTC. The opportunity is a boot.
  case clockLost
  /// A leap second: the clock is set back by one.
  case leapSecond
  /// The wall clock gains or loses up to half a millisecond a second from now on, and nobody sets it right before the
  /// next boot.
  case clockDrift
  /// The machine sleeps for 1 to 60 min; the boot clock goes on.
  case suspend

  // Lines. An opportunity is a reply.
  /// Characters of a reply change.
  case noise
  /// A reply ends early.
  case truncated
  /// A reply comes 0.1 to 5 s late.
  case late
  /// Somebody else's frame comes in front of a reply.
  case foreign
  /// The request comes back before the reply.
  case echo
  /// A device does not answer for 1 to 60 min.
  case deadDevice
  /// Two meters have one address, so that their answers collide. The opportunity is a device.
  case duplicateAddress
  /// A line is unplugged for 1 s to 10 min.
  case unplugged

  // Network and mirror. An opportunity is a request.
  /// A request never arrives.
  case requestLost
  /// The answer never arrives: the mirror did what it was asked.
  case answerLost
  /// A request arrives twice, the second time late.
  case duplicated
  /// An exchange takes up to 100 s.
  case delayed
  /// Somebody else answers: 200 with a login page, or with what the mirror had answered to entries before.
  case captivePortal
  /// The answer is 401, 409, 422, 429, 500, 503 or 507 for no reason that the gateway could know.
  case oddStatus
  /// Nothing gets through for 1 min to 12 h.
  case linkDown
  /// The mirror's certificate has expired, for 10 min to 3 h.
  case certificateExpired
  /// The mirror crashes and loses what it had not made durable.
  case mirrorCrash
  /// The mirror loses all that it had, as after a failed disk.
  case mirrorLost

  /// The word for it in a file of faults.
  public var key: String {
    var key = ""
    for character in "\(self)" {
      if character.isUppercase { key += "-" }
      key += character.lowercased()
    }
    return key
  }

  /// So many a day, and not in a million opportunities.
  public var isTimed: Bool {
    switch self {
    case .bitRot, .unreadable, .mediumFull, .mediumRefuses, .mediumReadOnly, .powerCut,
      .agentKilled, .agentStopped, .clockStep, .leapSecond, .clockDrift, .suspend, .deadDevice,
      .unplugged, .linkDown, .certificateExpired, .mirrorCrash, .mirrorLost:
      true
    case .writeError, .writeReported, .writeChanged, .writeMisdirected, .readError, .slowMedium,
      .lyingFlush, .rollback, .powerCutAgain, .clockLost, .noise, .truncated, .late, .foreign,
      .echo, .duplicateAddress, .requestLost, .answerLost, .duplicated, .delayed, .captivePortal,
      .oddStatus:
      false
    }
  }

  /// The medium refuses what is written, or changes it on its way.
  var spoilsWrites: Bool {
    switch self {
    case .mediumFull, .mediumRefuses, .mediumReadOnly, .writeError, .writeReported, .writeChanged,
      .writeMisdirected:
      true
    default: false
    }
  }

  /// The medium loses or changes what it had, and what is missing then is no fault of the gateway.
  var isLossOfMedium: Bool {
    switch self {
    case .bitRot, .unreadable, .writeMisdirected, .lyingFlush, .rollback: true
    default: false
    }
  }

  /// From how many to how many a drawn model may have. In the two hours of a drawn run 6 a day happen in two of five.
  var drawnRange: ClosedRange<UInt32> {
    switch self {
    case .writeError, .writeReported, .writeChanged, .writeMisdirected, .readError: 10...20_000
    case .slowMedium: 100...50_000
    case .bitRot, .unreadable, .mediumFull, .mediumRefuses, .mediumReadOnly: 6...50
    case .lyingFlush: 1_000_000...1_000_000
    case .rollback: 50_000...500_000
    case .powerCut, .agentKilled: 6...200
    case .powerCutAgain: 50_000...700_000
    case .agentStopped: 6...50
    case .clockStep, .leapSecond, .clockDrift: 6...50
    case .clockLost: 100_000...1_000_000
    case .suspend: 6...20
    case .noise, .truncated, .late, .foreign, .echo: 100...200_000
    case .deadDevice, .unplugged: 6...100
    case .duplicateAddress: 10_000...200_000
    case .requestLost, .answerLost, .duplicated, .delayed, .captivePortal, .oddStatus:
      1_000...300_000
    case .linkDown, .certificateExpired: 6...50
    case .mirrorCrash: 6...50
    case .mirrorLost: 6...12
    }
  }
}

/// How often each fault happens. All are zero unless somebody says otherwise.
public struct FaultModel: Equatable, Sendable {
  private var rates: [UInt32]

  /// A world in which nothing goes wrong.
  public init() { rates = [UInt32](repeating: 0, count: FaultKind.allCases.count) }

  /// Timed faults: how many a day on average. Others: how many in a million opportunities.
  public subscript(_ kind: FaultKind) -> UInt32 {
    get { rates[Int(kind.rawValue)] }
    set { rates[Int(kind.rawValue)] = newValue }
  }

  /// A model that a seed determines: each kind of `kinds` with a chance of one half, its rate drawn
  /// evenly over the orders of magnitude of its range.
  ///
  /// Few faults find what many drown, and the other way round; so models differ.
  public static func drawn<Entropy: EntropySource>(
    from entropy: inout Entropy, among kinds: [FaultKind] = FaultKind.allCases
  ) -> FaultModel {
    var model = FaultModel()
    for kind in kinds {
      let isThere = entropy.chance(500_000)
      let range = kind.drawnRange
      // Halved so often as the range has room for: one of the octaves, each as likely as the others.
      let octaves = 32 - (range.upperBound / range.lowerBound).leadingZeroBitCount
      let rate = range.upperBound >> UInt32(entropy.below(UInt64(octaves)))
      if isThere { model[kind] = rate }
    }
    // What is committed can be asked for only of a medium that keeps what it was given: so every other one does.
    if entropy.chance(500_000) {
      for kind in kinds where kind.isLossOfMedium { model[kind] = 0 }
    }
    // When both have forgotten a log, nobody is left who could tell that it was: no gateway survives that.
    if model[.rollback] > 0 || model[.lyingFlush] > 0 { model[.mirrorLost] = 0 }
    return model
  }
}
