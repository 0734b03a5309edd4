/// What is not polled any more because the log has no room for it, in the order in which it gives way.
///
/// Readings are shed before they are logged, never after: a mirror can take only a whole log. The order is that
/// of what can be had back: a total keeps the sum of all that was not asked.
public enum GivingWay: UInt8, Sendable, BitwiseCopyable {
  /// Everything is polled.
  case nothing = 0
  /// Channels that are not critical are polled in every tenth of their slots.
  case slowed = 1
  /// Only requests that read a total are made, of critical channels in each slot, of others in every tenth.
  case totalsOnly = 2
  /// Nothing is polled; events are still logged.
  case eventsOnly = 3

  /// How many slots of a channel that is slowed make one that is polled.
  static var slowness: UInt64 { 10 }

  /// Requests of this kind are made in a slot of a channel.
  func admits(slot: UInt64, isCritical: Bool, readsTotal: Bool) -> Bool {
    switch self {
    case .nothing: true
    case .slowed: isCritical || slot % GivingWay.slowness == 0
    case .totalsOnly: readsTotal && (isCritical || slot % GivingWay.slowness == 0)
    case .eventsOnly: false
    }
  }
}
