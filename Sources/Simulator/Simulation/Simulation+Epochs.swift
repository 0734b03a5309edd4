import Gateway
import HAL
import Journal
import TransparencyLog

// The end of an epoch, and what the next one owes it.
extension Simulation where Key: ~Copyable {
  /// The epoch behind `newest` is about to be begun: what can still be read of `newest` is owed from now on. It is looked
  /// at before anything is carried over, for what is carried over may be removed, and a start may be cut short.
  func ends(_ newest: UInt32) {
    goOn(in: newest)
    isBeginning = true
    // What no mirror had of a log that ended for want of room is given up, and said to be.
    let isFull = machine.isEnded(newest, .full)
    // On a full medium it is tried again when its segments have gone.
    if isFull, !endedEpochs.contains(newest) { lookAtRoom(newest) }
    let readable = isFull ? [] : readable(newest)
    endedEpochs.insert(newest)
    if mediumFailed || isFull {
      let places = Set(readable.map(\.place))
      for epoch in epochs where epoch.number < newest { epoch.keepLeftBehind(in: places) }
    }
    let problem = epochs[Int(newest) - 1].end(
      readable: readable, newest: disk.newestSuperblock(newest)?.block,
      mediumFailed: mediumFailed)
    if let problem { violate(.acknowledgements, problem) }
  }

  /// A start that began the epoch `newest` was cut short, and the medium has failed: of what is owed only what still
  /// stands there or in the one before can be asked for.
  func mediumMayHaveLost(upTo newest: UInt32) {
    // A medium that lies may have lost all of it.
    guard newest > 0 else { return }
    let places = readablePlaces(max(newest - 1, 1)...newest)
    for epoch in epochs where epoch.number < newest {
      epoch.keepLeftBehind(in: places)
      epoch.forgetPromised()
    }
  }

  /// What had been stored came to harm there: of what earlier epochs left behind, that alone is owed which can be read on.
  func cameToHarm(_ epoch: UInt32, _ object: StorageObject) {
    guard epoch < disk.volumes.count || isBeginning else { return }
    let places = readablePlaces(1...UInt32(disk.volumes.count))
    for epoch in epochs { epoch.keepLeftBehind(in: places) }
    if case .superblock = object, Int(epoch) <= epochs.count {
      epochs[Int(epoch) - 1].forgetPromised()
    }
  }

  /// A new epoch begins behind `newest`, and this is why.
  func begins(behind newest: UInt32, _ end: EpochEnd) {
    trace.note(.epoch(machine.epoch, "\(end)"), at: time.now)
    quota.begins()
    // Of a log that is gone, or whose superblocks are, no number is known.
    if disk.newestSuperblock(newest) == nil || disk.isPartlyUnreadable || machine.epoch > newest + 1
    {
      bootNumbers.setBack(to: 0)
    }
    if case .damaged(.journal(let error)) = end, case .gap = error, hasCopy(of: newest) {
      violate(.durability, "the mirror has what was damaged, and a new epoch begins: \(end)")
    }
    if !mediumFailed, !isWarranted(end), !isClearedInVain(newest, end) {
      violate(.durability, "a new epoch begins: \(end)")
    }
  }

  /// The medium is another one: what it lost cannot be asked for, what it holds can.
  func mediumWasSetBack() {
    isBeginning = false
    let newest = disk.newestEpoch
    let places = readablePlaces(1...UInt32(disk.volumes.count))
    for epoch in epochs {
      let entries =
        epoch.number <= newest
        ? WholeEntry.all(in: disk.wholeSegments(epoch.number, isRead: false)) : []
      epoch.mediumWasSetBack(to: newest, entries: entries) { places.contains($0) }
    }
  }

  /// What can be read of an epoch now.
  private func readable(_ epoch: UInt32) -> [(index: Int, leaf: Digest, place: FirstPlace)] {
    WholeEntry.readable(
      in: disk.wholeSegments(epoch, isRead: true), hasDocuments: disk.holdsDocuments(epoch))
  }

  /// Where the entries stood first that can be read of these epochs.
  private func readablePlaces(_ epochs: ClosedRange<UInt32>) -> Set<FirstPlace> {
    var places: Set<FirstPlace> = []
    for epoch in epochs { places.formUnion(readable(epoch).map(\.place)) }
    return places
  }

  /// Segments of the log went before the next one could be begun, for others had filled the medium as well, and a start that
  /// does not know that calls it damaged.
  private func isClearedInVain(_ epoch: UInt32, _ end: EpochEnd) -> Bool {
    guard case .damaged = end else { return false }
    return endedEpochs.contains(epoch) && (isMediumShort || plan.faults[.mediumFull] > 0)
  }

  /// An epoch may end so although the medium has kept all that it was given: its room is used up, or the mirror
  /// has lost what was given up here.
  private func isWarranted(_ end: EpochEnd) -> Bool {
    switch end {
    case .found(.full): true
    case .found(.givenUp): epochs.contains { $0.mirror.lossCount > 0 }
    case .found(.rolledBack), .found(.damaged), .damaged, .missing: false
    }
  }
}
