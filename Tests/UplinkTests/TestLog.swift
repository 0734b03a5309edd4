// Test vectors are known to be whole: a missing one may stop the run.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import Foundation
import HAL
import HostCrypto
import Metering
import Simulator
import TransparencyLog

@testable import Uplink

/// `Vectors/mirror-steps.json`, whose first field names its source.
struct MirrorSteps: Decodable {
  struct Key: Decodable {
    var name: String
    var seed_hex: String
    var vkey: String
  }
  struct Entries: Decodable { var bundle_base64: [String: String] }
  struct Request: Decodable {
    var path: String
    var length: Int
    var sha256: String
    var headers: [String: String]?
  }
  struct Answer: Decodable {
    var status: Int
    var content_type: String?
    var body: String?
  }
  struct Step: Decodable {
    var name: String
    var request: Request
    var response: Answer
  }
  var origin: String
  var keys: [String: Key]
  var entries: Entries
  var checkpoints: [String: String]
  var ticket_hex: String
  var steps: [Step]

  static let shared: MirrorSteps = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Vectors/mirror-steps.json")
    return try! JSONDecoder().decode(MirrorSteps.self, from: Data(contentsOf: file))
  }()

  /// The step whose name begins with `number` and a blank.
  static func step(_ number: String) -> Step {
    shared.steps.first { $0.name.hasPrefix(number + " ") }!
  }

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

extension MirrorSteps.Answer {
  var response: UplinkResponse {
    UplinkResponse(
      status: status, contentType: Array((content_type ?? "").utf8),
      body: Array((body ?? "").utf8))
  }

  /// The time in a cosignature line, in seconds.
  var signedAt: UInt64 {
    let bytes = Array(body!.utf8)
    var lines = NoteLines(bytes.span)
    return try! lines.next()!.cosignature(in: bytes.span)!.time
  }
}

func seed(_ hex: String) -> InlineArray<32, UInt8> { Digest(hex: hex)!.bytes }

/// SplitMix64: the same inputs in every run.
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

/// A log in memory, as the gateway's journal and tiles would give it.
struct TestLog: EvidenceSource {
  var entries: [[UInt8]] = []
  private var heights: [[Digest]] = [[]]
  /// Entries that are damaged on the disk: read with their last bit changed.
  var damaged: Set<Int> = []
  /// Entries below are gone.
  var firstKept: UInt64 = 0
  var entriesRead = 0

  mutating func append(_ entry: [UInt8]) {
    entries.append(entry)
    var hash = Tree.leaf(entry.span)
    var height = 0
    while true {
      heights[height].append(hash)
      guard heights[height].count % 2 == 0 else { return }
      if heights.count == height + 1 { heights.append([]) }
      hash = Tree.node(heights[height][heights[height].count - 2], hash)
      height += 1
    }
  }

  var size: UInt64 { UInt64(entries.count) }

  /// The hash of an entry comes to harm, and none above it.
  mutating func rot(_ index: Int) { heights[0][index] = .zero }

  mutating func subtreeHash(height: Int, index: UInt64) throws(HashSourceError) -> Digest {
    guard height < heights.count, index < heights[height].count else { throw .missing }
    return heights[height][Int(index)]
  }

  mutating func appendEntries(
    _ range: Range<UInt64>, to body: inout [UInt8]
  ) throws(HashSourceError) {
    guard range.lowerBound >= firstKept, range.upperBound <= size else { throw .missing }
    for index in range {
      var entry = entries[Int(index)]
      if damaged.contains(Int(index)) { entry[entry.count - 1] ^= 1 }
      body.append(UInt8(entry.count >> 8))
      body.append(UInt8(entry.count & 255))
      body += entry
      entriesRead += 1
    }
  }

  /// A signed note over the first `size` entries.
  mutating func note(_ origin: KeyName, _ size: UInt64, _ signer: SharedSigner) -> [UInt8] {
    let root = try! rootHash(size, &self)
    return signer.note(Checkpoint(origin: origin, size: size, root: root))
  }
}

/// A signer that several owners may hold.
final class SharedSigner {
  private var signer: FileKeySigner

  init(seed: InlineArray<32, UInt8>) throws { signer = try FileKeySigner(seed: seed) }

  func note(_ checkpoint: Checkpoint) -> [UInt8] {
    ByteWriter.bytes { _ = checkpoint.sign(with: &signer, to: &$0) }
  }
}

/// A client, its log and its mirror, with a network that can be told to fail.
struct Scene {
  enum Fault { case none, requestLost, answerLost }

  var log = TestLog()
  var client: MirrorClient
  let mirror: SimulatedMirror<FileKeySigner, SodiumVerifier>
  let signer: SharedSigner
  var now: UInt64 = 1_000_000
  var random = SeededRandom(state: 1)
  var events: [MirrorEvent] = []
  var requests: [UplinkRequest] = []
  var quality = ClockQuality(errorExponent: 14, source: .nts)

  static let origin = KeyName(MirrorSteps.shared.origin)!

  init(entries: Int = 0, configuration: MirrorConfiguration = MirrorConfiguration()) throws {
    let keys = MirrorSteps.shared.keys
    signer = try SharedSigner(seed: seed(keys["log"]!.seed_hex))
    mirror = SimulatedMirror(
      origin: Scene.origin, logKey: VerifierKey(keys["log"]!.vkey)!,
      name: KeyName(keys["mirror"]!.name)!,
      key: try FileKeySigner(seed: seed(keys["mirror"]!.seed_hex)), verifier: SodiumVerifier(),
      keepsEntries: true)
    client = MirrorClient(
      origin: Scene.origin, mirrorKey: VerifierKey(keys["mirror"]!.vkey)!, acknowledgedSize: 0,
      acknowledged: nil, releasedSize: 0, signedSize: 0, configuration: configuration)
    grow(entries)
  }

  /// Adds entries; those of the vectors first.
  mutating func grow(_ count: Int) {
    for _ in 0..<count {
      let index = log.entries.count
      if index < 700 {
        log.append(MirrorSteps.entries[index])
      } else {
        log.append((0..<20).map { UInt8(truncatingIfNeeded: (index &* 31) >> ($0 % 8)) })
      }
    }
  }

  mutating func sign() {
    let note = log.note(Scene.origin, log.size, signer)
    // Where the mirror stands was asked: tests of that do without this function.
    client.isPlaced = true
    client.noteSigned(note: note, signedAt: mirror.clock)
  }

  /// A line of the mirror under a text.
  static func cosignature(over text: [UInt8]) throws -> [UInt8] {
    let keys = MirrorSteps.shared.keys
    var signer = try FileKeySigner(seed: seed(keys["mirror"]!.seed_hex))
    return ByteWriter.bytes {
      let isSigned = Cosignature.sign(
        text: text.span, time: 1_785_000_400, name: KeyName(keys["mirror"]!.name)!, with: &signer,
        to: &$0)
      precondition(isSigned)
    }
  }

  /// A client that knows what a restarted gateway knows.
  mutating func restart() {
    let (acknowledged, signed) = (client.acknowledgedSize, client.newestSignedSize)
    client = MirrorClient(
      origin: Scene.origin, mirrorKey: client.mirrorKey, acknowledgedSize: acknowledged,
      acknowledged: acknowledged > 0 ? log.note(Scene.origin, acknowledged, signer) : nil,
      releasedSize: client.releasedSize, signedSize: signed, configuration: client.configuration)
    client.noteSigned(note: log.note(Scene.origin, signed, signer))
  }

  mutating func take(_ response: UplinkResponse) -> [MirrorEvent] {
    let new = client.receive(
      response, now: now, utc: mirror.clock * 1_000_000, quality: quality,
      verifier: SodiumVerifier(), randomness: &random)
    events += new
    return new
  }

  /// One request and its answer; `false` when there is nothing to ask now.
  mutating func step(_ fault: Fault = .none) throws -> Bool {
    guard let request = try client.nextRequest(now: now, source: &log) else { return false }
    requests.append(request)
    if fault == .requestLost {
      _ = take(.networkFailure)
      return true
    }
    let answer = mirror.answer(
      "\(request.path.text)", "\(request.path.contentType)", request.body)
    let lost = fault == .answerLost || answer.status == 0
    _ = take(
      lost
        ? .networkFailure
        : UplinkResponse(
          status: answer.status, contentType: Array(answer.type.utf8), body: answer.body))
    return true
  }

  /// Steps until nothing is left to do, waiting where the client waits.
  mutating func drain(limit: Int = 200) throws {
    for _ in 0..<limit {
      guard let wake = client.wakeAt else { return }
      now = max(now, wake)
      guard try step() else { return }
    }
  }

  var acknowledged: [UInt64] {
    events.compactMap { if case .acknowledged(let size, _, _) = $0 { size } else { nil } }
  }
  var alarms: [MirrorAlarm] {
    events.compactMap { if case .alarm(let alarm) = $0 { alarm } else { nil } }
  }
}
