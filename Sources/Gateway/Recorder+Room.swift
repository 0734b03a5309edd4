import HAL
import Journal
import Sampling
import TransparencyLog
import Uplink

/// How much of the medium the log may take.
public struct LogRoom: Sendable {
  /// Bytes that the segments of all epochs may take together.
  public var quotaByteCount: UInt64
  /// Bytes that those of earlier epochs take.
  public var earlierByteCount: UInt64 = 0
  /// Bytes that the file system has for all of them, if it is less.
  var mediumByteCount = UInt64.max

  /// A quota in bytes.
  public init(quotaByteCount: UInt64) { self.quotaByteCount = quotaByteCount }

  /// What earlier epochs may keep for the auditor once all that they held is elsewhere, too: a quarter, and nothing of a
  /// medium that has less room than the quota.
  var earlierByteCountMax: UInt64 { mediumByteCount < quotaByteCount ? 0 : quotaByteCount / 4 }

  /// What is left for the epoch that goes on.
  var ownByteCount: UInt64 {
    quotaByteCount > earlierByteCount ? quotaByteCount - earlierByteCount : 0
  }
}

/// When the log gives way, as a table: the share of its room, in thousandths, from which on each step is taken.
/// A step is left again 50 thousandths below, so that it is not taken and left with every segment.
enum RoomTable {
  static let rows: [(from: UInt64, step: GivingWay)] = [
    (800, .slowed), (950, .totalsOnly), (1_000, .eventsOnly),
  ]
  private static let slack: UInt64 = 50

  /// The step that is due when `share` thousandths are taken and `step` is in force.
  static func step(share: UInt64, after step: GivingWay) -> GivingWay {
    var due = GivingWay.nothing
    for row in rows {
      let isInForce = step.rawValue >= row.step.rawValue
      if share >= (isInForce ? row.from - slack : row.from) { due = row.step }
    }
    return due
  }
}

// What a full log does, in this order:
// 1. Segments that the mirror has are given up as their room is needed, and taken anew.
// 2. What is not critical is slowed, from 80 % of the room on.
// 3. Totals alone are polled from 95 % on, and nothing from 100 % on; events go into a reserve.
// 4. When that is used up, the epoch ends, and what no mirror had of it is given up.
//
// Room is the quota less the reserve, or what the file system has if that is less: but for what the next log needs to
// begin, which is used for sealing meanwhile. Only the quota ends an epoch: a file system that others have filled may be
// emptied by others.
extension Recorder where Storage: ~Copyable, Key: ~Copyable {
  /// Looks whether the log has the room that it needs; at most every `Limits.roomPeriod` and after each new
  /// segment. What cannot be measured or given up now is tried again then.
  mutating func keepRoom(at now: Instant) {
    let standing = evidence.journal.standingByteCount
    // One that was taken anew stands as before.
    let free = evidence.journal.freeSegmentCount
    guard now.mono >= roomAt || standing != roomStanding || free < roomFree else { return }
    roomAt = now.mono &+ Limits.roomPeriod
    evidence.journal.standingByteCountMax = room.ownByteCount
    isRoomDoubtful = true
    do throws(JournalError) {
      if roomStanding == .max { try evidence.journal.reserveSummaries() }
      try giveUpSegments(at: now)
      damage = nil
      isRoomDoubtful = false
    } catch {
      report.post(.storageDegraded)
      noteDamage(error)
    }
    do throws(JournalError) { try measureRoom() } catch { report.post(.storageDegraded) }
    roomStanding = evidence.journal.standingByteCount
    roomFree = evidence.journal.freeSegmentCount
    let rates = rates.note(
      appended: evidence.journal.appendedByteCount, written: evidence.journal.writtenByteCount,
      at: now.mono)
    if let rates {
      // The log grows by what is left of its frames once they are sealed.
      let growth = evidence.journal.byteCount(whenSealed: rates.appended)
      report.bytesPerDay = (growth, rates.written)
    }
  }

  /// What cannot be summed up can never be given up, and the next start would not get past it either. A medium that refuses
  /// now here and now there lets it be done in the end.
  private mutating func noteDamage(_ error: JournalError) {
    guard error.isDamage else { return }
    let before = damage.flatMap { $0.error == error ? $0.count : nil } ?? 0
    damage = (error, before + 1)
    if before + 1 == Limits.recoveryAttemptsMax { report.epochEnd = .damaged }
  }

  /// Ends the epoch if there is no room for so many more segments, and nothing that would give any: entries that are
  /// acknowledged go before, what cannot be given up because it is damaged ends the epoch otherwise, what a sealed
  /// form takes beside its plain one comes back, and so does what attempts to write have left behind.
  mutating func endIfUsedUp(roomFor count: UInt64) {
    guard !isRoomDoubtful, lacksRoom(for: count), !evidence.journal.isSealingPending,
      !evidence.journal.tailTakes(Limits.commitByteCount)
    else { return }
    // A medium that does not even let go of what is empty may do so later.
    if removeEmptySegments(), lacksRoom(for: count) { report.epochEnd = .full }
  }

  /// Removes what attempts to write have left behind; returns whether that could be done.
  private mutating func removeEmptySegments() -> Bool {
    do throws(JournalError) {
      try evidence.journal.removeEmptySegments()
      return true
    } catch {
      report.post(.storageDegraded)
      return false
    }
  }

  /// No segment is free, and so many more are not within the room of the log.
  private func lacksRoom(for count: UInt64) -> Bool {
    evidence.journal.freeSegmentCount == 0
      && evidence.journal.standingByteCount + count * segmentByteCount > room.ownByteCount
  }

  /// Limits a log that is carried over into, as `limitSegments` does. What earlier starts have left behind does not count:
  /// each would take two segments more.
  mutating func limitSegmentsOfStart() {
    if evidence.journal.standingByteCount > 0 { _ = removeEmptySegments() }
    limitSegments(beside: room.earlierByteCount)
  }

  /// Limits the segments of a log that begins to the room that so many bytes of earlier ones leave, but for the two
  /// that a first commit may need, or for what a full queue fills: one that could begin nothing would never make room by
  /// carrying over.
  mutating func limitSegments(beside earlierByteCount: UInt64) {
    room.earlierByteCount = earlierByteCount
    let standing = evidence.journal.standingByteCount
    evidence.journal.standingByteCountMax = max(room.ownByteCount, standing + beginningByteCount)
    evidence.journal.makingByteCountMax = .max
  }

  /// Segments of earlier epochs of so many bytes leave the log the room for its next ones, once those of it that are full are
  /// sealed as they were there.
  mutating func hasRoom(beside earlierByteCount: UInt64) -> Bool {
    limitSegments(beside: earlierByteCount)
    if leavesRoom(beside: earlierByteCount) { return true }
    sealAtOnce()
    limitSegments(beside: earlierByteCount)
    return leavesRoom(beside: earlierByteCount)
  }

  /// Seals what can be before the medium has no room even for that: a sealed form stands beside its segment for a while.
  mutating func sealIfShort() {
    let free = evidence.journal.storage.freeByteCount() ?? .max
    if free < beginningByteCount { sealAtOnce() }
  }

  private mutating func leavesRoom(beside earlierByteCount: UInt64) -> Bool {
    let next = beginningByteCount
    let free = evidence.journal.storage.freeByteCount() ?? .max
    return earlierByteCount + evidence.journal.standingByteCount + next <= room.quotaByteCount
      && free >= next
  }

  private var beginningByteCount: UInt64 {
    Limits.beginningByteCount(segmentByteCount: segmentByteCount)
  }

  private var segmentByteCount: UInt64 {
    UInt64(evidence.journal.configuration.segmentByteCount)
  }

  /// Bytes that segments may take: of the quota, or of what the file system has if that is less, but for what the next log
  /// needs to begin. This one has as much itself, for with one segment it could give nothing up.
  private mutating func usableByteCount() -> UInt64 {
    let quota = room.ownByteCount
    let standing = evidence.journal.standingByteCount
    let free = evidence.journal.storage.freeByteCount() ?? .max
    let usable = free > beginningByteCount ? free - beginningByteCount : 0
    guard usable < quota, standing < quota - usable else { return quota }
    return max(standing + usable, min(standing + min(free, quota), beginningByteCount))
  }

  /// Bytes that segments may take, and how many of them are set aside for events: two segments, where that is not more
  /// than a quarter.
  private mutating func capacity() -> (whole: UInt64, reserve: UInt64) {
    let whole = usableByteCount()
    return (whole, min(2, whole / segmentByteCount / 4) * segmentByteCount)
  }

  /// Segments that came back from the mirror are no more sealed, and take more than before.
  private var isBeyondQuota: Bool { evidence.journal.standingByteCount > room.ownByteCount }

  /// 1. The next segment has its room. Where nothing may call out, what is in packages goes when it is as old as the
  /// site says (`isOldestSegment`).
  private mutating func giveUpSegments(at now: Instant) throws(JournalError) {
    if let packages, try isOldestSegment(olderThan: packages.terms.retention, at: now),
      try evidence.giveUpOldestSegment(below: packages.writtenSize)
    {
      report.post(.entriesGivenUp)
    }
    let before = evidence.journal.standingByteCount
    while evidence.journal.freeSegmentCount == 0 || isBeyondQuota {
      let (whole, reserve) = capacity()
      let standing = evidence.journal.standingByteCount
      let needed = segmentByteCount + reserve
      // What goes is sealed, as a rule, and gives its own bytes alone; where others take them at once, enough is enough.
      let isEnough = before - min(standing, before) >= needed + beginningByteCount
      guard standing + needed > whole, !isEnough || isBeyondQuota,
        try evidence.giveUpOldestSegment(below: acknowledgedSize)
      else { break }
      report.post(.entriesGivenUp)
      damage = nil
      try evidence.journal.removeFreeSegments(keeping: 1)
    }
    if isBeyondQuota { sealAtOnce() }
    if lacksRoom(for: 2) {
      // A sealed form beside its segment, as a start finds it, gives room as soon as it is compared.
      while evidence.journal.isSealingPending, try evidence.journal.seal() {}
    }
    try evidence.journal.removeFreeSegments(keeping: 1)
    report.minimumIndex = evidence.journal.superblock.minimumIndex
  }

  /// 2 to 4. How much is taken that cannot be given up, and what follows.
  private mutating func measureRoom() throws(JournalError) {
    let (whole, reserve) = capacity()
    let usable = whole > reserve ? whole - reserve : 1
    // What is acknowledged does not count, for it goes when its room is needed; not even the last incomplete tile, which
    // goes only when later entries complete it. If that counted, a log whose room it takes would stop polling, and so
    // never complete it.
    let first = max(acknowledgedSize, evidence.journal.superblock.minimumIndex)
    let used =
      first < evidence.journal.committedSize ? try evidence.journal.byteCount(from: first) : 0
    report.isMediumShort = whole < room.ownByteCount
    report.roomByteCount = usable
    report.waitingByteCount = used
    let share = used < usable &* 2 ? used * 1_000 / usable : 2_000
    report.room = (RoomTable.step(share: share, after: report.room.step), share)
    // Where hardly anything waits the tile of the last entries may need the room of the next log to become full, and goes then.
    evidence.journal.makingByteCountMax = report.room.step == .nothing ? .max : whole
    // This segment is full, and there is room for one more only: the last entries of the epoch.
    endIfUsedUp(roomFor: 2)
  }
}

extension JournalError {
  /// Bytes that were committed are not what they were, or cannot be read any more.
  fileprivate var isDamage: Bool {
    switch self {
    case .damagedFrame, .damagedSegment, .notStored, .unreadable: true
    case .unwritable, .gap, .signedEntriesMissing, .superblocksDamaged, .superblocksMissing,
      .foreignLog, .frameTooLong, .exhausted:
      false
    }
  }
}
