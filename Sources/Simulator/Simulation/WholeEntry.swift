import HAL
import TransparencyLog

/// An entry that stands whole on a medium, whatever came to harm around it: in a frame whose two checksums are right.
struct WholeEntry {
  /// Its index in the log.
  var index: Int
  /// Its hash.
  var leaf: Digest
  /// Where it stood first, of a reading or an event.
  var place: FirstPlace?
  /// The entry describes a channel.
  var describesChannel = false
  /// The indices of the entries that describe the channels which it names.
  var channels: [Int] = []

  /// The entry at `index` of the log of an epoch.
  init(_ entry: [UInt8], epoch: UInt32, index: Int) {
    self.index = index
    leaf = Tree.leaf(entry.span)
    let here = CarriedFrom(epoch: UInt64(epoch), index: UInt64(index))
    guard let decoded = try? Entry.decode(entry.span) else { return }
    CarriedEntry.forEachChannel(of: decoded, in: entry.span) { channels.append(Int($0)) }
    switch decoded {
    case .config: describesChannel = true
    case .reading(let reading):
      place = FirstPlace(reading.ext.carriedFrom(in: entry.span) ?? here, reading.head)
    case .event(let event):
      place = FirstPlace(event.ext.carriedFrom(in: entry.span) ?? here, event.head)
    default: break
    }
  }

  /// The entries of a log's segments. A segment ends where one behind it says that it begins.
  static func all(in segments: [WholeSegment]) -> [WholeEntry] {
    var end = UInt64.max
    var found: [WholeEntry] = []
    for segment in segments.reversed() {
      found += segment.entries.lazy.filter { UInt64($0.index) < end }
      end = min(end, segment.first ?? end)
    }
    return found
  }

  /// What can be read of a log on a medium: readings and events. Where no copy of the documents stands beside the log, a
  /// reading or an event says nothing without the channels that it names.
  static func readable(
    in segments: [WholeSegment], hasDocuments: Bool = true
  ) -> [(index: Int, leaf: Digest, place: FirstPlace)] {
    let entries = all(in: segments)
    let known = hasDocuments ? [] : Set(entries.filter(\.describesChannel).map(\.index))
    return entries.compactMap { entry in
      guard let place = entry.place else { return nil }
      if !hasDocuments, !known.isSuperset(of: entry.channels) { return nil }
      return (entry.index, entry.leaf, place)
    }
  }

  /// How many entries of a range stand in no whole frame.
  static func missing(_ range: Range<Int>, in entries: [WholeEntry]) -> Int {
    Set(range).subtracting(entries.map(\.index)).count
  }
}

/// What stands whole in one segment, read by nobody but this file from its plain bytes.
struct WholeSegment {
  /// Index of its first entry, by its header or by the first frame that is left of it; `nil` if neither is.
  private(set) var first: UInt64?
  /// The entries in whole frames, in the order in which they stand.
  private(set) var entries: [WholeEntry] = []

  init(sequence: UInt64, _ bytes: [UInt8], epoch: UInt32) {
    let least = WholeSegment.firstIndex(sequence, bytes)
    first = least
    bytes.withUnsafeBytes { all in
      for offset in stride(from: 4_096, to: all.count, by: 4_096) {
        take(UnsafeRawBufferPointer(rebasing: all[offset...]), of: sequence, epoch, from: least)
      }
    }
  }

  /// Takes what begins here, if it is a whole frame of this segment. One of an entry before the first that the header
  /// names was written when a segment had that number which a medium that lies has forgotten.
  private mutating func take(
    _ frame: UnsafeRawBufferPointer, of sequence: UInt64, _ epoch: UInt32, from least: UInt64?
  ) {
    guard frame.starts(with: "TSJF".utf8), WholeSegment.number(frame, 12, 4) == sequence,
      WholeSegment.number(frame, 40, 4) == WholeSegment.crc(frame[..<40])
    else { return }
    let counts = WholeSegment.counts(frame)
    let length = Int(counts.bytes)
    guard 44 + length <= frame.count,
      WholeSegment.number(frame, 36, 4) == WholeSegment.crc(frame[44..<44 + length])
    else { return }
    var at = 44
    var index = Int(WholeSegment.number(frame, 16, 8))
    guard index >= least ?? 0 else { return }
    first = min(first ?? .max, UInt64(index))
    for _ in 0..<counts.entries {
      let count = Int(frame[at]) << 8 | Int(frame[at + 1])
      entries.append(
        WholeEntry(Array(frame[at + 2..<at + 2 + count]), epoch: epoch, index: index))
      index += 1
      at += 2 + count
    }
  }

  /// What the header of a segment says; `nil` if it is not whole.
  static func firstIndex(_ sequence: UInt64, _ bytes: [UInt8]) -> UInt64? {
    bytes.withUnsafeBytes { all in
      guard all.count >= 32, all.starts(with: "TSJS".utf8), number(all, 12, 4) == sequence,
        number(all, 28, 4) == crc(all[..<28])
      else { return nil }
      return number(all, 16, 8)
    }
  }

  /// Number of entries and length of the payload in a frame: a mended one has them in two bytes each.
  static func counts(_ frame: UnsafeRawBufferPointer) -> (entries: UInt64, bytes: UInt64) {
    number(frame, 4, 2) == 2
      ? (number(frame, 24, 2), number(frame, 26, 2)) : (number(frame, 24, 4), number(frame, 28, 4))
  }

  /// A number of so many bytes, the lowest first.
  static func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for i in (0..<count).reversed() { value = value << 8 | UInt64(bytes[offset + i]) }
    return value
  }

  /// What each byte makes of a CRC-32C.
  private static let crcOfByte: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { register, _ in
      register >> 1 ^ (register & 1 == 1 ? 0x82F6_3B78 : 0)
    }
  }

  private static func crc(_ bytes: Slice<UnsafeRawBufferPointer>) -> UInt64 {
    let register = bytes.reduce(UInt32.max) { register, byte in
      register >> 8 ^ crcOfByte[Int(UInt8(truncatingIfNeeded: register) ^ byte)]
    }
    return UInt64(~register)
  }
}
