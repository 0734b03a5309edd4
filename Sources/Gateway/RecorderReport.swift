import Metering
import Sampling
import Synchronization
import Uplink

/// The queue of entries, shared by the thread that samples and the thread that records.
public final class EntryQueue: Sendable {
  /// The ring itself.
  public let ring: EntryRing
  // Unsafe: only the ring reads and writes it.
  private nonisolated(unsafe) let memory: UnsafeMutableBufferPointer<UInt8>

  /// A queue of so many bytes, a power of two.
  public init(byteCount: Int = Limits.ringByteCount) {
    memory = .allocate(capacity: byteCount)
    memory.initialize(repeating: 0)
    ring = EntryRing(memory)
  }

  deinit { memory.deallocate() }

  /// The recorder is to be woken before its time: the other half is left while it writes.
  public var isHalfFull: Bool { ring.byteCount >= ring.capacity / 2 }
}

/// Something that the recorder wants in the log. Only the sampling thread writes entries, so it asks.
public enum RecorderNotice: UInt32, Sendable {
  /// The mirror cannot be reached.
  case linkDown = 1
  /// The mirror answers again.
  case linkUp = 2
  /// A segment was abandoned after a write error; its frames went to another.
  case storageDegraded = 3
  /// The file system refuses O_DIRECT: the journal drops the page cache instead.
  case storageIndirect = 4
  /// The mirror refuses this log: a person must look. Some refusals are asked again (`MirrorAlarm`).
  case mirrorRefuses = 5
  /// Entries that need not be kept were given up for the room of their segment.
  case entriesGivenUp = 6
}

/// What must succeed for a reading to become evidence; a bit each.
public enum RecordingPart: UInt32, Sendable {
  /// Entries become durable.
  case entries = 1
  /// The key signs.
  case key = 2
  /// The superblock takes what is signed and acknowledged.
  case superblock = 4
}

/// Why an epoch ends while the agent runs.
public enum EpochEndKind: UInt8, Sendable {
  /// The mirror knows of more than this log ever released: the medium was set back.
  case rolledBack = 1
  /// Committed entries that the mirror lacks cannot be read back.
  case damaged = 2
  /// The quota and its reserve are used up, and no mirror has taken anything that could be given up.
  case full = 3
  /// The mirror lacks entries that were given up here because a mirror had acknowledged them.
  case givenUp = 4
}

/// What the recorder tells the other threads: numbers that only grow or flip, each atomic by itself.
public final class RecorderReport: Sendable {
  private let committed = Atomic<UInt64>(0)
  private let signed = Atomic<UInt64>(0)
  private let signedAtUTC = Atomic<UInt64>(0)
  private let acknowledged = Atomic<UInt64>(0)
  private let bytes = Atomic<UInt64>(0)
  private let link = Atomic<UInt32>(0)
  private let linkTrouble = Atomic<UInt32>(0)
  private let failure = Atomic<UInt32>(0)
  private let notices = Atomic<UInt32>(0)
  private let raised = Atomic<UInt32>(0)
  private let unjudged = Atomic<UInt32>(0)
  private let ended = Atomic<UInt32>(0)
  private let packaged = Atomic<UInt64>(.max)
  private let minimum = Atomic<UInt64>(0)
  private let roomBytes = Atomic<UInt64>(0)
  private let waitingBytes = Atomic<UInt64>(0)
  private let stepAndShare = Atomic<UInt64>(0)
  private let growth = Atomic<UInt64>(.max)
  private let wear = Atomic<UInt64>(.max)
  private let short = Atomic<UInt32>(0)
  private let indirect = Atomic<UInt32>(0)
  private let interval = Atomic<UInt64>(0)
  private let repaired = Atomic<UInt32>(0)
  private let began = Atomic<UInt32>(0)
  private let carried = Atomic<UInt64>(0)

  /// Nothing recorded yet.
  public init() {}

  /// Entries that are durable and read back.
  public var committedSize: UInt64 {
    get { committed.load(ordering: .relaxed) }
    set { committed.store(newValue, ordering: .relaxed) }
  }
  /// Entries under the newest durable signed checkpoint.
  public var signedSize: UInt64 {
    get { signed.load(ordering: .relaxed) }
    set { signed.store(newValue, ordering: .relaxed) }
  }
  /// When that checkpoint was signed, µs since 1970; 0 if none.
  public var signedAt: UInt64 {
    get { signedAtUTC.load(ordering: .relaxed) }
    set { signedAtUTC.store(newValue, ordering: .relaxed) }
  }
  /// Entries that the mirror has cosigned.
  public var acknowledgedSize: UInt64 {
    get { acknowledged.load(ordering: .relaxed) }
    set { acknowledged.store(newValue, ordering: .relaxed) }
  }
  /// Bytes of the journal that hold frames.
  public var byteCount: UInt64 {
    get { bytes.load(ordering: .relaxed) }
    set { bytes.store(newValue, ordering: .relaxed) }
  }
  /// Entries that stand in packages; `nil` where a mirror is called.
  public var packagedSize: UInt64? {
    get {
      let size = packaged.load(ordering: .relaxed)
      return size == .max ? nil : size
    }
    set { packaged.store(newValue ?? .max, ordering: .relaxed) }
  }
  /// State of the uplink.
  public var linkState: LinkState {
    get {
      LinkState(rawValue: UInt8(truncatingIfNeeded: link.load(ordering: .relaxed))) ?? .unknown
    }
    set { link.store(UInt32(newValue.rawValue), ordering: .relaxed) }
  }
  /// What is wrong with the mirror, while `linkState` is `refused`.
  public var alarm: MirrorAlarm? {
    get { MirrorAlarm(rawValue: UInt8(truncatingIfNeeded: raised.load(ordering: .relaxed))) }
    set { raised.store(UInt32(newValue?.rawValue ?? 0), ordering: .relaxed) }
  }
  /// The time in the mirror's newest signature could not be judged: the clock here is not good enough.
  public var isTimeUnchecked: Bool {
    get { unjudged.load(ordering: .relaxed) != 0 }
    set { unjudged.store(newValue ? 1 : 0, ordering: .relaxed) }
  }
  /// Why this epoch must not go on; the agent ends then, and the next one begins another. Stays.
  public var epochEnd: EpochEndKind? {
    get { EpochEndKind(rawValue: UInt8(truncatingIfNeeded: ended.load(ordering: .relaxed))) }
    set { ended.store(UInt32(newValue?.rawValue ?? 0), ordering: .relaxed) }
  }
  /// Entries below it may be gone.
  public var minimumIndex: UInt64 {
    get { minimum.load(ordering: .relaxed) }
    set { minimum.store(newValue, ordering: .relaxed) }
  }
  /// Bytes that entries may take which cannot be given up.
  public var roomByteCount: UInt64 {
    get { roomBytes.load(ordering: .relaxed) }
    set { roomBytes.store(newValue, ordering: .relaxed) }
  }
  /// Bytes that they take.
  public var waitingByteCount: UInt64 {
    get { waitingBytes.load(ordering: .relaxed) }
    set { waitingBytes.store(newValue, ordering: .relaxed) }
  }
  /// What gives way, and how many thousandths of the room are taken.
  public var room: (step: GivingWay, share: UInt64) {
    get {
      let both = stepAndShare.load(ordering: .relaxed)
      return (GivingWay(rawValue: UInt8(truncatingIfNeeded: both)) ?? .nothing, both >> 8)
    }
    set {
      stepAndShare.store(newValue.share << 8 | UInt64(newValue.step.rawValue), ordering: .relaxed)
    }
  }
  /// Bytes by which the log grows in a day, and that are written to the medium in a day, as measured; `nil` in the
  /// first ten minutes.
  public var bytesPerDay: (appended: UInt64, written: UInt64)? {
    get {
      let appended = growth.load(ordering: .relaxed)
      return appended == .max ? nil : (appended, wear.load(ordering: .relaxed))
    }
    set {
      wear.store(newValue?.written ?? .max, ordering: .relaxed)
      growth.store(newValue?.appended ?? .max, ordering: .relaxed)
    }
  }
  /// Sampling thread: µs between two group commits since the site was changed; `nil` before that.
  public var commitInterval: UInt64? {
    get {
      let microseconds = interval.load(ordering: .relaxed)
      return microseconds == 0 ? nil : microseconds
    }
    set { interval.store(newValue ?? 0, ordering: .relaxed) }
  }
  /// The file system has less room than the quota allows.
  public var isMediumShort: Bool {
    get { short.load(ordering: .relaxed) != 0 }
    set { short.store(newValue ? 1 : 0, ordering: .relaxed) }
  }
  /// The file system refuses O_DIRECT (`RecorderNotice.storageIndirect` was posted).
  public var isIndirect: Bool { indirect.load(ordering: .relaxed) != 0 }
  /// The log was damaged when the agent started, and was mended from what the mirror has.
  public var isMended: Bool {
    get { repaired.load(ordering: .relaxed) != 0 }
    set { repaired.store(newValue ? 1 : 0, ordering: .relaxed) }
  }
  /// The agent began this log when it started, for the one before had ended.
  public var beginsEpoch: Bool {
    get { began.load(ordering: .relaxed) != 0 }
    set { began.store(newValue ? 1 : 0, ordering: .relaxed) }
  }
  /// Entries that this log has carried over from those before it.
  public var carriedCount: UInt64 {
    get { carried.load(ordering: .relaxed) }
    set { carried.store(newValue, ordering: .relaxed) }
  }
  /// Why the last exchange failed that did; it stands for the present while the link is down.
  public var linkFailure: LinkFailure? {
    get { LinkFailure(rawValue: UInt8(truncatingIfNeeded: linkTrouble.load(ordering: .relaxed))) }
    set { linkTrouble.store(UInt32(newValue?.rawValue ?? 0), ordering: .relaxed) }
  }
  /// Something of recording failed and has not succeeded since: writing entries in two segments, the key, or
  /// the superblock.
  public var hasFailed: Bool { failure.load(ordering: .relaxed) != 0 }

  /// Recorder: how a part of recording ended when it was last tried.
  public func note(_ part: RecordingPart, failed: Bool) {
    if failed {
      failure.bitwiseOr(part.rawValue, ordering: .relaxed)
    } else {
      failure.bitwiseAnd(~part.rawValue, ordering: .relaxed)
    }
  }

  /// Recorder: leaves a notice; the same one twice before it is taken counts once.
  public func post(_ notice: RecorderNotice) {
    if notice == .storageIndirect { indirect.store(1, ordering: .relaxed) }
    notices.bitwiseOr(1 << notice.rawValue, ordering: .releasing)
  }

  /// Sampling thread: takes a notice that is waiting.
  public func takeNotice() -> RecorderNotice? {
    let waiting = notices.load(ordering: .acquiring)
    // Of a link that went up and down the last is told last.
    let link: UInt32 = 1 << RecorderNotice.linkDown.rawValue | 1 << RecorderNotice.linkUp.rawValue
    if waiting & link == link, linkState == .down {
      notices.bitwiseAnd(~(1 << RecorderNotice.linkUp.rawValue), ordering: .acquiringAndReleasing)
      return .linkUp
    }
    var bit: UInt32 = 1
    while bit < 32 {
      if waiting & (1 << bit) != 0 {
        notices.bitwiseAnd(~(1 << bit), ordering: .acquiringAndReleasing)
        if let notice = RecorderNotice(rawValue: bit) { return notice }
      }
      bit += 1
    }
    return nil
  }
}

/// State of the way to the mirror.
public enum LinkState: UInt8, Sendable {
  /// No answer yet.
  case unknown = 0
  /// The last exchange succeeded.
  case up = 1
  /// The last exchange failed; it is tried again.
  case down = 2
  /// The mirror refuses this log; a person must look.
  case refused = 3

  /// The word of the status answer.
  public var key: StaticString {
    switch self {
    case .unknown: "unknown"
    case .up: "up"
    case .down: "down"
    case .refused: "refused"
    }
  }
}
