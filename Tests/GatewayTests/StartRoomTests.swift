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

  /// Starts on the disk with a quota; returns whether it went well, and what the report says.
  private func start(
    on disk: MemoryDisk, quota: UInt64
  ) throws -> (isGood: Bool, end: EpochEndKind?) {
    let origin = try Rig.origin
    let shelf = LogShelf<MemoryBlockStorage>(
      newestEpoch: 1, segmentByteCount: Int(StartRoomTests.segment), quotaByteCount: quota,
      origin: { _ in origin }, holds: { $0 == 1 },
      storage: { _ throws(StorageError) in MemoryBlockStorage(disk: disk) })
    let report = RecorderReport()
    let key = try Rig.key()
    let mirrorKey = try Rig.mirrorKey()
    do throws(RecorderError) {
      var history = LogHistory()
      let opened = try OpenedLog(on: shelf, history: &history)
      let start = try Rig.start(
        opened, history, origin: origin, key: key, mirrorKey: mirrorKey, report: report)
      _ = try start.begin(
        Station.site("s: 1\n", [Station.Meter(unit: 1)]), at: Rig.instant(90_000_000))
      return (true, report.epochEnd)
    } catch {
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
}
