import HAL
import HostCrypto
import Journal
import MemoryStorage
import Sampling
import Testing
import TransparencyLog
import Uplink

@testable import Gateway

/// What a log does that runs out of room, and how it goes on when its front was given up.
@Suite struct RoomTests {
  /// A log of 1,200 entries in segments of 32 KiB, of which all are signed and acknowledged by the mirror of the rig.
  private func acknowledgedLog(on disk: MemoryDisk) throws -> RecoveredLog<MemoryBlockStorage> {
    try fill(disk)
    var log = try Rig.log(on: disk)
    let note = try Rig.cosignedNote(log.evidence.journal.signedNote)
    try log.evidence.journal.recordAcknowledged(
      size: log.evidence.journal.superblock.signedSize, cosignedNote: note.span)
    return log
  }

  private func fill(_ disk: MemoryDisk) throws {
    let queue = EntryQueue()
    var recorder = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: RecorderReport())
    try Rig.fill(&recorder, from: queue, rounds: 48)
  }

  @Test func `a log whose front was given up is recovered with the same tree and history`() throws {
    let disk = MemoryDisk()
    var evidence = try acknowledgedLog(on: disk).takeEvidence()
    let root = evidence.tiles.root()
    var whole = LogHistory()
    try evidence.journal.visit(0..<1_200) { (index: UInt64, entry: Span<UInt8>) in
      whole.take(index: index, entry)
    }
    let standing = evidence.journal.standingByteCount
    var count = 0
    while try evidence.giveUpOldestSegment(below: 1_200) { count += 1 }
    #expect(count > 2)
    let minimum = evidence.journal.superblock.minimumIndex
    #expect(minimum % 256 == 0 && minimum > 256 && minimum <= 1_200)
    // They are free, and stand until they are taken anew.
    #expect(evidence.journal.standingByteCount == standing)
    #expect(evidence.journal.freeSegmentCount > 2)
    do throws(HashSourceError) {
      _ = try evidence.levelHash(level: 0, index: 0)
      Issue.record("an entry that was given up is hashed")
    } catch { #expect(error == .missing) }

    var history = LogHistory()
    var log = try RecoveredLog(
      storage: MemoryBlockStorage(disk: disk), configuration: try Rig.configuration(),
      history: &history)
    #expect(log.evidence.tiles.root() == root && log.evidence.tiles.size == 1_200)
    #expect(history.encoded() == whole.encoded())
    #expect(log.evidence.journal.freeSegmentCount == evidence.journal.freeSegmentCount)
    // The next segments are those: nothing is made anew.
    let objects = disk.objects.count
    for index in 1_200..<1_500 as Range<UInt64> {
      let entry = Rig.entry(index, padding: 3_000)
      let fits = log.evidence.journal.stage(entry.span)
      #expect(fits)
      try log.evidence.journal.commit()
      if log.evidence.journal.freeSegmentCount == 0 { break }
    }
    #expect(disk.objects.count == objects)
    #expect(log.evidence.journal.standingByteCount == standing)
    try log.evidence.journal.removeFreeSegments(keeping: 0)
  }

  @Test func `without a summary a log whose front is gone does not go on`() throws {
    let disk = MemoryDisk()
    var evidence = try acknowledgedLog(on: disk).takeEvidence()
    while try evidence.giveUpOldestSegment(below: 1_200) {}
    for slot in 0..<2 { disk.replace("summary.\(slot)", with: nil) }
    #expect(throws: RecorderError.self) { _ = try Rig.log(on: disk) }
  }

  /// With the key of another mirror in the site nothing is acknowledged, and so nothing is given up.
  @Test(arguments: [false, true])
  func `what an earlier mirror acknowledged is kept for the next one`(isOther: Bool) throws {
    let disk = MemoryDisk()
    let log = try acknowledgedLog(on: disk)
    let size = log.evidence.journal.superblock.signedSize
    let segments = log.evidence.journal.standingByteCount
    let key =
      isOther
      ? try Rig.key().verifierKey(name: try Rig.mirrorKey().name, type: .cosigner)
      : try Rig.mirrorKey()
    let report = RecorderReport()
    var recorder = try Rig.recorder(
      log, queue: EntryQueue(), report: report, mirrorKey: key, quota: segments + (64 << 10))
    #expect(recorder.mirror.acknowledgedSize == (isOther ? 0 : size))
    #expect(report.acknowledgedSize == (isOther ? 0 : size))
    recorder.keepRoom(at: Rig.instant(100_000_000))
    #expect((recorder.evidence.journal.superblock.minimumIndex == 0) == isOther)
    // What cannot be given up counts as taken.
    #expect((report.waitingByteCount > segments / 2) == isOther)
  }

  /// One that was given up and taken anew stands as before: nothing else shows that its room is needed again.
  @Test func `a log within its quota always has its next segment`() throws {
    let disk = MemoryDisk()
    let log = try acknowledgedLog(on: disk)
    let size = log.evidence.journal.superblock.signedSize
    let standing = log.evidence.journal.standingByteCount
    let queue = EntryQueue()
    var recorder = try Rig.recorder(
      log, queue: queue, report: RecorderReport(), quota: standing)
    var entropy = SecureRandom()
    var index = size
    // Three segments of seven frames; the room is looked at every half minute.
    for second in 0..<25 as Range<UInt64> {
      for _ in 0..<25 {
        #expect(Rig.push(Rig.entry(index, padding: 60), to: queue))
        index += 1
      }
      let turn = recorder.turn(
        at: Rig.instant(100_000_000 + second * 1_000_000), response: nil, canSubmit: false,
        entropy: &entropy)
      #expect(turn.failure == nil, "\(second) s")
    }
    #expect(recorder.evidence.journal.committedSize == index)
  }

  /// Who wants what was given up each time that it is asked is a mirror that has lost it; who does now and then is none.
  @Test(arguments: [0, 200] as [UInt64])
  func `a mirror that wants what was given up ends the epoch when it insists`(
    pause: UInt64
  ) throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: report)
    try Rig.fill(&recorder, from: queue, rounds: 40)
    let mirror = try Rig.mirror()
    try Rig.run(&recorder, from: 41_000_000, until: 100_000_000, beside: mirror) { _ in false }
    #expect(report.acknowledgedSize == 1_000)
    let isGivenUp = try recorder.evidence.giveUpOldestSegment(below: 1_000)
    #expect(isGivenUp && Rig.push(Rig.entry(1_000), to: queue))
    var lies: [UInt64] = []
    try Rig.run(
      &recorder, from: 100_000_000, until: 3_000_000_000, beside: mirror,
      liar: { now, request in
        guard request.path == .addEntries else { return nil }
        // Who is asked where it stands, with nothing to take, tells the truth.
        let isAsked = request.body.count < 100
        if pause == 0 || !isAsked && now >= (lies.last ?? 0) + pause * 1_000_000 {
          lies.append(now)
          return UplinkResponse(
            status: 409, contentType: Array("text/x.tlog.mirror-info".utf8),
            body: Array("1001\n0\n\n".utf8))
        }
        return isAsked ? nil : UplinkResponse(status: 503)
      }, isOver: { _ in report.epochEnd != nil })
    #expect(report.epochEnd == (pause == 0 ? .givenUp : nil))
    #expect(lies.count >= (pause == 0 ? 3 : 5))
  }

  /// Whatever operation the power goes in while a segment is given up: the next start has the whole tree.
  @Test func `a cut while a segment is given up costs nothing`() throws {
    let template = MemoryDisk()
    _ = try acknowledgedLog(on: template)
    func copy() -> MemoryDisk {
      let disk = MemoryDisk()
      for (name, bytes) in template.objects { disk.replace(name, with: bytes) }
      return disk
    }
    let whole = try Rig.log(on: copy()).evidence.tiles.root()
    var cuts = 0
    for operation in 1...400 {
      let disk = copy()
      var log = try Rig.log(on: disk)
      let cut = disk.operationCount + operation
      disk.cut = (cut, operation % 2 == 0 ? .first(1) : .last(3))
      do throws(JournalError) {
        while try log.evidence.giveUpOldestSegment(below: 1_200) {}
        try log.evidence.journal.removeFreeSegments(keeping: 1)
        break
      } catch {
        cuts += 1
      }
      disk.restorePower()
      let found = try Rig.log(on: disk)
      #expect(found.evidence.tiles.root() == whole, "operation \(operation)")
    }
    #expect(cuts > 20 && cuts < 400)
  }

  @Test func `every share of the room has its step, and a step is left below where it was taken`() {
    for step in [GivingWay.nothing, .slowed, .totalsOnly, .eventsOnly] {
      var last = GivingWay.nothing
      for share in 0...2_000 as ClosedRange<UInt64> {
        let due = RoomTable.step(share: share, after: step)
        #expect(due.rawValue >= last.rawValue)
        last = due
      }
      #expect(last == .eventsOnly)
    }
    #expect(RoomTable.step(share: 799, after: .nothing) == .nothing)
    #expect(RoomTable.step(share: 800, after: .nothing) == .slowed)
    #expect(RoomTable.step(share: 750, after: .slowed) == .slowed)
    #expect(RoomTable.step(share: 749, after: .slowed) == .nothing)
    #expect(RoomTable.step(share: 950, after: .slowed) == .totalsOnly)
    #expect(RoomTable.step(share: 900, after: .totalsOnly) == .totalsOnly)
    #expect(RoomTable.step(share: 899, after: .totalsOnly) == .slowed)
    #expect(RoomTable.step(share: 1_000, after: .nothing) == .eventsOnly)
    #expect(RoomTable.step(share: 949, after: .eventsOnly) == .totalsOnly)
    #expect(RoomTable.step(share: 899, after: .eventsOnly) == .slowed)
  }

  @Test func `a rate is known after ten minutes, and follows what changes`() {
    var rates = ByteRates()
    #expect(rates.note(appended: 0, written: 0, at: 5_000_000) == nil)
    #expect(rates.note(appended: 100, written: 200, at: 600_000_000) == nil)
    let first = rates.note(appended: 1_000, written: 2_000, at: 1_005_000_000)
    #expect(first?.appended == 86_400 && first?.written == 172_800)
    // Two days later at ten times the rate.
    var last: (appended: UInt64, written: UInt64)?
    for hour in 1...48 as ClosedRange<UInt64> {
      last = rates.note(
        appended: 1_000 + hour * 36_000, written: 0 + hour * 72_000 + 2_000,
        at: 1_005_000_000 + hour * 3_600_000_000)
    }
    #expect(last?.appended == 864_000 && last?.written == 1_728_000)
  }

  @Test func `what cannot be read back of a history is none`() {
    var history = LogHistory()
    history.note(kind: .site, name: Array("site.yaml".utf8), sha256: .zero, index: 3)
    history.settle(channel: 9, lastSlot: 77)
    let bytes = history.encoded()
    let again = LogHistory(encoded: bytes.span)
    #expect(again?.encoded() == bytes && again?.completeSlot(ofChannel: 9) == 77)
    for damaged in bytes.indices.map({ Array(bytes[..<$0]) }) + [bytes + [0]] {
      let none = LogHistory(encoded: damaged.span)
      #expect(none == nil)
    }
  }
}
