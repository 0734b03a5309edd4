import Gateway
import Metering
import Uplink

/// The newest value of each stream is at the collector within 5 s of being read, however much history drains
/// beside it, as long as nothing is wrong with the link.
struct LiveChecker {
  /// µs from the last byte of an answer until the collector has the value, or a newer one.
  static var within: UInt64 { 5_000_000 }
  /// µs after a post that failed in which the next one must have come.
  static var afterFailure: UInt64 { LiveClient.waitMax + within }

  /// A stream: a quantity of a device.
  private struct Stream {
    var device: UInt64
    var quantity: [UInt8]
    /// Values that the collector has neither, nor a newer one: their time in the entry, and when they were read.
    var unseen: [(utc: UInt64, readAt: UInt64)] = []
  }
  private var streams: [Stream] = []
  /// The stream of each point of the plan.
  private var streamOfPoint: [Int] = []
  /// When the oldest value of those that are unseen was read.
  private var oldest = UInt64.max
  /// Something was wrong: nothing is expected before.
  private var graceUntil: UInt64 = 0
  /// The post that is on its way.
  private var underWay: [(stream: Int, utc: UInt64)] = []
  /// Longest time so far, µs.
  private(set) var longest: UInt64 = 0
  private(set) var postCount: UInt64 = 0

  init(_ site: PollSite) {
    for point in site.livePoints.joined() {
      let device = UInt64(site.names.devices[point.device].number)
      let quantity = "\(point.quantity.key)".utf8
      let known = streams.firstIndex {
        $0.device == device && $0.quantity.elementsEqual(quantity)
      }
      streamOfPoint.append(known ?? streams.count)
      if known == nil { streams.append(Stream(device: device, quantity: Array(quantity))) }
    }
  }

  /// The gateway's process is gone, with what it knew.
  mutating func restart() {
    for i in streams.indices { streams[i].unseen = [] }
    oldest = .max
    underWay = []
  }

  /// Something is wrong with the link until then.
  mutating func excuse(until time: UInt64) { graceUntil = max(graceUntil, time) }

  /// A point's value has changed.
  mutating func read(point: Int, utc: UInt64, at now: UInt64) {
    streams[streamOfPoint[point]].unseen.append((utc, now))
    oldest = min(oldest, now)
  }

  /// The mirror has taken a post; it counts when the gateway has heard so. A copy that comes late counts for nothing
  /// and must be right all the same. Returns what is wrong.
  mutating func posted(_ post: LivePostReader, isCopy: Bool) -> String? {
    let answered = underWay
    underWay = []
    defer { if isCopy { underWay = answered } }
    // In the order of the plan, as a rule.
    var next = 0
    for value in post.values {
      var left = streams.count
      while left > 0 {
        let stream = next
        next = next + 1 == streams.count ? 0 : next + 1
        left -= 1
        guard streams[stream].device == value.device,
          streams[stream].quantity.elementsEqual(post.body[value.quantity])
        else { continue }
        underWay.append((stream, value.utc))
        break
      }
      if left == 0, streams.isEmpty || underWay.last?.utc != value.utc {
        return "a live value of no stream of the plan was posted"
      }
    }
    return nil
  }

  /// The answer to a post came.
  mutating func answered(isTaken: Bool, at now: UInt64) {
    defer { underWay = [] }
    guard isTaken else { return excuse(until: now + LiveChecker.afterFailure) }
    postCount += 1
    for (stream, utc) in underWay {
      guard let place = streams[stream].unseen.lastIndex(where: { $0.utc == utc }) else { continue }
      if graceUntil < streams[stream].unseen[0].readAt {
        longest = max(longest, now - streams[stream].unseen[0].readAt)
      }
      streams[stream].unseen.removeFirst(place + 1)
    }
    oldest = .max
    for stream in streams {
      if let first = stream.unseen.first { oldest = min(oldest, first.readAt) }
    }
  }

  /// Looks at what should be there by now. Returns what is wrong, once.
  mutating func look(at now: UInt64) -> String? {
    guard oldest < .max, now > oldest + LiveChecker.within, now > graceUntil else { return nil }
    let read = oldest
    restart()
    return "a value read at \(secondsText(read)) is not at the collector at \(secondsText(now))"
  }
}

/// The record keeps its budget: in any window its requests have at most the budget of the window and those of the
/// last request.
struct BudgetChecker {
  /// Bytes in a µs.
  private let rate: Double?
  private var sent: Double = 0
  /// The most that `rate × time − bytes sent before` has been, since the agent started.
  private var credit = -Double.infinity

  init(_ budget: CatchUpBudget?) { rate = budget.map { 1_000 / Double($0.nanosecondsPerByte) } }

  /// The gateway's process is gone, with what it owed: one request.
  mutating func restart() { credit = -.infinity }

  /// A request of the record leaves. Returns what is wrong.
  mutating func look(byteCount: Int, at now: UInt64) -> String? {
    guard let rate else { return nil }
    let here = rate * Double(now) - sent
    let excess = credit - here
    credit = max(credit, here)
    sent += Double(byteCount)
    // A µs and a byte for the rounding of numbers up to 2^53.
    guard excess > 1 + rate else { return nil }
    return "the record has sent \(Int(excess)) bytes more than its budget"
  }
}
