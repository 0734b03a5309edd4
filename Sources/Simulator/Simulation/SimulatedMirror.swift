import HAL
import TransparencyLog
import Uplink

/// A mirror in memory that follows the server's side of C2SP tlog-mirror line by line and is as strict
/// as it may be. It shares nothing with the client but the formats of TransparencyLog.
///
/// Every entry and checkpoint that it took is durable once it answered; what a crash may take are entries
/// that it has not signed for.
package final class SimulatedMirror<Key: Signer & ~Copyable, Verifier: SignatureVerifier> {
  package struct Pending {
    package var size: UInt64
    package var root: Digest
    package var text: [UInt8]
  }

  package let origin: KeyName
  package let logKey: VerifierKey
  package let name: KeyName
  private var signer: Key
  private let verifier: Verifier
  /// Seconds since 1970: the time of the next signature.
  package var clock: UInt64 = 1_785_000_400
  /// Tickets are handed out, and past checkpoints are only accepted with one.
  package var usesTickets = false
  /// A request is refused unless it carries all that is left (as a Tessera of July 2026 does).
  package var refusesPrefixes = false
  /// Packages that are taken before the connection is cut; nil for all.
  package var packagesBeforeCut: Int?
  /// The log is not known before its first checkpoint: a later epoch of an enrolled gateway.
  package var isUnknown = false
  /// Entries are kept one by one, with the statuses of all answers, for tests of an uplink.
  private let keepsEntries: Bool
  /// The entries, in blocks of 256.
  private(set) var bundles: [StoredBundle] = []
  /// Token for live values.
  var liveToken: [UInt8] = []
  /// Session and change of the newest post of live values.
  private var newestPost: (session: UInt64, change: UInt64)?
  /// Called with each post of live values that is taken: the newest values are then those.
  var posted: (LivePostReader) -> Void = { _ in }
  /// Called with the index and the bytes of each entry that is new.
  var stored: (UInt64, [UInt8]) -> Void = { _, _ in }
  /// How often all was lost.
  private(set) var lossCount = 0
  /// It lost something that it had signed for.
  private(set) var hasForgotten = false

  package private(set) var pending: Pending?
  private var past: [Pending] = []
  package private(set) var entries: [[UInt8]] = []
  /// Leaf hashes of what is stored.
  var leaves: [Digest] { nodes[0] }
  /// Hashes of the complete subtrees of 2^k leaves, from left to right, for k from 0 to 8; none is wider
  /// than a block.
  private var nodes = [[Digest]](repeating: [], count: 9)
  package private(set) var mirrored: UInt64 = 0
  private(set) var mirroredRoot = Tree.empty
  /// The mirror checkpoint with the mirror's signature.
  private(set) var mirroredNote: [UInt8] = []
  /// Status of every answer, in order; with `keepsEntries`.
  package private(set) var statuses: [Int] = []
  package private(set) var ticketsSeen: [[UInt8]] = []

  package var verifierKey: VerifierKey {
    VerifierKey(name: name, type: .cosigner, publicKey: signer.publicKey)
  }

  package init(
    origin: KeyName, logKey: VerifierKey, name: KeyName, key: consuming Key, verifier: Verifier,
    keepsEntries: Bool
  ) {
    self.origin = origin
    self.logKey = logKey
    self.name = name
    self.keepsEntries = keepsEntries
    self.verifier = verifier
    signer = key
  }

  /// Everything is gone.
  package func lose() {
    pending = nil
    past = []
    entries = []
    forgetLeaves(from: 0)
    mirrored = 0
    mirroredRoot = Tree.empty
    lossCount += 1
    hasForgotten = true
  }

  /// The last entries and the mirror checkpoint are gone, the pending one is still there.
  package func forget(from index: UInt64) {
    forgetLeaves(from: Int(index))
    if keepsEntries { entries.removeLast(entries.count - Int(index)) }
    if index < mirrored { hasForgotten = true }
    mirrored = min(mirrored, index)
  }

  /// Answers a request of the uplink.
  package func answer(_ request: UplinkRequest) -> UplinkResponse {
    if request.path == .live { return UplinkResponse(status: takeLive(request)) }
    let answer = self.answer(
      "\(request.path.text)", "\(request.path.contentType)", request.body)
    guard answer.status != 0 else { return .networkFailure }
    return UplinkResponse(
      status: answer.status, contentType: Array(answer.type.utf8), body: answer.body)
  }

  package func answer(_ path: String, _ contentType: String, _ body: [UInt8]) -> (
    status: Int, type: String, body: [UInt8]
  ) {
    let result: (Int, String, [UInt8])
    switch path {
    case "/add-checkpoint": result = addCheckpoint(body)
    case "/add-entries" where contentType != "application/octet-stream": result = (415, "", [])
    case "/add-entries": result = addEntries(body)
    default: result = (404, "", [])
    }
    if keepsEntries { statuses.append(result.0) }
    return result
  }

  /// The status of `POST /api/live`. A post that was made before another one of the same session changes nothing.
  private func takeLive(_ request: UplinkRequest) -> Int {
    guard let post = LivePostReader(request.body) else { return 400 }
    guard origin.matches(request.body.span.extracting(post.origin)) else { return 404 }
    guard request.bearerToken == liveToken else { return 401 }
    if let newest = newestPost, newest.session == post.session, post.change < newest.change {
      return 200
    }
    newestPost = (post.session, post.change)
    posted(post)
    return 200
  }

  // MARK: add-checkpoint

  private func addCheckpoint(_ body: [UInt8]) -> (Int, String, [UInt8]) {
    guard let blank = firstBlankLine(body) else { return (400, "", []) }
    var lines = body[..<blank].split(separator: 0x0A, omittingEmptySubsequences: false)
    guard lines.popLast()?.isEmpty == true, let first = lines.first,
      first.starts(with: Array("old ".utf8)), let old = decimal(Array(first.dropFirst(4)))
    else { return (400, "", []) }
    var hashes: [Digest] = []
    for line in lines.dropFirst() {
      guard let hash = Base64.digest(Array(line).span) else { return (400, "", []) }
      hashes.append(hash)
    }
    let note = Array(body[(blank + 1)...])
    guard let proof = Proof(hashes), let parsed = try? Note.parse(note.span),
      let checkpoint = try? Checkpoint.parse(text: note.span.extracting(parsed.text))
    else { return (400, "", []) }
    guard checkpoint.origin == origin else { return (404, "", []) }
    guard (try? parsed.verify(note.span, key: logKey, with: verifier)) != nil else {
      return (403, "", [])
    }
    guard old <= checkpoint.size else { return (400, "", []) }
    let current = pending?.size ?? 0
    guard old == current else { return (409, "text/x.tlog.size", Array("\(current)\n".utf8)) }
    if checkpoint.size == 0, checkpoint.root != Tree.empty { return (422, "", []) }
    if old == 0 || old == checkpoint.size {
      guard hashes.isEmpty else { return (422, "", []) }
      if old > 0, pending?.root != checkpoint.root { return (422, "", []) }
    } else {
      guard
        proof.verifies(
          consistencyFrom: old, oldRoot: pending?.root ?? Tree.empty, to: checkpoint.size,
          root: checkpoint.root)
      else { return (422, "", []) }
    }
    if let pending, pending.size != checkpoint.size { past.append(pending) }
    pending = Pending(
      size: checkpoint.size, root: checkpoint.root, text: Array(note[parsed.text]))
    return (200, "", [])
  }

  // MARK: add-entries

  private func addEntries(_ body: [UInt8]) -> (Int, String, [UInt8]) {
    var reader = Cursor(body)
    guard let name = reader.counted(), let start = reader.number(8), let end = reader.number(8),
      let ticket = reader.counted(), start <= end
    else { return (400, "", []) }
    if keepsEntries { ticketsSeen.append(ticket) }
    guard origin.matches(name.span) else { return (404, "", []) }
    guard let pending else { return (isUnknown ? 404 : 422, "", []) }
    guard let goal = goal(end, ticket, pending) else { return place(end, valid: false) }
    let next = UInt64(nodes[0].count)
    guard end >= mirrored, start <= next else { return place(end, valid: true) }
    guard min(end, next) - start <= 2_048 else { return place(end, valid: true) }

    var base = start / 256 * 256
    var authenticated = 0
    var from = start
    let wholeFollows = refusesPrefixes ? countPackages(body, reader.position, start, end) : true
    while start < end, base < end {
      if packagesBeforeCut == authenticated { return (0, "", []) }
      let upTo = min(end, base + 256)
      guard let package = readPackage(&reader, Int(upTo - from)) else {
        return authenticated == 0 ? (400, "", []) : place(end, valid: true, status: 202)
      }
      if !wholeFollows { return (500, "", []) }
      let stored = nodes[0].count
      guard hold(package.leaves, at: Int(from)),
        package.proof.verifies(
          subtree: base, upTo, in: end, node: root(Int(base)..<Int(upTo)), root: goal.root)
      else {
        forgetLeaves(from: stored)
        return (422, "", [])
      }
      take(package.entries.dropFirst(stored - Int(from)), at: stored)
      authenticated += 1
      from = upTo
      base += 256
    }
    guard UInt64(nodes[0].count) >= end, end >= mirrored else { return place(end, valid: true) }
    mirrored = end
    mirroredRoot = goal.root
    let line = ByteWriter.bytes {
      _ = Cosignature.sign(
        text: goal.text.span, time: clock, name: self.name, with: &signer, to: &$0)
    }
    mirroredNote = goal.text + [0x0A] + line
    return (200, "text/plain; charset=utf-8", line)
  }

  /// Adds leaves from an index on to the tree, as far as they are new; `false` if one differs from a stored one.
  private func hold(_ hashes: [Digest], at first: Int) -> Bool {
    let known = min(nodes[0].count - first, hashes.count)
    guard nodes[0][first..<first + known].elementsEqual(hashes[..<known]) else { return false }
    nodes[0] += hashes[known...]
    for height in 1...8 {
      let pairs = 2 * nodes[height].count..<nodes[height - 1].count & ~1
      Tree.append(nodesOver: nodes[height - 1][pairs], to: &nodes[height])
    }
    return true
  }

  /// Stores authenticated entries that are new.
  private func take(_ added: ArraySlice<[UInt8]>, at first: Int) {
    if keepsEntries { entries += added }
    for (offset, entry) in added.enumerated() {
      let block = (first + offset) / 256
      if bundles.count == block { bundles.append(StoredBundle()) }
      bundles[block].append(entry)
      stored(UInt64(first + offset), entry)
    }
  }

  private func goal(_ end: UInt64, _ ticket: [UInt8], _ pending: Pending) -> Pending? {
    if pending.size == end { return pending }
    guard let old = past.last(where: { $0.size == end }) else { return nil }
    if usesTickets, end != mirrored, ticket != self.ticket(end) { return nil }
    return old
  }

  private func ticket(_ size: UInt64) -> [UInt8] {
    usesTickets ? Array("ticket \(size)".utf8) : []
  }

  private func place(_ end: UInt64, valid: Bool, status: Int = 409) -> (Int, String, [UInt8]) {
    let next = UInt64(nodes[0].count)
    let size = valid && next <= end ? end : pending?.size ?? 0
    let text = "\(size)\n\(next)\n\(Base64.text(ticket(size).span))\n"
    return (status, "text/x.tlog.mirror-info", Array(text.utf8))
  }

  /// Whether every package of the request is in the body.
  private func countPackages(
    _ body: [UInt8], _ position: Int, _ start: UInt64, _ end: UInt64
  ) -> Bool {
    var reader = Cursor(body)
    reader.position = position
    var from = start
    while from < end {
      let upTo = min(end, from / 256 * 256 + 256)
      guard readPackage(&reader, Int(upTo - from)) != nil else { return false }
      from = upTo
    }
    return true
  }

  private func readPackage(
    _ reader: inout Cursor, _ count: Int
  ) -> Package? {
    var entries: [[UInt8]] = []
    entries.reserveCapacity(count)
    let start = reader.position
    for _ in 0..<count {
      guard let entry = reader.counted() else { return nil }
      entries.append(entry)
    }
    let bytes = reader.bytes
    let bundle = bytes.span.extracting(start..<reader.position)
    guard let leaves = Tree.leaves(ofBundle: bundle, count: count) else { return nil }
    guard let hashCount = reader.number(1), hashCount <= 63 else { return nil }
    var proof = Proof()
    for _ in 0..<hashCount {
      guard let hash = reader.take(32), let digest = Digest(hash.span) else { return nil }
      _ = proof.push(digest)
    }
    return Package(entries: entries, leaves: leaves, proof: proof)
  }

  // MARK: the tree

  private func forgetLeaves(from index: Int) {
    // Hashes that were taken back have no entries yet.
    bundles.removeLast(max(bundles.count - (index + 255) / 256, 0))
    if index % 256 > 0, bundles.count == index / 256 + 1 {
      bundles[index / 256].cut(to: index % 256)
    }
    for height in 0...8 { nodes[height].removeLast(nodes[height].count - index >> height) }
  }

  /// MTH of leaves of a block, recursively down to complete subtrees.
  private func root(_ range: Range<Int>) -> Digest {
    if range.count & (range.count - 1) == 0 {
      let height = range.count.trailingZeroBitCount
      return nodes[height][range.lowerBound >> height]
    }
    var power = 1
    while power * 2 < range.count { power *= 2 }
    let middle = range.lowerBound + power
    return Tree.node(root(range.lowerBound..<middle), root(middle..<range.upperBound))
  }

  private func firstBlankLine(_ body: [UInt8]) -> Int? {
    body.indices.dropFirst().first { body[$0] == 0x0A && body[$0 - 1] == 0x0A }
  }

  private func decimal(_ text: [UInt8]) -> UInt64? {
    guard let value = UInt64(String(decoding: text, as: UTF8.self)) else { return nil }
    return "\(value)".utf8.elementsEqual(text) ? value : nil
  }
}

/// What a package brings: entries with their hashes, and the proof for their block.
private struct Package {
  var entries: [[UInt8]]
  var leaves: [Digest]
  var proof: Proof
}

/// Reads a request's body; outside of the generic class, whose nested types are looked up at each use.
private struct Cursor {
  let bytes: [UInt8]
  var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func take(_ count: Int) -> [UInt8]? {
    guard bytes.count - position >= count else { return nil }
    defer { position += count }
    return Array(bytes[position..<(position + count)])
  }

  mutating func number(_ byteCount: Int) -> UInt64? {
    guard bytes.count - position >= byteCount else { return nil }
    var value: UInt64 = 0
    for byte in bytes[position..<position + byteCount] { value = value << 8 | UInt64(byte) }
    position += byteCount
    return value
  }

  mutating func counted() -> [UInt8]? {
    guard let count = number(2) else { return nil }
    return take(Int(count))
  }
}
