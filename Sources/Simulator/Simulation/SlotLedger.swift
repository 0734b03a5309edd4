import HAL
import TransparencyLog

/// Where an entry stood first, with its time: a medium that was set back has two entries at one place.
struct FirstPlace: Hashable {
  private let epoch: UInt64
  private let index: UInt64
  private let boot: UInt64
  private let mono: UInt64

  init(_ origin: CarriedFrom, _ head: EntryHead) {
    epoch = origin.epoch
    index = origin.index
    boot = head.boot
    mono = head.time.mono
  }
}

/// Slots as ranges that do not touch, in ascending order. They come nearly in order, so there are few.
private struct Slots {
  private(set) var ranges: [ClosedRange<UInt64>] = []

  /// Adds slots; `false` if one of them was there.
  @discardableResult
  mutating func insert(_ slots: ClosedRange<UInt64>) -> Bool {
    // Nearly always the next one.
    if let last = ranges.last, last.upperBound + 1 == slots.lowerBound {
      ranges[ranges.count - 1] = last.lowerBound...slots.upperBound
      return true
    }
    var at = ranges.count
    while at > 0, ranges[at - 1].upperBound >= slots.lowerBound { at -= 1 }
    var merged = slots
    var isNew = true
    var end = at
    while end < ranges.count, ranges[end].lowerBound <= slots.upperBound {
      isNew = false
      merged =
        min(
          merged.lowerBound, ranges[end].lowerBound)...max(
          merged.upperBound, ranges[end].upperBound)
      end += 1
    }
    if at > 0, ranges[at - 1].upperBound + 1 == merged.lowerBound {
      at -= 1
      merged = ranges[at].lowerBound...merged.upperBound
    }
    if end < ranges.count, ranges[end].lowerBound == merged.upperBound + 1 {
      merged = merged.lowerBound...ranges[end].upperBound
      end += 1
    }
    ranges.replaceSubrange(at..<end, with: CollectionOfOne(merged))
    return isNew
  }

  mutating func formUnion(_ other: Slots) { for range in other.ranges { insert(range) } }

  /// The first slot of `range` that is not in the set.
  func firstGap(in range: ClosedRange<UInt64>) -> UInt64? {
    guard let cover = ranges.first(where: { $0.upperBound >= range.lowerBound }) else {
      return range.lowerBound
    }
    if cover.lowerBound > range.lowerBound { return range.lowerBound }
    return cover.upperBound >= range.upperBound ? nil : cover.upperBound + 1
  }
}

/// Reads a log in order and says which slots have neither a reading nor an explanation, and which have two.
///
/// A clock that is set back makes slots come again: an age ends there. Within an age each request of a
/// channel has one answer in each slot between the first and the last that anything is known of; the
/// last may still have been under way.
struct SlotLedger {
  /// One channel.
  private struct Channel {
    var index: UInt64
    var period: UInt64
    var offset: UInt64
    /// Of each request, in all ages, in the present one and in the one before.
    var answered: [Slots]
    var recent: [Slots]
    var earlier: [Slots]
    var shed = Slots()
    /// From the first to the last slot of each age; the last is the present one's.
    var ages: [ClosedRange<UInt64>] = []
    var hasAge = false
    var wasSetBack = false

    mutating func widen(_ slots: ClosedRange<UInt64>) {
      if hasAge, let age = ages.popLast() {
        ages.append(
          min(age.lowerBound, slots.lowerBound)...max(age.upperBound, slots.upperBound))
      } else {
        ages.append(slots)
      }
      hasAge = true
    }

    /// What was under way when the clock was set back is told after it: a slot that is still to come
    /// belongs to the age before.
    func isFromBefore(_ slot: UInt64, at utc: UInt64) -> Bool {
      guard wasSetBack else { return false }
      let now = utc / 1_000
      return now < offset || slot > (now - offset) / period
    }
  }

  private var channels: [Channel] = []
  private var parts: [UInt8] = []
  private var lastTime: UInt64 = 0
  private(set) var size: UInt64 = 0
  /// Where boots and events stand, with the code of the event; a boot has code 0.
  private(set) var notable: [(index: UInt64, code: UInt64)] = []
  private(set) var readingCount: UInt64 = 0
  /// Where entries stood first that were carried over.
  private(set) var carried: Set<FirstPlace> = []
  /// What was found wrong.
  private(set) var problems: [String] = []

  /// Takes the next entry.
  mutating func take(_ bytes: [UInt8]) {
    defer { size += 1 }
    guard let entry = try? Entry.decode(bytes.span) else {
      return note("entry \(size) cannot be decoded")
    }
    if entry.head.index != size { note("entry \(size) says it is \(entry.head.index)") }
    switch entry {
    case .boot(let boot):
      notable.append((size, 0))
      if boot.head.time.utc < lastTime { beginAge() }
    case .config(let config): take(config, bytes)
    case .reading(let reading): take(reading, bytes)
    case .event(let event): take(event, bytes)
    case .other: break
    }
    lastTime = entry.head.time.utc
  }

  private mutating func take(_ config: ConfigEntry, _ bytes: [UInt8]) {
    if config.kind == .part {
      if config.part(in: bytes.span) == 0 { parts = [] }
      if let body = config.body { parts += bytes[body] }
      return
    }
    guard config.kind == .channel else { return }
    let body = config.body.map { Array(bytes[$0]) } ?? parts
    guard let channel = try? TransparencyLog.Channel.decode(body.span) else {
      return note("channel \(size) cannot be decoded")
    }
    guard let period = channel.periodMilliseconds, period > 0 else { return }
    let none = [Slots](repeating: Slots(), count: channel.requestCount)
    channels.append(
      Channel(
        index: size, period: period, offset: channel.offsetMilliseconds, answered: none,
        recent: none, earlier: none))
  }

  private mutating func take(_ reading: ReadingEntry, _ bytes: [UInt8]) {
    readingCount += 1
    note(reading.ext.carriedFrom(in: bytes.span), reading.head)
    guard let at = position(of: reading.channel) else {
      return note("reading \(size) of a channel that is not in the log")
    }
    // Further frames of one answer are entries of their own.
    guard let slot = reading.slot,
      reading.ext.unsigned(ReadingEntry.Key.part, in: bytes.span) == nil
    else { return }
    let request = Int(reading.request)
    channels[at].answered[request].insert(slot...slot)
    let isFirst: Bool
    if channels[at].isFromBefore(slot, at: reading.head.time.utc) {
      isFirst = channels[at].earlier[request].insert(slot...slot)
    } else {
      channels[at].widen(slot...slot)
      isFirst = channels[at].recent[request].insert(slot...slot)
    }
    if !isFirst { note("slot \(slot) of channel \(channels[at].index) has two readings") }
  }

  private mutating func take(_ event: EventEntry, _ bytes: [UInt8]) {
    notable.append((size, event.eventCode))
    note(event.ext.carriedFrom(in: bytes.span), event.head)
    if event.code == .clockStepped {
      let old = event.argument(0, in: bytes.span) ?? 0
      let new = event.argument(1, in: bytes.span) ?? 0
      if new < old { beginAge() }
    }
    guard let shed = event.shed(in: bytes.span) else { return }
    guard let at = position(of: shed.channel) else {
      return note("event \(size) sheds slots of a channel that is not in the log")
    }
    let slots = shed.firstSlot...shed.lastSlot
    channels[at].shed.insert(slots)
    if !channels[at].isFromBefore(shed.lastSlot, at: event.head.time.utc) {
      channels[at].widen(slots)
    }
  }

  private mutating func beginAge() {
    for at in channels.indices {
      channels[at].hasAge = false
      channels[at].wasSetBack = true
      channels[at].earlier = channels[at].recent
      channels[at].recent = channels[at].recent.map { _ in Slots() }
    }
  }

  /// At the end of the log: says what is not explained.
  mutating func finish() {
    for channel in channels {
      for (request, answered) in channel.answered.enumerated() {
        var explained = answered
        explained.formUnion(channel.shed)
        for age in channel.ages where age.lowerBound < age.upperBound {
          if let gap = explained.firstGap(in: age.lowerBound...(age.upperBound - 1)) {
            note("slot \(gap) of channel \(channel.index), request \(request), is not explained")
          }
        }
      }
    }
  }

  /// Where a channel stands in `channels`, which are in the order of the log.
  private mutating func note(_ origin: CarriedFrom?, _ head: EntryHead) {
    if let origin { carried.insert(FirstPlace(origin, head)) }
  }

  private func position(of index: UInt64) -> Int? {
    var low = 0
    var high = channels.count
    while low < high {
      let middle = (low + high) / 2
      if channels[middle].index < index { low = middle + 1 } else { high = middle }
    }
    return low < channels.count && channels[low].index == index ? low : nil
  }

  private mutating func note(_ problem: String) {
    if problems.count < 20 { problems.append(problem) }
  }
}
