import HAL
@testable import Journal
import MemoryStorage
import Testing

/// Every storage operation of the workload is failed, in every way, exhaustively.
@Suite struct FaultInjectionTests {
  /// How many operations the workload takes when nothing fails.
  private func operationCount() throws -> Int {
    let disk = MemoryDisk()
    try Workload(disk).run(Fixture(MemoryBlockStorage(disk: disk)))
    return disk.operationCount
  }

  @Test func `without faults everything is there`() throws {
    let disk = MemoryDisk()
    let workload = Workload(disk)
    try workload.run(Fixture(MemoryBlockStorage(disk: disk)))
    #expect(workload.committed.count == Workload.commits.joined().count)
    #expect(workload.signedSize == 14 && workload.acknowledgedSize == 9)
    #expect(workload.problemAfterRecovery() == nil)
  }

  @Test(arguments: MemoryDisk.Fault.allCases)
  func `one failed operation loses nothing and stops nothing but the start`(
    fault: MemoryDisk.Fault
  ) throws {
    for operation in 1...(try operationCount()) {
      let disk = MemoryDisk()
      let workload = Workload(disk)
      disk.faults = [operation: fault]
      do throws(JournalError) {
        try workload.run(Fixture(MemoryBlockStorage(disk: disk)))
      } catch {
        // Only the first start may fail, for it has nothing to fall back on; the next one succeeds.
        #expect(workload.bootCounter == 0, "operation \(operation): \(error)")
      }
      disk.restorePower()
      let problem = workload.problemAfterRecovery()
      #expect(problem == nil, "operation \(operation) \(fault)")
    }
  }

  @Test(arguments: MemoryDisk.Fault.allCases)
  func `any two failed operations close to each other lose nothing`(fault: MemoryDisk.Fault) throws
  {
    let last = try operationCount()
    for first in 1...last {
      for second in (first + 1)...(first + 10) {
        let disk = MemoryDisk()
        let workload = Workload(disk)
        disk.faults = [first: fault, second: fault]
        // Commits are tried again as the agent does; a superblock that cannot be written ends the run.
        try? workload.run(Fixture(MemoryBlockStorage(disk: disk)), retries: 2)
        disk.restorePower()
        // Both superblocks of a log without entries were damaged on their way: nothing is lost.
        if workload.bootCounter == 0, fault == .silent { continue }
        if let problem = workload.problemAfterRecovery() {
          Issue.record("operations \(first) and \(second) \(fault): \(problem)")
        }
      }
    }
  }

  @Test func `a power cut during any operation, with every tear, loses nothing committed`() throws {
    let reference = MemoryDisk()
    try Workload(reference).run(Fixture(MemoryBlockStorage(disk: reference)))
    for operation in 1...reference.operationCount {
      let sectors = reference.sectorCounts[operation] ?? 0
      var tears: [MemoryDisk.Tear] = (0...sectors).map { .first($0) }
      if sectors > 1 { tears += (1..<sectors).map { .last($0) } }
      for tear in tears {
        let disk = MemoryDisk()
        let workload = Workload(disk)
        disk.cut = (operation, tear)
        #expect(throws: JournalError.self) {
          try workload.run(Fixture(MemoryBlockStorage(disk: disk)))
        }
        disk.restorePower()
        if let problem = workload.problemAfterRecovery() {
          Issue.record("cut in operation \(operation), \(tear): \(problem)")
        }
      }
    }
  }

  @Test(arguments: [MemoryDisk.Fault.half, .doneButReported, .silent])
  func `a failed operation and a later power cut lose nothing committed`(
    fault: MemoryDisk.Fault
  ) throws {
    let last = try operationCount()
    for failed in 1...last {
      for cut in (failed + 1)...(failed + 9) {
        for tear in [MemoryDisk.Tear.first(1), .last(1), .first(99)] {
          let disk = MemoryDisk()
          let workload = Workload(disk)
          disk.faults = [failed: fault]
          disk.cut = (cut, tear)
          try? workload.run(Fixture(MemoryBlockStorage(disk: disk)))
          disk.restorePower()
          // Two faults that leave no good superblock before the log has an entry: nothing is lost.
          if workload.bootCounter == 0, fault == .silent { continue }
          if let problem = workload.problemAfterRecovery() {
            Issue.record("failed \(failed) \(fault), cut in \(cut) \(tear): \(problem)")
          }
        }
      }
    }
  }

  /// A medium with a torn frame of two blocks behind three good ones, without power.
  private func torn(_ disk: MemoryDisk) throws -> Workload {
    let workload = Workload(disk)
    let reference = MemoryDisk()
    try Workload(reference).run(Fixture(MemoryBlockStorage(disk: reference)))
    let torn = try #require(reference.sectorCounts.filter { $0.value == 16 }.keys.max())
    disk.cut = (torn, .first(9))
    #expect(throws: JournalError.self) {
      try workload.run(Fixture(MemoryBlockStorage(disk: disk)))
    }
    return workload
  }

  /// Whatever keeps recovery from writing zeros behind the last frame, the segment counts as abandoned: the agent logs it.
  @Test(arguments: [MemoryDisk.Fault.silent, .refused])
  func `a torn tail that cannot be mended is counted`(fault: MemoryDisk.Fault) throws {
    let disk = MemoryDisk()
    _ = try torn(disk)
    disk.restorePower()
    let image = disk.objects
    var abandoned = 0
    for operation in 1...40 {
      disk.restore(image)
      disk.faults = [disk.operationCount + operation: fault]
      let fixture = Fixture(MemoryBlockStorage(disk: disk))
      guard (try? fixture.recover()) != nil, fixture.journal.tail == nil else { continue }
      // Nothing else takes the tail away from a log that was recovered.
      #expect(fixture.journal.abandonedSegmentCount == 1, "operation \(operation)")
      abandoned += 1
    }
    #expect(abandoned > 0)
  }

  @Test func `a power cut during recovery itself loses nothing`() throws {
    let disk = MemoryDisk()
    let workload = try torn(disk)
    let names = ["super.0", "super.1", "segment.0", "segment.1", "segment.2"]
    let image = names.map { disk.bytes($0) }
    for operation in 1...40 {
      for tear in [MemoryDisk.Tear.first(0), .first(3), .last(3), .first(8)] {
        for (name, bytes) in zip(names, image) {
          disk.replace(name, with: bytes.isEmpty ? nil : bytes)
        }
        disk.cut = (disk.operationCount + operation, tear)
        _ = try? Fixture(MemoryBlockStorage(disk: disk)).recover()
        disk.restorePower()
        let problem = workload.problemAfterRecovery()
        #expect(problem == nil, "cut in operation \(operation) of recovery, \(tear)")
      }
    }
  }
}
