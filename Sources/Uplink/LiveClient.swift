import HAL

/// Posts the newest values beside the record, as a state machine without input or output of its own.
///
/// Its owner asks `nextRequest` for what is due, performs it over a connection of its own, so that nothing waits
/// behind history, and hands what came back to `receive`. At most one post is under way. A post that failed is
/// not repeated: the next one carries what it carried, or newer.
///
/// Each post has the values that have changed since the last one that the collector took. A value that comes while
/// none is under way leaves at once, or 2 s after the post before: with a second for the way it is there within
/// five. The first post leaves without any: whoever commissions a gateway learns at once whether its token is right, even
/// if no meter answers yet.
public struct LiveClient: Sendable {
  /// µs between two posts.
  public static var period: UInt64 { 2_000_000 }
  /// The longest wait after a failure in µs: a screen is current again a minute after its link.
  public static var waitMax: UInt64 { 60_000_000 }

  /// Tells the posts of this run of the agent from those of others. A counter of starts would not do: a medium that
  /// is set back counts them again.
  public let session: UInt64
  private let token: [UInt8]
  private var backOff = BackOff(limit: LiveClient.waitMax)
  private var notBefore: UInt64 = 0
  private var isUnderWay = false
  /// The collector has taken a post of this run.
  private var isKnown = false
  /// Changes up to this one are with the collector.
  private var taken: UInt64 = 0
  /// Changes up to this one are in the post that is under way.
  private var posted: UInt64 = 0
  /// What the collector answered last; nothing of that is in the log, so it is said when it changes.
  private var status = 200

  /// A client with the token that the collector gave at enrolment, and a number that was drawn for it.
  public init(token: [UInt8], session: UInt64) {
    self.token = token
    // JSON numbers are exact below 2^53.
    self.session = session & ((1 << 53) - 1)
  }

  /// The HTTP status with which the collector refuses live values; `nil` when it takes them, or has not
  /// answered yet.
  public var refusal: UInt64? { status == 200 ? nil : UInt64(exactly: status) }

  /// When something may be due, monotonic µs, if values have changed up to change number `changes`; `nil` if
  /// only another change or an answer can make it so.
  public func wakeAt(changes: UInt64) -> UInt64? {
    isUnderWay || (isKnown && changes == taken) ? nil : notBefore
  }

  /// The post that is due at monotonic time `now` in µs, if values have changed up to change number `changes`;
  /// `body` gives the JSON of the values that changed after the number it gets.
  public mutating func nextRequest(
    now: UInt64, changes: UInt64, _ body: (UInt64) -> [UInt8]
  ) -> UplinkRequest? {
    guard let due = wakeAt(changes: changes), now >= due else { return nil }
    isUnderWay = true
    posted = changes
    notBefore = now &+ LiveClient.period
    return .live(json: body(taken), token: token)
  }

  /// Takes what came back for the post that is under way; traps if none is. Returns the HTTP status if it is
  /// another one than before.
  public mutating func receive<Random: EntropySource & ~Copyable>(
    _ response: UplinkResponse, now: UInt64, randomness: inout Random
  ) -> Int? {
    precondition(isUnderWay, "no post is under way")
    isUnderWay = false
    // A collector says nothing with its 200; a login page of somebody in between does.
    let isTaken = response.status == 200 && response.body.isEmpty
    if isTaken {
      taken = posted
      isKnown = true
      backOff.reset()
    } else {
      let wait = now &+ backOff.next(&randomness)
      if wait > notBefore { notBefore = wait }
    }
    // Without an answer (0) the way to the mirror is down too, and that is said already.
    guard response.status != 0, response.status != status, isTaken || response.status != 200 else {
      return nil
    }
    status = response.status
    return status
  }
}
