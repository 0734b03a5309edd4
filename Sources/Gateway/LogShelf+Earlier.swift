import HAL
import Journal

// What epochs before the one that goes on still take of the medium.
extension LogShelf where Storage: ~Copyable {
  /// The room that the log of `epoch` has beside those before it, when segments of its `own` take so many bytes.
  ///
  /// What those hold the mirror has, or the epoch after them does (`CarryOver`); of the last of them only if it
  /// `isSettled`. They are kept for the auditor as long as they take no more than `earlierByteCountMax`.
  func room(for epoch: UInt32, isSettled: Bool, own: UInt64) -> LogRoom {
    var room = LogRoom(quotaByteCount: quotaByteCount)
    var (earlier, free) = earlier(than: epoch)
    room.earlierByteCount = earlier.byteCount
    if let free { room.mediumByteCount = room.earlierByteCount + own + min(free, quotaByteCount) }
    clear(&earlier, below: isSettled ? epoch : epoch - 1, downTo: room.earlierByteCountMax)
    room.earlierByteCount = earlier.byteCount
    return room
  }

  /// An epoch that has used up its room goes on if those before it give theirs, which they keep for the auditor only.
  func goesOn(
    _ ended: (epoch: UInt32, why: EpochEndKind), _ history: inout LogHistory
  ) -> Bool {
    guard ended.why == .full else { return false }
    var earlier = earlier(than: ended.epoch).epochs
    let standing = earlier.byteCount
    guard standing > 0 else { return false }
    let isSettled: Bool
    do throws(RecorderError) {
      isSettled = try recover(ended.epoch, &history).isSettled(history)
    } catch { return false }
    clear(&earlier, below: isSettled ? ended.epoch : ended.epoch - 1, downTo: 0)
    return earlier.byteCount < standing
  }

  /// How often an agent has started on any epoch below one, as far as their superblocks say: that of the newest may be one
  /// that a medium which lies has kept of its beginning.
  func bootCounter(below epoch: UInt32) -> UInt32 {
    var counter: UInt32 = 0
    for number in 1..<max(epoch, 1) where holds(number) {
      do throws(StorageError) {
        var storage = try open(number)
        counter = max(counter, read(number, &storage).bootCounter)
      } catch {}
    }
    return counter
  }

  /// What segments of epochs before `epoch` take, and what is free beside them.
  private func earlier(
    than epoch: UInt32
  ) -> (epochs: [(number: UInt32, byteCount: UInt64)], free: UInt64?) {
    var epochs: [(number: UInt32, byteCount: UInt64)] = []
    var free: UInt64?
    for number in 1..<max(epoch, 1) where holds(number) {
      var byteCount: UInt64 = 0
      do throws(StorageError) {
        var storage = try open(number)
        byteCount = segmentByteCount(&storage)
        free = storage.freeByteCount()
      } catch {}
      epochs.append((number, byteCount))
    }
    return (epochs, free)
  }

  /// Removes segments of epochs `below` one, the oldest first, as long as all together take more than `byteCountMax`.
  /// Superblocks stay: they say what was signed last.
  private func clear(
    _ epochs: inout [(number: UInt32, byteCount: UInt64)], below end: UInt32,
    downTo byteCountMax: UInt64
  ) {
    for position in epochs.indices
    where epochs[position].number < end && epochs[position].byteCount > 0 {
      guard epochs.byteCount > byteCountMax else { return }
      do throws(StorageError) {
        var storage = try open(epochs[position].number)
        // Of what the medium refuses to remove some may have gone all the same.
        try? storage.removeSegments()
        epochs[position].byteCount = segmentByteCount(&storage)
      } catch {}
    }
  }

  /// Bytes of the segments in a storage; 0 if nobody can say which there are. One whose size is not shown counts as a
  /// whole one.
  func segmentByteCount(_ storage: inout Storage) -> UInt64 {
    var spare = Limits.spareReadCount
    let range: ClosedRange<UInt64>?? = try? storage.ask(spare: &spare) {
      medium throws(StorageError) in try medium.segmentRange()
    }
    guard let range, let range else { return 0 }
    var count: UInt64 = 0
    for sequence in range {
      let taken = try? storage.takenByteCount(ofSegment: sequence, spare: &spare)
      count += taken ?? UInt64(segmentByteCount)
    }
    return count
  }
}

extension [(number: UInt32, byteCount: UInt64)] {
  /// What all of them take.
  fileprivate var byteCount: UInt64 { reduce(0) { $0 + $1.byteCount } }
}

extension RecoveredLog where Storage: ~Copyable {
  /// What was signed and carried over here says all that the epoch before could.
  func isSettled(_ history: LogHistory) -> Bool {
    evidence.journal.superblock.signedSize > 0 && history.carried.isDone
  }
}
