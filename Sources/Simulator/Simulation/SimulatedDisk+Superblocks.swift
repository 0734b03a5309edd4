import HAL
import Journal

// Superblocks are written in turn, and none says less than the one before: what they promise is never taken back.
extension SimulatedDisk {
  /// The newest whole superblock of an epoch.
  func newestSuperblock(_ epoch: UInt32) -> (block: Superblock, slot: UInt8)? {
    guard epoch > 0, Int(epoch) <= volumes.count else { return nil }
    var newest: (block: Superblock, slot: UInt8)?
    for slot in 0..<2 {
      guard let block = superblock(volumes[Int(epoch) - 1].superblocks[slot], slot),
        block.epoch == epoch
      else { continue }
      if newest.map({ block.isNewer(than: $0.block) }) ?? true { newest = (block, UInt8(slot)) }
    }
    return newest
  }

  /// What these bytes in a slot say; they are read once, for a superblock is asked for much more often than written.
  private func superblock(_ bytes: [UInt8]?, _ slot: Int) -> Superblock? {
    guard let bytes else { return nil }
    if readSuperblocks[slot]?.bytes != bytes {
      readSuperblocks[slot] = (bytes, Superblock(bytes.span))
    }
    return readSuperblocks[slot]?.block
  }

  /// How much of an epoch's log it says is signed.
  func signedSize(_ epoch: UInt32) -> UInt64 { newestSuperblock(epoch)?.block.signedSize ?? 0 }

  /// The highest boot number that the two newest epochs can know of: a superblock that is damaged may have said one more
  /// than the other.
  var bootCounterMax: UInt64 {
    var highest: UInt64 = 0
    for epoch in [newestEpoch, max(newestEpoch, 1) - 1] where epoch > 0 {
      guard let counter = newestSuperblock(epoch)?.block.bootCounter else { continue }
      let isDamaged = volumes[Int(epoch) - 1].superblocks.contains { bytes in
        bytes.map { Superblock($0.span) == nil } ?? false
      }
      highest = max(highest, UInt64(counter) + (isDamaged ? 1 : 0))
    }
    return highest
  }

  /// What is wrong with the superblock that is about to be written to a slot; `nil` if nothing is. One that the agent was
  /// told has failed may be overwritten, whatever became of it.
  func problem(
    writing bytes: UnsafeRawBufferPointer, toSuperblock slot: UInt8, of epoch: UInt32
  ) -> String? {
    defer { refusedSuperblocks.remove(slot) }
    guard
      let next = Superblock(bytes.assumingMemoryBound(to: UInt8.self).span)
    else { return "a superblock is not valid" }
    guard let newest = newestSuperblock(epoch), !refusedSuperblocks.contains(newest.slot) else {
      return nil
    }
    guard newest.slot != slot else { return "the newest superblock is written over" }
    guard next.isNewer(than: newest.block) else { return "a superblock is older than the newest" }
    guard next.signedSize >= newest.block.signedSize,
      next.releasedSize >= newest.block.releasedSize,
      next.minimumIndex >= newest.block.minimumIndex,
      next.acknowledgedSize >= newest.block.acknowledgedSize,
      next.bootCounter >= newest.block.bootCounter
    else { return "a superblock takes back what the one before it said" }
    return nil
  }
}
