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
    var slot: UInt64?
    var seen: UInt64 = 0
    var completeSlot: UInt64?
  }

  /// How far an epoch before was carried over.
  struct Carried {
    /// Index in it that comes next, and how many entries were carried.
    var next: UInt64 = 0
    var count: UInt64 = 0
    /// Nothing is left to carry.
    var isDone = false
  }

  var documents: [Document] = []
  var progress: [Progress] = []
  var carried = Carried()
  var carriedEpoch: UInt64 = 0
  /// The kernel's identifier of the last boot; empty if there was none.
  public internal(set) var lastBootID: [UInt8] = []
  /// Entries that the mirror gave back when this log was recovered; an empty run for the header of a segment.
  public internal(set) var mended: [Range<UInt64>] = []

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
      note(reading.ext.carriedFrom(in: bytes), isReading: true)
      take(reading, bytes)
    case .event(let event):
      note(event.ext.carriedFrom(in: bytes), isReading: false)
      if event.code == .carriedOver { carried.isDone = true }
      guard let shed = event.shed(in: bytes) else { return }
      guard let at = position(of: shed.channel) else { return }
      progress[at].completeSlot = shed.lastSlot
    case .other:
      break
    }
  }

  /// How far the epoch before was carried over. Polling begins when all of it was, so a reading of its own is
  /// as good as the word that it is done.
  func carried(from epoch: UInt32) -> Carried {
    carried.isDone || carriedEpoch == UInt64(epoch) ? carried : Carried()
  }

  private mutating func note(_ origin: CarriedFrom?, isReading: Bool) {
    if let origin {
      carriedEpoch = origin.epoch
      carried.next = origin.index + 1
      carried.count += 1
    } else if isReading {
      carried.isDone = true
    }
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
  /// two answers.
  func resumption(
    ofChannel index: UInt64
  ) -> (lastSlot: UInt64?, broken: ClosedRange<UInt64>?) {
    let complete = completeSlot(ofChannel: index)
    guard let partial = partialSlot(ofChannel: index) else { return (complete, nil) }
    return (partial, (complete.map { $0 &+ 1 } ?? partial)...partial)
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
    guard let at = position(of: index), let slot = progress[at].slot else { return nil }
    guard let complete = progress[at].completeSlot else { return slot }
    return slot > complete ? slot : nil
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

  static func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(range.count)
    for i in range { copy.append(bytes[i]) }
    return copy
  }
}
