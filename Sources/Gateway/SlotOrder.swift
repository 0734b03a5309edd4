import HAL
import Metering
import TransparencyLog

/// The slots that an entry speaks of.
struct EntrySlots {
  /// Index of the channel's entry in the log that the entry stands in.
  var channel: UInt64
  var slots: ClosedRange<UInt64>
  /// The entry explains them as a whole; else it is of one request.
  var isExplanation: Bool

  /// `nil` for an entry that speaks of none.
  init?(_ entry: Entry, _ bytes: Span<UInt8>) {
    switch entry {
    case .reading(let reading):
      guard let slot = reading.slot else { return nil }
      channel = reading.channel
      slots = slot...slot
      isExplanation = false
    case .event(let event):
      guard let shed = event.shed(in: bytes) else { return nil }
      channel = shed.channel
      slots = shed.firstSlot...shed.lastSlot
      isExplanation = true
    case .boot, .config, .other: return nil
    }
  }
}

/// The order of slots and times in an old log: where the clock was set back, and slots come again.
struct SlotOrder {
  /// How an old log shows that the clock was set back.
  enum SetBack {
    /// By the event that says so.
    case event
    /// By a boot, which is not carried over, or by slots that come again because the event was lost; µs since 1970.
    case silently(from: UInt64, to: UInt64)
  }
  private struct Channel {
    var index: UInt64
    var slot: UInt64
    var age: Int
  }

  private var channels: [Channel] = []
  /// How often the clock was set back.
  private var age = 0
  /// The latest time since then, µs since 1970.
  private var latest: UInt64 = 0
  /// Time of the last entry.
  private var utc: UInt64 = 0
  /// A boot at an earlier time than the entry before it, while nothing came behind it that is carried over.
  private var boot: (from: UInt64, to: UInt64)?

  init() {}

  /// Where the clock stood when the log ended, µs since 1970; 0 for a log without entries.
  var standing: UInt64 { boot?.from ?? utc }

  /// Takes the next entry, which speaks of `slots`; says whether the clock was set back before it.
  ///
  /// `known` is the last slot of its channel in the new log: it counts where nothing of the channel was taken yet.
  mutating func take(
    _ entry: Entry, _ bytes: Span<UInt8>, _ slots: EntrySlots?, known: UInt64?
  ) -> SetBack? {
    let now = entry.head.time.utc
    switch entry {
    case .reading, .event: break
    case .boot where now < utc:
      boot = (boot?.from ?? utc, now)
      utc = now
      return nil
    case .boot, .config, .other:
      utc = now
      return nil
    }
    let setBack = setBack(entry, bytes, slots, known, now)
    if setBack != nil {
      age += 1
      latest = now
    }
    latest = latest > now ? latest : now
    utc = now
    boot = nil
    guard let slots else { return setBack }
    let channel = Channel(index: slots.channel, slot: slots.slots.upperBound, age: age)
    if let at = position(of: slots.channel) {
      channels[at] = channel
    } else {
      channels.append(channel)
    }
    return setBack
  }

  private func setBack(
    _ entry: Entry, _ bytes: Span<UInt8>, _ slots: EntrySlots?, _ known: UInt64?, _ now: UInt64
  ) -> SetBack? {
    if let boot { return .silently(from: boot.from, to: boot.to) }
    if case .event(let event) = entry, event.code == .clockStepped {
      let old = event.argument(0, in: bytes) ?? 0
      let new = event.argument(1, in: bytes) ?? 0
      return new < old ? .event : nil
    }
    guard let slots else { return nil }
    let last: UInt64
    if let at = position(of: slots.channel) {
      guard channels[at].age == age else { return nil }
      last = channels[at].slot
    } else {
      guard let known else { return nil }
      last = known
    }
    guard slots.slots.upperBound < last else { return nil }
    // Where what came before is gone, the time before is not known, but for having been later.
    return .silently(from: latest > now ? latest : now &+ 1, to: now)
  }

  private func position(of channel: UInt64) -> Int? {
    channels.lastIndex { $0.index == channel }
  }
}
