import HAL
import Metering
import TransparencyLog

/// What the agent knows of its own log: which documents stand in it, how far each channel got, and which
/// boot came last. It reads it when it starts and keeps it while it runs, for a site that is loaded
/// anew may go back to what was in force before.
public struct LogHistory {
  /// A document by what identifies it.
  struct Document {
    var kind: UInt64
    var name: [UInt8]
    var sha256: Digest
    var index: UInt64
  }
  /// How far a channel got.
  struct Progress {
    var channel: UInt64
    var allRequests: UInt64
    /// The slot that the log speaks of last.
    var slot: UInt64?
    /// Which of its requests have an entry; all of them if an event explains it.
    var seen: UInt64 = 0
    /// The slot that was explained last, as a whole.
    var completeSlot: UInt64?

    /// The slot of which some requests have an entry, and the others neither that nor an explanation.
    var partialSlot: UInt64? { seen == allRequests ? nil : slot }
  }

  /// How far the epoch before was carried over.
  struct Carried {
    /// Where the entries stood first that were carried last, one for each epoch; the very last one at the end. What
    /// an epoch had of another stands in each log behind it in the order of the places.
    var last: [CarriedFrom] = []
    /// How many were carried.
    var count: UInt64 = 0
    /// Nothing is left to carry.
    var isDone = false
    /// That the clock was set back is said since the entry that was carried last.
    var isClockTold = false

    /// The entry that stood first at `place` was carried.
    func reaches(_ place: CarriedFrom) -> Bool {
      last.contains { $0.epoch == place.epoch && place.index <= $0.index }
    }
  }

  var documents: [Document] = []
  var progress: [Progress] = []
  /// Polling begins when all was carried over, so a reading of its own is as good as the word that it is done.
  var carried = Carried()
  /// The kernel's identifier of the last boot; empty if there was none.
  public internal(set) var lastBootID: [UInt8] = []
  /// Entries that the mirror gave back when this log was recovered; an empty run for the header of a segment.
  public internal(set) var mended: [Range<UInt64>] = []
  /// The medium refused some of that at first.
  var isMendingRefused = false

  /// Nothing read yet.
  public init() {}

  /// Takes the entry at `index`. Entries that do not decode are passed over: they are evidence still.
  public mutating func take(index: UInt64, _ bytes: Span<UInt8>) {
    let entry: Entry
    do { entry = try Entry.decode(bytes) } catch { return }
    switch entry {
    case .boot(let boot):
      lastBootID = LogHistory.copy(bytes, boot.bootID)
    case .config(let config):
      take(config, index: index, bytes)
    case .reading(let reading):
      if !noteCarried(entry, bytes) { carried.isDone = true }
      take(reading, bytes)
    case .event(let event):
      // The word that an epoch was carried over may itself be carried over.
      if !noteCarried(entry, bytes) {
        if event.code == .carriedOver { carried.isDone = true }
        if event.code == .clockStepped { carried.isClockTold = true }
      }
      if let shed = event.shed(in: bytes) { take(shed) }
    case .other:
      break
    }
  }

  /// Notes how far the epoch before was carried over; `false` if the entry is of this one.
  private mutating func noteCarried(_ entry: Entry, _ bytes: Span<UInt8>) -> Bool {
    guard let origin = entry.carriedFrom(in: bytes) else { return false }
    carried.last.removeAll { $0.epoch == origin.epoch }
    carried.last.append(origin)
    carried.count += 1
    carried.isClockTold = false
    return true
  }

  /// Index of a document's entry, if it stands in the log.
  ///
  /// Channels and profiles are referred to by index, so any entry of theirs is as good as another. The
  /// site in force is the newest one: an earlier one with the same hash does not count.
  public func index(kind: ConfigEntry.Kind, name: [UInt8], sha256: Digest) -> UInt64? {
    let code = UInt64(kind.rawValue)
    if kind == .site {
      guard let newest = documents.last(where: { $0.kind == code }) else { return nil }
      return newest.sha256 == sha256 && newest.name == name ? newest.index : nil
    }
    return documents.last { $0.sha256 == sha256 && $0.kind == code && $0.name == name }?.index
  }

  /// Remembers a document's entry. One that stood in the log before stands at the newer index then.
  mutating func note(kind: ConfigEntry.Kind, name: [UInt8], sha256: Digest, index: UInt64) {
    let code = UInt64(kind.rawValue)
    documents.removeAll { $0.sha256 == sha256 && $0.kind == code && $0.name == name }
    documents.append(Document(kind: code, name: name, sha256: sha256, index: index))
  }

  /// Where polling of a channel goes on: behind `lastSlot`, once the slots of `broken` are shed.
  ///
  /// The agent ended inside the last slot of those, and it may not be over: asked again, it would have
  /// two answers. Where the clock was set back before it, that slot has a lower number than the ones
  /// explained last, and stands alone.
  func resumption(
    ofChannel index: UInt64
  ) -> (lastSlot: UInt64?, broken: ClosedRange<UInt64>?) {
    let complete = completeSlot(ofChannel: index)
    guard let partial = partialSlot(ofChannel: index) else { return (complete, nil) }
    guard let complete, complete < partial else { return (partial, partial...partial) }
    return (partial, (complete &+ 1)...partial)
  }

  /// Which slots have neither an entry nor an explanation if the log goes on with `next` of a channel: those
  /// behind the last slot that it speaks of, that one too if it is not whole, and the one that a reading is of, for
  /// some requests of it may be missing. `nil` if the log has no hole there.
  ///
  /// A log explains what it lacks before it goes on, so this is all that is needed to find where entries were lost. A
  /// slot that comes again shows no hole: the clock was set back.
  func hole(before next: EntrySlots, ofChannel index: UInt64) -> ClosedRange<UInt64>? {
    guard let at = position(of: index) else { return nil }
    let first = next.slots.lowerBound
    guard let last = progress[at].slot else {
      // Some requests of the very first may have been answered where it was logged first.
      return next.isExplanation ? nil : first...first
    }
    guard last < first else { return nil }
    let begin = progress[at].partialSlot == nil ? last &+ 1 : last
    return begin < first ? begin...(next.isExplanation ? first &- 1 : first) : nil
  }

  /// The slot of a channel that the log speaks of last.
  func lastSlot(ofChannel index: UInt64) -> UInt64? {
    position(of: index).flatMap { progress[$0].slot }
  }

  /// The log explains every slot of a channel up to `lastSlot` now.
  mutating func settle(channel index: UInt64, lastSlot: UInt64?) {
    let settled = Progress(channel: index, allRequests: 0, completeSlot: lastSlot)
    if let at = position(of: index) { progress[at] = settled } else { progress.append(settled) }
  }

  /// The last slot of a channel for which every request has an entry or an event explains its absence.
  public func completeSlot(ofChannel index: UInt64) -> UInt64? {
    position(of: index).flatMap { progress[$0].completeSlot }
  }

  /// The slot of a channel in which the agent ended: some requests have an entry, others none.
  public func partialSlot(ofChannel index: UInt64) -> UInt64? {
    position(of: index).flatMap { progress[$0].partialSlot }
  }

  private func position(of channel: UInt64) -> Int? {
    progress.lastIndex { $0.channel == channel }
  }

  private mutating func take(_ config: ConfigEntry, index: UInt64, _ bytes: Span<UInt8>) {
    guard let kind = config.kind, kind != .part else { return }
    note(kind: kind, name: LogHistory.copy(bytes, config.name), sha256: config.sha256, index: index)
    guard kind == .channel, let body = config.body else { return }
    begin(channel: index, body: bytes.extracting(body))
  }

  /// A channel's entry stands at `index`.
  mutating func begin(channel index: UInt64, body: Span<UInt8>) {
    guard let channel = try? Channel.decode(body) else { return }
    let count = channel.requestCount
    guard count > 0, count <= Limits.requestsPerChannelMax else { return }
    let all = count == 64 ? UInt64.max : (1 << UInt64(count)) - 1
    progress.append(Progress(channel: index, allRequests: all))
  }

  private mutating func take(_ reading: ReadingEntry, _ bytes: Span<UInt8>) {
    guard let slot = reading.slot, reading.request < 64 else { return }
    guard let at = position(of: reading.channel) else { return }
    if progress[at].slot != slot {
      progress[at].slot = slot
      progress[at].seen = 0
    }
    progress[at].seen |= 1 << reading.request
    if progress[at].seen == progress[at].allRequests { progress[at].completeSlot = slot }
  }

  private mutating func take(_ shed: EventEntry.Shed) {
    guard let at = position(of: shed.channel) else { return }
    progress[at].completeSlot = shed.lastSlot
    // A slot that was begun stays begun until it is whole, or this is about it.
    if let partial = progress[at].partialSlot,
      !(shed.firstSlot...shed.lastSlot).contains(partial)
    {
      return
    }
    progress[at].slot = shed.lastSlot
    progress[at].seen = progress[at].allRequests
  }

  static func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(range.count)
    for i in range { copy.append(bytes[i]) }
    return copy
  }
}
