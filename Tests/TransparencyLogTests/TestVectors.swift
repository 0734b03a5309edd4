// Test vectors are known to be whole: a missing one may stop the run.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import CSodium
import Foundation
import HAL
import TransparencyLog

/// `Vectors/mirror-log.json`, whose first field names its source.
struct MirrorVectors: Decodable {
  struct Key: Decodable {
    var name: String
    var type: UInt8
    var seed_hex: String
    var public_hex: String
    var key_id_hex: String
    var vkey: String
  }
  struct Entries: Decodable {
    var count: Int
    var first_hex: [String]
    var sha256_with_prefix: String
    var bundle_base64: [String: String]
    var leaf_hash_hex: [String: String]
  }
  struct Root: Decodable {
    var hex: String
    var base64: String
  }
  struct ProofCase: Decodable {
    var step: String
    var subtree: [UInt64]
    var size: UInt64
    var proof_hex: [String]?
    var proof_base64: [String]?

    var hashes: [Digest] {
      (proof_hex ?? []).map { digest($0) }
        + (proof_base64 ?? []).map { Base64.digest(Array($0.utf8).span)! }
    }
  }
  struct Cosigned: Decodable {
    var signed_message: String
    var time: UInt64
    var line: String
    var blob_hex: String
  }
  struct Stored: Decodable {
    var length: Int
    var sha256: String
  }
  struct Served: Decodable {
    var checkpoint_after_3_5: String
    var bySize: [String: [String: Stored]]

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: AnyKey.self)
      checkpoint_after_3_5 = try container.decode(
        String.self, forKey: AnyKey(stringValue: "checkpoint_after_3_5")!)
      bySize = [:]
      for key in ["300", "555", "700"] {
        bySize[key] = try container.decode(
          [String: Stored].self, forKey: AnyKey(stringValue: key)!)
      }
    }
    struct AnyKey: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }
  }
  struct InclusionProof: Decodable {
    var index: UInt64
    var entry_hex: String
    var text: String
  }

  var origin: String
  var origin_hash_hex: String
  var keys: [String: Key]
  var entries: Entries
  var subtree_hash_hex: [String: String]
  var roots: [String: Root]
  var checkpoints: [String: String]
  var cosignature: Cosigned
  var served: Served
  var tlog_proof: InclusionProof
  var proofs: [ProofCase]

  static let shared: MirrorVectors = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Vectors/mirror-log.json")
    return try! JSONDecoder().decode(MirrorVectors.self, from: Data(contentsOf: file))
  }()

  /// All 700 entries.
  static let entries: [[UInt8]] = {
    var all: [[UInt8]] = []
    for block in ["0", "1", "2"] {
      let bundle = [UInt8](Data(base64Encoded: shared.entries.bundle_base64[block]!)!)
      var walk = EntryBundle(bundle.span)
      while let entry = try! walk.next() { all.append(Array(bundle[entry])) }
    }
    return all
  }()
}

/// Bytes from hexadecimal, white space ignored.
func bytes(_ hex: String) -> [UInt8] {
  let digits = hex.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

func digest(_ hex: String) -> Digest { Digest(hex: hex)! }

func key(_ hex: String) -> PublicKey {
  let all = bytes(hex)
  var key = PublicKey(repeating: 0)
  for i in 0..<32 { key[i] = all[i] }
  return key
}

/// SHA-256 by libsodium: independent of the code under test.
func sodiumHash(_ bytes: [UInt8]) -> Digest {
  var out = [UInt8](repeating: 0, count: 32)
  _ = bytes.withUnsafeBufferPointer { input in
    crypto_hash_sha256(&out, input.baseAddress, UInt64(input.count))
  }
  return Digest(out.span)!
}

/// The tree as RFC 6962 defines it: recursive, over libsodium's hash.
final class NaiveTree {
  private(set) var leaves: [Digest] = []
  private var memory: [Range<UInt64>: Digest] = [:]

  func append(_ leaf: Digest) { leaves.append(leaf) }

  static func split(_ count: UInt64) -> UInt64 {
    var power: UInt64 = 1
    while power * 2 < count { power *= 2 }
    return power
  }

  static func node(_ left: Digest, _ right: Digest) -> Digest {
    sodiumHash([1] + left.array + right.array)
  }

  /// MTH(D[low:high]).
  func hash(_ low: UInt64, _ high: UInt64) -> Digest {
    if low == high { return sodiumHash([]) }
    if high - low == 1 { return leaves[Int(low)] }
    if let known = memory[low..<high] { return known }
    let middle = low + NaiveTree.split(high - low)
    let value = NaiveTree.node(hash(low, middle), hash(middle, high))
    memory[low..<high] = value
    return value
  }

  /// PROOF(s, e, n) of the specification, word for word.
  func proof(_ start: UInt64, _ end: UInt64, _ size: UInt64) -> [Digest] {
    sub(start, end, 0, size, known: true)
  }

  private func sub(
    _ start: UInt64, _ end: UInt64, _ low: UInt64, _ high: UInt64, known: Bool
  ) -> [Digest] {
    if start == low, end == high { return known ? [] : [hash(low, high)] }
    let middle = low + NaiveTree.split(high - low)
    if end <= middle {
      return sub(start, end, low, middle, known: known) + [hash(middle, high)]
    }
    if middle <= start {
      return sub(start, end, middle, high, known: known) + [hash(low, middle)]
    }
    return sub(middle, end, middle, high, known: false) + [hash(low, middle)]
  }
}

/// A naive tree as a source of hashes that refuses what lies beyond it.
struct NaiveSource: HashSource {
  var tree: NaiveTree
  var asked = 0

  init(_ tree: NaiveTree) { self.tree = tree }

  mutating func subtreeHash(height: Int, index: UInt64) throws(HashSourceError) -> Digest {
    asked += 1
    let low = index << UInt64(height)
    let high = low + 1 << UInt64(height)
    guard high <= UInt64(tree.leaves.count) else { throw .missing }
    return tree.hash(low, high)
  }
}

/// A seeded sequence (SplitMix64): the same inputs in every run.
struct SeededRandom: RandomNumberGenerator, EntropySource {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A leaf hash for a position, without hashing an entry.
func cheapLeaf(_ index: Int) -> Digest {
  var random = SeededRandom(state: UInt64(index))
  var value = InlineArray<32, UInt8>(repeating: 0)
  for i in 0..<32 { value[i] = UInt8(truncatingIfNeeded: random.next()) }
  return Digest(bytes: value)
}
