import TransparencyLog

extension MirrorLog {
  /// Step 12 of `add-entries`: all packages are in.
  ///
  /// Tiles are finished and everything that is new since the last cosignature is read back from disk
  /// and hashed again; only if that gives the root that the log signed is it cosigned. The signature
  /// leaves the process when note and time are in the database and `checkpoint` is published.
  public func finish(_ upload: Upload) -> MirrorAnswer {
    precondition(upload.authenticated == upload.packageCount, "packages are missing")
    do {
      try enter()
      defer { leave() }
      var (state, next) = try currentState()
      let pending = state.pending ?? upload.target
      let mirrored = state.mirror?.size ?? 0
      // Another request may have moved the mirror on while this one sent its packages.
      guard upload.end >= mirrored, upload.end <= next else {
        return .progress(
          409, end: pending.size, next: next,
          ticket: setting.tickets.ticket(for: pending, origin: log.origin))
      }
      guard let now = setting.clock.now() else {
        return .refused(503, "the clock of the collector is not set")
      }
      if upload.end > mirrored { try finishTiles(from: mirrored, to: upload.end) }
      try confirmRoot(of: upload.target)

      // Times of one log never go back; a clock that once was far ahead therefore stays in them.
      let time = max(now, state.cosignatureTime)
      noteLead(of: time, over: now)
      var cosigned = upload.target
      guard let line = setting.key.cosign(cosigned.text, time: time) else {
        throw MirrorFault.noSignature
      }
      cosigned.cosignatureLine = line
      try setting.probe(.keepMirrorNote)
      try setting.database.keepMirror(cosigned, time: time, of: log.origin)
      try setting.probe(.keptMirrorNote)
      try files.publish("checkpoint", cosigned.note)
      try setting.probe(.answer)
      state.mirror = cosigned
      state.cosignatureTime = time
      setState(state)
      removeNarrowTiles(from: mirrored, to: upload.end)
      return .cosigned(line)
    } catch {
      return failed(error)
    }
  }

  /// Writes every tile of the tree of `size` entries that is not there yet, from level 0 upwards.
  private func finishTiles(from mirrored: UInt64, to size: UInt64) throws {
    var fresh = try confirmBlocks(from: mirrored, to: size)
    var level = 1
    while size >> UInt64(8 * level) > 0 {
      fresh = try extend(level: level, from: mirrored, to: size, by: fresh)
      level += 1
    }
  }

  /// Reads all blocks from the one that holds the old end back, compares them with their tiles, and
  /// gives the roots of the full ones.
  private func confirmBlocks(from mirrored: UInt64, to size: UInt64) throws -> [Digest] {
    var roots: [Digest] = []
    var base = Block.number(of: mirrored) * 256
    while base < size {
      let block = Block.number(of: base)
      let count = Int(min(size - base, 256))
      guard let width = try storedWidth(of: block), width >= count else {
        throw MirrorFault.damagedFile(TilePath.bundle(block).text)
      }
      let bundle = try storedBundle(block, width: width)
      let leaves = bundle.leaves(width)
      let path = TilePath.hashes(0, block, width: width).text
      guard try files.read(path).flatMap(HashTile.hashes) == leaves else {
        throw MirrorFault.damagedFile(path)
      }
      if count == Block.entryCount {
        roots.append(try root(ofFull: leaves))
      } else if width != Block.entryCount {
        // Somebody uploaded further than this checkpoint: its own width must be served as well.
        try publishOnce(TilePath.bundle(block, width: count), bundle.prefix(count))
        try publishOnce(
          .hashes(0, block, width: count), HashTile.bytes(leaves.prefix(count)))
      }
      base += 256
    }
    return roots
  }

  /// Adds hashes to a level and writes its tiles; gives the hashes for the level above.
  private func extend(
    level: Int, from mirrored: UInt64, to size: UInt64, by fresh: [Digest]
  ) throws -> [Digest] {
    let old = mirrored >> UInt64(8 * level)
    var index = old / 256
    var hashes = try storedHashes(level: level, tile: index, count: Int(old % 256)) + fresh
    var above: [Digest] = []
    while hashes.count >= 256 {
      let full = Array(hashes.prefix(256))
      try publishOnce(.hashes(level, index), HashTile.bytes(full))
      above.append(try root(ofFull: full))
      hashes.removeFirst(256)
      index += 1
    }
    if !hashes.isEmpty {
      try publishOnce(
        .hashes(level, index, width: hashes.count), HashTile.bytes(hashes))
    }
    return above
  }

  /// The first `count` hashes of a tile at the old end.
  private func storedHashes(level: Int, tile: UInt64, count: Int) throws -> [Digest] {
    guard count > 0 else { return [] }
    let path = TilePath.hashes(level, tile, width: count).text
    let full = TilePath.hashes(level, tile).text
    guard let hashes = try (files.read(path) ?? files.read(full)).flatMap(HashTile.hashes),
      hashes.count >= count
    else { throw MirrorFault.damagedFile(path) }
    return Array(hashes.prefix(count))
  }

  private func root(ofFull hashes: [Digest]) throws -> Digest {
    var source = ListedHashes(base: 0, hashes: hashes)
    return try source.subtreeHash(height: 8, index: 0)
  }

  /// Writes a file unless it is there: its bytes follow from the signed root, so they are the same.
  private func publishOnce(_ path: TilePath, _ bytes: [UInt8]) throws {
    if files.exists(path.text) { return }
    try files.publish(path.text, bytes)
  }

  /// What is on disk has the root that the log signed.
  private func confirmRoot(of target: StoredCheckpoint) throws {
    var tiles = StoredTiles(files: files, size: target.size)
    guard try rootHash(target.size, &tiles) == target.root else {
      throw MirrorFault.otherRoot(size: target.size)
    }
  }

  /// Removes the partial tiles of tiles that became full: a reader then takes the full one.
  private func removeNarrowTiles(from mirrored: UInt64, to size: UInt64) {
    for block in Block.number(of: mirrored)..<Block.number(of: size) {
      files.removeDirectory(TilePath.bundle(block).partialDirectory)
    }
    var level = 0
    while size >> UInt64(8 * level) > 0 {
      let first = (mirrored >> UInt64(8 * level)) / 256
      let end = (size >> UInt64(8 * level)) / 256
      for tile in first..<end {
        files.removeDirectory(TilePath.hashes(level, tile).partialDirectory)
      }
      level += 1
    }
  }
}
