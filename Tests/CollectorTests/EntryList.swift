import HAL
import Metering
import TransparencyLog

/// Builds the entries that a gateway writes.
struct EntryList {
  private(set) var entries: [[UInt8]] = []
  /// Microseconds by which both clocks are later than a second for each entry.
  var delay: UInt64 = 0
  /// 2026-07-25T17:20:00Z.
  static let start: UInt64 = 1_785_000_000_000_000

  /// Index that the next entry gets.
  var next: UInt64 { UInt64(entries.count) }

  func head(_ index: UInt64? = nil) -> EntryHead {
    EntryHead(
      index: index ?? next, boot: 17,
      time: Instant(
        mono: 90_000_000 + next * 1_000_000 + delay, utc: Self.start + next * 1_000_000 + delay,
        quality: ClockQuality(errorExponent: 14, source: .ntp)))
  }

  mutating func append(_ entry: [UInt8]) { entries.append(entry) }

  /// A document, in parts if it is long; gives the index of its entry.
  mutating func config(
    _ kind: ConfigEntry.Kind, _ name: String, _ body: [UInt8], leavingOutPart missing: Int? = nil,
    hash: Digest? = nil
  ) -> UInt64 {
    var sha256 = SHA256.hash(body.span)
    if let hash { sha256 = hash }
    let nameBytes = Array(name.utf8)
    let parts = ConfigEntry.partCount(byteCount: body.count, nameByteCount: name.utf8.count)
    for number in 0..<parts where number != missing {
      let head = head()
      append(
        ByteWriter.bytes { writer in
          body[ConfigEntry.partRange(number, byteCount: body.count, nameByteCount: name.utf8.count)]
            .withUnsafeBufferPointer {
              ConfigEntry.writePart(
                head: head, name: nameBytes.span, sha256: sha256, body: $0,
                number: UInt32(number), to: &writer)
            }
        })
    }
    let index = next
    let head = head()
    append(
      ByteWriter.bytes { writer in
        body.withUnsafeBufferPointer { whole in
          let inPlace: UnsafeBufferPointer<UInt8>? = parts == 0 ? whole : nil
          ConfigEntry.write(
            head: head, kind: kind, name: nameBytes.span, sha256: sha256,
            body: inPlace, to: &writer)
        }
      })
    return index
  }

  mutating func channel(
    device: UInt64, label: String, address: [UInt8], profile: UInt64, requests: [[UInt8]],
    ratios: [Channel.Ratio] = []
  ) -> UInt64 {
    let labelBytes = Array(label.utf8)
    let port = Array("line-a".utf8)
    let bundle = requests.flatMap(TestLog.bundled)
    let body = ByteWriter.bytes { writer in
      Channel.write(
        device: device, label: labelBytes.span, serial: nil, mode: .polled,
        port: port.span, address: address.span, profile: profile,
        requests: bundle.span, periodMilliseconds: 1_000,
        offsetMilliseconds: 0, ratios: ratios.span, to: &writer)
    }
    return config(.channel, label, body)
  }

  mutating func reading(
    channel: UInt64, request: UInt64, status: ReadingStatus = .good, raw: [UInt8]?,
    detail: ReadingDetail = ReadingDetail(), index: UInt64? = nil, slot: UInt64? = nil
  ) {
    let head = head(index)
    let slot = slot ?? next
    let roundTrip: UInt64? = raw == nil ? nil : 12_345
    let frame = raw ?? []
    let entry = frame.withUnsafeBufferPointer { frame in
      ByteWriter.bytes { writer in
        ReadingEntry.write(
          head: head, channel: channel, request: request, status: status, slot: slot,
          roundTrip: roundTrip, raw: raw == nil ? nil : frame, detail: detail, to: &writer)
      }
    }
    append(entry)
  }

  /// A reading of another log, as a new epoch logs it anew, under the next index of this log, at the time it had.
  mutating func carry(_ entry: [UInt8], channel: UInt64, from epoch: UInt64, _ index: UInt64) throws
  {
    guard case .reading(let old) = try Entry.decode(entry.span) else { return }
    let head = EntryHead(index: next, boot: old.head.boot, time: old.head.time)
    let raw = Array(entry[old.raw ?? 0..<0])
    var written = raw.withUnsafeBufferPointer { frame in
      ByteWriter.bytes { writer in
        ReadingEntry.write(
          head: head, channel: channel, request: old.request, status: old.status ?? .other,
          slot: old.slot, roundTrip: old.roundTrip, raw: old.raw == nil ? nil : frame, to: &writer)
      }
    }
    // An array of 13: with an extension, which keeps the keys of the old one.
    written[0] = 0x8D
    let part = old.ext.unsigned(ReadingEntry.Key.part, in: entry.span)
    written += ByteWriter.bytes { writer in
      writer.cbor(mapOf: part == nil ? 1 : 2)
      if let part {
        writer.cbor(ReadingEntry.Key.part)
        writer.cbor(part)
      }
      writer.cbor(ReadingEntry.Key.carriedFrom)
      writer.cbor(arrayOf: 2)
      writer.cbor(epoch)
      writer.cbor(index)
    }
    append(written)
  }

  mutating func boot(
    origin: String = TestLog.origin, reason: BootEntry.Reason = .machineStart,
    previousSize: UInt64 = 0, previousRoot: Digest = Tree.empty
  ) {
    let head = head()
    let origin = Array(origin.utf8)
    append(
      ByteWriter.bytes {
        BootEntry.write(
          head: head, bootID: InlineArray(repeating: 3), previousSize: previousSize,
          previousRoot: previousRoot, reason: reason, softwareHash: .zero, origin: origin.span,
          to: &$0)
      })
  }
}
