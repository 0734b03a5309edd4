import TransparencyLog

/// The origin of a log as that of one epoch of a gateway: `<identity>/<epoch>`.
///
/// Valid if and only if something stands before the last slash, and behind it a number from 1 on, below
/// 2^63, in decimal digits without a leading zero: each epoch has one name.
struct EpochName: Equatable, Sendable {
  /// What stays: `<domain>/gw/<serial>`.
  let identity: String
  /// What counts up, from 1.
  let epoch: UInt64

  /// Takes an origin apart; `nil` if it names no epoch.
  init?(_ origin: String) {
    guard let slash = origin.utf8.lastIndex(of: UInt8(ascii: "/")), slash > origin.startIndex,
      let epoch = UnsignedText.read(Array(origin.utf8[slash...].dropFirst()).span), epoch > 0
    else { return nil }
    identity = String(origin[..<slash])
    self.epoch = epoch
  }

  /// The origin of an epoch of the same gateway.
  func origin(ofEpoch epoch: UInt64) -> String { "\(identity)/\(epoch)" }
}
