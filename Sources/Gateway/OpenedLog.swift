import HAL
import Journal
import Metering
import TransparencyLog

/// Where the logs of a gateway lie, one for each key epoch.
public struct LogShelf<Storage: BlockStorage & ~Copyable> {
  /// The newest epoch of which anything is there; 0 if there is none.
  public var newestEpoch: UInt32
  /// Anything of an epoch is there.
  public var holds: (UInt32) -> Bool
  /// The storage of an epoch; an empty one is made if there is none.
  public var storage: (UInt32) throws(StorageError) -> Storage
  /// The origin of an epoch.
  public var origin: (UInt32) -> KeyName
  /// Bytes of a journal segment.
  public var segmentByteCount: Int
  /// Bytes that the segments of all epochs may take together.
  public var quotaByteCount: UInt64
  /// Asks the mirror for a part of its copy; blocks until the answer is there. Nobody is asked unless it is set.
  public var bundles: (BundleRequest) -> BundleAnswer = { _ in .refused }
  /// µs since boot, for the patience with the mirror.
  public var uptime: () -> UInt64 = { 0 }

  /// Takes the parts.
  public init(
    newestEpoch: UInt32, segmentByteCount: Int, quotaByteCount: UInt64,
    origin: @escaping (UInt32) -> KeyName, holds: @escaping (UInt32) -> Bool,
    storage: @escaping (UInt32) throws(StorageError) -> Storage
  ) {
    self.newestEpoch = newestEpoch
    self.segmentByteCount = segmentByteCount
    self.quotaByteCount = quotaByteCount
    self.origin = origin
    self.holds = holds
    self.storage = storage
  }
}

/// Why an epoch cannot go on. What it holds stays where it is, but for one that was full: its segments go.
public enum EpochEnd: Sendable {
  /// Its log cannot be recovered.
  case damaged(RecorderError)
  /// What the agent found while it ran.
  case found(EpochEndKind)
  /// It is gone: the key says that it has signed one.
  case missing

  /// The segments of the old log are removed, for it had no room left.
  public var gaveUpAll: Bool {
    if case .found(.full) = self { true } else { false }
  }
}

/// What a new epoch says of the one before it.
public struct EpochBefore: Sendable {
  /// Size and root of its newest signed tree; 0 and zeros if no superblock of it can be read.
  public var signedSize: UInt64 = 0
  /// See `signedSize`.
  public var signedRoot = Digest.zero
  /// How often an agent had started on it.
  public var bootCounter: UInt32 = 0
  /// How many of its entries a mirror has acknowledged; 0 if no superblock of it can be read.
  public var acknowledgedSize: UInt64 = 0
  /// The note by which it did.
  var cosignedNote: [UInt8] = []
  /// Below it nothing is kept.
  var minimumIndex: UInt64 = 0

  /// The first of its entries that the mirror with `key` has not acknowledged. One that was put in the place of another is
  /// owed everything that is kept.
  func firstOwed<Verifier: SignatureVerifier>(
    to key: VerifierKey, with verifier: Verifier
  ) -> UInt64 {
    do throws(NoteError) {
      _ = try Note.parse(cosignedNote.span).verify(cosignedNote.span, key: key, with: verifier)
      return acknowledgedSize
    } catch {
      return minimumIndex
    }
  }
}

/// The log that an agent goes on with: the newest epoch if it can be recovered, else a new one.
///
/// A log that has lost signed entries must not be signed again: it would promise two different things. So
/// it is left as it is, for the auditor, and the next epoch begins, whose first entry names what was
/// signed last.
public struct OpenedLog<Storage: BlockStorage & ~Copyable>: ~Copyable {
  /// The log, recovered.
  public var log: RecoveredLog<Storage>
  /// Its epoch, from 1.
  public let epoch: UInt32
  /// Why this epoch begins now; `nil` when it goes on.
  public let end: EpochEnd?
  /// The epoch before; `nil` if this one is the first, or goes on and needs nothing of it any more.
  public let before: EpochBefore?
  /// This one holds no entry yet.
  public let isNew: Bool
  /// How much of the medium it may take.
  public let room: LogRoom
  /// What the epoch before holds and this one lacks; `nil` if its medium cannot be opened, there is none, or
  /// nothing is left to carry over.
  // Spelt out: see `GatewayStart.carryOver`.
  var carryOver: Optional<CarryOver<Storage>>

  /// Opens the newest epoch, or begins the next one.
  ///
  /// `ended` is an epoch that must not go on although it can be recovered, but for one that was full while earlier ones still
  /// held segments: those go instead. `signedEpoch` is the newest one that the key is known to have signed, 0 if none.
  /// - Throws: what another start may mend (the medium refuses to be written, the data are of another log).
  public init(
    on shelf: LogShelf<Storage>, ended: (epoch: UInt32, why: EpochEndKind)? = nil,
    signedEpoch: UInt32 = 0,
    history: inout LogHistory
  ) throws(RecorderError) {
    let newest = shelf.newestEpoch
    var left = Optional<CarryOver<Storage>>.none
    var end: EpochEnd?
    if newest < signedEpoch {
      end = .missing
    } else if let ended, newest > 0, newest == ended.epoch, !shelf.goesOn(ended, &history) {
      end = .found(ended.why)
    } else if newest > 0 {
      do throws(RecorderError) {
        let log = try shelf.recover(newest, &history)
        let isSettled = log.isSettled(history)
        let previous = newest > 1 && !isSettled ? try shelf.before(newest, &left) : nil
        isNew = log.evidence.journal.committedSize == 0
        self.log = log
        epoch = newest
        self.end = nil
        before = previous
        carryOver = left.take()
        room = shelf.room(
          for: newest, isSettled: isSettled, own: self.log.evidence.journal.standingByteCount)
        return
      } catch {
        guard error.endsEpoch else { throw error }
        end = .damaged(error)
      }
    }
    let next = (newest > signedEpoch ? newest : signedEpoch) + 1
    let previous = next > 1 ? try shelf.before(next, &left) : nil
    log = try shelf.begin(next, behind: &left, ended: end, &history)
    epoch = next
    self.end = end
    isNew = true
    before = previous
    carryOver = left.take()
    room = shelf.room(for: next, isSettled: false, own: log.evidence.journal.standingByteCount)
  }

  /// What was signed last, of the epoch before if this one holds nothing yet.
  public var signedSize: UInt64 {
    let own = log.evidence.journal.superblock.signedSize
    return own > 0 ? own : before?.signedSize ?? 0
  }
}

extension LogShelf where Storage: ~Copyable {
  /// Reads the log of an epoch. A medium that cannot be read may be read the next moment.
  func read(
    _ epoch: UInt32, _ history: inout LogHistory
  ) throws(RecorderError) -> RecoveredLog<Storage> {
    var attempt = 1
    while true {
      do throws(RecorderError) {
        let storage: Storage
        do throws(StorageError) { storage = try open(epoch) } catch {
          throw .unopened(epoch: epoch, error)
        }
        history = LogHistory()
        return try RecoveredLog(
          storage: storage, configuration: configuration(epoch), history: &history)
      } catch {
        guard error.mayPass, attempt < Limits.recoveryAttemptsMax else { throw error }
        attempt += 1
      }
    }
  }

  /// Opens the storage of an epoch. What is refused once may be given the next time.
  func open(_ epoch: UInt32) throws(StorageError) -> Storage {
    var attempt = 1
    while true {
      do throws(StorageError) { return try storage(epoch) } catch {
        guard attempt < Limits.recoveryAttemptsMax else { throw error }
        attempt += 1
      }
    }
  }

  /// Begins an epoch behind another one.
  ///
  /// Of a full one nothing can be carried over into a log that has no room either. Its segments go when the new superblocks
  /// are durable: were they to go before, a start after a power cut would take the full log for a damaged one. If there is no
  /// room even for those, or for the place that they are in, they go first all the same; and of another log what has been
  /// acknowledged.
  fileprivate func begin(
    _ epoch: UInt32, behind old: inout CarryOver<Storage>?, ended end: EpochEnd?,
    _ history: inout LogHistory
  ) throws(RecorderError) -> RecoveredLog<Storage> {
    let givesUpAll = end?.gaveUpAll ?? false
    let log: RecoveredLog<Storage>
    do throws(RecorderError) { log = try recover(epoch, &history) } catch {
      guard error.lacksRoomToBegin else { throw error }
      if givesUpAll {
        old?.removeSegments()
      } else {
        old?.removeAcknowledged { _ in false }
      }
      return try recover(epoch, &history)
    }
    if givesUpAll { old?.removeSegments() }
    return log
  }

  /// What is known of the epoch before `epoch`; `carryOver` becomes what can be carried over of it, or of the newest one
  /// before that is there. Of one that is gone nothing is known, and what it had taken over is taken over again.
  ///
  /// - Throws: `earlierUnreadable`. To go on without it would give up what it holds.
  fileprivate func before(
    _ epoch: UInt32, _ carryOver: inout CarryOver<Storage>?
  ) throws(RecorderError) -> EpochBefore {
    var number = epoch - 1
    while number > 0, !holds(number) { number -= 1 }
    guard number > 0 else { return EpochBefore() }
    do throws(StorageError) {
      var storage = try open(number)
      var before = read(number, &storage)
      before.bootCounter = max(before.bootCounter, bootCounter(below: number))
      let byteCount = segmentByteCount(&storage)
      carryOver = CarryOver(
        storage: storage, configuration: configuration(number),
        acknowledged: before.acknowledgedSize, byteCount: byteCount)
      if number + 1 < epoch {
        before.signedSize = 0
        before.signedRoot = .zero
      }
      return before
    } catch {
      throw .earlierUnreadable(epoch: number, error)
    }
  }

  /// What the newest superblock of an epoch says.
  func read(_ epoch: UInt32, _ storage: inout Storage) -> EpochBefore {
    let page = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 4_096)
    defer { page.deallocate() }
    let bytes = UnsafeBufferPointer(page.assumingMemoryBound(to: UInt8.self))
    var newest: (block: Superblock, note: [UInt8])?
    var validCount: UInt32 = 0
    for slot in 0..<2 {
      // A read that is refused once counts for as little here as anywhere: the newest block says what is carried over.
      var spare = 0
      let isRead: Void? = try? storage.ask(spare: &spare) { medium throws(StorageError) in
        try medium.read(.superblock(slot: UInt8(slot)), at: 0, into: page)
      }
      guard isRead != nil, let block = Superblock(bytes.span),
        block.epoch == epoch, block.originHash == origin(epoch).hash
      else { continue }
      validCount += 1
      if newest.map({ block.isNewer(than: $0.block) }) ?? true {
        newest = (block, Array(bytes[block.cosignedNoteRange]))
      }
    }
    guard let newest else { return EpochBefore() }
    return EpochBefore(
      signedSize: newest.block.signedSize, signedRoot: newest.block.signedRoot,
      // As in `Journal.recover`: the lost one may have counted one boot more.
      bootCounter: newest.block.bootCounter &+ (2 - validCount),
      acknowledgedSize: newest.block.acknowledgedSize,
      cosignedNote: newest.note, minimumIndex: newest.block.minimumIndex)
  }

  func configuration(_ epoch: UInt32) -> JournalConfiguration {
    JournalConfiguration(
      epoch: epoch, originHash: origin(epoch).hash, segmentByteCount: segmentByteCount,
      frameByteCountMax: Limits.commitByteCount)
  }
}
