import HAL
import HostCrypto
import Journal
import MemoryStorage
import Simulator
import Testing
import TransparencyLog

@testable import Gateway

/// The room of a log that begins behind another one.
@Suite struct NextLogRoomTests {
  private typealias Storage = SealingStorage<MemoryBlockStorage, RunLengthCodec>
  private let segment = 256 << 10

  /// The shelf over disks, the first of which is epoch 1.
  private func shelf(
    _ disks: [MemoryDisk], newest: UInt32, quota: UInt64 = 1 << 30
  ) throws -> LogShelf<Storage> {
    let origin = try Rig.origin
    return LogShelf(
      newestEpoch: newest, segmentByteCount: segment, quotaByteCount: quota,
      origin: { _ in origin }, holds: { $0 >= 1 && $0 <= newest },
      storage: {
        SealingStorage(
          base: MemoryBlockStorage(disk: disks[Int($0) - 1]),
          codec: RunLengthCodec(memoryByteCount: SealingMemory.byteCount))
      })
  }

  private func start(
    on shelf: LogShelf<Storage>, ended: EpochEndKind? = nil, queue: EntryQueue,
    report: RecorderReport = RecorderReport()
  ) throws -> Recorder<Storage, FileKeySigner, SodiumVerifier> {
    var history = LogHistory()
    let opened = try OpenedLog(
      on: shelf, ended: ended.map { (shelf.newestEpoch, $0) }, history: &history)
    let start = try Rig.start(
      opened, history, origin: try Rig.origin, key: try Rig.key(), mirrorKey: try Rig.mirrorKey(),
      queue: queue, report: report)
    return try start.begin(
      Station.site("s: 1\n", [Station.Meter(unit: 1)]), at: Rig.instant(90_000_000)
    ).recorder
  }

  /// A log of so many frames of 25 entries, with nothing acknowledged, and all but the last segment sealed.
  private func filled(_ frames: Int) throws -> MemoryDisk {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    var recorder = try start(on: shelf([disk], newest: 0), queue: queue)
    for frame in 0..<frames {
      for number in 0..<25 {
        let index = recorder.evidence.journal.committedSize + UInt64(number)
        #expect(Rig.push(Rig.entry(index, padding: 400, isAlike: true), to: queue))
      }
      try recorder.settle(at: Rig.instant(100_000_000 + UInt64(frame) * 1_000_000))
    }
    while try recorder.evidence.journal.seal() {}
    return disk
  }

  @Test func `what was sealed takes no more room when it is carried over`() throws {
    let old = try filled(600)
    let new = MemoryDisk()
    let before = old.segmentByteCount
    let report = RecorderReport()
    // A new log may take two segments and a queue for a while, whatever the quota.
    let quota = 2 * before + UInt64(Limits.ringByteCount + 2 * segment)
    let recorder = try start(
      on: shelf([old, new], newest: 1, quota: quota), ended: .damaged, queue: EntryQueue(),
      report: report)
    #expect(recorder.evidence.journal.committedSize > 15_000, "all was carried over")
    let taken = old.segmentByteCount + new.segmentByteCount
    #expect(taken <= quota, "\(taken) of \(quota), \(before) before")
    #expect(report.epochEnd == nil)
  }

  /// A file system gives the directories of a log blocks, too.
  @Test func `a log that cannot even be opened for want of room begins where the full one stood`()
    throws
  {
    let old = try filled(80)
    let new = MemoryDisk()
    var shelf = try shelf([old, new], newest: 1)
    let storage = shelf.storage
    shelf.storage = { epoch throws(StorageError) in
      if epoch == 2, old.segmentByteCount > 0 { throw .full }
      return try storage(epoch)
    }
    var history = LogHistory()
    let opened = try OpenedLog(on: shelf, ended: (1, .full), history: &history)
    #expect(opened.epoch == 2 && opened.isNew && old.segmentByteCount == 0)
    // An epoch that is only damaged is not cleared, and whoever looks at the error knows what to do.
    let kept = try filled(80)
    let before = kept.segmentByteCount
    var other = try self.shelf([kept, MemoryDisk()], newest: 1)
    let disk = other.storage
    other.storage = { epoch throws(StorageError) in
      if epoch == 2 { throw .full }
      return try disk(epoch)
    }
    let damagedShelf = other
    #expect {
      var history = LogHistory()
      _ = try OpenedLog(on: damagedShelf, ended: (1, .damaged), history: &history)
    } throws: { error in
      guard case .unopened(epoch: 2, .full)? = error as? RecorderError else { return false }
      return true
    }
    #expect(kept.segmentByteCount == before)
    // What the mirror has of it may go.
    try acknowledge(on: kept)
    other.storage = { epoch throws(StorageError) in
      if epoch == 2, kept.segmentByteCount == before { throw .full }
      return try disk(epoch)
    }
    var second = LogHistory()
    let begun = try OpenedLog(on: other, ended: (1, .damaged), history: &second)
    #expect(begun.epoch == 2 && kept.segmentByteCount < before)
  }

  /// Everything that is signed on the disk is acknowledged.
  private func acknowledge(on disk: MemoryDisk) throws {
    var history = LogHistory()
    var opened = try OpenedLog(on: shelf([disk], newest: 1), history: &history)
    let note = try Rig.cosignedNote(opened.log.evidence.journal.signedNote)
    let size = opened.log.evidence.journal.superblock.signedSize
    try opened.log.evidence.journal.recordAcknowledged(size: size, cosignedNote: note.span)
  }

  /// Documents that readings need may lie in any segment; those of this log lie in its first.
  @Test(arguments: [true, false])
  func `without a copy of the documents what holds them stays`(hasCopy: Bool) throws {
    let disk = try filled(80)
    try acknowledge(on: disk)
    if !hasCopy { disk.replace("documents", with: nil) }
    let new = MemoryDisk()
    var shelf = try shelf([disk, new], newest: 1)
    let storage = shelf.storage
    shelf.storage = { epoch throws(StorageError) in
      if epoch == 2, disk.objects["sealed.1"] ?? disk.objects["segment.1"] != nil { throw .full }
      return try storage(epoch)
    }
    var history = LogHistory()
    let begun = try OpenedLog(on: shelf, ended: (1, .damaged), history: &history)
    #expect(begun.epoch == 2)
    let first = disk.objects["sealed.0"] ?? disk.objects["segment.0"]
    #expect((first == nil) == hasCopy)
  }

  @Test func `a sealed log gives up what its next segment needs, and no more`() throws {
    let disk = try filled(2_400)
    try acknowledge(on: disk)
    let quota = disk.segmentByteCount + UInt64(3 * segment)
    let queue = EntryQueue()
    var recorder = try start(on: shelf([disk], newest: 1, quota: quota), queue: queue)
    var standing: [UInt64] = []
    for round in 0..<400 as Range<UInt64> where standing.count < 4 {
      for _ in 0..<25 {
        let index = recorder.evidence.journal.committedSize
        #expect(Rig.push(Rig.entry(index, padding: 400, isAlike: true), to: queue))
      }
      let before = recorder.evidence.journal.superblock.minimumIndex
      try recorder.settle(at: Rig.instant(100_000_000 + round * 1_000_000))
      recorder.keepRoom(at: Rig.instant(100_000_000 + round * 1_000_000))
      guard recorder.evidence.journal.superblock.minimumIndex > before else { continue }
      standing.append(recorder.evidence.journal.standingByteCount)
    }
    // Room for the next segment and a reserve of two, and what a whole tile takes along.
    #expect(standing.count == 4 && standing.allSatisfy { $0 + UInt64(4 * segment) > quota })
  }

  /// Whatever operation the power goes in while the next log is begun behind a full one: the start that follows goes on
  /// with the full one, or with the next.
  @Test func `a full log whose segments go when the power does is not taken for a damaged one`()
    throws
  {
    let image = try filled(80).objects
    var counts = [0, 0]
    for isFirst in [true, false] {
      for operation in 1...200 {
        let disks = [MemoryDisk(), MemoryDisk()]
        disks[0].restore(image)
        let cut = disks[isFirst ? 0 : 1]
        cut.cut = (cut.operationCount + operation, .first(1))
        let shelf = try shelf(disks, newest: 1)
        do throws(RecorderError) {
          var history = LogHistory()
          _ = try OpenedLog(on: shelf, ended: (1, .full), history: &history)
          break
        } catch {}
        for disk in disks { disk.restorePower() }
        let newest: UInt32 = disks[1].objects.isEmpty ? 1 : 2
        counts[Int(newest) - 1] += 1
        var history = LogHistory()
        let opened = try OpenedLog(on: self.shelf(disks, newest: newest), history: &history)
        #expect(opened.end == nil && opened.epoch == newest, "operation \(operation)")
      }
    }
    #expect(counts[0] > 2 && counts[1] > 2)
  }
}
