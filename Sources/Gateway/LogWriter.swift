import HAL
import MeterProtocols
import Metering
import Sampling
import TransparencyLog

/// Turns what the sampler reports into entries and queues them for the recorder.
///
/// The only producer of entries: it alone hands out indices. Between a received byte and the entry in
/// the queue nothing allocates. When the queue is full an entry is not made at all, and no other either
/// until a quarter of the queue is free again: then shed events say which slots are without entries.
/// Readings are shed before they are logged, and what was shed is one run of slots.
public struct LogWriter: ~Copyable, PollSink {
  /// Index that the next entry gets.
  public private(set) var nextIndex: UInt64
  /// Entries that could not be queued since the start.
  public private(set) var droppedCount: UInt64 = 0
  /// Newest values, for people.
  public var live: LiveTable
  /// What tools have asked for.
  public var leases: LeaseDesk

  private let boot: UInt64
  private let queue: EntryQueue
  private let buffer: UnsafeMutableBufferPointer<UInt8>
  private var channels: UnsafeMutableBufferPointer<Channel>
  private var unlogged: UnloggedSlots
  private var lostEvents: UInt64 = 0
  /// Steps of the clock that did not fit the queue, as one: by how much it was set in all, modulo 2^64, and what it said
  /// behind the last. They are not lost as other events are: without them slots would seem to come twice. No reading is
  /// logged between them and the event.
  private var unloggedStep: (shift: UInt64, new: UInt64)?
  /// Ports that come and go are told when `tellPorts` is called.
  var holdsPorts = false
  /// What is to be told of ports, a bit for each line: it was lost; and it is open now.
  private var heldPorts: (lost: UInt64, open: UInt64) = (0, 0)

  /// What the writer knows of a channel of the plan.
  struct Channel: BitwiseCopyable {
    var index: UInt64
    var device: Int
    var firstRequest: Int
    var meterProtocol: MeterProtocol
  }

  /// A writer that goes on at `nextIndex` in boot number `boot`.
  public init(
    nextIndex: UInt64, boot: UInt64, plan: borrowing PollPlan, live: consuming LiveTable,
    queue: EntryQueue
  ) {
    self.nextIndex = nextIndex
    self.boot = boot
    self.live = live
    self.queue = queue
    leases = LeaseDesk(lineCount: Limits.linesMax)
    buffer = .allocate(capacity: Limits.entryByteCountMax)
    buffer.initialize(repeating: 0)
    channels = LogWriter.channels(of: plan)
    unlogged = UnloggedSlots(channelCount: plan.channels.count)
  }

  private static func channels(
    of plan: borrowing PollPlan
  ) -> UnsafeMutableBufferPointer<Channel> {
    let channels = UnsafeMutableBufferPointer<Channel>.allocate(capacity: plan.channels.count)
    for i in 0..<plan.channels.count {
      let channel = plan.channels[i]
      channels[i] = Channel(
        index: channel.channelIndex, device: channel.device, firstRequest: channel.firstRequest,
        meterProtocol: plan.devices[channel.device].meterProtocol)
    }
    return channels
  }

  /// Goes on with another plan. What is not logged yet stays to be logged.
  mutating func follow(_ plan: borrowing PollPlan, live: consuming LiveTable) {
    channels.deallocate()
    channels = LogWriter.channels(of: plan)
    unlogged.grow(channelCount: plan.channels.count)
    self.live = live
  }

  deinit {
    buffer.deallocate()
    channels.deallocate()
  }

  // MARK: what the sampler reports

  /// Logs a poll and keeps its values for people.
  public mutating func polled(
    _ outcome: PollOutcome, raw: UnsafeBufferPointer<UInt8>,
    rejected: UnsafeBufferPointer<UInt8>
  ) {
    let channel = channels[outcome.channel]
    live.update(
      request: channel.firstRequest &+ outcome.request, meterProtocol: channel.meterProtocol,
      outcome: outcome, frame: raw)
    recoverFromOverflow(at: outcome.instant)
    var detail = ReadingDetail()
    detail.attempts = UInt32(outcome.attempts)
    detail.refusedFrames = rejected
    detail.part = UInt32(outcome.part)
    if outcome.status == .exception { detail.errorNumber = UInt32(outcome.errorCode) }
    var writer = ByteWriter(buffer)
    ReadingEntry.write(
      head: head(at: outcome.instant), channel: channel.index,
      request: UInt64(outcome.request), status: outcome.status, slot: outcome.slot,
      roundTrip: outcome.roundTrip, raw: raw.isEmpty ? nil : raw, detail: detail, to: &writer)
    if !push(writer) {
      unlogged.note(
        channel: channel.index, first: outcome.slot, last: outcome.slot, reason: .ringFull)
    }
  }

  /// Logs a run of slots that were not attempted.
  public mutating func shed(
    channel: Int, first: UInt64, last: UInt64, reason: EventEntry.ShedReason,
    at instant: Instant
  ) {
    shed(
      channelIndex: channels[channel].index, first: first, last: last, reason: reason, at: instant)
  }

  /// Logs the same of a channel that is in no plan, by the index of its entry.
  mutating func shed(
    channelIndex: UInt64, first: UInt64, last: UInt64, reason: EventEntry.ShedReason,
    at instant: Instant
  ) {
    recoverFromOverflow(at: instant)
    var writer = ByteWriter(buffer)
    EventEntry.write(
      head: head(at: instant),
      EventEntry.Shed(channel: channelIndex, firstSlot: first, lastSlot: last, reason: reason),
      to: &writer)
    if !push(writer) {
      unlogged.note(channel: channelIndex, first: first, last: last, reason: reason)
    }
  }

  /// Logs that the wall clock was set.
  public mutating func clockStepped(from old: UInt64, to new: UInt64, at instant: Instant) {
    recoverFromOverflow(at: instant)
    if !isOverflowing, enqueue(written(.clockStepped, old, new, at: instant)) { return }
    unloggedStep = ((unloggedStep?.shift ?? 0) &+ (new &- old), new)
  }

  /// Logs that a device fell silent or answers again, with the indices of its channels.
  public mutating func device(_ device: Int, answers: Bool, at instant: Instant) {
    recoverFromOverflow(at: instant)
    var count = 0
    var i = 0
    while i < channels.count {
      if channels[i].device == device { count &+= 1 }
      i &+= 1
    }
    var writer = ByteWriter(buffer)
    EventEntry.begin(
      head: head(at: instant), code: answers ? .deviceAnswers : .deviceSilent,
      argumentCount: count, to: &writer)
    i = 0
    while i < channels.count {
      if channels[i].device == device { writer.cbor(channels[i].index) }
      i &+= 1
    }
    pushEvent(writer)
  }

  /// Logs that a port is gone or back: number of the line in the site file, from 0.
  public mutating func line(_ line: Int, isOpen: Bool, at instant: Instant) {
    guard holdsPorts else {
      return event(isOpen ? .portReturned : .portLost, wide(count: line), at: instant)
    }
    let bit: UInt64 = 1 << wide(count: line)
    if isOpen {
      heldPorts.open |= bit
    } else {
      heldPorts.lost |= bit
      heldPorts.open &= ~bit
    }
  }

  /// Logs what was held back of ports: of each the last that it did, and that it was lost before. Returns whether there was
  /// anything.
  mutating func tellPorts(at instant: Instant) -> Bool {
    let held = heldPorts
    heldPorts = (0, 0)
    var line: UInt64 = 0
    while (held.lost | held.open) >> line != 0 {
      if held.lost >> line & 1 != 0 { event(.portLost, line, at: instant) }
      if held.open >> line & 1 != 0 { event(.portReturned, line, at: instant) }
      line &+= 1
    }
    return held.lost | held.open != 0
  }

  /// Logs that a tool used a line, and keeps what came for it.
  public mutating func leased(
    _ outcome: LeaseOutcome, request: UnsafeBufferPointer<UInt8>, raw: UnsafeBufferPointer<UInt8>
  ) {
    recoverFromOverflow(at: outcome.instant)
    var writer = ByteWriter(buffer)
    EventEntry.writeLease(
      head: head(at: outcome.instant), line: wide(count: outcome.line),
      protocolNumber: outcome.meterProtocol.rawValue, request: request, status: outcome.status,
      roundTrip: outcome.roundTrip, raw: raw, to: &writer)
    pushEvent(writer)
    leases.end(outcome, raw: raw)
  }

  /// Keeps for the tool why it cannot have the line.
  public mutating func leaseRefused(
    line: Int, _ refusal: LeaseRefusal, at instant: Instant
  ) { leases.refuse(line: line, refusal) }

  // MARK: what others report

  /// Logs what the recorder asks for; `minimumIndex` is that of its report.
  public mutating func notice(
    _ notice: RecorderNotice, minimumIndex: UInt64 = 0, at instant: Instant
  ) {
    switch notice {
    case .linkDown: event(.linkDown, 0, at: instant)
    case .linkUp: event(.linkUp, 0, at: instant)
    case .storageDegraded, .storageIndirect:
      event(.storageDegraded, UInt64(notice.rawValue), at: instant)
    case .mirrorRefuses: event(.linkDown, 1, at: instant)
    case .entriesGivenUp: event(.entriesGivenUp, minimumIndex, at: instant)
    }
  }

  /// Logs what gives way, and how many thousandths of the room are taken.
  mutating func givesWay(_ step: GivingWay, share: UInt64, at instant: Instant) {
    event(.givingWay, UInt64(step.rawValue), share, at: instant)
  }

  // MARK: documents

  /// Queues one entry of a document if it leaves `reserve` bytes of the queue free; `sha256` is that of
  /// its body. Returns whether it is queued.
  mutating func document(
    _ document: Document, entry number: Int, sha256: Digest, reserve: Int, at instant: Instant
  ) -> Bool {
    recoverFromOverflow(at: instant)
    guard !isOverflowing, room >= reserve &+ Limits.entryByteCountMax &+ 2 else { return false }
    var writer = ByteWriter(buffer)
    document.writeEntry(number, sha256: sha256, head: head(at: instant), to: &writer)
    return push(writer)
  }

  // MARK: details

  /// Bytes that are free in the queue.
  var room: Int { queue.ring.capacity &- queue.ring.byteCount }

  /// Something did not fit the queue and is not logged yet.
  var isOverflowing: Bool { unloggedStep != nil || !unlogged.isEmpty || lostEvents > 0 }

  /// Logs what did not fit the queue, as far as it fits now; for the end of the agent, when nothing else
  /// is to come. Returns whether all is logged.
  mutating func finish(at instant: Instant) -> Bool {
    logUnlogged(at: instant)
    return !isOverflowing
  }

  private func head(at instant: Instant) -> EntryHead {
    EntryHead(index: nextIndex, boot: boot, time: instant)
  }

  private mutating func push(_ writer: borrowing ByteWriter) -> Bool {
    // The sampler's buffers bound every entry: 1,000 B of frame, 1,000 B rejected, 100 B of fields.
    precondition(!writer.overflowed, "an entry has at most 4,000 bytes")
    guard !isOverflowing, enqueue(writer) else {
      droppedCount &+= 1
      return false
    }
    return true
  }

  /// Queues what was written as the next entry, if there is room for it.
  private mutating func enqueue(_ writer: borrowing ByteWriter) -> Bool {
    guard queue.ring.push(writer.written) else { return false }
    nextIndex &+= 1
    return true
  }

  private mutating func event(
    _ code: EventEntry.Code, _ first: UInt64, _ second: UInt64? = nil, at instant: Instant
  ) {
    recoverFromOverflow(at: instant)
    pushEvent(written(code, first, second, at: instant))
  }

  /// An event with one number, or two.
  private func written(
    _ code: EventEntry.Code, _ first: UInt64, _ second: UInt64? = nil, at instant: Instant
  ) -> ByteWriter {
    var writer = ByteWriter(buffer)
    EventEntry.begin(
      head: head(at: instant), code: code, argumentCount: second == nil ? 1 : 2, to: &writer)
    writer.cbor(first)
    if let second { writer.cbor(second) }
    return writer
  }

  private mutating func pushEvent(_ writer: borrowing ByteWriter) {
    if !push(writer) { lostEvents &+= 1 }
  }

  /// Says what was lost, as soon as a quarter of the queue is free again.
  mutating func recoverFromOverflow(at instant: Instant) {
    guard isOverflowing, queue.ring.byteCount &* 4 <= queue.ring.capacity &* 3 else { return }
    logUnlogged(at: instant)
  }

  private mutating func logUnlogged(at instant: Instant) {
    if let step = unloggedStep {
      let old = step.new &- step.shift
      guard enqueue(written(.clockStepped, old, step.new, at: instant)) else { return }
      unloggedStep = nil
    }
    while let slots = unlogged.first {
      var writer = ByteWriter(buffer)
      EventEntry.write(
        head: head(at: instant),
        EventEntry.Shed(
          channel: slots.channel, firstSlot: slots.first, lastSlot: slots.last,
          reason: slots.reason), to: &writer)
      guard enqueue(writer) else { return }
      unlogged.removeFirst()
    }
    guard lostEvents > 0, enqueue(written(.backlogOverflow, lostEvents, at: instant)) else {
      return
    }
    lostEvents = 0
  }
}
