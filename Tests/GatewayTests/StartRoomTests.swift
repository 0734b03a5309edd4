import HAL
import HostCrypto
import MemoryStorage
import Testing
import TransparencyLog

@testable import Gateway
@testable import Journal

/// A start on a log that has used up its room.
@Suite struct StartRoomTests {
  private static let segment: UInt64 = 32 << 10

  /// A log of so many frames, with nothing acknowledged. A segment holds seven.
  private func filled(_ frames: Int) throws -> MemoryDisk {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    var recorder = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: RecorderReport())
    try Rig.fill(&recorder, from: queue, rounds: UInt64(frames))
    return disk
  }

  /// Starts on the disk with a quota.
  private func agent(
    on disk: MemoryDisk, quota: UInt64, report: RecorderReport
  ) throws -> MemoryRecorder {
    let origin = try Rig.origin
    let shelf = LogShelf<MemoryBlockStorage>(
      newestEpoch: 1, segmentByteCount: Int(StartRoomTests.segment), quotaByteCount: quota,
      origin: { _ in origin }, holds: { $0 == 1 },
      storage: { _ throws(StorageError) in MemoryBlockStorage(disk: disk) })
    var history = LogHistory()
    let opened = try OpenedLog(on: shelf, history: &history)
    let start = try Rig.start(
      opened, history, origin: origin, key: try Rig.key(), mirrorKey: try Rig.mirrorKey(),
      report: report)
    return try start.begin(
      Station.site("s: 1\n", [Station.Meter(unit: 1)]), at: Rig.instant(90_000_000)
    ).recorder
  }

  /// Whether a start goes well, and what the report says.
  private func start(
    on disk: MemoryDisk, quota: UInt64
  ) throws -> (isGood: Bool, end: EpochEndKind?) {
    let report = RecorderReport()
    do {
      _ = try agent(on: disk, quota: quota, report: report)
      return (true, report.epochEnd)
    } catch is RecorderError {
      return (false, report.epochEnd)
    }
  }

  /// Whichever operations fail from one on, nothing beyond the quota is taken, and the epoch ends only where the last
  /// segment is begun, as it does while the agent runs, or where what was left of it was used up by the start.
  /// What could not be written uses up nothing: one more segment is enough behind a tail of two frames, and not behind
  /// one of six.
  @Test(
    arguments: [
      (0, 41, true), (1, 41, true), (2, 41, false), (3, 41, false), (0, 37, true), (1, 37, false),
    ] as [(UInt64, Int, Bool)])
  func `a start whose writes fail takes no more than the quota, and ends what is used up`(
    spare: UInt64, frames: Int, isUsedUp: Bool
  ) throws {
    let image = try filled(frames).objects
    let disk = MemoryDisk()
    disk.restore(image)
    let quota = disk.segmentByteCount + spare * StartRoomTests.segment
    _ = try start(on: disk, quota: quota)
    let count = disk.operationCount
    var ends = 0
    for failing in 1...4 {
      for first in 1...count {
        let disk = MemoryDisk()
        disk.restore(image)
        for operation in first..<first + failing { disk.faults[operation] = .silent }
        let (isGood, end) = try start(on: disk, quota: quota)
        let taken = disk.segmentByteCount
        #expect(taken <= quota, "operations \(first) to \(first + failing - 1)")
        guard !isGood, let end else { continue }
        ends += 1
        #expect(end == .full && taken + 2 * StartRoomTests.segment > quota)
      }
    }
    #expect((ends > 0) == isUsedUp)
  }

  /// What would make room is handed over by an agent that runs, and by no other.
  @Test func `an agent that starts on a disk without any room hands over what it has, and goes on`()
    throws
  {
    let disk = try filled(42)
    // An agent that ran has made room for the summary of what it will give up.
    var log = try Rig.log(on: disk)
    try log.evidence.journal.reserveSummaries()
    disk.capacity -= disk.freeByteCount
    let before = disk.segmentByteCount
    let report = RecorderReport()
    var recorder = try agent(on: disk, quota: 1 << 30, report: report)
    let size: UInt64 = 42 * 25
    #expect(report.committedSize == size && report.signedSize == size)
    // Its first entries, too: they have waited in memory.
    try Rig.run(&recorder, until: 400_000_000, beside: try Rig.mirror()) { _ in
      report.acknowledgedSize > size
    }
    #expect(report.acknowledgedSize > size && report.acknowledgedSize == report.committedSize)
    #expect(report.epochEnd == nil && disk.segmentByteCount <= before)
    #expect(recorder.evidence.journal.superblock.minimumIndex > 0)
  }

  /// Ten segments of this size, for two and what a full queue fills; a log that stands has as many itself before.
  @Test(arguments: [(3, 3), (10, 10), (14, 10), (20, 10), (30, 20)] as [(Int, UInt64)])
  func `a log leaves on a disk what the next one needs to begin, but for what it needs itself`(
    room: Int, taken: UInt64
  ) throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    var log = try Rig.log(on: disk)
    try log.evidence.journal.reserveSummaries()
    // Superblocks of both slots stand, too.
    disk.capacity -= disk.freeByteCount - 8_192 - room * Int(StartRoomTests.segment)
    var recorder = try Rig.recorder(log, queue: queue, report: RecorderReport())
    #expect {
      for round in 1...1_000 as ClosedRange<UInt64> {
        recorder.keepRoom(at: Rig.instant(round * 1_000_000))
        #expect(Rig.push(Rig.entry(round - 1, padding: 60), to: queue))
        try recorder.settle(at: Rig.instant(round * 1_000_000))
      }
    } throws: { ($0 as? RecorderError)?.isFullMedium == true }
    #expect(disk.segmentByteCount == taken * StartRoomTests.segment)
  }
}
