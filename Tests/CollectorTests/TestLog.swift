import HAL
import HostCrypto
import TransparencyLog

/// A log with the key of the vectors and entries of its own, and the requests that its gateway makes.
struct TestLog: Sendable {
  static let origin = "mrv.example/gw/7f3a01c2/1"
  static let seed = "beb6e5e4ed5117d3a3de413e6fb7d1e90dca00be80b3e8996e50ee5cb71acb69"

  let entries: [[UInt8]]
  let leaves: [Digest]
  /// Hashes of the complete subtrees by height: an unoptimised SHA-256 is slow, so each is made once.
  private let heights: [[Digest]]

  /// `count` short entries; `branch` makes other entries of the same number from `after` on.
  init(count: Int, branch: UInt8 = 0, after: Int = 0) {
    self.init(
      entries: (0..<count).map { index in
        let number = (0..<4).map { UInt8(truncatingIfNeeded: index >> (24 - 8 * $0)) }
        return number + [index >= after ? branch : 0] + [UInt8](repeating: 7, count: index % 5)
      })
  }

  init(entries: [[UInt8]]) {
    self.entries = entries
    leaves = entries.map { Tree.leaf($0.span) }
    var heights = [leaves]
    while let below = heights.last, below.count > 1 {
      heights.append((0..<(below.count / 2)).map { Tree.node(below[2 * $0], below[2 * $0 + 1]) })
    }
    self.heights = heights
  }

  static func key(_ text: String = TestLog.seed) throws -> FileKeySigner {
    var seed = InlineArray<32, UInt8>(repeating: 0)
    for (index, byte) in bytes(hex: text).enumerated() { seed[index] = byte }
    return try FileKeySigner(seed: seed)
  }

  static func vkey(
    _ origin: String = TestLog.origin, seed: String = TestLog.seed
  ) throws -> String {
    "\(try key(seed).verifierKey(name: try require(KeyName(origin)), type: .log))"
  }

  /// The hashes of the log as a source of subtrees.
  struct Source: HashSource {
    let heights: [[Digest]]
    func subtreeHash(height: Int, index: UInt64) throws(HashSourceError) -> Digest {
      guard height < heights.count, index < UInt64(heights[height].count) else { throw .missing }
      return heights[height][Int(index)]
    }
  }

  var source: Source { Source(heights: heights) }

  func root(_ size: Int) throws -> Digest {
    var source = source
    return try rootHash(UInt64(size), &source)
  }

  func proof(_ start: Int, _ end: Int, in size: Int) throws -> [Digest] {
    var source = source
    return try Proof.subtree(UInt64(start), UInt64(end), in: UInt64(size), &source).array
  }

  // MARK: requests

  /// The signed note of a size.
  func note(
    _ size: Int, root: Digest? = nil, origin: String = TestLog.origin, extensions: String = "",
    seed: String = TestLog.seed
  ) throws -> [UInt8] {
    let root = try root ?? self.root(size)
    let text = "\(origin)\n\(size)\n\(Base64.text(root.span))\n\(extensions)"
    return Array(text.utf8) + [0x0A]
      + (try Self.signatureLine(over: Array(text.utf8), origin, seed: seed))
  }

  /// The line of the log's key over a text.
  static func signatureLine(
    over text: [UInt8], _ origin: String = TestLog.origin, seed: String = TestLog.seed
  ) throws -> [UInt8] {
    var key = try key(seed)
    let name = try require(KeyName(origin))
    let id = VerifierKey.keyID(name: name, type: .log, publicKey: key.publicKey)
    let signature = try require(text.withUnsafeBufferPointer { key.sign($0) })
    return ByteWriter.bytes {
      NoteLines.write(name: name, keyID: id, signature: signature.span, to: &$0)
    }
  }

  /// The body of `add-checkpoint`.
  func checkpointBody(old: Int, size: Int, proof: [Digest]? = nil, note: [UInt8]? = nil) throws
    -> [UInt8]
  {
    let hashes = try proof ?? (old > 0 && old < size ? self.proof(0, old, in: size) : [])
    let lines = hashes.map { Base64.text($0.span) + "\n" }.joined()
    return Array("old \(old)\n\(lines)\n".utf8) + (try note ?? self.note(size))
  }

  static func header(
    origin: String = TestLog.origin, start: UInt64, end: UInt64, ticket: [UInt8] = []
  ) -> [UInt8] {
    func big(_ value: UInt64, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
    }
    let name = Array(origin.utf8)
    return big(UInt64(name.count), 2) + name + big(start, 8) + big(end, 8)
      + big(UInt64(ticket.count), 2) + ticket
  }

  /// All packages of an upload, one array each.
  func packages(_ start: Int, _ end: Int) throws -> [[UInt8]] {
    guard start < end else { return [] }
    return try stride(from: start / 256 * 256, to: end, by: 256).map { base in
      let last = min(end, base + 256)
      let hashes = try proof(base, last, in: end)
      return entries[max(start, base)..<last].flatMap(Self.bundled)
        + [UInt8(hashes.count)] + hashes.flatMap(\.array)
    }
  }

  static func bundled(_ entry: [UInt8]) -> [UInt8] {
    [UInt8(entry.count >> 8), UInt8(entry.count & 255)] + entry
  }

  /// The body of `add-entries`, or its first `packages` packages.
  func entriesBody(
    _ start: Int, _ end: Int, ticket: [UInt8] = [], packages count: Int = .max,
    origin: String = TestLog.origin
  ) throws -> [UInt8] {
    Self.header(origin: origin, start: UInt64(start), end: UInt64(end), ticket: ticket)
      + (try packages(start, end).prefix(count).flatMap { $0 })
  }
}
