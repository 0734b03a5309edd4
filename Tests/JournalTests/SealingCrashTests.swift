import HAL
import Journal
import MemoryStorage
import Testing
import TransparencyLog

/// A log that is sealed while it grows, and what is known to be durable so far.
final class SealingWorkload {
  let disk: MemoryDisk
  private(set) var committed: [[UInt8]] = []
  private(set) var offered: [[UInt8]] = []
  private(set) var signedSize: UInt64 = 0
  /// The first start has ended: what fails later stops nothing.
  private(set) var hasBegun = false

  init(_ disk: MemoryDisk) { self.disk = disk }

  /// Three segments of seven frames fill; each is sealed when the next has begun, the first is given up at the end.
  func run() throws(JournalError) {
    let fixture = Fixture(sealingOn: disk)
    _ = try fixture.recover()
    _ = try fixture.journal.recordBoot()
    hasBegun = true
    for round in 0..<3 {
      for _ in 0..<8 {
        let entry = alikeEntry(offered.count)
        offered.append(entry)
        try fixture.append(entry)
        committed = offered
      }
      try fixture.signAll()
      signedSize = fixture.journal.committedSize
      // An agent tries again later what failed now.
      for _ in 0..<2 { _ = try? fixture.sealAll() }
      if round == 2 {
        try fixture.journal.recordMinimum(9)
        try? fixture.journal.removeFreeSegments(keeping: 1)
      }
    }
  }

  /// Starts on the medium as it is, and says what is wrong, or `nil`.
  func problem(isCounted: Bool = true) -> String? {
    do throws(JournalError) { return try problemAfterStart(isCounted) } catch {
      return "throws \(error)"
    }
  }

  private func problemAfterStart(_ isCounted: Bool) throws(JournalError) -> String? {
    let fixture = Fixture(sealingOn: disk)
    var found: [UInt64: [UInt8]] = [:]
    _ = try fixture.journal.recover { found[$0] = array($1) }
    let size = fixture.journal.committedSize
    let minimum = fixture.journal.superblock.minimumIndex
    if size < UInt64(committed.count) { return "committed entries are missing" }
    if size > UInt64(offered.count) { return "entries appear that nobody wrote" }
    for index in minimum..<max(size, minimum) where found[index] != offered[Int(index)] {
      return "entry \(index) is not what was written"
    }
    if fixture.journal.superblock.signedSize < signedSize { return "a signed size is forgotten" }
    if isCounted, fixture.journal.standingByteCount != disk.segmentByteCount {
      return "\(fixture.journal.standingByteCount) bytes counted, \(disk.segmentByteCount) stand"
    }
    // It goes on, seals what is left, and the next start finds all of it.
    var all = Array(offered[..<Int(size)])
    for _ in 0..<9 {
      all.append(alikeEntry(1000 + all.count))
      try fixture.append(all[all.count - 1])
    }
    try fixture.signAll()
    try fixture.sealAll()
    try fixture.journal.removeFreeSegments(keeping: 1)
    let end = fixture.journal.committedSize
    if try fixture.read(minimum..<end) != Array(all[Int(minimum)...]) {
      return "other entries are read"
    }
    if fixture.journal.standingByteCount != disk.segmentByteCount {
      return "then \(fixture.journal.standingByteCount) counted, \(disk.segmentByteCount) stand"
    }
    let again = Fixture(sealingOn: disk)
    var later: [[UInt8]] = []
    let decision = try again.journal.recover { index, entry in
      if index >= minimum { later.append(array(entry)) }
    }
    if decision != .clean { return "the second recovery is \(decision)" }
    return later == Array(all[Int(minimum)...]) ? nil : "the second recovery shows other entries"
  }
}

/// A loss of power, and a failure, in every operation of a log that is sealed.
@Suite struct SealingCrashTests {
  private func wholeRun() throws -> MemoryDisk {
    let disk = MemoryDisk()
    let workload = SealingWorkload(disk)
    try workload.run()
    #expect(workload.problem() == nil)
    let names = disk.objects.keys.filter { $0.hasPrefix("sealed.") }
    #expect(names.count >= 2, "the workload seals: \(names)")
    return disk
  }

  @Test func `power is cut in every operation`() throws {
    let whole = try wholeRun()
    #expect(whole.operationCount > 300)
    for operation in 1...whole.operationCount {
      // Of what writes in place there may be a part.
      let sectors = whole.sectorCounts[operation] ?? 0
      let tears: [MemoryDisk.Tear] =
        sectors > 1
        ? [.first(0), .first(1), .last(1), .first(sectors)] : [.first(0), .first(1)]
      for tear in tears.prefix(sectors == 0 ? 1 : 4) {
        let disk = MemoryDisk()
        let workload = SealingWorkload(disk)
        disk.cut = (operation, tear)
        try? workload.run()
        disk.restorePower()
        if let problem = workload.problem() {
          Issue.record("cut in operation \(operation), \(tear): \(problem)")
        }
      }
    }
  }

  @Test func `power is cut again in every operation of the start after it`() throws {
    let last = try wholeRun().operationCount
    var states: Set<[String: [UInt8]]> = []
    var count = 0
    for operation in 1...last {
      let cut = MemoryDisk()
      let workload = SealingWorkload(cut)
      cut.cut = (operation, .first(1))
      try? workload.run()
      cut.restorePower()
      // A state that was seen needs no second look, nor one in which nothing was sealed yet.
      guard cut.objects.keys.contains(where: { $0.hasPrefix("sealed.") }),
        states.insert(cut.objects).inserted
      else { continue }
      let image = cut.objects
      var second = 1
      while true {
        cut.restore(image)
        let before = cut.operationCount
        cut.cut = (before + second, second % 2 == 0 ? .first(0) : .first(1))
        let start = Fixture(sealingOn: cut)
        if (try? start.journal.recover { _, _ in }) != nil { _ = try? start.sealAll() }
        let isOver = cut.operationCount < before + second
        cut.restorePower()
        count += 1
        if let problem = workload.problem() {
          Issue.record("cut in operation \(operation), then in \(second): \(problem)")
        }
        if isOver { break }
        second += 3
      }
    }
    #expect(states.count >= 10 && count > 300)
  }

  @Test(arguments: MemoryDisk.Fault.allCases)
  func `every operation fails once`(fault: MemoryDisk.Fault) throws {
    let errors: [StorageError?] =
      fault == .refused ? [.notFound, .full, .io, .short, .denied] : [nil]
    for operation in 1...(try wholeRun().operationCount) {
      for error in errors {
        let disk = MemoryDisk()
        let workload = SealingWorkload(disk)
        disk.faults = [operation: fault]
        disk.refusal = error
        do throws(JournalError) { try workload.run() } catch {
          #expect(!workload.hasBegun || isOfSuperblock(error), "operation \(operation): \(error)")
        }
        disk.restorePower()
        if let problem = workload.problem() {
          Issue.record("operation \(operation) \(fault) \(String(describing: error)): \(problem)")
        }
      }
    }
  }

  /// No checksum tells of a segment that was read wrongly before it was taken apart: only the comparison does.
  @Test func `what is read wrongly while it is sealed is never relied on`() throws {
    var operation = 1
    var isOver = false
    while !isOver {
      let disk = MemoryDisk()
      let fixture = Fixture(sealingOn: disk)
      _ = try fixture.recover()
      // Entries that fill their blocks, so that a byte that changes is one of theirs.
      let entries = (0..<8).map { alikeEntry($0, byteCount: 4_000) }
      for entry in entries { try fixture.append(entry) }
      try fixture.signAll()
      let before = disk.operationCount
      disk.faults = [before + operation: .silent]
      for _ in 0..<2 { _ = try? fixture.sealAll() }
      isOver = disk.operationCount < before + operation
      disk.restorePower()
      if disk.objects["sealed.0"] != nil { disk.replace("segment.0", with: nil) }
      let again = Fixture(sealingOn: disk)
      let found = try again.recover()
      #expect(found.decision == .clean && found.entries == entries, "operation \(operation)")
      operation += 1
    }
    #expect(operation > 20)
  }

  /// Giving entries up may fail, and is tried again by the agent.
  private func isOfSuperblock(_ error: JournalError) -> Bool {
    switch error {
    case .unreadable, .unwritable: true
    default: false
    }
  }
}
