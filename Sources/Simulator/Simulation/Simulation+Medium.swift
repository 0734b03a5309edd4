import Gateway
import HAL
import Journal
import TransparencyLog
import Uplink

// What a simulated gateway asks of its medium, and what stands there.
extension Simulation where Key: ~Copyable {
  /// Calls `body` with what the agent asks of its storage from now on, by epoch, before anything comes of it.
  public func onStorageCall(_ body: @escaping (UInt32, StorageCall) -> Void) { disk.called = body }

  /// What stands on the gateway's medium.
  public var objects: [(epoch: UInt32, object: StorageObject, bytes: [UInt8])] {
    var objects: [(epoch: UInt32, object: StorageObject, bytes: [UInt8])] = []
    disk.forEachObject { objects.append(($0, $1, $2)) }
    return objects
  }

  /// The same with every segment in its plain form, for readers that know nothing of `RunLengthCodec`.
  public var plainObjects: [(epoch: UInt32, object: StorageObject, bytes: [UInt8])] {
    var objects = objects.filter {
      switch $0.object {
      case .segment, .sealed: false
      case .superblock, .summary, .tile, .documents: true
      }
    }
    for epoch in disk.volumes.indices.map({ UInt32($0 + 1) }) {
      for (sequence, bytes) in disk.segments(epoch) {
        objects.append((epoch, .segment(sequence: sequence), bytes))
      }
    }
    return objects
  }

  // MARK: what was seen

  func wrote(
    _ epoch: UInt32, _ object: StorageObject, _ offset: Int, _ bytes: UnsafeRawBufferPointer
  ) {
    goOn(in: epoch)
    trace.mix(bytes.assumingMemoryBound(to: UInt8.self))
    if case .superblock(let slot) = object, !mediumFailed,
      let problem = disk.problem(writing: bytes, toSuperblock: slot, of: epoch)
    {
      violate(.checkpoints, problem)
    }
    guard case .segment = object,
      let first = epochs[Int(epoch) - 1].oracle.take(bytes, at: offset)
    else { return }
    lookAtBoot(bytes)
    if epoch == committedEpoch, first < committed, !mediumFailed {
      violate(
        .durability, "\(committed) entries were committed, and entry \(first) is written again")
    }
  }

  func happened(_ incident: SimulatedDisk.Incident) {
    switch incident {
    case .cut(let operation): trace.note(.powerCut(operation: operation), at: time.now)
    case .refused(let object, let kind):
      isMendingDisturbed = true
      // A medium that is small may have made room by itself.
      if case .segment = object, kind != .mediumFull || !isMediumShort {
        expect(.storageDegraded, for: kind)
      }
    case .fault(let kind, let object):
      count(kind)
      isMendingDisturbed = true
      if kind.isLossOfMedium { mediumFailed = true }
      if [.lyingFlush, .rollback].contains(kind) { bootNumbers.setBack(to: disk.bootCounterMax) }
      switch kind {
      case .rollback:
        mediumWasSetBack()
        mediumForgot(isOther: true)
      case .lyingFlush: mediumForgot(isOther: false)
      case .writeError, .writeReported, .writeChanged, .writeMisdirected:
        // A superblock is replaced whole and a tile computed again: that is the repair.
        if case .segment = object { expect(.storageDegraded, for: kind) }
      default: break
      }
      if [.bitRot, .writeMisdirected, .lyingFlush].contains(kind) { damageCount += 1 }
    }
  }

  /// The medium knows less than it did. Where the mirror has seen more of the log than the medium says is signed, the log
  /// must not go on.
  ///
  /// `isOther`: it is not the medium any more that forgot before.
  private func mediumForgot(isOther: Bool) {
    if isOther { forgotten = nil }
    forgetfulUpTo = UInt32(epochs.count)
    lookForForgotten()
  }

  /// A start finds no word on the medium of what the mirror has seen: the superblock that said it has come to harm.
  func lookForForgotten() {
    let newest = disk.newestEpoch
    guard newest > 0 else { return }
    goOn(in: newest)
    guard let seen = epochs[Int(newest) - 1].mirror.pending, seen.size > disk.signedSize(newest)
    else { return }
    forgotten = (newest, seen.size, seen.root)
    forgetfulUpTo = max(forgetfulUpTo, newest)
  }

  /// A start has read all of the log: what the medium did to it before is mended, or has ended its epoch, and what it holds
  /// from here on can be asked for. Not where the medium has forgotten something: the mirror may be the first to know.
  func trustMedium() {
    if machine.epoch > forgetfulUpTo, !disk.isPartlyUnreadable { mediumFailed = false }
  }

  /// What was damaged while the agent did not look is found when it starts: it has come back, or the log has ended.
  func lookAtDamage() {
    guard !disk.isPartlyUnreadable else { return }
    damageFound = damageCount
    guard let block = disk.newestSuperblock(machine.epoch)?.block else { return }
    let kept = Int(block.minimumIndex)..<Int(machine.report.committedSize)
    let entries = WholeEntry.all(in: disk.wholeSegments(machine.epoch, isRead: false))
    let missing = WholeEntry.missing(kept, in: entries)
    guard missing > 0 else { return }
    violate(
      .visibility, "the log goes on, and \(missing) of its entries cannot be read from the medium")
  }
}
