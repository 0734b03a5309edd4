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
/// Ended by a power cut, it goes on where it stopped: the log of the new epoch says how far it came. Where both logs
/// together would have no room, the segments of the old one go as soon as what they hold is durable in the new.
struct CarryOver<Storage: BlockStorage & ~Copyable>: ~Copyable {
  private var journal: Journal<Storage>
  private let memory: UnsafeMutableRawBufferPointer
  private let epoch: UInt32
  private let acknowledged: UInt64
  /// Bytes that the segments of the old epoch take.
  private(set) var byteCount: UInt64

  /// A document of the old epoch, whole or growing by its parts.
  private struct OldDocument {
    var index: UInt64
    var document: Document
  }

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
    let progress = opening.history.carried(from: epoch)
    guard !progress.isDone else { return }
    var documents = knownDocuments()
    var channels: [(old: UInt64, new: UInt64?)] = []
    var parts: [UInt8] = []
    var end = acknowledged
    var count = progress.count
    var gaps = LostSlots()
    var lastUTC: UInt64 = 0
    var standing = byteCount
    try journal.salvage { (size: UInt64) in
      CarryOver.goes(size, of: &standing, drain, hasRoom)
    } visitor: { (index: UInt64, bytes: Span<UInt8>) in
      if index > acknowledged, index > end { gaps.begin() }
      let entry = try? Entry.decode(bytes)
      if let document = entry.flatMap({ CarryOver.document($0, bytes, &parts) }) {
        documents.append(OldDocument(index: index, document: document))
      }
      guard index >= acknowledged else { return }
      end = index &+ 1
      guard let entry else { return }
      let before = lastUTC
      lastUTC = entry.head.time.utc
      guard index >= progress.next else { return }
      // A clock that was set back while the agent was away shows by the boot behind it, which stays where it
      // is.
      if case .boot = entry, lastUTC < before {
        opening.clockStepped(from: before, to: lastUTC, drain: drain)
      }
      let origin = CarriedFrom(epoch: UInt64(epoch), index: index)
      let lost = gaps.take(entry, bytes)
      let isLogged = opening.carry(entry, in: bytes, from: origin, drain: drain) { opening, old in
        if let known = channels.last(where: { $0.old == old }) { return known.new }
        let new = CarryOver.channel(old, documents, &opening, drain)
        channels.append((old, new))
        return new
      }
      if isLogged { count += 1 }
      if let lost, let channel = channels.last(where: { $0.old == lost.channel })?.new {
        opening.shed(channel: channel, slots: lost.slots, reason: .epochEnded, drain: drain)
      }
    }
    byteCount = standing
    opening.clockWasSetBack(from: lastUTC, drain: drain)
    opening.carriedOver(epoch: epoch, first: acknowledged, end: end, count: count, drain: drain)
  }

  /// A segment of so many bytes must go so that those that stand have room.
  private static func goes(
    _ size: UInt64, of standing: inout UInt64, _ drain: () -> Void, _ hasRoom: (UInt64) -> Bool
  ) -> Bool {
    guard !hasRoom(standing) else { return false }
    // What goes must be durable in the new log; where that fails, all of it may stay.
    drain()
    guard !hasRoom(standing) else { return false }
    standing -= size < standing ? size : standing
    return true
  }

  /// Those of the copy beside the log; the log's own come behind them, and count first.
  private mutating func knownDocuments() -> [OldDocument] {
    guard case .some(.some(let count)) = try? journal.storage.size(of: .documents) else {
      return []
    }
    var bytes = [UInt8](repeating: 0, count: count)
    let isRead = bytes.withUnsafeMutableBytes {
      (try? journal.storage.read(.documents, at: 0, into: $0)) != nil
    }
    guard isRead else { return [] }
    return KnownDocuments.decode(bytes).map {
      OldDocument(index: $0.index, document: $0.document)
    }
  }

  /// The document in an entry, once it is whole.
  private static func document(
    _ entry: Entry, _ bytes: Span<UInt8>, _ parts: inout [UInt8]
  ) -> Document? {
    guard case .config(let config) = entry, let kind = config.kind else { return nil }
    func copy(_ range: Range<Int>) -> [UInt8] {
      bytes.extracting(range).withUnsafeBufferPointer { Array($0) }
    }
    if kind == .part {
      if config.part(in: bytes) == 0 { parts = [] }
      if let body = config.body { parts += copy(body) }
      return nil
    }
    let body = config.body.map { copy($0) } ?? parts
    guard SHA256.hash(body.span) == config.sha256 else { return nil }
    return Document(kind: kind, name: copy(config.name), body: body)
  }

  /// The channel's index in the new epoch: its documents are logged there if they are not yet; `nil` if the
  /// old epoch has lost them.
  private static func channel(
    _ old: UInt64, _ documents: [OldDocument], _ opening: inout OpeningEntries, _ drain: () -> Void
  ) -> UInt64? {
    guard let channel = documents.last(where: { $0.index == old })?.document,
      let decoded = try? Channel.decode(channel.body.span),
      let profile = documents.last(where: { $0.index == decoded.profile })?.document
    else { return nil }
    let index = opening.index(of: profile, drain: drain)
    guard let body = body(channel.body, withProfile: index) else { return nil }
    return opening.index(
      of: Document(kind: .channel, name: channel.name, body: body), drain: drain)
  }

  /// A channel's body with another profile: the seventh of its elements.
  private static func body(_ body: [UInt8], withProfile profile: UInt64) -> [UInt8]? {
    var reader = CBORReader(body.span)
    guard (try? reader.array()) != nil else { return nil }
    for _ in 0..<6 where (try? reader.skip()) == nil { return nil }
    guard let place = try? reader.skip() else { return nil }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { memory in
      var writer = ByteWriter(memory)
      writer.cbor(profile)
      return Array(body[..<place.lowerBound]) + Array(writer.written)
        + Array(body[place.upperBound...])
    }
  }
}

extension Journal where Storage: ~Copyable {
  /// Calls `visitor` with every entry that can still be read, once, in the order of their indices. Behind the last
  /// frame of a segment `mayGo` is asked with the segment's size whether it is to be removed.
  fileprivate mutating func salvage(
    mayGo: (UInt64) -> Bool, visitor: (UInt64, Span<UInt8>) -> Void
  ) throws(JournalError) {
    var frames: [FoundFrame] = []
    try forEachWholeFrame { frames.append($0) }
    frames.sort { ($0.firstIndex, $0.endIndex) < ($1.firstIndex, $1.endIndex) }
    var last: [UInt64: Int] = [:]
    for (position, frame) in frames.enumerated() { last[frame.sequence] = position }
    var next: UInt64 = 0
    for (position, frame) in frames.enumerated() {
      if frame.endIndex > next {
        let from = next
        let isWhole = visit(frame) { (index: UInt64, entry: Span<UInt8>) in
          if index >= from { visitor(index, entry) }
        }
        if isWhole { next = frame.endIndex }
      }
      guard last[frame.sequence] == position,
        mayGo(wide(count: configuration.segmentByteCount))
      else { continue }
      // One that cannot be removed now takes room until the next start.
      try? storage.remove(.segment(sequence: frame.sequence))
    }
  }
}

/// Which slots of each channel have no reading in the new epoch: those between the last one before a gap in
/// the old log and the first one behind it, and the very first. These are included, for some of their
/// requests may have been answered on the other side.
private struct LostSlots {
  private struct Channel {
    var index: UInt64
    var lastSlot: UInt64
    var gap: Int
  }
  private var channels: [Channel] = []
  private var gap = 0

  init() {}

  /// Entries are missing before the next one.
  mutating func begin() { gap += 1 }

  /// Takes an entry; gives the slots that are not explained by then.
  mutating func take(
    _ entry: Entry, _ bytes: Span<UInt8>
  ) -> (channel: UInt64, slots: ClosedRange<UInt64>)? {
    switch entry {
    case .reading(let reading):
      guard let slot = reading.slot else { return nil }
      return take(reading.channel, slot...slot)
    case .event(let event):
      guard let shed = event.shed(in: bytes), shed.firstSlot <= shed.lastSlot else { return nil }
      return take(shed.channel, shed.firstSlot...shed.lastSlot)
    case .boot, .config, .other: return nil
    }
  }

  private mutating func take(
    _ channel: UInt64, _ slots: ClosedRange<UInt64>
  ) -> (channel: UInt64, slots: ClosedRange<UInt64>)? {
    guard let at = channels.lastIndex(where: { $0.index == channel }) else {
      channels.append(Channel(index: channel, lastSlot: slots.upperBound, gap: gap))
      return (channel, slots.lowerBound...slots.lowerBound)
    }
    let before = channels[at]
    if before.gap == gap {
      channels[at].lastSlot = slots.upperBound
      return nil
    }
    // A run of shed slots may be told later than slots behind it, and says nothing about the gap.
    guard before.lastSlot <= slots.lowerBound else { return nil }
    channels[at].lastSlot = slots.upperBound
    channels[at].gap = gap
    return (channel, before.lastSlot...slots.lowerBound)
  }
}
