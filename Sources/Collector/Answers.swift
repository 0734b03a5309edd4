import Metering
import ReadingStore
import TransparencyLog

/// One reading in the answer of `GET /api/readings`.
struct ReadingAnswer: Encodable {
  var origin: String
  var index: UInt64
  var device: UInt64
  var label: String
  var quantity: String
  /// Decimal text: a JSON number is a binary fraction to most readers.
  var value: String?
  var unit: String
  var utc: String
  /// Largest error of `utc` is 2^this µs; 31: unknown.
  var clockErrorExponent: UInt8
  var clockQuality: UInt16
  var mono: UInt64
  var boot: UInt64
  var status: String
  /// Why there is no value.
  var reason: String?
  var slot: UInt64?
  var channel: UInt64
  var decodeVersion: Int

  init(_ reading: StoredReading) {
    origin = reading.origin
    index = reading.index
    device = reading.device
    label = reading.label
    quantity = Quantity(rawValue: reading.quantity).map { "\($0.key)" } ?? "\(reading.quantity)"
    unit = reading.unit
    utc = TimeText.format(reading.utc)
    clockErrorExponent = reading.clockQuality.errorExponent
    clockQuality = reading.clockQuality.rawValue
    mono = reading.mono
    boot = reading.boot
    status = ReadingStatus(rawValue: reading.status).map { "\($0)" } ?? "\(reading.status)"
    switch reading.value {
    case .success(let decimal): value = decimal.description
    case .failure(let noData): reason = "\(noData)"
    }
    slot = reading.slot
    channel = reading.channel
    decodeVersion = reading.decodeVersion
  }

  private enum CodingKeys: CodingKey {
    case origin, index, device, label, quantity, value, unit, utc, clockErrorExponent, clockQuality
    case mono, boot, status, reason, slot, channel, decodeVersion
  }

  /// A missing value is `null`, never left out: a reader must not take it for an older format.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(origin, forKey: .origin)
    try container.encode(index, forKey: .index)
    try container.encode(device, forKey: .device)
    try container.encode(label, forKey: .label)
    try container.encode(quantity, forKey: .quantity)
    try container.encode(value, forKey: .value)
    try container.encode(unit, forKey: .unit)
    try container.encode(utc, forKey: .utc)
    try container.encode(clockErrorExponent, forKey: .clockErrorExponent)
    try container.encode(clockQuality, forKey: .clockQuality)
    try container.encode(mono, forKey: .mono)
    try container.encode(boot, forKey: .boot)
    try container.encode(status, forKey: .status)
    try container.encode(reason, forKey: .reason)
    try container.encode(slot, forKey: .slot)
    try container.encode(channel, forKey: .channel)
    try container.encode(decodeVersion, forKey: .decodeVersion)
  }
}

/// The answer of `GET /api/readings`.
struct ReadingsAnswer: Encodable {
  var readings: [ReadingAnswer]
  /// There may be more than were given: ask again from the last time.
  var limited: Bool
}

/// One log in the answer of `GET /api/status` and in `tally-collector status`.
public struct LogStatus: Codable, Equatable, Sendable {
  /// Origin of the log.
  public var origin: String
  /// Identity of the gateway whose log it is; `nil` where the origin names no epoch.
  public var gateway: String?
  /// Number of the epoch, likewise.
  public var epoch: UInt64?
  /// Origin of the epoch before it, if the gateway began this one by itself: under the same key.
  public var follows: String?
  /// Lowercase hexadecimal SHA-256 of the origin: the log's path.
  public var hash: String
  /// Entries that are stored and cosigned.
  public var mirroredSize: UInt64
  /// Entries that are stored; `nil` where only the database was asked.
  public var storedSize: UInt64?
  /// Size of the newest checkpoint that the log showed.
  public var pendingSize: UInt64
  /// First entry that was not decoded yet.
  public var decoderCursor: UInt64
  /// Rows of readings.
  public var readings: Int
  /// Entries that were carried over from an earlier epoch and give no rows: their readings were there.
  public var duplicates: Int
  /// Entries that the decoder could not use.
  public var problems: Int
  /// The newest of them, newest first.
  public var newestProblems: [StatusProblem]
  /// When the last cosignature was made (ISO 8601, UTC).
  public var lastCosignature: String?
  /// Seconds by which the last cosignature lies after the collector's clock; 0 where it does not.
  public var cosignatureLead: UInt64
  /// The note with the cosignature.
  public var checkpoint: String?
  /// Checkpoints that convict the log of two histories.
  public var forks: Int
}

/// An entry that the decoder could not use.
public struct StatusProblem: Codable, Equatable, Sendable {
  /// So many are shown of a log.
  static let countMax = 3

  /// Its index in the log.
  public var index: UInt64
  /// What was found.
  public var english: String
  /// 发现的问题。
  public var chinese: String

  init(_ problem: DecodeProblem) {
    index = problem.index
    english = problem.detail
    chinese = problem.chineseDetail
  }
}

/// Something in the state of a log that is a matter for a person, in the answer of `GET /api/status`.
public struct StatusAlarm: Codable, Equatable, Sendable {
  /// Origin of the log.
  public var origin: String
  /// What happened and what to do.
  public var english: String
  /// 发生了什么，应当怎么办。
  public var chinese: String
}

/// The answer of `GET /api/status`.
public struct StatusAnswer: Codable, Equatable, Sendable {
  /// The mirror's vkey.
  public var mirror: String
  /// Whether the collector's clock may be cosigned with.
  public var clockUsable: Bool
  /// All enrolled logs, by origin.
  public var logs: [LogStatus]
  /// What stands, by origin.
  public var alarms: [StatusAlarm]
}

extension LogStatus {
  /// Reads what the databases say of a log.
  public init(
    of log: EnrolledLog, state: MirrorState, stored: UInt64?, database: MirrorDatabase,
    readings store: ReadingStore, clock: CosignatureClock
  ) throws {
    let origin = log.origin
    let name = EpochName(origin)
    let counts = try store.counts(of: origin)
    let now = clock.now() ?? state.cosignatureTime
    self.init(
      origin: origin, gateway: name?.identity, epoch: name?.epoch,
      follows: try database.predecessor(of: log)?.origin, hash: originHash(origin),
      mirroredSize: state.mirror?.size ?? 0,
      storedSize: stored, pendingSize: state.pending?.size ?? 0,
      decoderCursor: try store.cursor(of: origin), readings: counts.readings,
      duplicates: try store.duplicateCount(of: origin), problems: counts.problems,
      newestProblems: try store.newestProblems(of: origin, limit: StatusProblem.countMax)
        .map(StatusProblem.init),
      lastCosignature: state.cosignatureTime == 0
        ? nil : TimeText.format(state.cosignatureTime * 1_000_000),
      cosignatureLead: state.cosignatureTime - min(now, state.cosignatureTime),
      checkpoint: (state.mirror?.note).map { String(decoding: $0, as: UTF8.self) },
      forks: try database.forks(of: origin).count)
  }

  /// It forked, or cosigns ahead of the clock. A new epoch is told and does not count: nothing that a person
  /// does takes it away.
  public var needsAPerson: Bool { forks > 0 || cosignatureLead > CosignatureClock.leadMax }

  /// What stands in it that was an alarm when it happened.
  public var alarms: [CollectorAlarm] {
    var alarms: [CollectorAlarm] = []
    if let follows { alarms.append(.newEpoch(origin: origin, previous: follows)) }
    if cosignatureLead > CosignatureClock.leadMax {
      alarms.append(.cosignaturesAhead(origin: origin, seconds: cosignatureLead))
    }
    return alarms
  }
}
