import HAL
import Metering
import TransparencyLog

extension MirrorClient {
  /// The request that is due at monotonic time `now`, in µs; `nil` if none is (see `wakeAt`).
  ///
  /// Proofs and entries are read from `source` and checked against the signed root before they leave: a
  /// mirror that refuses them is then never answered by our own disk. Throws what the source throws,
  /// and `.damaged` when its bytes do not hash to what was signed; asks again 30 s later.
  ///
  /// - Parameter isSignedDoubtful: on the medium a newer checkpoint may stand than the newest that was noted. Then none
  ///   leaves that has not left before; it is asked again 5 s later.
  public mutating func nextRequest<Source: EvidenceSource & ~Copyable>(
    now: UInt64, source: inout Source, isSignedDoubtful: Bool = false
  ) throws(HashSourceError) -> UplinkRequest? {
    guard !awaiting, now >= notBefore, now >= paidAt else { return nil }
    if target == nil, hasNewer { begin() }
    guard let target else { return nil }
    if isSignedDoubtful, stage == .checkpoint, target.size > releasedSize {
      notBefore = now &+ 5_000_000
      return nil
    }
    do throws(HashSourceError) {
      let request: UplinkRequest
      switch stage {
      case .checkpoint:
        let target = offered(target)
        request = UplinkRequest(
          path: .addCheckpoint, body: try checkpointBody(target, &source))
        if target.size > releasedSize { releasedSize = target.size }
      case .entries:
        request = UplinkRequest(path: .addEntries, body: try entriesBody(target, &source))
      case .probe:
        var body: [UInt8] = []
        // Below a size that it lost, a mirror cannot be asked for that size.
        let place = keepFrom < acknowledgedSize ? 0 : acknowledgedSize
        appendHeader(start: place, end: place, to: &body)
        request = UplinkRequest(path: .addEntries, body: body)
      }
      if alarm == .ownDataDamaged { alarm = nil }
      awaiting = true
      sentAt = now
      budget?.spend(byteCount: request.body.count, at: now)
      return request
    } catch {
      if error == .damaged { alarm = .ownDataDamaged }
      if error == .missing {
        // Where the mirror is said to stand is no longer here. Whether it stands there is asked again.
        isPlaced = false
        self.target = nil
        keepFrom = acknowledgedSize
      }
      notBefore = now &+ 30_000_000
      throw error
    }
  }

  /// What comes first: the checkpoint, once it is known that the mirror has no more than was released.
  var opening: Stage { isPlaced ? .checkpoint : .probe }

  /// Turns to the newest checkpoint.
  mutating func begin() {
    target = newest
    stage = opening
    ticket = []
    staleAnswers = 0
    answersWithoutGrowth = 0
    offeredAgain = false
  }

  /// The checkpoint that leaves. One that has not left before is the newest, which the superblock names that stands, and not
  /// the one that was the newest when this request began to wait: the gateway would not remember that one after a power
  /// cut, and take the mirror's word of it for another history.
  private mutating func offered(_ target: SignedNote) -> SignedNote {
    guard target.size > releasedSize, let newest, newest.size > target.size else { return target }
    self.target = newest
    ticket = []
    return newest
  }

  /// `old <decimal>` LF, the proof's hashes in base64 one a line, LF, the note.
  private func checkpointBody<Source: EvidenceSource & ~Copyable>(
    _ target: SignedNote, _ source: inout Source
  ) throws(HashSourceError) -> [UInt8] {
    var body: [UInt8] = []
    body.reserveCapacity(1_024 + 45 * 63)
    body.append("old ")
    body.append(decimal: pendingSize)
    body.append("\n")
    if pendingSize > 0, pendingSize < target.size {
      let proof = try Proof.subtree(0, pendingSize, in: target.size, &source)
      let oldRoot = try rootHash(pendingSize, &source)
      guard
        proof.verifies(
          consistencyFrom: pendingSize, oldRoot: oldRoot, to: target.size, root: target.root)
      else { throw .damaged }
      for i in 0..<proof.count {
        body.append(base64: proof[i])
        body.append("\n")
      }
    }
    body.append("\n")
    body.append(contentsOf: target.bytes)
    return body
  }

  private func appendHeader(start: UInt64, end: UInt64, to body: inout [UInt8]) {
    UploadBody.appendHeader(origin, start: start, end: end, ticket: ticket, to: &body)
  }

  /// Bytes of a body after which no further package is begun.
  private var batchByteLimit: Int {
    let least =
      batchSize.byteLimit < configuration.bodyByteLimit
      ? batchSize.byteLimit : configuration.bodyByteLimit
    guard let budgeted = budget?.batchByteLimit, budgeted < least else { return least }
    return budgeted
  }

  /// The header and as many packages as the limits allow: entries, u8 number of hashes, the hashes.
  private mutating func entriesBody<Source: EvidenceSource & ~Copyable>(
    _ target: SignedNote, _ source: inout Source
  ) throws(HashSourceError) -> [UInt8] {
    // A mirror that answers 500 to every prefix gets all that is left, if that is not too much.
    let whole = prefixRefusals >= 2
    let byteLimit = whole ? configuration.wholeBodyByteLimit : batchByteLimit
    let limit = whole ? Int.max : packageLimit
    var body: [UInt8] = []
    appendHeader(start: start, end: target.size, to: &body)
    packagesSent = 0
    var first = start
    while first < target.size, packagesSent < limit {
      let before = body.count
      try UploadBody.appendPackage(
        from: first, in: target.size, root: target.root, &source, to: &body)
      if body.count > byteLimit, packagesSent > 0 {
        body.removeLast(body.count - before)
        break
      }
      packagesSent += 1
      first = UploadBody.packageEnd(from: first, in: target.size)
    }
    sentWasWhole = first >= target.size
    return body
  }
}
