import TransparencyLog

/// An upload that passed steps 1 to 7 and whose packages may come.
public struct Upload: Sendable {
  /// Index of the first entry.
  public let start: UInt64
  /// The checkpoint that it aims at.
  public let target: StoredCheckpoint
  /// Packages that were authenticated so far.
  public internal(set) var authenticated: UInt64 = 0

  /// Size that it aims at.
  public var end: UInt64 { target.size }

  /// How many packages the whole upload has. An empty range has none, even when it is not aligned.
  public var packageCount: UInt64 {
    start == end ? 0 : (end + 255) / 256 - start / 256
  }

  /// Index of the first entry of the block that the next package belongs to.
  var base: UInt64 { (start / 256 + authenticated) * 256 }

  /// Entries of the next package.
  public var nextRange: Range<UInt64> { max(start, base)..<min(end, base + 256) }
}

/// Outcome of a step.
public enum UploadStep: Sendable {
  /// Go on.
  case goOn(Upload)
  /// Answer this and stop.
  case answer(MirrorAnswer)
}

extension MirrorLog {
  /// Steps 3 to 7 of `add-entries`, before any package is read; header and enrolment were checked.
  ///
  /// | # | check | else |
  /// |---|---|---|
  /// | 3 | a pending checkpoint exists | 422 |
  /// | 4 | end is a size that the log showed and that is still known | 409 |
  /// | 5 | end ≥ mirror size | 409 |
  /// | 6 | start ≤ next | 409 |
  /// | 7 | min(end, next) − start ≤ 2,048 | 409 |
  public func begin(_ header: UploadHeader) -> UploadStep {
    do {
      try enter()
      defer { leave() }
      let (state, next) = try currentState()
      guard let pending = state.pending else {
        return .answer(.noCheckpoint)
      }
      guard let target = target(of: header, state: state) else {
        return .answer(progress(409, end: nil, pending: pending))
      }
      guard target.size >= state.mirror?.size ?? 0, header.start <= next,
        min(target.size, next) - header.start <= Self.repeatLimit
      else { return .answer(progress(409, end: target, pending: pending)) }
      return .goOn(Upload(start: header.start, target: target))
    } catch {
      return .answer(failed(error))
    }
  }

  /// Entries that a client may send again; beyond it is told where to go on. Sunlight's and Tessera's
  /// figure.
  static let repeatLimit: UInt64 = 2_048

  /// The checkpoint of size `header.end`, if that is one that an upload may aim at (step 4).
  private func target(of header: UploadHeader, state: MirrorState) -> StoredCheckpoint? {
    if let pending = state.pending, pending.size == header.end { return pending }
    if let mirror = state.mirror, mirror.size == header.end { return mirror }
    guard let past = state.past.first(where: { $0.size == header.end }) else { return nil }
    return setting.tickets.admits(past, origin: log.origin, ticket: header.ticket) ? past : nil
  }

  /// 202 or 409 with where to go on: the client's end if it can still be reached, else the pending
  /// size.
  private func progress(
    _ status: Int, end: StoredCheckpoint?, pending: StoredCheckpoint
  ) -> MirrorAnswer {
    let goal = end.flatMap { next <= $0.size ? $0 : nil } ?? pending
    return .progress(
      status, end: goal.size, next: next,
      ticket: setting.tickets.ticket(for: goal, origin: log.origin))
  }

  /// 202: the body ended, or something else, before all packages were in.
  public func pause(_ upload: Upload) -> MirrorAnswer {
    do {
      try enter()
      defer { leave() }
      let (state, _) = try currentState()
      return progress(202, end: upload.target, pending: state.pending ?? upload.target)
    } catch {
      return failed(error)
    }
  }

  // MARK: one package

  /// Steps 9 and 10: authenticates a package and stores what of it is new.
  public func add(_ package: UploadPackage, to upload: Upload) -> UploadStep {
    var upload = upload
    do {
      try enter()
      defer { leave() }
      let (_, next) = try currentState()
      let range = upload.nextRange
      precondition(package.leaves.count == range.count, "the reader took another number of entries")
      let base = upload.base
      let before = try storedLeaves(from: base, to: range.lowerBound)
      let leaves = before.leaves + package.leaves
      var source = ListedHashes(base: base, hashes: leaves)
      let node = try rangeHash(base, range.upperBound, &source)
      guard
        package.proof.verifies(
          subtree: base, range.upperBound, in: upload.end, node: node, root: upload.target.root)
      else { return .answer(.refused(422, "a package does not belong to the checkpoint")) }
      if range.upperBound > next {
        try store(
          before.bytes + package.entries, leaves: leaves, block: Block.number(of: base))
        try setting.probe(.countEntries)
        setNext(range.upperBound)
      }
      upload.authenticated += 1
      return .goOn(upload)
    } catch {
      return .answer(failed(error))
    }
  }

  /// Writes a block's bundle, then its level-0 tile, each durably.
  ///
  /// `next` is moved only afterwards, so a bundle without its tile is never counted in this process;
  /// `recover` makes the tile if the process dies between the two.
  private func store(_ entries: [UInt8], leaves: [Digest], block: UInt64) throws {
    try files.publish(
      TilePath.bundle(block, width: leaves.count).text, entries)
    try files.publish(
      TilePath.hashes(0, block, width: leaves.count).text,
      HashTile.bytes(leaves))
  }

  /// The stored entries from the beginning of a block to `end`, checked against their own tile: what
  /// the disk altered is our fault (500), not the client's (422).
  func storedLeaves(
    from base: UInt64, to end: UInt64
  ) throws -> (bytes: [UInt8], leaves: [Digest]) {
    let count = Int(end - base)
    guard count > 0 else { return ([], []) }
    let block = Block.number(of: base)
    guard let width = try storedWidth(of: block), width >= count else {
      throw MirrorFault.damagedFile(TilePath.bundle(block).text)
    }
    let bundle = try storedBundle(block, width: width)
    let leaves = bundle.leaves(count)
    let path = TilePath.hashes(0, block, width: width).text
    guard let tile = try files.read(path).flatMap(HashTile.hashes), tile.count == width,
      Array(tile.prefix(count)) == leaves
    else { throw MirrorFault.damagedFile(path) }
    return (bundle.prefix(count), leaves)
  }
}
