// Test vectors are known to be whole: a missing one may stop the run.
// swift-format-ignore-file: NeverForceUnwrap, NeverUseForceTry

import HAL
import HostCrypto
import Metering
import Testing
import TransparencyLog

@testable import Uplink

/// A log, its packages and the directory that they land in.
struct Courier {
  var log = TestLog()
  var client: PackageClient
  let signer: SharedSigner
  var now: UInt64 = 1_000_000
  var utc: UInt64 = 1_785_000_500
  var random = SeededRandom(state: 1)
  var files: [(name: String, bytes: [UInt8])] = []
  var kept: [UInt64] = []
  var events: [MirrorEvent] = []
  var verdicts: [Bool] = []
  var heard = 0
  var minimumIndex: UInt64 = 0

  static let origin = KeyName(MirrorSteps.shared.origin)!
  static let mirrorKey = VerifierKey(MirrorSteps.shared.keys["mirror"]!.vkey)!
  static let hour: UInt64 = 3_600_000_000

  init(entries: Int = 0, written: UInt64 = 0, acknowledged: UInt64 = 0) {
    let keys = MirrorSteps.shared.keys
    signer = try! SharedSigner(seed: seed(keys["log"]!.seed_hex))
    client = Courier.client(written: written, acknowledged: acknowledged)
    grow(entries)
  }

  static func client(written: UInt64, acknowledged: UInt64) -> PackageClient {
    PackageClient(
      origin: origin, mirrorKey: mirrorKey, acknowledgedSize: acknowledged,
      terms: PackageTerms(every: hour, retention: 400 * 24 * hour, writtenSize: written))
  }

  /// Adds entries, those of the vectors first, and signs.
  mutating func grow(_ count: Int, padding: Int = 0) {
    for _ in 0..<count {
      let index = log.entries.count
      log.append(
        index < 700 && padding == 0
          ? MirrorSteps.entries[index] : [UInt8](repeating: UInt8(index & 255), count: 20 + padding)
      )
    }
    if log.size > 0 { client.noteSigned(note: log.note(Courier.origin, log.size, signer)) }
  }

  var signedLog: SignedLog {
    SignedLog(
      key: VerifierKey(MirrorSteps.shared.keys["log"]!.vkey)!, signedSize: log.size)
  }

  /// One request; `false` if none is due.
  mutating func step(_ answer: PackageAnswer = PackageAnswer()) throws -> Bool {
    guard
      let request = try client.nextRequest(now: now, minimumIndex: minimumIndex, source: &log)
    else { return false }
    if answer.failure == nil {
      if let file = request.package {
        files.append((String(decoding: file.name, as: UTF8.self), file.bytes))
      }
      if let size = request.writtenSize { kept.append(size) }
      if let verdict = request.acknowledgementWasTaken { verdicts.append(verdict) }
      if request.wasHeard { heard += 1 }
    }
    self.answer(answer)
    return true
  }

  /// What comes of the request under way.
  mutating func answer(_ answer: PackageAnswer) {
    events += client.receive(
      answer,
      now: Instant(
        mono: now, utc: utc * 1_000_000,
        quality: ClockQuality(errorExponent: 10, source: .ntp)),
      log: signedLog, source: &log, verifier: SodiumVerifier(), randomness: &random)
  }

  /// Steps for so many µs, as a host does.
  mutating func run(_ microseconds: UInt64) throws {
    let end = now + microseconds
    while let wake = client.wakeAt, wake <= end {
      now = max(now, wake)
      guard try step() else { break }
    }
    now = end
  }

  /// What a collector would carry back for the first `size` entries.
  mutating func acknowledgement(
    _ size: UInt64, origin: KeyName = Courier.origin, name: String = "collector.example/m1"
  ) -> [UInt8] {
    let root = try! rootHash(size, &log)
    return cosigned(Checkpoint(origin: origin, size: size, root: root), name: name)
  }

  mutating func cosigned(_ checkpoint: Checkpoint, name: String = "collector.example/m1") -> [UInt8]
  {
    var mirror = try! FileKeySigner(seed: seed(MirrorSteps.shared.keys["mirror"]!.seed_hex))
    let note = signer.note(checkpoint)
    let text = note[try! Note.parse(note.span).text]
    return note
      + ByteWriter.bytes {
        _ = Cosignature.sign(
          text: Array(text).span, time: utc, name: KeyName(name)!, with: &mirror, to: &$0)
      }
  }

  /// Bytes of the note of `size` with the log's line alone.
  mutating func signerNoteCount(_ size: UInt64) -> Int {
    log.note(Courier.origin, size, signer).count
  }
}
