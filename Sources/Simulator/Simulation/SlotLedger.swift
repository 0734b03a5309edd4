import HAL
import Metering
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

/// Reads a log in order and says which slots have neither a reading nor an explanation, and which have two.
///
/// A clock that is set back makes slots come again: an age ends there. Within an age each request of a
/// channel has one answer in each slot between the first and the last that anything is known of; the
/// last may still have been under way. The log of a gateway that is at rest reaches up to that moment with each of its
/// channels.
struct SlotLedger {
  /// One channel.
  private struct Channel {
    var index: UInt64
    var period: UInt64
    var offset: UInt64
    /// What the log says of it, and each of its requests.
    var body: [UInt8]
    var requests: [[UInt8]]
    /// Of each request, in all ages, in the present one and in the one before.
    var answered: [SlotRanges]
    var recent: [SlotRanges]
    var earlier: [SlotRanges]
    var shed = SlotRanges()
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
  /// When the agent started last, or its clock was set.
  private var since: UInt64 = 0
  private(set) var size: UInt64 = 0
  /// Where boots and events stand, with the code of the event; a boot has code 0.
  private(set) var notable: [(index: UInt64, code: UInt64)] = []
  private(set) var readingCount: UInt64 = 0
  /// Where entries stood first that were carried over.
  private(set) var carried: Set<FirstPlace> = []
  /// Size and root of the epoch before, as the first entry names them.
  private(set) var before: (size: UInt64, root: Digest)?
  /// What was found wrong with slots, and with answers.
  private(set) var problems: [String] = []
  private(set) var answerProblems: [String] = []
  /// What the meters have answered; nothing is compared with it if there is none.
  var answers: AnswerBook?

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
      since = boot.head.time.utc
      if size == 0 { before = (boot.previousSize, boot.previousRoot) }
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
    let none = [SlotRanges](repeating: SlotRanges(), count: channel.requestCount)
    channels.append(
      Channel(
        index: size, period: period, offset: channel.offsetMilliseconds, body: body,
        requests: (0..<UInt64(channel.requestCount)).map { number in
          channel.request(number, in: body.span).map { Array(body[$0]) } ?? []
        }, answered: none,
        recent: none, earlier: none))
  }

  private mutating func take(_ reading: ReadingEntry, _ bytes: [UInt8]) {
    readingCount += 1
    note(reading.ext.carriedFrom(in: bytes.span), reading.head)
    guard let at = position(of: reading.channel) else {
      return note("reading \(size) of a channel that is not in the log")
    }
    guard reading.request < UInt64(channels[at].answered.count) else {
      return note("reading \(size) of request \(reading.request), which its channel does not have")
    }
    let request = Int(reading.request)
    if reading.status == .good {
      let problem = reading.raw.map {
        self.problem(of: bytes[$0], to: channels[at].requests[request])
      }
      if let problem = problem ?? "is missing" {
        noteAnswer("the answer in reading \(size) \(problem)")
      }
    }
    // Further frames of one answer are entries of their own.
    guard let slot = reading.slot,
      reading.ext.unsigned(ReadingEntry.Key.part, in: bytes.span) == nil
    else { return }
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

  /// What is wrong with the answer in a good reading; `nil` if nothing is.
  private func problem(of answer: ArraySlice<UInt8>, to request: [UInt8]) -> String? {
    if let problem = AnswerChecker.problem(of: answer, to: request) { return problem }
    guard let answers, AnswerChecker.isModbus(request), !answers.has(answer, to: request) else {
      return nil
    }
    return "is none that the meter gave to this request"
  }

  private mutating func take(_ event: EventEntry, _ bytes: [UInt8]) {
    notable.append((size, event.eventCode))
    note(event.ext.carriedFrom(in: bytes.span), event.head)
    if event.code == .clockStepped {
      let old = event.argument(0, in: bytes.span) ?? 0
      let new = event.argument(1, in: bytes.span) ?? 0
      if new < old { beginAge() }
      since = new
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
      channels[at].recent = channels[at].recent.map { _ in SlotRanges() }
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

  /// The channels of a gateway whose clock is right that do not reach up to `utc`, µs since 1970, with the seconds of which
  /// nothing is known.
  ///
  /// A slot may be under way, and while a device is not asked because it is silent, nothing is logged of it until it is
  /// asked again (`SlotLedger.silenceMax`).
  func silentChannels(at utc: UInt64) -> [(index: UInt64, seconds: UInt64)] {
    var ends: [[UInt8]: UInt64] = [:]
    for channel in channels {
      let slot = channel.hasAge ? channel.ages.last?.upperBound : nil
      let end = slot.map { (channel.offset + ($0 + 1) * channel.period) * 1_000 } ?? 0
      // A document that was carried over from an earlier epoch is the same channel.
      ends[channel.body] = max(ends[channel.body] ?? since, end)
    }
    var silent: [(index: UInt64, seconds: UInt64)] = []
    for channel in channels {
      guard let end = ends.removeValue(forKey: channel.body) else { continue }
      let allowed = 2 * channel.period * 1_000 + SlotLedger.silenceMax
      if end + allowed < utc { silent.append((channel.index, (utc - end) / 1_000_000)) }
    }
    return silent
  }

  /// The longest that nothing is logged of a device, µs.
  static let silenceMax: UInt64 = 900_000_000

  private mutating func noteAnswer(_ problem: String) {
    if answerProblems.count < 20 { answerProblems.append(problem) }
  }

  private mutating func note(_ origin: CarriedFrom?, _ head: EntryHead) {
    if let origin { carried.insert(FirstPlace(origin, head)) }
  }

  /// Where a channel stands in `channels`, which are in the order of the log.
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
