import HAL
import Metering

// An entry is one leaf of the log: a deterministic CBOR array (RFC 8949 §4.2.1) of at most 4,000 B.
//
//     entry = [type, idx, boot, mono, utc, tq, fields of the type …, ? ext, * any]
//
//     type  0 boot 1 reading 2 time 3 beacon 4 config 5 event 6 close 7 statement 8 restate
//     idx   position of the entry in its log, from 0: an entry names its own place
//     boot  boot counter of the gateway, kept across restarts
//     mono  µs since boot (CLOCK_BOOTTIME)      utc   µs since 1970, without leap seconds
//     tq    how well utc is known (Metering.ClockQuality)
//     ext   { * uint => any }: always the last known element; all later fields go there
//
// Valid if and only if the bytes are exactly one such array with the elements of its type in place.
// Elements after `ext`, and keys of `ext` that are not known, are ignored; a type that is not known is
// skipped with its head read. A mirror never refuses an entry for its content: these rules are the
// decoder's, not the log's.
//
// The worked example is in ReadingEntry.swift.

/// Limits and types of entries.
public enum EntryType: UInt8, Sendable {
  case boot = 0
  case reading = 1
  case time = 2
  case beacon = 3
  case config = 4
  case event = 5
  case close = 6
  case statement = 7
  case restate = 8

  /// The most bytes of one entry.
  public static var byteLimit: Int { 4_000 }
  /// The most bytes of a config body in one entry; a longer one goes into parts before it.
  public static var bodyLimit: Int { 3_900 }
}

/// What every entry begins with.
public struct EntryHead: Equatable, Sendable, BitwiseCopyable {
  /// Position in the log, from 0.
  public var index: UInt64
  /// Boot counter of the gateway.
  public var boot: UInt64
  /// Both clocks, read together: when the last byte came, the deadline passed, or the event happened.
  public var time: Instant

  /// Takes the fields.
  public init(index: UInt64, boot: UInt64, time: Instant) {
    self.index = index
    self.boot = boot
    self.time = time
  }

  /// Starts an entry: the array's head, the type and the five fields.
  func write(_ type: EntryType, elements: Int, to writer: inout ByteWriter) {
    writer.cbor(arrayOf: elements &+ 6)
    writer.append(type.rawValue)
    writer.cbor(index)
    writer.cbor(boot)
    writer.cbor(time.mono)
    writer.cbor(time.utc)
    writer.cbor(wide(UInt32(truncatingIfNeeded: time.quality.rawValue)))
  }
}

/// A decoded entry. Strings are ranges of the bytes that it was decoded from.
public enum Entry: Equatable, Sendable {
  case boot(BootEntry)
  case reading(ReadingEntry)
  case config(ConfigEntry)
  case event(EventEntry)
  /// A type that this version does not read, with its number.
  case other(type: UInt64, EntryHead)

  /// The head of any entry.
  public var head: EntryHead {
    switch self {
    case .boot(let entry): entry.head
    case .reading(let entry): entry.head
    case .config(let entry): entry.head
    case .event(let entry): entry.head
    case .other(_, let head): head
    }
  }

  /// Decodes one entry; every byte must belong to it.
  public static func decode(_ bytes: Span<UInt8>) throws(CBORError) -> Entry {
    var reader = CBORReader(bytes)
    let count = try reader.array()
    guard count >= 6 else { throw .tooFewElements }
    let type = try reader.unsigned()
    let head = try readHead(&reader)
    let entry: Entry
    let known: Int
    switch type > 255 ? nil : EntryType(rawValue: low8(type)) {
    case .boot:
      guard count >= 12 else { throw .tooFewElements }
      entry = .boot(try BootEntry.read(head, &reader, hasExtension: count > 12))
      known = count > 12 ? 13 : 12
    case .reading:
      guard count >= 12 else { throw .tooFewElements }
      entry = .reading(try ReadingEntry.read(head, &reader, hasExtension: count > 12))
      known = count > 12 ? 13 : 12
    case .config:
      guard count >= 10 else { throw .tooFewElements }
      entry = .config(try ConfigEntry.read(head, &reader, hasExtension: count > 10))
      known = count > 10 ? 11 : 10
    case .event:
      guard count >= 8 else { throw .tooFewElements }
      entry = .event(try EventEntry.read(head, &reader, hasExtension: count > 8))
      known = count > 8 ? 9 : 8
    case .time, .beacon, .close, .statement, .restate, nil:
      entry = .other(type: type, head)
      known = 6
    }
    var left = count &- known
    while left > 0 {
      _ = try reader.skip()
      left &-= 1
    }
    try reader.finish()
    return entry
  }

  private static func readHead(_ reader: inout CBORReader) throws(CBORError) -> EntryHead {
    let index = try reader.unsigned()
    let boot = try reader.unsigned()
    let mono = try reader.unsigned()
    let utc = try reader.unsigned()
    let quality = try reader.unsigned()
    guard quality <= 0xFFFF else { throw .outOfRange }
    let word = ClockQuality(rawValue: UInt16(truncatingIfNeeded: low32(quality)))
    return EntryHead(
      index: index, boot: boot, time: Instant(mono: mono, utc: utc, quality: word))
  }
}

/// The last element of an entry, a map from numbers to anything: where it lies in the entry's bytes.
public struct EntryExtension: Equatable, Sendable {
  /// The map with its head; empty if the entry has none.
  public var range: Range<Int>

  /// No extension.
  public static var none: EntryExtension { EntryExtension(range: 0..<0) }

  /// The item under `key`, in the bytes that the entry was decoded from; `nil` if there is none.
  public func item(_ key: UInt64, in entry: Span<UInt8>) -> Range<Int>? {
    guard range.count > 0, range.upperBound <= entry.count else { return nil }
    var reader = CBORReader(entry, at: range.lowerBound)
    guard var left = try? reader.map() else { return nil }
    while left > 0 {
      guard let found = try? reader.unsigned(), let item = try? reader.skip() else { return nil }
      if found == key { return item }
      left &-= 1
    }
    return nil
  }

  /// The unsigned integer under `key`; `nil` if there is none, or something else.
  public func unsigned(_ key: UInt64, in entry: Span<UInt8>) -> UInt64? {
    guard let item = item(key, in: entry) else { return nil }
    var reader = CBORReader(entry, at: item.lowerBound)
    return try? reader.unsigned()
  }

  static func read(_ reader: inout CBORReader, present: Bool) throws(CBORError) -> EntryExtension {
    guard present else { return .none }
    guard reader.nextMajorType == 5 else { throw .unexpectedType }
    // Checked here as deterministic, looked into only when somebody asks; keys must be numbers.
    let range = try reader.skip()
    var keys = CBORReader(reader.bytes, at: range.lowerBound)
    var left = try keys.map()
    while left > 0 {
      _ = try keys.unsigned()
      _ = try keys.skip()
      left &-= 1
    }
    return EntryExtension(range: range)
  }
}
