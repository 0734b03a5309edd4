import TransparencyLog

extension MirrorLog {
  /// What a package, checked by itself, says otherwise than what is stored here; `nil` if nothing.
  func contradiction(of package: ReadPackage) throws -> CheckpointContradiction? {
    try enter()
    defer { leave() }
    let (state, next) = try currentState()
    let checkpoint = package.submitted.checkpoint
    let mirrored = state.mirror?.size ?? 0
    var found: CheckpointContradiction?
    if checkpoint.size <= mirrored {
      var tiles = StoredTiles(files: files, size: mirrored)
      if try rootHash(checkpoint.size, &tiles) == checkpoint.root { return nil }
      found = .otherRoot
    } else {
      for number in package.blocks.indices where found == nil {
        let base = package.base(of: number)
        guard base < next else { break }
        let known = min(next - base, UInt64(package.blocks[number].leaves.count))
        let leaves = try storedLeaves(from: base, to: base + known).leaves
        if Array(package.blocks[number].leaves.prefix(leaves.count)) != leaves {
          found = .inconsistent
        }
      }
    }
    if let found { keepRefused(package.submitted, old: mirrored, reason: found) }
    return found
  }

  /// Takes a checkpoint whose entries lie in packages: the steps of `add-checkpoint` and `add-entries`, with proofs
  /// that are made here. `nil`, with nothing done, if entries are missing, or if a larger checkpoint was shown before.
  func take(_ target: SubmittedCheckpoint, from packages: PackagePool) throws -> MirrorAnswer? {
    try enter()
    defer { leave() }
    var pool = packages
    let (state, _) = try currentState()
    let size = target.checkpoint.size
    let old = state.pending?.size ?? 0
    guard old <= size, size > state.mirror?.size ?? 0 else { return nil }
    let first = Block.number(of: state.mirror?.size ?? 0) * 256
    guard let leaves = try leaves(from: first, of: target, in: &pool) else { return nil }
    var tree = try CombinedHashes(
      stored: StoredTiles(files: files, size: state.mirror?.size ?? 0), first: first,
      leaves: leaves)
    guard try rootHash(size, &tree) == target.checkpoint.root else {
      keepRefused(target, old: old, reason: .inconsistent)
      return .refused(422, CheckpointContradiction.inconsistent.english)
    }
    let proof = old > 0 && old < size ? try Proof.subtree(0, old, in: size, &tree) : Proof()
    let answer = addCheckpoint(CheckpointRequest(old: old, proof: proof, submitted: target))
    guard answer.status == 200 else { return answer }
    let header = UploadHeader(
      origin: Array(log.origin.utf8), start: min(next, size), end: size, ticket: [])
    var upload: Upload
    switch begin(header) {
    case .goOn(let begun): upload = begun
    case .answer(let answer): return answer
    }
    while upload.authenticated < upload.packageCount {
      guard let package = try package(for: upload, of: target, in: &pool, &tree) else {
        return .refused(500, "a package changed while it was imported")
      }
      switch add(package, to: upload) {
      case .goOn(let further): upload = further
      case .answer(let answer): return answer
      }
    }
    return finish(upload)
  }

  /// The hashes of all entries of a checkpoint from `first` on; `nil` if some are missing.
  private func leaves(
    from first: UInt64, of target: SubmittedCheckpoint, in pool: inout PackagePool
  ) throws -> [Digest]? {
    let size = target.checkpoint.size
    let bases = stride(from: first, to: size, by: 256)
    // Before anything is read: most checkpoints of a stick with a gap lack something.
    for base in bases {
      let width = min(256, size - base)
      guard
        base + width <= next || pool.holder(of: base, width: Int(width), for: target) != nil
      else { return nil }
    }
    var leaves: [Digest] = []
    for base in bases {
      guard let block = try block(base, of: target, in: &pool) else { return nil }
      leaves += block.leaves
    }
    return leaves
  }

  /// A block of a checkpoint: what is stored of it, or what a package holds.
  private func block(
    _ base: UInt64, of target: SubmittedCheckpoint, in pool: inout PackagePool
  ) throws -> (bytes: [UInt8], leaves: [Digest])? {
    let width = min(256, target.checkpoint.size - base)
    if base + width <= next { return try storedLeaves(from: base, to: base + width) }
    return pool.block(base, width: Int(width), for: target)
  }

  /// The next package of an upload, as a gateway would send it.
  private func package(
    for upload: Upload, of target: SubmittedCheckpoint, in pool: inout PackagePool,
    _ tree: inout CombinedHashes
  ) throws -> UploadPackage? {
    let range = upload.nextRange
    guard let block = try block(upload.base, of: target, in: &pool),
      let bundle = IndexedBundle(block.bytes)
    else { return nil }
    let skipped = Int(range.lowerBound - upload.base)
    return UploadPackage(
      entries: Array(block.bytes[bundle.prefix(skipped).count...]),
      leaves: Array(block.leaves[skipped...]),
      proof: try Proof.subtree(upload.base, range.upperBound, in: upload.end, &tree))
  }
}
