import HostCrypto
import TransparencyLog

extension Collector {
  /// Whether a checkpoint belongs to a log that is mirrored here.
  enum Admission {
    /// It does; its signature is still to be checked.
    case mirror(MirrorLog)
    /// It does not.
    case refused(MirrorAnswer)
  }

  /// Step 2 of `add-checkpoint`: the log is enrolled, or is a further epoch of a gateway that is.
  ///
  /// | # | check | else |
  /// |---|---|---|
  /// | 1 | the origin is enrolled | 2 |
  /// | 2 | it is `<identity>/<n>`, and an epoch below n of this identity is enrolled | 404 |
  /// | 3 | the note has a valid signature of the newest epoch's public key, under the new name | 403 |
  /// | 4 | the epoch is enrolled, durably, and the operator is told | |
  ///
  /// A gateway that lost signed entries begins a new epoch where nobody may come for months, so a person
  /// admits the identity and its key once. Nothing is kept of a name before step 4, not even that it came:
  /// who has not the key can make the collector read a few rows and check one signature, as for any log.
  ///
  /// Epochs may skip numbers, since a gateway that was set back counts on from what it knows; and one below
  /// the newest is taken for the same reason, if its number was left out.
  func admit(_ submitted: SubmittedCheckpoint) throws -> Admission {
    let origin = submitted.checkpoint.origin
    if let known = try mirror(hash: origin.hash.hex) { return .mirror(known) }
    guard let name = EpochName(origin.description), let newest = try newest(before: name) else {
      return .refused(.notEnrolled)
    }
    guard let enrolled = VerifierKey(newest.verifierKey) else { return .refused(.wrongKey) }
    let key = VerifierKey(name: origin, type: .log, publicKey: enrolled.publicKey)
    guard submitted.line(of: key, with: SodiumVerifier()) != nil else { return .refused(.wrongKey) }
    let log = EnrolledLog(
      origin: origin.description, verifierKey: "\(key)", liveToken: newest.liveToken)
    guard
      let admitted = try setting.database.admit(log, after: newest, of: name.identity)
    else { return .refused(.wrongKey) }
    if admitted == .now {
      let previous = try setting.database.predecessor(of: log) ?? newest
      setting.alarm(.newEpoch(origin: log.origin, previous: previous.origin))
    }
    guard let mirror = try mirror(hash: origin.hash.hex) else { return .refused(.notEnrolled) }
    return .mirror(mirror)
  }

  /// A log of this origin may yet show a first checkpoint: it is a further epoch of a gateway.
  func mayBegin(origin: [UInt8]) throws -> Bool {
    guard let origin = KeyName(origin.span), let name = EpochName(origin.description) else {
      return false
    }
    return try newest(before: name) != nil
  }

  /// The newest epoch of a gateway, if one below `name` is enrolled.
  private func newest(before name: EpochName) throws -> EnrolledLog? {
    let epochs = try setting.database.epochs(of: name.identity)
    guard let oldest = epochs.first.flatMap({ EpochName($0.origin) }), oldest.epoch < name.epoch
    else { return nil }
    return epochs.last
  }
}
