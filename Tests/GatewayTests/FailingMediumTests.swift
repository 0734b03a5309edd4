import HAL
import HostCrypto
import MemoryStorage
import Simulator
import Testing
import Uplink

@testable import Gateway
@testable import Journal

/// A medium that makes files and refuses to write to them, for as long as it likes: what was recorded before is not
/// given up for that.
@Suite struct FailingMediumTests {
  private static let segment: UInt64 = 32 << 10

  enum Refused: CaseIterable {
    case frames, headers, both

    func takes(_ object: StorageObject, _ offset: Int) -> Bool {
      guard case .segment = object else { return false }
      switch self {
      case .frames: return offset > 0
      case .headers: return offset == 0
      case .both: return true
      }
    }
  }

  /// Nothing new is signed, so the mirror has nothing to acknowledge again.
  @Test func `an acknowledgement that could not be kept is kept later`() throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: report)
    try Rig.fill(&recorder, from: queue, rounds: 2)
    let mirror = try Rig.mirror()
    disk.refusesWrite = { object, _ in if case .superblock = object { true } else { false } }
    try Rig.run(&recorder, until: 100_000_000, beside: mirror) { _ in false }
    let told = recorder.mirror.acknowledgedSize
    #expect(mirror.mirrored == 50 && told == 50 && report.acknowledgedSize == 0 && report.hasFailed)
    disk.refusesWrite = { _, _ in false }
    try Rig.run(&recorder, until: 200_000_000, beside: mirror) { _ in false }
    #expect(report.acknowledgedSize == 50 && !report.hasFailed)
    #expect(recorder.evidence.journal.superblock.acknowledgedSize == 50)
  }

  /// Nothing more can be committed, and what the mirror has may make room.
  @Test func `what is committed is signed and handed over where nothing more can be`() throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: report)
    try Rig.fill(&recorder, from: queue, rounds: 2)
    #expect(Rig.push(Rig.entry(50), to: queue))
    var entropy = SecureRandom()
    _ = recorder.turn(
      at: Rig.instant(3_000_000), response: nil, canSubmit: false, entropy: &entropy)
    #expect(report.committedSize == 51 && report.signedSize == 50)
    #expect(Rig.push(Rig.entry(51), to: queue))
    disk.refusesWrite = Refused.both.takes
    try Rig.run(&recorder, from: 4_000_000, until: 100_000_000, beside: try Rig.mirror()) { _ in
      false
    }
    #expect(report.committedSize == 51 && report.hasFailed)
    #expect(report.signedSize == 51 && report.acknowledgedSize == 51)
  }

  /// A medium that is busy with itself refuses for some minutes; what it refuses for longer can never be handed over.
  @Test func `entries that cannot be read for some minutes do not end the epoch`() throws {
    for (minutes, end) in [(4, nil), (6, .damaged)] as [(UInt64, EpochEndKind?)] {
      let disk = MemoryDisk()
      let queue = EntryQueue()
      let report = RecorderReport()
      var recorder = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: report)
      try Rig.fill(&recorder, from: queue, rounds: 2)
      disk.refusesRead = { object, _ in if case .segment = object { true } else { false } }
      let mirror = try Rig.mirror()
      try Rig.run(&recorder, until: minutes * 60_000_000, beside: mirror) { _ in false }
      #expect(report.epochEnd == end && report.acknowledgedSize == 0)
      disk.refusesRead = { _, _ in false }
      guard end == nil else { continue }
      try Rig.run(&recorder, from: 240_000_000, until: 400_000_000, beside: mirror) { _ in false }
      #expect(report.acknowledgedSize == 50 && report.epochEnd == nil)
    }
  }

  @Test(arguments: Refused.allCases, [2, 6] as [UInt64])
  func `segments that could not be written do not use up the room`(
    refused: Refused, spare: UInt64
  ) throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var index: UInt64 = 0
    func push(_ count: Int) {
      for _ in 0..<count {
        #expect(Rig.push(Rig.entry(index, padding: 60), to: queue))
        index += 1
      }
    }
    let quota = 6 * FailingMediumTests.segment + spare * FailingMediumTests.segment
    var recorder = try Rig.recorder(
      try Rig.log(on: disk), queue: queue, report: report, quota: quota)
    var entropy = SecureRandom()
    // Six segments of seven frames, nothing of which anybody has acknowledged.
    for second in 1...41 as ClosedRange<UInt64> {
      push(25)
      try recorder.settle(at: Rig.instant(second * 1_000_000))
    }
    #expect(disk.segmentByteCount == 6 * FailingMediumTests.segment)
    disk.refusesWrite = refused.takes
    var now: UInt64 = 41_000_000
    var waits: [UInt64] = []
    // Too much for what is left of the sixth.
    push(75)
    for _ in 0..<60 {
      let turn = recorder.turn(
        at: Rig.instant(now), response: nil, canSubmit: false, entropy: &entropy)
      #expect(turn.failure != nil && report.epochEnd == nil && disk.segmentByteCount <= quota)
      waits.append((turn.due - now) / 1_000_000)
      now = turn.due
    }
    #expect(waits.prefix(6) == [5, 10, 20, 40, 80, 80])
    disk.refusesWrite = { _, _ in false }
    let turn = recorder.turn(
      at: Rig.instant(now), response: nil, canSubmit: false, entropy: &entropy)
    #expect(turn.failure == nil && recorder.evidence.journal.committedSize == index)
    #expect(disk.segmentByteCount <= quota)
    // An agent that starts finds the same, and makes room where the one before could not.
    let log = try Rig.log(on: disk)
    #expect(log.evidence.journal.committedSize == index)
    #expect(log.evidence.journal.standingByteCount == disk.segmentByteCount)
  }

  /// Why an epoch ends of which 768 of 1,000 entries are acknowledged, and nothing can be summed up, for the block that
  /// `block` says after so many failures cannot be read; `nil` if it goes on for 160 turns.
  private func end(unreadable block: @escaping (Int) -> Int) throws -> EpochEndKind? {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    var index: UInt64 = 0
    func push() {
      for _ in 0..<25 {
        #expect(Rig.push(Rig.entry(index, padding: 60), to: queue))
        index += 1
      }
    }
    var first = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: RecorderReport())
    for second in 1...40 as ClosedRange<UInt64> {
      push()
      try first.settle(at: Rig.instant(second * 1_000_000))
    }
    let cosigned = try Rig.cosignedNote(first.evidence.journal.signedNote)
    try first.evidence.journal.recordAcknowledged(size: 768, cosignedNote: cosigned.span)

    let report = RecorderReport()
    var recorder = try Rig.recorder(
      try Rig.log(on: disk), queue: queue, report: report,
      quota: 12 * FailingMediumTests.segment)
    #expect(report.acknowledgedSize == 768)
    var entropy = SecureRandom()
    var failures = 0
    for turn in 0..<160 as Range<UInt64> where report.epochEnd == nil {
      push()
      while let notice = report.takeNotice() {
        if notice == .storageDegraded { failures += 1 }
      }
      let refused = block(failures) * 4_096
      disk.refusesRead = { object, range in
        object == .segment(sequence: 0) && range.contains(refused)
      }
      _ = recorder.turn(
        at: Rig.instant(50_000_000 + turn * 10_000_000), response: nil, canSubmit: false,
        entropy: &entropy)
    }
    return report.epochEnd
  }

  /// One sector of what is acknowledged cannot be read any more, so nothing of it can be summed up and given up. That is
  /// damage, and what no mirror has goes into the next epoch; a log that is called full would be cleared.
  @Test func `a sector that stays unreadable ends the epoch as damaged, and not as full`() throws {
    #expect(try end { _ in 3 } == .damaged)
    let other = try end { 3 + $0 % 2 }
    #expect(other == nil, "what is refused now here and now there passes")
  }

  /// What is refused once may be given the next time, whichever look it is: an epoch does not end for that.
  @Test func `a log is recovered where the medium refuses one look`() throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    var recorder = try Rig.recorder(
      try Rig.log(on: disk), queue: queue, report: RecorderReport())
    try Rig.fill(&recorder, from: queue, rounds: 40)
    let first = disk.operationCount
    _ = try Rig.log(on: disk)
    let operations = first + 1...disk.operationCount
    #expect(operations.count > 40)
    for refused in 1...operations.count {
      disk.faults = [disk.operationCount + refused: .refused]
      #expect(throws: Never.self, "operation \(refused)") { _ = try Rig.log(on: disk) }
    }
  }
}
