import HAL
import Metering
import TransparencyLog

extension MirrorClient {
  /// The request that is due at monotonic time `now`, in µs; `nil` if none is (see `wakeAt`).
  ///
  /// Proofs and entries are read from `source` and checked against the signed root before they leave: a
  /// mirror that refuses them is then never answered by our own disk. Throws what the source throws,
  /// and `.damaged` when its bytes do not hash to what was signed; asks again 30 s later.
  public mutating func nextRequest<Source: EvidenceSource & ~Copyable>(
    now: UInt64, source: inout Source
  ) throws(HashSourceError) -> UplinkRequest? {
    guard !awaiting, now >= notBefore, now >= paidAt else { return nil }
    if target == nil, hasNewer { begin() }
    guard let target else { return nil }
    do throws(HashSourceError) {
      let request: UplinkRequest
      switch stage {
      case .checkpoint:
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

  /// u16be length ‖ origin ‖ u64be start ‖ u64be end ‖ u16be length ‖ ticket.
  ///
  /// Example: [0, 300) of `mrv.example/gw/7f3a01c2/1` without a ticket, 45 bytes:
  /// `0019 6d72762e6578616d706c652f67772f37663361303163322f31 0000000000000000 000000000000012c 0000`.
  private func appendHeader(start: UInt64, end: UInt64, to body: inout [UInt8]) {
    body.append(bigEndian: wide(count: origin.count), byteCount: 2)
    for i in 0..<origin.count { body.append(origin.span[i]) }
    body.append(bigEndian: start, byteCount: 8)
    body.append(bigEndian: end, byteCount: 8)
    body.append(bigEndian: wide(count: ticket.count), byteCount: 2)
    body.append(contentsOf: ticket)
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
      let base = first &- (first & 255)
      let end = target.size &- base > 256 ? base &+ 256 : target.size
      let before = body.count
      try appendPackage(base: base, first: first, end: end, of: target, &source, to: &body)
      if body.count > byteLimit, packagesSent > 0 {
        body.removeLast(body.count - before)
        break
      }
      packagesSent += 1
      first = end
    }
    sentWasWhole = first >= target.size
    return body
  }

  private func appendPackage<Source: EvidenceSource & ~Copyable>(
    base: UInt64, first: UInt64, end: UInt64, of target: SignedNote, _ source: inout Source,
    to body: inout [UInt8]
  ) throws(HashSourceError) {
    // A request may begin inside a block, but its proof is for the block: the entries that the mirror
    // has already are read too, hashed, and taken out again.
    let packageStart = body.count
    var leaves = BlockHash()
    var known = base
    while known < first {
      // Complete subtrees side by side, the largest first.
      let height = 63 - (first - known).leadingZeroBitCount
      leaves.push(
        try source.subtreeHash(height: height, index: known >> UInt64(height)), height: height)
      known += 1 << UInt64(height)
    }
    try source.appendEntries(first..<end, to: &body)
    guard leaves.append(body.span.extracting(packageStart..<body.count)),
      wide(count: leaves.count) == end &- base
    else { throw .damaged }
    let proof = try Proof.subtree(base, end, in: target.size, &source)
    guard
      proof.verifies(
        subtree: base, end, in: target.size, node: leaves.root(), root: target.root)
    else { throw .damaged }
    body.append(UInt8(truncatingIfNeeded: proof.count))
    for i in 0..<proof.count {
      for j in 0..<Digest.byteCount { body.append(proof[i][j]) }
    }
  }
}

/// The root over at most 256 entries, folded as they come.
private struct BlockHash {
  private var stack: [Digest] = []
  private(set) var count = 0

  /// Adds a complete subtree that is narrower than those before it.
  mutating func push(_ hash: Digest, height: Int) {
    stack.append(hash)
    count += 1 << height
  }

  /// Adds the entries of a bundle; `false` if it ends inside one.
  mutating func append(_ bundle: Span<UInt8>) -> Bool {
    var entries = EntryBundle(bundle)
    do throws(EntryBundle.Truncated) {
      while let entry = try entries.next() {
        var hash = Tree.leaf(bundle.extracting(entry))
        count += 1
        var carry = count
        while carry & 1 == 0, let left = stack.popLast() {
          hash = Tree.node(left, hash)
          carry = carry &>> 1
        }
        stack.append(hash)
      }
    } catch {
      return false
    }
    return true
  }

  func root() -> Digest {
    guard var hash = stack.last else { return Tree.empty }
    var i = stack.count - 2
    while i >= 0 {
      hash = Tree.node(stack[i], hash)
      i -= 1
    }
    return hash
  }
}
