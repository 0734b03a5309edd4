import HAL
import Journal
import Metering
import TransparencyLog

/// Logs anew, in a new epoch, what the old one could not hand to the mirror.
///
/// The mirror takes only a whole log. Where entries are damaged or a medium was set back, the old epoch never
/// becomes whole again, and what it holds beyond the acknowledged size would stay on the medium for ever. So
/// its readings and events are logged again, each with its own times and frame and with a word about where it
/// stood. Boots and documents are not: the documents that the readings need are logged as ever.
///
/// Ended by a power cut, it goes on where it stopped, behind the places that the last carried entries name: the log of
/// the new epoch says how far it came, and also where entries of the old one are lost, for a log explains what it lacks
/// before it goes on. So the event that explains a hole stands before the entry that shows it. Were it the other way
/// round, a power cut between the two, or damage to the new log in its turn, would leave a hole that nothing shows any
/// more. Where both logs together would have no room, the segments of the old one go as soon as what they hold is
/// durable in the new.
struct CarryOver<Storage: BlockStorage & ~Copyable>: ~Copyable {
  private var journal: Journal<Storage>
  private let memory: UnsafeMutableRawBufferPointer
  private let epoch: UInt32
  /// Everything below is with the mirror.
  var acknowledged: UInt64
  /// Bytes that the segments of the old epoch take.
  private(set) var byteCount: UInt64

  /// Reads the log of an old epoch, of which everything below `acknowledged` is with the mirror.
  init(
    storage: consuming Storage, configuration: JournalConfiguration, acknowledged: UInt64,
    byteCount: UInt64
  ) {
    memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: configuration.memoryByteCount, alignment: 4_096)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    journal = Journal(storage: storage, configuration: configuration, memory: memory)
    journal.spareReadCount = Limits.spareReadCount
    epoch = configuration.epoch
    self.acknowledged = acknowledged
    self.byteCount = byteCount
  }

  deinit { memory.deallocate() }

  /// Logs what is left to log, then that it is done. `drain` empties the queue into the recorder and makes it
  /// durable; `hasRoom` tells whether so many bytes of the old log may stay.
  mutating func run(
    _ opening: inout OpeningEntries, drain: () -> Void, hasRoom: (UInt64) -> Bool
  ) throws(JournalError) {
    guard !opening.history.carried.isDone else { return }
    var documents = OldDocuments(known: knownDocuments())
    var order = SlotOrder()
    let acknowledged = acknowledged
    var end = acknowledged
    var standing = byteCount
    // Until something is logged here all that an earlier start has logged of the old log is durable.
    let begun = opening.history.carried.count
    try journal.salvage { (sequence: UInt64, medium: inout Storage) in
      let isDurable = opening.history.carried.count == begun
      CarryOver.makeRoom(
        sequence, &medium, &standing, isDurable: isDurable, drain, hasRoom)
    } visitor: { (index: UInt64, bytes: Span<UInt8>) in
      let entry = try? Entry.decode(bytes)
      if let entry { documents.take(entry, at: index, bytes) }
      guard index >= acknowledged else { return }
      end = index &+ 1
      guard let entry else { return }
      let place =
        entry.carriedFrom(in: bytes) ?? CarriedFrom(epoch: UInt64(epoch), index: index)
      // In an earlier start, or in this one: a medium that was set back may hold an entry twice.
      let isCarried = opening.history.carried.reaches(place)
      let slots = EntrySlots(entry, bytes)
      // Its documents come before what is said of it.
      let channel =
        isCarried
        ? nil : slots.flatMap { documents.channel($0.channel, in: &opening, drain: drain) }
      let known = channel.flatMap { opening.history.lastSlot(ofChannel: $0) }
      let setBack = order.take(entry, bytes, slots, known: known)
      guard !isCarried else { return }
      if let setBack { opening.clockWasSetBack(setBack, drain: drain) }
      if let slots, let channel { opening.explain(slots, ofChannel: channel, drain: drain) }
      opening.carry(entry, in: bytes, from: place, drain: drain) { opening, old in
        documents.channel(old, in: &opening, drain: drain)
      }
    }
    byteCount = standing
    opening.clockWasSetBack(from: order.standing, drain: drain)
    opening.carriedOver(
      epoch: epoch, first: acknowledged, end: end, count: opening.history.carried.count,
      drain: drain)
  }

  /// Removes segments of which the mirror has everything, the oldest first, until `hasRoom` for what is left. Were nothing
  /// removed before something is durable in the new log, one that has no room at all would never begin.
  ///
  /// Without the copy of the documents beside the log what holds any of them stays: the others may need it.
  mutating func removeAcknowledged(until hasRoom: (UInt64) -> Bool) {
    let range = try? journal.ask { medium throws(StorageError) in try medium.segmentRange() }
    guard let range, !hasRoom(byteCount) else { return }
    var needed: [UInt64] = []
    if knownDocuments().isEmpty {
      do throws(JournalError) { needed = try documentedSegments() } catch { return }
    }
    for sequence in range.lowerBound..<range.upperBound where !needed.contains(sequence) {
      do throws(JournalError) {
        guard
          let end = try journal.firstIndex(behindSegment: sequence, through: range.upperBound),
          end <= acknowledged
        else { return }
      } catch { return }
      CarryOver.remove(sequence, &journal.storage, &byteCount)
      if hasRoom(byteCount) { return }
    }
  }

  /// The segments of the old log with entries that are documents.
  private mutating func documentedSegments() throws(JournalError) -> [UInt64] {
    var frames: [FoundFrame] = []
    try journal.forEachWholeFrame { frames.append($0) }
    var sequences: [UInt64] = []
    for frame in frames where sequences.last != frame.sequence {
      _ = journal.visit(frame) { (_: UInt64, bytes: Span<UInt8>) in
        guard case .config? = try? Entry.decode(bytes), sequences.last != frame.sequence else {
          return
        }
        sequences.append(frame.sequence)
      }
    }
    return sequences
  }

  /// Counts anew what stands of the old log: a medium that reports failures may have removed more than it said. What cannot be
  /// looked at counts as before.
  mutating func recount() {
    var spare = Limits.spareReadCount
    do throws(StorageError) {
      let range = try journal.storage.ask(spare: &spare) { medium throws(StorageError) in
        try medium.segmentRange()
      }
      var count: UInt64 = 0
      if let range {
        for sequence in range {
          count += try journal.storage.takenByteCount(ofSegment: sequence, spare: &spare)
        }
      }
      byteCount = count
    } catch {}
  }

  /// Removes all segments of the old log, as far as the medium lets it.
  mutating func removeSegments() {
    let range = try? journal.ask { medium throws(StorageError) in try medium.segmentRange() }
    guard let range else { return }
    for sequence in range { CarryOver.remove(sequence, &journal.storage, &byteCount) }
  }

  /// Removes a segment of the old log, if those that stand leave too little room.
  private static func makeRoom(
    _ sequence: UInt64, _ medium: inout Storage, _ standing: inout UInt64, isDurable: Bool,
    _ drain: () -> Void, _ hasRoom: (UInt64) -> Bool
  ) {
    guard !hasRoom(standing) else { return }
    // What goes must be durable in the new log; where that fails, all of it may stay.
    if !isDurable {
      drain()
      guard !hasRoom(standing) else { return }
    }
    remove(sequence, &medium, &standing)
  }

  /// Removes a segment of the old log; one that cannot be removed now takes room until the next start.
  private static func remove(
    _ sequence: UInt64, _ medium: inout Storage, _ standing: inout UInt64
  ) {
    var spare = 0
    do throws(StorageError) {
      let byteCount = try medium.takenByteCount(ofSegment: sequence, spare: &spare)
      do throws(StorageError) { try medium.remove(.segment(sequence: sequence)) } catch {
        // It may have gone all the same.
        guard try medium.takenByteCount(ofSegment: sequence, spare: &spare) == 0 else { return }
      }
      standing -= min(byteCount, standing)
    } catch {}
  }

  /// Those of the copy beside the log; the log's own come behind them, and count first.
  private mutating func knownDocuments() -> [(index: UInt64, document: Document)] {
    let bytes = try? journal.ask { medium throws(StorageError) in
      var bytes = [UInt8](repeating: 0, count: try medium.size(of: .documents) ?? 0)
      var problem: StorageError?
      bytes.withUnsafeMutableBytes { buffer in
        guard !buffer.isEmpty else { return }
        do throws(StorageError) { try medium.read(.documents, at: 0, into: buffer) } catch {
          problem = error
        }
      }
      if let problem { throw problem }
      return bytes
    }
    guard let bytes else { return [] }
    return KnownDocuments.decode(bytes).map { ($0.index, $0.document) }
  }
}

extension Journal where Storage: ~Copyable {
  /// Calls `visitor` with every entry that can still be read, once, in the order of their indices; `behind` with each
  /// segment that holds nothing more, the ones without any whole frame first.
  fileprivate mutating func salvage(
    behind: (UInt64, inout Storage) -> Void, visitor: (UInt64, Span<UInt8>) -> Void
  ) throws(JournalError) {
    var frames: [FoundFrame] = []
    try forEachWholeFrame { frames.append($0) }
    frames.sort { ($0.firstIndex, $0.endIndex) < ($1.firstIndex, $1.endIndex) }
    var last: [UInt64: Int] = [:]
    for (position, frame) in frames.enumerated() { last[frame.sequence] = position }
    let range = try? ask { medium throws(StorageError) in try medium.segmentRange() }
    if let range {
      for sequence in range where last[sequence] == nil { behind(sequence, &storage) }
    }
    var next: UInt64 = 0
    for (position, frame) in frames.enumerated() {
      if frame.endIndex > next {
        let counted = next..<frame.endIndex
        let isWhole = visit(frame) { (index: UInt64, entry: Span<UInt8>) in
          if counted.contains(index) { visitor(index, entry) }
        }
        if isWhole { next = frame.endIndex }
      }
      if last[frame.sequence] == position { behind(frame.sequence, &storage) }
    }
  }
}
