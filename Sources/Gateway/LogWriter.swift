import HAL
import MeterProtocols
import Metering
import Sampling
import TransparencyLog

/// Turns what the sampler reports into entries and queues them for the recorder.
///
/// The only producer of entries: it alone hands out indices. Between a received byte and the entry in
/// the queue nothing allocates. When the queue is full an entry is not made at all, its slot is noted,
/// and a shed event says so as soon as there is room: readings are shed before they are logged.
public struct LogWriter: ~Copyable, PollSink {
  /// Index that the next entry gets.
  public private(set) var nextIndex: UInt64
  /// Entries that could not be queued since the start.
  public private(set) var droppedCount: UInt64 = 0
  /// Newest values, for people.
  public var live: LiveTable

  private let boot: UInt64
  private let queue: EntryQueue
  private let buffer: UnsafeMutableBufferPointer<UInt8>
  private let channels: UnsafeMutableBufferPointer<Channel>
  private var hasOverflow = false
  private var lostEvents: UInt64 = 0

  /// What the writer knows of a channel of the plan.
  struct Channel: BitwiseCopyable {
    var index: UInt64
    var device: Int
    var firstRequest: Int
    var meterProtocol: MeterProtocol
    /// A run of slots whose entries did not fit the queue.
    var hasOverflow = false
    var overflowFirst: UInt64 = 0
    var overflowLast: UInt64 = 0
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
    buffer = .allocate(capacity: Limits.entryByteCountMax)
    buffer.initialize(repeating: 0)
    channels = .allocate(capacity: plan.channels.count)
    for i in 0..<plan.channels.count {
      let channel = plan.channels[i]
      channels[i] = Channel(
        index: channel.channelIndex, device: channel.device, firstRequest: channel.firstRequest,
        meterProtocol: plan.devices[channel.device].meterProtocol)
    }
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
      noteOverflow(channel: outcome.channel, first: outcome.slot, last: outcome.slot)
    }
  }

  /// Logs a run of slots that were not attempted.
  public mutating func shed(
    channel: Int, first: UInt64, last: UInt64, reason: EventEntry.ShedReason,
    at instant: Instant
  ) {
    if !pushShed(channel: channel, first: first, last: last, reason: reason, at: instant) {
      noteOverflow(channel: channel, first: first, last: last)
    }
  }

  /// Logs that the wall clock was set.
  public mutating func clockStepped(from old: UInt64, to new: UInt64, at instant: Instant) {
    event(.clockStepped, old, new, at: instant)
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
    event(isOpen ? .portReturned : .portLost, UInt64(line), at: instant)
  }

  // MARK: what others report

  /// Logs what the recorder asks for.
  public mutating func notice(_ notice: RecorderNotice, at instant: Instant) {
    switch notice {
    case .linkDown: event(.linkDown, 0, at: instant)
    case .linkUp: event(.linkUp, 0, at: instant)
    case .storageDegraded, .storageIndirect:
      event(.storageDegraded, UInt64(notice.rawValue), at: instant)
    case .mirrorRefuses: event(.linkDown, 1, at: instant)
    }
  }

  // MARK: details

  private func head(at instant: Instant) -> EntryHead {
    EntryHead(index: nextIndex, boot: boot, time: instant)
  }

  private mutating func push(_ writer: borrowing ByteWriter) -> Bool {
    // The sampler's buffers bound every entry: 1,000 B of frame, 1,000 B rejected, 100 B of fields.
    precondition(!writer.overflowed, "an entry has at most 4,000 bytes")
    guard queue.ring.push(writer.written) else {
      droppedCount &+= 1
      return false
    }
    nextIndex &+= 1
    return true
  }

  private mutating func event(
    _ code: EventEntry.Code, _ first: UInt64, _ second: UInt64? = nil, at instant: Instant
  ) {
    recoverFromOverflow(at: instant)
    var writer = ByteWriter(buffer)
    EventEntry.begin(
      head: head(at: instant), code: code, argumentCount: second == nil ? 1 : 2, to: &writer)
    writer.cbor(first)
    if let second { writer.cbor(second) }
    pushEvent(writer)
  }

  private mutating func pushEvent(_ writer: borrowing ByteWriter) {
    guard !push(writer) else { return }
    lostEvents &+= 1
    hasOverflow = true
  }

  private mutating func pushShed(
    channel: Int, first: UInt64, last: UInt64, reason: EventEntry.ShedReason,
    at instant: Instant
  ) -> Bool {
    var writer = ByteWriter(buffer)
    EventEntry.write(
      head: head(at: instant),
      EventEntry.Shed(
        channel: channels[channel].index, firstSlot: first, lastSlot: last, reason: reason),
      to: &writer)
    return push(writer)
  }

  private mutating func noteOverflow(channel: Int, first: UInt64, last: UInt64) {
    hasOverflow = true
    let known = channels[channel]
    channels[channel].overflowFirst =
      known.hasOverflow && known.overflowFirst < first ? known.overflowFirst : first
    channels[channel].overflowLast =
      known.hasOverflow && known.overflowLast > last ? known.overflowLast : last
    channels[channel].hasOverflow = true
  }

  /// Says what was lost, as soon as a quarter of the queue is free again.
  private mutating func recoverFromOverflow(at instant: Instant) {
    guard hasOverflow, queue.ring.byteCount &* 4 <= queue.ring.capacity &* 3 else { return }
    hasOverflow = false
    var channel = 0
    while channel < channels.count {
      let known = channels[channel]
      if known.hasOverflow {
        channels[channel].hasOverflow = false
        if !pushShed(
          channel: channel, first: known.overflowFirst, last: known.overflowLast,
          reason: .ringFull, at: instant)
        {
          channels[channel].hasOverflow = true
          hasOverflow = true
        }
      }
      channel &+= 1
    }
    if lostEvents > 0 {
      let lost = lostEvents
      lostEvents = 0
      event(.backlogOverflow, lost, at: instant)
    }
  }
}
