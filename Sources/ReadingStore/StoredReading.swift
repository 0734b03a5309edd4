import Metering

/// One quantity of one reading entry, as the database keeps it.
///
/// Identity is (origin, index, quantity): the log fixes the content of an index by a signed root, so
/// a row that is written again is the same row.
public struct StoredReading: Equatable, Sendable {
  /// Origin of the log that carries the entry.
  public var origin: String
  /// Index of the entry in that log.
  public var index: UInt64
  /// Code of the quantity (`Metering.Quantity`).
  public var quantity: UInt16
  /// The value, or why there is none.
  public var value: Result<Decimal, NoData>
  /// UCUM code of the unit.
  public var unit: String
  /// Microseconds since 1970 (UTC) when the last byte came or the deadline passed.
  public var utc: UInt64
  /// Microseconds since the gateway's boot, read together with `utc`.
  public var mono: UInt64
  /// Boot number of the gateway.
  public var boot: UInt64
  /// Clock-quality word of the entry.
  public var clockQuality: ClockQuality
  /// Outcome of the poll (`ReadingStatus`); a number above 9 comes from a newer gateway.
  public var status: UInt8
  /// Scheduled time divided by the period; `nil` for what was not scheduled.
  public var slot: UInt64?
  /// Index of the channel's entry in the same log.
  public var channel: UInt64
  /// Number of the device, unique in its site.
  public var device: UInt64
  /// What the site calls the device.
  public var label: String
  /// Version of the decoder that made this row.
  public var decodeVersion: Int

  /// Takes all fields.
  public init(
    origin: String, index: UInt64, quantity: UInt16, value: Result<Decimal, NoData>, unit: String,
    utc: UInt64, mono: UInt64, boot: UInt64, clockQuality: ClockQuality, status: UInt8,
    slot: UInt64?, channel: UInt64, device: UInt64, label: String, decodeVersion: Int
  ) {
    self.origin = origin
    self.index = index
    self.quantity = quantity
    self.value = value
    self.unit = unit
    self.utc = utc
    self.mono = mono
    self.boot = boot
    self.clockQuality = clockQuality
    self.status = status
    self.slot = slot
    self.channel = channel
    self.device = device
    self.label = label
    self.decodeVersion = decodeVersion
  }
}

/// A configuration body that the log carries: site, profile or channel.
public struct StoredConfiguration: Equatable, Sendable {
  /// Index of its entry.
  public var index: UInt64
  /// Kind of the config entry (2 site, 3 profile, 4 channel).
  public var kind: UInt64
  /// Name as the entry gives it.
  public var name: String
  /// The body, its parts joined.
  public var body: [UInt8]

  /// Takes all fields.
  public init(index: UInt64, kind: UInt64, name: String, body: [UInt8]) {
    self.index = index
    self.kind = kind
    self.name = name
    self.body = body
  }
}

/// One part of a configuration body that is too long for one entry.
public struct StoredPart: Equatable, Sendable {
  /// SHA-256 of the whole body.
  public var wholeHash: [UInt8]
  /// Number of the part, from 0.
  public var number: UInt64
  /// The bytes.
  public var body: [UInt8]

  /// Takes all fields.
  public init(wholeHash: [UInt8], number: UInt64, body: [UInt8]) {
    self.wholeHash = wholeHash
    self.number = number
    self.body = body
  }
}

/// Something in the log that the decoder could not use. It was stored and acknowledged all the same.
public struct DecodeProblem: Equatable, Sendable {
  /// Index of the entry.
  public var index: UInt64
  /// Number of the kind of problem; the decoder that found it names them.
  public var kind: Int
  /// What was found, for a person.
  public var detail: String

  /// Takes all fields.
  public init(index: UInt64, kind: Int, detail: String) {
    self.index = index
    self.kind = kind
    self.detail = detail
  }
}

/// A reading entry with one of several frames of an answer whose last frame has not come yet.
public struct StoredFrame: Equatable, Sendable {
  /// Index of the entry.
  public var index: UInt64
  /// The entry.
  public var entry: [UInt8]

  /// Takes all fields.
  public init(index: UInt64, entry: [UInt8]) {
    self.index = index
    self.entry = entry
  }
}

/// A reading entry that says that it was logged before, in the log of an earlier epoch.
public struct CarriedEntry: Equatable, Sendable {
  /// Index of the entry; for an answer in several frames, of the first.
  public var index: UInt64
  /// Origin of the log that it was logged in first.
  public var origin: String
  /// Its index there.
  public var oldIndex: UInt64

  /// Takes all fields.
  public init(index: UInt64, origin: String, oldIndex: UInt64) {
    self.index = index
    self.origin = origin
    self.oldIndex = oldIndex
  }
}

/// What decoding a run of entries gave. It is written whole, with the cursor, or not at all.
public struct DecodedBatch: Sendable {
  /// Origin of the log.
  public var origin: String
  /// The entries it covers; the lower bound equals the stored cursor, the upper becomes it.
  public var range: Range<UInt64>
  /// Rows.
  public var readings: [StoredReading] = []
  /// Entries with rows that were logged before, each index once.
  public var carried: [CarriedEntry] = []
  /// Bodies that became whole.
  public var configurations: [StoredConfiguration] = []
  /// Parts of bodies that are not whole yet.
  public var parts: [StoredPart] = []
  /// All entries up to the range's end whose answers go on beyond it, by index.
  public var openFrames: [StoredFrame] = []
  /// What could not be used.
  public var problems: [DecodeProblem] = []

  /// An empty batch over `range`.
  public init(origin: String, range: Range<UInt64>) {
    self.origin = origin
    self.range = range
  }
}

/// Which readings are wanted. Everything that is `nil` does not restrict.
public struct ReadingQuery: Equatable, Sendable {
  /// How a device is named in a query.
  public enum Device: Equatable, Sendable {
    case number(UInt64)
    case label(String)
  }
  /// Origin of the log.
  public var origin: String?
  /// Identity of a gateway: the logs of all its epochs, `<gateway>/<epoch>`.
  public var gateway: String?
  /// The device.
  public var device: Device?
  /// Code of the quantity.
  public var quantity: UInt16?
  /// First index of an entry, included; of use only together with `origin`.
  public var fromIndex: UInt64?
  /// First µs of UTC, included.
  public var from: UInt64?
  /// Last µs of UTC, not included.
  public var to: UInt64?
  /// The most rows, 1 to `maximumLimit`.
  public var limit = 1_000
  /// The newest first; otherwise the oldest first.
  public var newestFirst = false

  /// More rows than this are never given in one answer: 10,000 rows are about 3 MB of JSON.
  public static let maximumLimit = 10_000

  /// A query for everything, 1,000 rows.
  public init() {}
}
