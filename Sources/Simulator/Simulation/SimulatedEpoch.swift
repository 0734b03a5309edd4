import HAL
import Journal
import TransparencyLog
import Uplink

/// One epoch of the gateway's log: the mirror's copy of it, and what watches both.
final class SimulatedEpoch<Key: Signer & ~Copyable, Verifier: SignatureVerifier> {
  let number: UInt32
  let mirror: SimulatedMirror<Key, Verifier>
  var oracle = LogOracle()
  private(set) var ledger = SlotLedger()
  private var checkpoints: CheckpointChecker<Verifier>
  private var witness: SimulatedWitness<Verifier>
  private var acknowledgements = AcknowledgementChecker()
  var visibility = VisibilityChecker()
  /// The most that the gateway ever knew to be acknowledged; a mirror that loses it is another's loss.
  private var acknowledged: UInt64 = 0
  /// Runs of entries that came back from the mirror, each of which an event must tell.
  var mendedRunCount = 0
  /// Size and root that it had signed when it ended, which the next epoch must name.
  private(set) var promised: (size: UInt64, root: Digest)?
  /// What could still be read of it when it ended, and was not acknowledged.
  private var leftBehind: [(index: Int, leaf: Digest, place: FirstPlace)] = []

  init(
    _ number: UInt32, gateway: SimulatedGateway<Key, Verifier>, answers: AnswerBook? = nil
  ) {
    self.number = number
    let origin = gateway.origin(number)
    let logKey = VerifierKey(
      name: origin, type: .log, publicKey: gateway.makeKey().publicKey)
    mirror = SimulatedMirror(
      origin: origin, logKey: logKey, name: gateway.mirrorKey.name, key: gateway.makeMirrorKey(),
      verifier: gateway.verifier, keepsEntries: false)
    mirror.isUnknown = number > 1
    mirror.liveToken = SimulatedMachine<Key, Verifier>.liveToken
    witness = SimulatedWitness(
      origin: origin, mirrorKey: mirror.verifierKey, verifier: gateway.verifier)
    checkpoints = CheckpointChecker(key: logKey, verifier: gateway.verifier)
    ledger.answers = answers
    mirror.stored = { [unowned self] index, entry in
      // After a loss the mirror gets again what the ledger has read already.
      if index == ledger.size { ledger.take(entry) }
    }
  }

  /// Looks at a request that leaves the gateway while its superblocks say that `durable` entries are signed; `nil` where
  /// the medium has failed.
  func look(at request: UplinkRequest, durable: @autoclosure () -> UInt64?) -> String? {
    checkpoints.look(at: request, &oracle, durable: durable())
  }

  /// Looks at a request that arrives at the mirror, which answers with `status`.
  func arrived(_ request: UplinkRequest, status: Int) -> String? {
    checkpoints.arrived(request, isTaken: status == 200)
  }

  /// The witness looks at what the mirror shows. Returns what is wrong.
  func lookAsWitness() -> String? {
    guard mirror.mirrored > 0 else { return nil }
    return witness.look(at: mirror.mirroredNote, leaves: mirror.leaves)
  }

  /// Looks when the gateway has taken an acknowledgement.
  func look(acknowledged: UInt64) -> String? {
    self.acknowledged = max(self.acknowledged, acknowledged)
    return acknowledgements.look(acknowledged: acknowledged, mirror, oracle)
  }

  /// The epoch ended with these entries on its medium. Returns what is wrong with what that says.
  ///
  /// `newest` is its newest superblock then, which promises nothing where the medium has failed. What it says to be
  /// acknowledged may have become durable in the operation in which the power went.
  func end(
    readable: [(index: Int, leaf: Digest, place: FirstPlace)], newest: Superblock?,
    mediumFailed: Bool
  ) -> String? {
    promised = mediumFailed ? nil : newest.map { ($0.signedSize, $0.signedRoot) }
    let problem = newest.flatMap { look(acknowledged: $0.acknowledgedSize) }
    leftBehind = readable.filter { $0.index >= Int(acknowledged) }
    return problem
  }

  /// What it had signed cannot be read for certain any more.
  func forgetPromised() { promised = nil }

  /// A later epoch that had taken over what was left behind ended, and of that these places could still be read; what
  /// its medium had damaged by then is the medium's loss.
  func keepLeftBehind(in places: Set<FirstPlace>) {
    leftBehind.removeAll { !places.contains($0.place) }
  }

  /// The medium was set back to a state in which `newest` is the newest epoch. An epoch that goes on has left nothing
  /// behind, one that is not there any more went away with the medium, and of what an earlier one left behind only what
  /// the medium `holds` can be asked for. Of its own log the medium holds `entries`.
  func mediumWasSetBack(
    to newest: UInt32, entries: [WholeEntry], holds: (FirstPlace) -> Bool
  ) {
    oracle.setBack(to: entries)
    mendedRunCount = 0
    // What told of earlier faults went away with it.
    visibility = VisibilityChecker()
    checkpoints.mediumWasSetBack()
    guard number < newest else {
      promised = nil
      return leftBehind = []
    }
    leftBehind.removeAll { !holds($0.place) }
  }

  /// How many of those left behind are neither in the mirror nor in any other epoch.
  func lost(from epochs: [SimulatedEpoch]) -> Int {
    var missing = leftBehind.filter { index, leaf, _ in
      index >= mirror.leaves.count || mirror.leaves[index] != leaf
    }
    // Mostly they were carried over into the next.
    for epoch in epochs[Int(number)...] + epochs[..<Int(number)] where !missing.isEmpty {
      let carried = epoch.ledger.carried
      missing.removeAll { carried.contains($0.place) }
    }
    return missing.count
  }

  /// Looks at the tiles that stand on the medium. Returns what is wrong.
  func look(at tiles: [SimulatedDisk.TileKey: [UInt8]]) -> String? {
    for key in tiles.keys.sorted(by: { ($0.level, $0.index) < ($1.level, $1.index) })
    where tiles[key] != oracle.tile(level: Int(key.level), index: Int(key.index)) {
      return
        "tile \(key.index) of level \(key.level) in epoch \(number) is not that of the naive tree"
    }
    return nil
  }

  /// The last looks. Of an epoch that ended, what the medium lost cannot be asked for; what the mirror has
  /// must still be what was promised.
  func finish(isLast: Bool, _ violate: (Violation.Checker, String) -> Void) {
    let size = Int(mirror.mirrored)
    if !isLast { oracle = LogOracle(leaves: mirror.leaves) }
    if oracle.root(size: size) != mirror.mirroredRoot {
      violate(.roots, "what the mirror signed of epoch \(number) is not the naive tree over it")
    }
    if let problem = lookAsWitness() { violate(.checkpoints, problem) }
    if let problem = checkpoints.lookBack(&oracle, isWhole: isLast) {
      violate(.checkpoints, problem)
    }
    ledger.finish()
    for problem in ledger.answerProblems { violate(.answers, problem) }
    for problem in ledger.problems { violate(.slots, problem) }
    // The first entry of the next epoch tells of all that ended one.
    guard isLast else { return }
    for problem in visibility.unseen(in: ledger) { violate(.visibility, problem) }
    let told = ledger.notable.count { $0.code == UInt64(EventEntry.Code.mended.rawValue) }
    if told < mendedRunCount {
      violate(.visibility, "\(mendedRunCount) runs of entries came back, \(told) events say so")
    }
  }
}
