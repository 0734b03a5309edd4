import HAL
import HostCrypto
import MemoryStorage
import Testing
import TransparencyLog

@testable import Gateway
@testable import Journal

/// What an epoch that ended leaves to the next one, whatever stands between the two.
@Suite struct EarlierEpochTests {
  private static let segment: UInt64 = 32 << 10

  /// The media of all epochs; one that is `gone` was there once. Opening one is refused so many times.
  private final class Shelf {
    var disks: [UInt32: MemoryDisk] = [:]
    var refusals: [UInt32: Int] = [:]

    func open(_ epoch: UInt32) throws(StorageError) -> MemoryBlockStorage {
      if let count = refusals[epoch], count > 0 {
        refusals[epoch] = count - 1
        throw .io
      }
      if disks[epoch] == nil { disks[epoch] = MemoryDisk() }
      return MemoryBlockStorage(disk: disks[epoch] ?? MemoryDisk())
    }
  }

  /// An epoch of 1,000 entries in segments of seven frames, of which all are signed and 512 acknowledged.
  private func shelf() throws -> Shelf {
    let shelf = Shelf()
    let disk = MemoryDisk()
    let queue = EntryQueue()
    var recorder = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: RecorderReport())
    try Rig.fill(&recorder, from: queue, rounds: 40)
    let cosigned = try Rig.cosignedNote(recorder.evidence.journal.signedNote)
    try recorder.evidence.journal.recordAcknowledged(size: 512, cosignedNote: cosigned.span)
    shelf.disks[1] = disk
    return shelf
  }

  /// What a start makes of the shelf.
  private struct Outcome {
    var epoch: UInt32
    var before: EpochBefore?
    var carried: Int
    var boot: UInt32
    /// Bytes that the earlier epochs are known to take.
    var earlier: UInt64
  }

  private func start(
    _ shelf: Shelf, ended: EpochEndKind? = .damaged, signedEpoch: UInt32 = 0,
    mirrorKey: VerifierKey? = nil
  ) throws(RecorderError) -> Outcome {
    let newest = shelf.disks.keys.max() ?? 0
    let origin: KeyName
    let mirror: VerifierKey
    let key: FileKeySigner
    do {
      origin = try Rig.origin
      mirror = try mirrorKey ?? Rig.mirrorKey()
      key = try Rig.key()
    } catch { preconditionFailure("\(error)") }
    let logs = LogShelf<MemoryBlockStorage>(
      newestEpoch: newest, segmentByteCount: Int(EarlierEpochTests.segment),
      quotaByteCount: 16 << 20, origin: { _ in origin }, holds: { shelf.disks[$0] != nil },
      storage: { epoch throws(StorageError) in try shelf.open(epoch) })
    var history = LogHistory()
    let opened = try OpenedLog(
      on: logs, ended: ended.map { (newest, $0) }, signedEpoch: signedEpoch, history: &history)
    let (epoch, before, earlier) = (opened.epoch, opened.before, opened.room.earlierByteCount)
    let start = try Rig.start(opened, history, origin: origin, key: key, mirrorKey: mirror)
    let boot = start.boot
    var gateway = try start.begin(
      Station.site("s: 1\n", [Station.Meter(unit: 1)]), at: Rig.instant(90_000_000))
    var carried = 0
    do throws(JournalError) {
      let size = gateway.recorder.evidence.journal.committedSize
      try gateway.recorder.evidence.journal.visit(0..<size) { (_: UInt64, bytes: Span<UInt8>) in
        if (try? Entry.decode(bytes))?.carriedFrom(in: bytes) != nil { carried += 1 }
      }
    } catch { throw .journal(error) }
    return Outcome(epoch: epoch, before: before, carried: carried, boot: boot, earlier: earlier)
  }

  @Test func `what no mirror has acknowledged is carried over`() throws {
    let outcome = try start(try shelf())
    #expect(outcome.epoch == 2 && outcome.carried == 488)
    #expect(outcome.before?.signedSize == 1_000 && outcome.before?.acknowledgedSize == 512)
  }

  /// The lost one may be that which counted the last boot: two starts of one number would both be boot 7.
  @Test func `the boots of an old log with one superblock are counted one higher`() throws {
    let whole = try shelf()
    let disk = try #require(whole.disks[1])
    let counters = (0..<2).compactMap { slot in
      Superblock(disk.bytes("super.\(slot)").span)?.bootCounter
    }
    try #require(counters.count == 2)
    #expect(try start(whole).boot == max(counters[0], counters[1]) + 1)
    for lost in 0..<2 {
      for bytes in [nil, [UInt8](repeating: 0, count: 4_096)] {
        let shelf = try shelf()
        shelf.disks[1]?.replace("super.\(lost)", with: bytes)
        #expect(try start(shelf).boot == counters[1 - lost] + 2)
      }
    }
  }

  /// A medium that lies has kept nothing of the newest one: the boots of those before it have been all the same.
  @Test func `boots are counted over all epochs that are there`() throws {
    let shelf = try shelf()
    for boot in 1...3 as ClosedRange<UInt32> {
      #expect(try start(shelf, ended: nil).boot == boot)
    }
    #expect(try start(shelf).boot == 4)
    for slot in 0..<2 { shelf.disks[2]?.replace("super.\(slot)", with: nil) }
    let third = try start(shelf, ended: .damaged)
    #expect(third.epoch == 3 && third.boot == 4)
  }

  /// What is not counted would take room that nobody knows of.
  @Test func `an old log is counted whole on a medium that refuses one look in eleven`() throws {
    let shelf = try shelf()
    let disk = try #require(shelf.disks[1])
    let byteCount = disk.segmentByteCount
    #expect(byteCount >= 4 * EarlierEpochTests.segment)
    for operation in disk.operationCount..<disk.operationCount + 50_000
    where operation % 11 == 0 {
      disk.faults[operation] = .refused
    }
    let outcome = try start(shelf)
    #expect(outcome.earlier == byteCount && outcome.carried == 488)
    // A medium that shows no size at all: each of its segments is counted as a whole one.
    let blind = try self.shelf()
    let image = try #require(blind.disks[1])
    image.refusesSize = { if case .segment = $0 { true } else { false } }
    #expect(try start(blind).earlier == byteCount)
  }

  /// A medium that refuses to open the old log for a moment must not cost what it holds.
  @Test func `an old log that cannot be opened is tried again, and never left behind`() throws {
    let shelf = try shelf()
    shelf.refusals[1] = 2
    // The newest is opened once, and then as the one before.
    #expect(try start(shelf).carried == 488)

    let other = try self.shelf()
    for _ in 0..<3 {
      other.refusals[1] = 1_000
      do throws(RecorderError) {
        _ = try start(other)
        Issue.record("it goes on without what the old log holds")
      } catch {
        guard case .earlierUnreadable(epoch: 1, .io) = error else {
          Issue.record("\(error)")
          return
        }
      }
      #expect(other.disks[2] == nil)
    }
    other.refusals = [:]
    let outcome = try start(other)
    #expect(outcome.carried == 488 && outcome.before?.signedSize == 1_000)
  }

  /// The same shelf with a second epoch, whose first start lost power half way.
  private func cutShelf() throws -> Shelf {
    let whole = try shelf()
    _ = try start(whole)
    let operations = try #require(whole.disks[2]).operationCount
    let shelf = try shelf()
    let second = MemoryDisk()
    shelf.disks[2] = second
    second.cut = (operations / 2, .first(0))
    #expect(throws: RecorderError.self) { _ = try start(shelf, ended: nil) }
    second.restorePower()
    return shelf
  }

  /// The same when the first start of the new epoch was cut short: what it had not carried over is still owed.
  @Test func `nor is it in a later start of the same epoch`() throws {
    let shelf = try cutShelf()
    shelf.refusals[1] = 1_000
    #expect(throws: RecorderError.self) { _ = try start(shelf, ended: nil) }
    shelf.refusals = [:]
    let outcome = try start(shelf, ended: nil)
    #expect(outcome.epoch == 2 && outcome.carried == 488)
  }

  /// The one before had acknowledged half of it. What of that is still kept is owed to the one in its place.
  @Test func `another collector is owed all that is kept`() throws {
    let other = try Rig.key().verifierKey(name: try Rig.mirrorKey().name, type: .cosigner)
    let shelf = try shelf()
    #expect(try start(shelf, mirrorKey: other).carried == 1_000)

    let pruned = try self.shelf()
    var evidence = try Rig.log(on: try #require(pruned.disks[1])).takeEvidence()
    let isGivenUp = try evidence.giveUpOldestSegment(below: 512)
    let minimum = evidence.journal.superblock.minimumIndex
    #expect(isGivenUp && minimum == 256)
    let outcome = try start(pruned, ended: .givenUp, mirrorKey: other)
    #expect(outcome.before?.minimumIndex == minimum)
    #expect(outcome.carried == 1_000 - 256)
  }

  /// The key says that a second epoch was signed, and it is gone: what the first one holds is all that is left.
  @Test func `an epoch that is gone is passed over`() throws {
    let shelf = try shelf()
    let outcome = try start(shelf, ended: nil, signedEpoch: 2)
    #expect(outcome.epoch == 3 && outcome.carried == 488)
    // Of the second nobody knows what it signed; the boots of the first have been.
    #expect(outcome.before?.signedSize == 0 && outcome.before?.signedRoot == .zero)
    #expect(outcome.boot == (outcome.before?.bootCounter ?? 0) + 1)
    // A power cut later the same is still owed.
    let operations = try #require(shelf.disks[3]).operationCount
    shelf.disks[3] = nil
    let third = MemoryDisk()
    shelf.disks[3] = third
    third.cut = (operations / 2, .first(0))
    #expect(throws: RecorderError.self) { _ = try start(shelf, ended: nil, signedEpoch: 2) }
    third.restorePower()
    #expect(try start(shelf, ended: nil, signedEpoch: 2).carried == 488)
  }

  /// What earlier epochs hold is kept for the auditor alone, and takes room that the log could use.
  @Test func `a full log goes on once what stands before it has gone`() throws {
    let shelf = try shelf()
    #expect(try start(shelf).earlier > 0)
    let standing = try #require(shelf.disks[1]).segmentByteCount
    #expect(try start(shelf, ended: .givenUp).epoch == 3, "only a full one goes on")
    shelf.disks[3] = nil
    #expect(standing > 0 && shelf.disks[1]?.segmentByteCount == standing)

    let outcome = try start(shelf, ended: .full)
    #expect(outcome.epoch == 2 && outcome.before == nil && outcome.earlier == 0)
    #expect(shelf.disks[1]?.segmentByteCount == 0 && shelf.disks[3] == nil)
    // Then nothing stands before it, and it is over.
    #expect(try start(shelf, ended: .full).epoch == 3)
    #expect(shelf.disks[2]?.segmentByteCount == 0)
  }

  /// What the second epoch has not signed yet the first one may be asked for again.
  @Test func `a full log that has not signed what it took over ends, and keeps what it came from`()
    throws
  {
    let shelf = try cutShelf()
    let standing = try #require(shelf.disks[1]).segmentByteCount
    #expect(try start(shelf, ended: .full).epoch == 3)
    #expect(standing > 0 && shelf.disks[1]?.segmentByteCount == standing)
  }
}
