import HAL
import Metering
import Sampling
import TransparencyLog

/// A document that readings depend on, with its bytes.
public struct Document: Sendable, Equatable {
  /// What it is.
  public var kind: ConfigEntry.Kind
  /// Name or path, UTF-8.
  public var name: [UInt8]
  /// The document.
  public var body: [UInt8]

  /// A document of a kind, under a name.
  public init(kind: ConfigEntry.Kind, name: [UInt8], body: [UInt8]) {
    self.kind = kind
    self.name = name
    self.body = body
  }
}

extension Document {
  /// How many entries it takes: its parts, if it is long, and its own.
  func entryCount() -> Int {
    ConfigEntry.partCount(byteCount: body.count, nameByteCount: name.count) + 1
  }

  /// Writes one of its entries: a part, or with the last number its own. `sha256` is that of `body`.
  func writeEntry(
    _ number: Int, sha256: Digest, head: EntryHead, to writer: inout ByteWriter
  ) {
    let last = entryCount() - 1
    body.withUnsafeBufferPointer { bytes in
      if number == last {
        ConfigEntry.write(
          head: head, kind: kind, name: name.span, sha256: sha256, body: last == 0 ? bytes : nil,
          to: &writer)
      } else {
        let range = ConfigEntry.partRange(
          number, byteCount: bytes.count, nameByteCount: name.count)
        ConfigEntry.writePart(
          head: head, name: name.span, sha256: sha256,
          body: UnsafeBufferPointer(rebasing: bytes[range]), number: UInt32(number), to: &writer)
      }
    }
  }
}

/// One poll stream as the log describes it; `profile` is a position in the site's list of profiles.
public struct ChannelDocument: Sendable {
  /// Number of the device, unique in the site.
  public var device: UInt32
  /// Label of the device and the stream, UTF-8; unique in the site.
  public var label: [UInt8]
  /// Maker's serial number, UTF-8.
  public var serial: [UInt8]?
  /// Name of the line.
  public var port: [UInt8]
  /// Address on the line.
  public var address: [UInt8]
  /// Which of the profiles.
  public var profile: Int
  /// Exact request bytes.
  public var requests: [[UInt8]]
  /// ms between slots.
  public var periodMilliseconds: UInt64
  /// ms by which slots are shifted.
  public var offsetMilliseconds: UInt64
  /// Transformer ratios.
  public var ratios: [Channel.Ratio]

  /// Takes the fields.
  public init(
    device: UInt32, label: [UInt8], serial: [UInt8]?, port: [UInt8], address: [UInt8],
    profile: Int, requests: [[UInt8]], periodMilliseconds: UInt64, offsetMilliseconds: UInt64,
    ratios: [Channel.Ratio]
  ) {
    self.device = device
    self.label = label
    self.serial = serial
    self.port = port
    self.address = address
    self.profile = profile
    self.requests = requests
    self.periodMilliseconds = periodMilliseconds
    self.offsetMilliseconds = offsetMilliseconds
    self.ratios = ratios
  }

  /// The body of its config entry.
  func body(profileIndex: UInt64) -> [UInt8] {
    var framed: [UInt8] = []
    for request in requests {
      framed.append(UInt8(truncatingIfNeeded: request.count >> 8))
      framed.append(UInt8(truncatingIfNeeded: request.count))
      framed += request
    }
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(
      capacity: framed.count + label.count + ratios.count * 40 + 1_024)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    let serial = serial ?? []
    serial.withUnsafeBufferPointer { serialBytes in
      Channel.write(
        device: UInt64(device), label: label.span,
        serial: self.serial == nil ? nil : serialBytes, mode: .polled, port: port.span,
        address: address.span, profile: profileIndex, requests: framed.span,
        periodMilliseconds: periodMilliseconds, offsetMilliseconds: offsetMilliseconds,
        ratios: ratios.span, to: &writer)
    }
    precondition(!writer.overflowed, "the memory was measured")
    return Array(writer.written)
  }
}

/// Writes the first entries of a boot, straight into the recorder's queue.
///
/// The boot entry comes first; then every document that the log of this epoch does not hold yet, so
/// that readings can be decoded from the log alone, and an unchanged configuration costs nothing.
public struct OpeningEntries: ~Copyable {
  /// What the log says, with what was added here.
  public private(set) var history: LogHistory
  /// The documents of the site, with the indices of their entries.
  private(set) var known: [(index: UInt64, document: Document)] = []
  private let queue: EntryQueue
  private let boot: UInt64
  private let instant: Instant
  private let buffer: UnsafeMutableBufferPointer<UInt8>
  /// Index that the next entry gets.
  public private(set) var nextIndex: UInt64
  /// All of them are in the recorder or in its queue: a medium that refuses takes them later.
  private(set) var isQueued = true

  /// Begins at `nextIndex` in boot number `boot`.
  public init(
    nextIndex: UInt64, boot: UInt64, at instant: Instant, history: LogHistory,
    queue: EntryQueue
  ) {
    self.nextIndex = nextIndex
    self.boot = boot
    self.instant = instant
    self.history = history
    self.queue = queue
    buffer = .allocate(capacity: Limits.entryByteCountMax)
    buffer.initialize(repeating: 0)
  }

  deinit { buffer.deallocate() }

  /// The boot entry. `bootID` is the kernel's identifier of this boot, 16 bytes; size and root are those
  /// signed last, of the epoch before if `beginsEpoch`.
  public mutating func boot(
    bootID: InlineArray<16, UInt8>, previousSize: UInt64, previousRoot: Digest,
    beginsEpoch: Bool = false, softwareHash: Digest, origin: KeyName, drain: () -> Void
  ) {
    var isSameBoot = history.lastBootID.count == 16
    for i in 0..<16 where isSameBoot { isSameBoot = history.lastBootID[i] == bootID[i] }
    append(drain) { head, writer in
      BootEntry.write(
        head: head, bootID: bootID, previousSize: previousSize, previousRoot: previousRoot,
        reason: beginsEpoch ? .newEpoch : isSameBoot ? .agentStart : .machineStart,
        softwareHash: softwareHash,
        origin: origin.span, to: &writer)
    }
  }

  /// Index of the entry that holds `document`: the one in the log, or a new one.
  public mutating func index(of document: Document, drain: () -> Void) -> UInt64 {
    let sha256 = SHA256.hash(document.body.span)
    if let found = history.index(kind: document.kind, name: document.name, sha256: sha256) {
      known.append((found, document))
      return found
    }
    for number in 0..<document.entryCount() {
      append(drain) { head, writer in
        document.writeEntry(number, sha256: sha256, head: head, to: &writer)
      }
    }
    let index = nextIndex &- 1
    history.note(kind: document.kind, name: document.name, sha256: sha256, index: index)
    if document.kind == .channel { history.begin(channel: index, body: document.body.span) }
    known.append((index, document))
    return index
  }

  /// Index of the channel's entry, likewise, and the last slot that the log explains of it.
  public mutating func index(
    of channel: ChannelDocument, profileIndex: UInt64, drain: () -> Void
  ) -> (index: UInt64, lastSlot: UInt64?) {
    let body = channel.body(profileIndex: profileIndex)
    let index = index(
      of: Document(kind: .channel, name: channel.label, body: body), drain: drain)
    let (lastSlot, broken) = history.resumption(ofChannel: index)
    if let broken { shed(channel: index, slots: broken, reason: .agentStopped, drain: drain) }
    return (index, lastSlot)
  }

  /// All documents of a site; says where the entries of its channels stand.
  public mutating func index(of site: PollSite, drain: () -> Void) -> [ChannelStart] {
    _ = index(of: site.document, drain: drain)
    var profiles: [UInt64] = []
    for document in site.profiles { profiles.append(index(of: document, drain: drain)) }
    var starts: [ChannelStart] = []
    for channel in site.channels {
      let (index, lastSlot) = index(
        of: channel, profileIndex: profiles[channel.profile], drain: drain)
      starts.append(ChannelStart(index: index, lastSlot: lastSlot))
    }
    return starts
  }

  /// A reading or an event of an old epoch, logged anew; nothing for what is not carried over. `bytes` are those
  /// that `entry` was decoded from; `channel` gives the index that a channel has here, and may log it first.
  mutating func carry(
    _ entry: Entry, in bytes: Span<UInt8>, from origin: CarriedFrom, drain: () -> Void,
    channel: (inout OpeningEntries, UInt64) -> UInt64?
  ) {
    // First the channels, whose entries come before it.
    var named: [UInt64] = []
    CarriedEntry.forEachChannel(of: entry, in: bytes) { named.append($0) }
    var known: [(old: UInt64, new: UInt64)] = []
    for old in named {
      guard let new = channel(&self, old) else { return }
      known.append((old, new))
    }
    var writer = ByteWriter(buffer)
    let isWritten = CarriedEntry.write(
      entry, in: bytes, index: nextIndex, from: origin,
      channel: { old in known.first { $0.old == old }?.new }, to: &writer)
    guard isWritten, !writer.overflowed else { return }
    append(writer.written, drain, isLearnt: true)
  }

  /// Slots of a channel that have no reading.
  private mutating func shed(
    channel: UInt64, slots: ClosedRange<UInt64>, reason: EventEntry.ShedReason, drain: () -> Void
  ) {
    append(drain, isLearnt: true) { head, writer in
      EventEntry.write(
        head: head,
        EventEntry.Shed(
          channel: channel, firstSlot: slots.lowerBound, lastSlot: slots.upperBound,
          reason: reason), to: &writer)
    }
  }

  /// Explains what the log lacks of a channel, if anything, before an entry of it that is carried over next.
  mutating func explain(_ slots: EntrySlots, ofChannel index: UInt64, drain: () -> Void) {
    guard let hole = history.hole(before: slots, ofChannel: index) else { return }
    shed(channel: index, slots: hole, reason: .epochEnded, drain: drain)
  }

  /// The wall clock was set back before the entry that is carried over next: slots that were begun come to no end
  /// behind it, for their numbers belong to the time before.
  mutating func clockWasSetBack(_ how: SlotOrder.SetBack, drain: () -> Void) {
    for channel in history.progress {
      guard let slot = channel.partialSlot else { continue }
      shed(channel: channel.channel, slots: slot...slot, reason: .epochEnded, drain: drain)
    }
    if case .silently(let old, let new) = how { clockStepped(from: old, to: new, drain: drain) }
  }

  /// The wall clock was set while nobody could log it. Said once, however often the agent ends before the next
  /// entry.
  private mutating func clockStepped(from old: UInt64, to new: UInt64, drain: () -> Void) {
    guard !history.carried.isClockTold else { return }
    append(drain, isLearnt: true) { head, writer in
      EventEntry.begin(head: head, code: .clockStepped, argumentCount: 2, to: &writer)
      writer.cbor(old)
      writer.cbor(new)
    }
  }

  /// Says that the clock was set back if it stands before `last` now.
  mutating func clockWasSetBack(from last: UInt64, drain: () -> Void) {
    guard instant.utc < last else { return }
    clockStepped(from: last, to: instant.utc, drain: drain)
  }

  /// The event that says that an old epoch was carried over.
  mutating func carriedOver(
    epoch: UInt32, first: UInt64, end: UInt64, count: UInt64, drain: () -> Void
  ) {
    append(drain) { head, writer in
      EventEntry.begin(head: head, code: .carriedOver, argumentCount: 4, to: &writer)
      writer.cbor(UInt64(epoch))
      writer.cbor(first)
      writer.cbor(end)
      writer.cbor(count)
    }
  }

  /// Entries of this log were damaged and came back from the mirror.
  mutating func mended(_ run: Range<UInt64>, drain: () -> Void) {
    append(drain) { head, writer in
      EventEntry.begin(head: head, code: .mended, argumentCount: 2, to: &writer)
      writer.cbor(run.lowerBound)
      writer.cbor(run.upperBound)
    }
  }

  /// Queues one entry; `drain` empties the queue into the recorder when it is full. What `isLearnt` the history
  /// takes as it does when the log is read.
  private mutating func append(
    _ drain: () -> Void, isLearnt: Bool = false, _ write: (EntryHead, inout ByteWriter) -> Void
  ) {
    var writer = ByteWriter(buffer)
    write(EntryHead(index: nextIndex, boot: boot, time: instant), &writer)
    precondition(!writer.overflowed, "an entry has at most 4,000 bytes")
    append(writer.written, drain, isLearnt: isLearnt)
  }

  private mutating func append(
    _ entry: UnsafeBufferPointer<UInt8>, _ drain: () -> Void, isLearnt: Bool
  ) {
    if isLearnt { history.take(index: nextIndex, entry.span) }
    if !queue.ring.push(entry) {
      drain()
      // A medium that refuses leaves it full: the start fails then, and nothing of this counts.
      guard queue.ring.push(entry) else {
        isQueued = false
        return
      }
    }
    nextIndex &+= 1
  }
}
