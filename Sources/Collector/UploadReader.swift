import TransparencyLog

/// The head of `add-entries` (C2SP tlog-mirror).
///
///     u16be length ‖ origin ‖ u64be upload_start ‖ u64be upload_end ‖ u16be length ‖ ticket
public struct UploadHeader: Equatable, Sendable {
  /// Bytes of the origin; they need not be text.
  public var origin: [UInt8]
  /// Index of the first entry.
  public var start: UInt64
  /// Size of the checkpoint that the upload aims at.
  public var end: UInt64
  /// What the mirror gave in an earlier answer, or nothing.
  public var ticket: [UInt8]
}

/// Up to 256 entries with the proof of their block.
///
///     package = (u16be length ‖ entry)* ‖ u8 num_hashes ‖ num_hashes × 32 bytes
public struct UploadPackage: Sendable {
  /// The entries, each with its length before it, as an entry bundle holds them.
  public var entries: [UInt8]
  /// Hash of each entry.
  public var leaves: [Digest]
  /// Proof of the block `[256 k, min(end, 256 k + 256))` in the tree of `end` entries.
  public var proof: Proof
}

/// More hashes than a proof can have.
public struct TooManyHashes: Error {}

/// Takes the body of `add-entries` as it comes and gives its head and packages; it holds one package.
///
/// The bound is that of the format: 256 entries of 65,537 bytes, a count and 63 hashes, 16.8 MB.
struct UploadReader: ~Copyable {
  private var content: ContentDecoder
  /// Decoded bytes that were not given out yet; the first `consumed` are done with.
  private var buffer: [UInt8] = []
  private var consumed = 0
  private var leaves: [Digest] = []
  /// Where the next entry of the package being read begins.
  private var scan = 0

  /// Decoded bytes are taken in pieces of this size.
  static let pieceByteCount = 64 * 1_024

  init(_ encoding: ContentEncoding) { content = ContentDecoder(encoding) }

  /// Adds what was received.
  mutating func feed(_ bytes: some Sequence<UInt8>) { content.feed(bytes) }

  /// Decodes one more piece; `false`: everything fed is decoded.
  private mutating func fill() throws(DamagedStream) -> Bool {
    if consumed > 0 {
      buffer.removeFirst(consumed)
      scan -= consumed
      consumed = 0
    }
    return try content.take(into: &buffer, limit: Self.pieceByteCount) > 0
  }

  /// The head, or `nil` if more must be fed first.
  mutating func header() throws(DamagedStream) -> UploadHeader? {
    while true {
      if let header = parseHeader() { return header }
      guard try fill() else { return nil }
    }
  }

  private mutating func parseHeader() -> UploadHeader? {
    guard let originCount = length(at: 0) else { return nil }
    let ticketAt = 2 + originCount + 16
    guard let ticketCount = length(at: ticketAt), buffer.count >= ticketAt + 2 + ticketCount else {
      return nil
    }
    func number(_ offset: Int) -> UInt64 {
      buffer[offset..<(offset + 8)].reduce(0) { $0 << 8 | UInt64($1) }
    }
    consumed = ticketAt + 2 + ticketCount
    scan = consumed
    return UploadHeader(
      origin: [UInt8](buffer[2..<(2 + originCount)]), start: number(2 + originCount),
      end: number(10 + originCount), ticket: [UInt8](buffer[(ticketAt + 2)..<consumed]))
  }

  private func length(at offset: Int) -> Int? {
    guard buffer.count >= offset + 2 else { return nil }
    return Int(buffer[offset]) << 8 | Int(buffer[offset + 1])
  }

  /// Everything that was fed was given out.
  mutating func isAtEnd() throws(DamagedStream) -> Bool {
    while try fill() {}
    return buffer.isEmpty
  }

  /// The next package, which has `entryCount` entries, or `nil` if more must be fed first.
  mutating func package(entryCount: Int) throws -> UploadPackage? {
    while true {
      if let package = try parsePackage(entryCount: entryCount) { return package }
      guard try fill() else { return nil }
    }
  }

  private mutating func parsePackage(entryCount: Int) throws(TooManyHashes) -> UploadPackage? {
    while leaves.count < entryCount {
      guard let count = length(at: scan), buffer.count >= scan + 2 + count else { return nil }
      leaves.append(Tree.leaf(buffer.span.extracting((scan + 2)..<(scan + 2 + count))))
      scan += 2 + count
    }
    guard buffer.count > scan else { return nil }
    let hashCount = Int(buffer[scan])
    guard hashCount <= Proof.capacity else { throw TooManyHashes() }
    let end = scan + 1 + hashCount * Digest.byteCount
    guard buffer.count >= end else { return nil }
    var proof = Proof()
    for number in 0..<hashCount {
      let at = scan + 1 + number * Digest.byteCount
      if let digest = Digest(buffer.span.extracting(at..<(at + Digest.byteCount))) {
        _ = proof.push(digest)
      }
    }
    let package = UploadPackage(
      entries: [UInt8](buffer[consumed..<scan]), leaves: leaves, proof: proof)
    leaves = []
    consumed = end
    scan = end
    return package
  }
}
