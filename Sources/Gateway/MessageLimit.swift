/// A message that is said after a while, for itself and for those like it that were not said.
public struct HeldMessages<Message> {
  /// The newest of them.
  public var newest: Message
  /// How many were not said, the newest included.
  public var count: UInt64
  /// µs in which they came.
  public var duration: UInt64
}

/// Keeps messages that come again and again from filling the log of the service.
///
/// Each kind of message has a place in a table that is made once. The first `burst` are said at once: a change is told
/// when it happens. Further ones within a minute of the first are held, and at its end the newest is said, with their
/// number; so what was said last is never untrue for longer than the interval. Then it is ten minutes, an hour, six
/// hours, as long as there is something to say at the end of each; an interval in which nothing came begins anew. A
/// fault that comes a thousand times a day for a month is about 130 lines.
///
/// Time comes from outside. Not thread-safe.
public struct MessageLimit<Message> {
  private struct Place {
    /// Step of the interval; 0 is the first.
    var step = 0
    /// When the interval began; `nil` while nothing was said for long.
    var since: UInt64?
    /// Messages of the first interval that were said.
    var said = 0
    var count: UInt64 = 0
    var newest: Message?
  }

  /// Messages that are said at once before any is held.
  public static var burst: Int { 10 }

  /// µs of the interval of a step.
  public static func interval(_ step: Int) -> UInt64 {
    switch step {
    case 0: 60_000_000
    case 1: 600_000_000
    case 2: 3_600_000_000
    default: 21_600_000_000
    }
  }

  private var places: [Place]

  /// A table for `count` kinds of messages.
  public init(count: Int) { places = [Place](repeating: Place(), count: count) }

  /// Takes a message of kind `place` at monotonic time `now` in µs; whether it is to be said now. Traps for a kind
  /// that the table does not have.
  public mutating func admits(_ message: Message, place: Int, at now: UInt64) -> Bool {
    // An interval that ended with nothing held begins anew, whether or not anybody asked `due` meanwhile.
    if places[place].newest == nil, let end = MessageLimit.end(places[place]), now >= end {
      places[place] = Place()
    }
    if places[place].since == nil { places[place].since = now }
    if places[place].step == 0, places[place].said < MessageLimit.burst {
      places[place].said += 1
      return true
    }
    places[place].count &+= 1
    places[place].newest = message
    return false
  }

  /// When `due` has something, monotonic µs; `nil` if nothing is held.
  public var dueAt: UInt64? {
    var next: UInt64?
    for place in places {
      guard place.newest != nil, let end = MessageLimit.end(place) else { continue }
      if end < next ?? .max { next = end }
    }
    return next
  }

  private static func end(_ place: Place) -> UInt64? {
    place.since.map { $0 &+ interval(place.step) }
  }

  /// What is to be said now of what was held; call it until it gives `nil`.
  public mutating func due(at now: UInt64) -> HeldMessages<Message>? {
    for i in 0..<places.count {
      guard let newest = places[i].newest, let end = MessageLimit.end(places[i]), now >= end else {
        continue
      }
      let held = HeldMessages(
        newest: newest, count: places[i].count, duration: now &- (places[i].since ?? now))
      places[i].step += places[i].step < 3 ? 1 : 0
      places[i].since = now
      places[i].count = 0
      places[i].newest = nil
      return held
    }
    return nil
  }
}
