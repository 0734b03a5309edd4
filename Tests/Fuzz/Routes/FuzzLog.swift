import HAL
import HostCrypto
import MeterProtocols
import Metering
import TransparencyLog

/// A log whose entries are given once and whose requests are made for any origin.
struct FuzzLog {
  let entries: [[UInt8]]
  /// Hashes of the complete subtrees, by height.
  private let heights: [[Digest]]

  init(entries: [[UInt8]]) {
    self.entries = entries
    var heights = [entries.map { Tree.leaf($0.span) }]
    while let below = heights.last, below.count > 1 {
      heights.append((0..<(below.count / 2)).map { Tree.node(below[2 * $0], below[2 * $0 + 1]) })
    }
    self.heights = heights
  }

  private struct Source: HashSource {
    let heights: [[Digest]]
    func subtreeHash(height: Int, index: UInt64) throws(HashSourceError) -> Digest {
      guard height < heights.count, index < UInt64(heights[height].count) else { throw .missing }
      return heights[height][Int(index)]
    }
  }

  static func key() throws -> FileKeySigner {
    try FileKeySigner(seed: InlineArray(repeating: 0x66))
  }

  func proof(_ start: Int, _ end: Int, in size: Int) throws -> [Digest] {
    var source = Source(heights: heights)
    return try Proof.subtree(UInt64(start), UInt64(end), in: UInt64(size), &source).array
  }

  func checkpointBody(origin: KeyName, old: Int, size: Int) throws -> [UInt8] {
    var source = Source(heights: heights)
    let root = try rootHash(UInt64(size), &source)
    let hashes = old > 0 && old < size ? try proof(0, old, in: size) : []
    var key = try Self.key()
    let note = ByteWriter.bytes {
      _ = Checkpoint(origin: origin, size: UInt64(size), root: root).sign(with: &key, to: &$0)
    }
    let lines = hashes.map { Base64.text($0.span) + "\n" }.joined()
    return Array("old \(old)\n\(lines)\n".utf8) + note
  }

  func entriesBody(origin: KeyName, _ start: Int, _ end: Int) throws -> [UInt8] {
    let name = Array("\(origin)".utf8)
    var body = big(name.count, 2) + name + big(start, 8) + big(end, 8) + [0, 0]
    for base in stride(from: start / 256 * 256, to: end, by: 256) where start < end {
      let last = min(end, base + 256)
      for entry in entries[max(start, base)..<last] { body += big(entry.count, 2) + entry }
      let hashes = try proof(base, last, in: end)
      body += [UInt8(hashes.count)] + hashes.flatMap(\.array)
    }
    return body
  }

  private func big(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
  }

  // MARK: entries of a small plant

  static let profile = Array(
    """
    profile: 1
    vendor: v
    model: m
    label: {en: a, zh: b}
    protocol: modbus-rtu
    sources: [{id: d, document: e}]
    requests:
      - {name: r, function: 3, address: 0, count: 4, source: d, points: [
          {quantity: frequency, label: f, type: u32, offset: 0, unit: Hz, word_order: ABCD}]}

    """.utf8)

  /// Boot, a profile, its channel, and as many readings as fill `count`.
  static func plant(origin: String, count: Int) -> [[UInt8]] {
    let head = { (index: Int) in
      EntryHead(
        index: UInt64(index), boot: 1,
        time: Instant(
          mono: UInt64(index) * 1_000_000, utc: 1_785_000_000_000_000 + UInt64(index) * 1_000_000,
          quality: ClockQuality(errorExponent: 14, source: .ntp)))
    }
    let name = Array(origin.utf8)
    let request = ModbusRequest(unit: 1, function: .readHoldingRegisters, address: 0, count: 4)
    let asked = ByteWriter.bytes { request?.write(into: &$0) }
    let bundle = [0, UInt8(asked.count)] + asked
    let port = Array("a".utf8)
    let channel = ByteWriter.bytes {
      let address: [UInt8] = [1]
      let ratios: [Channel.Ratio] = []
      Channel.write(
        device: 7, label: port.span, serial: nil, mode: .polled, port: port.span,
        address: address.span, profile: 1, requests: bundle.span, periodMilliseconds: 1_000,
        offsetMilliseconds: 0, ratios: ratios.span, to: &$0)
    }
    var entries = [
      ByteWriter.bytes {
        BootEntry.write(
          head: head(0), bootID: InlineArray(repeating: 3), previousSize: 0,
          previousRoot: Tree.empty, reason: .machineStart, softwareHash: .zero, origin: name.span,
          to: &$0)
      },
      config(head(1), .profile, Array("p".utf8), profile),
      config(head(2), .channel, port, channel),
    ]
    for index in 3..<count {
      let answer = ByteWriter.bytes {
        let data: [UInt8] = [0, 0, 0, UInt8(index & 255), 0, 0, 0, 0]
        if let request { ModbusServer.writeReply(to: request, data: data.span, into: &$0) }
      }
      entries.append(
        answer.withUnsafeBufferPointer { raw in
          ByteWriter.bytes {
            ReadingEntry.write(
              head: head(index), channel: 2, request: 0, status: .good, slot: UInt64(index),
              roundTrip: 9, raw: raw, to: &$0)
          }
        })
    }
    return entries
  }

  private static func config(
    _ head: EntryHead, _ kind: ConfigEntry.Kind, _ name: [UInt8], _ body: [UInt8]
  ) -> [UInt8] {
    body.withUnsafeBufferPointer { bytes in
      ByteWriter.bytes {
        ConfigEntry.write(
          head: head, kind: kind, name: name.span, sha256: SHA256.hash(body.span), body: bytes,
          to: &$0)
      }
    }
  }
}
