import Catalog
import HAL
import MeterProtocols
import Metering
import ReadingStore
import TransparencyLog

/// Decodes the entries of one log, one after another, from what the log itself carries.
///
/// Nothing else is consulted: profiles, channels and request bytes are entries of the log, so an
/// auditor who has the log gets the same readings. A fault in an entry is a problem in the batch and
/// never an error: the log is evidence, whether we understand it or not.
struct LogDecoder {
  /// Version of the rules by which rows are made; it stands in every row.
  static let version = 2

  let origin: String
  /// The epoch that the log is of; `nil` if its origin names none.
  private let name: EpochName?
  let store: ReadingStore
  private(set) var batch: DecodedBatch
  private var channels: [UInt64: Result<ChannelRules, DecodeFault>] = [:]
  private var profiles: [UInt64: Result<DeviceProfile, DecodeFault>] = [:]
  /// The answers whose last frame has not come yet.
  private var openAnswers: [OpenAnswer.Key: OpenAnswer]

  /// Why a channel or profile gives no rules.
  struct DecodeFault: Error {
    var kind: DecodeProblemKind
    var detail: String
  }

  /// Goes on where the store stands.
  init(origin: String, store: ReadingStore) throws {
    self.origin = origin
    name = EpochName(origin)
    self.store = store
    let cursor = try store.cursor(of: origin)
    openAnswers = try OpenAnswer.all(store.openFrames(of: origin))
    batch = DecodedBatch(origin: origin, range: cursor..<cursor)
  }

  /// Index of the entry that is due next.
  var cursor: UInt64 { batch.range.upperBound }

  /// Writes what was decoded, with the cursor and the open answers, and begins a new batch.
  mutating func commit() throws {
    guard !batch.range.isEmpty else { return }
    batch.openFrames = openAnswers.values.flatMap(\.frames).sorted { $0.index < $1.index }
    try store.apply(batch)
    batch = DecodedBatch(origin: origin, range: cursor..<cursor)
  }

  /// Decodes the entry at the cursor.
  mutating func decode(_ bytes: Span<UInt8>) throws {
    let index = cursor
    do {
      let entry = try Entry.decode(bytes)
      if entry.head.index != index {
        report(.otherIndex, at: index, "it says \(entry.head.index)")
      } else {
        switch entry {
        case .config(let config): try take(config, bytes, at: index)
        case .reading(let reading): try take(reading, bytes)
        case .boot:
          // The gateway that began anew does not go on with what it had asked before: the entry says so, and
          // nothing about it needs looking into.
          for key in openAnswers.keys { try endAnswer(key, OpenAnswer.End(reason: .malformed)) }
        case .event, .other: break
        }
      }
    } catch let error as CBORError {
      report(.notAnEntry, at: index, "\(error)")
    }
    batch.range = batch.range.lowerBound..<(index + 1)
  }

  private mutating func report(_ kind: DecodeProblemKind, at index: UInt64, _ detail: String) {
    batch.problems.append(
      DecodeProblem(
        index: index, kind: kind.rawValue, detail: "\(kind.english): \(detail.prefix(500))"))
  }

  // MARK: configuration

  private mutating func take(
    _ config: ConfigEntry, _ bytes: Span<UInt8>, at index: UInt64
  ) throws {
    let name = text(bytes, config.name)
    let body = config.body.map { array(bytes, $0) }
    if config.kind == .part {
      guard let number = config.part(in: bytes), let body else {
        return report(.missingParts, at: index, "a part of \(name) without number or bytes")
      }
      batch.parts.append(
        StoredPart(wholeHash: config.sha256.array, number: number, body: body))
      return
    }
    guard config.kind == .site || config.kind == .profile || config.kind == .channel else { return }
    let whole = try body ?? joinedParts(config.sha256)
    guard let whole else { return report(.missingParts, at: index, name) }
    guard SHA256.hash(whole.span) == config.sha256 else {
      return report(body == nil ? .missingParts : .otherHash, at: index, name)
    }
    batch.configurations.append(
      StoredConfiguration(index: index, kind: config.kindCode, name: name, body: whole))
    switch config.kind {
    case .profile:
      if case .failure(let fault) = try profile(at: index) {
        report(fault.kind, at: index, fault.detail)
      }
    case .channel:
      if case .failure(let fault) = try channel(at: index) {
        report(fault.kind, at: index, fault.detail)
      }
    default: break
    }
  }

  /// The parts of a document joined, from 0 to the last one there is; `nil` if there are none.
  private func joinedParts(_ hash: Digest) throws -> [UInt8]? {
    var parts: [UInt64: [UInt8]] = [:]
    for part in try store.parts(of: origin, wholeHash: hash.array) {
      parts[part.number] = part.body
    }
    for part in batch.parts where part.wholeHash == hash.array { parts[part.number] = part.body }
    guard !parts.isEmpty else { return nil }
    var whole: [UInt8] = []
    var number: UInt64 = 0
    while let part = parts[number] {
      whole += part
      number += 1
    }
    return whole
  }

  private func configuration(at index: UInt64) throws -> StoredConfiguration? {
    try batch.configurations.first { $0.index == index }
      ?? store.configuration(of: origin, at: index)
  }

  private mutating func profile(at index: UInt64) throws -> Result<DeviceProfile, DecodeFault> {
    if let known = profiles[index] { return known }
    guard let stored = try configuration(at: index), stored.kind == 3 else {
      // Not remembered: a later entry may bring it.
      return .failure(DecodeFault(kind: .unknownProfile, detail: "no profile at \(index)"))
    }
    let parsed: Result<DeviceProfile, DecodeFault>
    switch DeviceProfile.parse(yaml: stored.body, file: stored.name) {
    case .success(let profile): parsed = .success(profile)
    case .failure(let findings):
      let first = findings.list.first?.text(.english) ?? ""
      parsed = .failure(DecodeFault(kind: .badProfile, detail: first))
    }
    profiles[index] = parsed
    return parsed
  }

  private mutating func channel(at index: UInt64) throws -> Result<ChannelRules, DecodeFault> {
    if let known = channels[index] { return known }
    guard let stored = try configuration(at: index), stored.kind == 4 else {
      return .failure(DecodeFault(kind: .unknownChannel, detail: "no channel at \(index)"))
    }
    let channel: Channel
    do {
      channel = try Channel.decode(stored.body.span)
    } catch {
      let result = Result<ChannelRules, DecodeFault>.failure(
        DecodeFault(kind: .badChannel, detail: "\(error)"))
      channels[index] = result
      return result
    }
    switch try profile(at: channel.profile) {
    case .failure(let fault):
      if fault.kind != .unknownProfile { channels[index] = .failure(fault) }
      return .failure(fault)
    case .success(let profile):
      let rules = ChannelRules(channel, body: stored.body, profile: profile)
      channels[index] = .success(rules)
      return .success(rules)
    }
  }

  // MARK: readings

  private mutating func take(_ reading: ReadingEntry, _ bytes: Span<UInt8>) throws {
    let index = reading.head.index
    let key = OpenAnswer.Key(reading, bytes)
    let part = reading.ext.unsigned(ReadingEntry.Key.part, in: bytes) ?? 0
    if part > 0, openAnswers[key]?.isContinued(by: reading, part: part) == true {
      return try goOn(with: key, reading, bytes, part: part)
    }
    try interruptAnswer(key)
    guard part == 0 else {
      return report(
        .missingFrames, at: index,
        "before part \(part) of request \(reading.request) of channel \(reading.channel)")
    }
    switch try channel(at: reading.channel) {
    case .failure(let fault): report(fault.kind, at: index, fault.detail)
    case .success(let rules):
      guard let points = rules.points(ofRequest: reading.request) else {
        return report(
          .unknownRequest, at: index, "request \(reading.request) of channel \(reading.channel)")
      }
      if rules.hasMore(reading, bytes) {
        openAnswers[key] = OpenAnswer(reading, bytes)
        return
      }
      for point in points {
        let value = rules.value(of: point, in: reading, bytes)
        append(point, value, status: reading.statusCode, reading, rules)
      }
      if !points.isEmpty { noteCarried(reading, bytes) }
    }
  }

  /// Takes the frame that was due in an open answer.
  private mutating func goOn(
    with key: OpenAnswer.Key, _ reading: ReadingEntry, _ bytes: Span<UInt8>, part: UInt64
  ) throws {
    if let reason = reading.status?.noData {
      return try endAnswer(key, OpenAnswer.End(reason: reason, status: reading.statusCode))
    }
    openAnswers[key]?.append(reading, bytes)
    if part < OpenAnswer.lastPart, case .success(let rules) = try channel(at: reading.channel),
      rules.hasMore(reading, bytes)
    {
      return
    }
    try endAnswer(key, OpenAnswer.End(reason: .malformed))
  }

  /// Ends an answer, if one is open, to which no more frames can come.
  private mutating func interruptAnswer(_ key: OpenAnswer.Key) throws {
    guard let answer = openAnswers[key], let first = answer.frames.first else { return }
    report(.missingFrames, at: first.index, "after the first \(answer.frames.count)")
    try endAnswer(key, OpenAnswer.End(reason: .malformed))
  }

  /// Makes the rows of an answer, at the index of its first frame.
  private mutating func endAnswer(_ key: OpenAnswer.Key, _ end: OpenAnswer.End) throws {
    guard let answer = openAnswers.removeValue(forKey: key),
      case .success(let rules) = try channel(at: key.channel),
      let points = rules.points(ofRequest: key.request),
      let (reading, values) = try answer.values(of: points, end)
    else { return }
    for (point, (value, status)) in zip(points, values) {
      append(point, value, status: status, reading, rules)
    }
    if !points.isEmpty, let first = answer.frames.first { noteCarried(reading, first.entry.span) }
  }

  /// Tells the store that the rows of a reading may be those of another entry. What names a place that this
  /// log cannot have it from is a reading like any other.
  private mutating func noteCarried(_ reading: ReadingEntry, _ bytes: Span<UInt8>) {
    guard let place = reading.ext.carriedFrom(in: bytes), let name, place.epoch < name.epoch else {
      return
    }
    batch.carried.append(
      CarriedEntry(
        index: reading.head.index, origin: name.origin(ofEpoch: place.epoch), oldIndex: place.index)
    )
  }

  private mutating func append(
    _ point: ChannelRules.RatedPoint, _ value: Result<Decimal, NoData>, status: UInt64,
    _ reading: ReadingEntry, _ rules: ChannelRules
  ) {
    batch.readings.append(
      StoredReading(
        origin: origin, index: reading.head.index, quantity: point.quantity.rawValue,
        value: value, unit: "\(point.unit.ucum)", utc: reading.head.time.utc,
        mono: reading.head.time.mono, boot: reading.head.boot,
        clockQuality: reading.head.time.quality, status: UInt8(clamping: status),
        slot: reading.slot, channel: reading.channel, device: rules.device, label: rules.label,
        decodeVersion: Self.version))
  }
}

extension ReadingStatus {
  /// Why a poll that ended like this has no value; `nil` where a frame is read.
  var noData: NoData? {
    switch self {
    case .timeout: .timeout
    case .badChecksum: .badChecksum
    case .exception: .exception
    case .noDevice: .noPort
    case .good, .outOfRange, .exchanged, .maintenance, .substitute, .other: nil
    }
  }
}

/// A channel with the profile's points for each of its requests.
struct ChannelRules: Sendable {
  /// A point with the channel's transformer ratio in its rule.
  struct RatedPoint: Sendable {
    var quantity: Quantity
    var unit: MeasurementUnit
    /// `nil`: the ratio and the profile's scale have no product that fits.
    var rule: ValueRule?
  }
  let device: UInt64
  let label: String
  private let meterProtocol: MeterProtocol
  /// For each request of the channel; `nil` where the profile has no such request.
  private let requests: [[RatedPoint]?]

  init(_ channel: Channel, body: [UInt8], profile: DeviceProfile) {
    device = channel.device
    label = text(body.span, channel.label)
    meterProtocol = profile.meterProtocol
    let address = array(body.span, channel.address)
    var ratios: [UInt64: Channel.Ratio] = [:]
    for number in 0..<channel.ratioCount {
      if let ratio = channel.ratio(number, in: body.span) { ratios[ratio.quantity] = ratio }
    }
    requests = (0..<channel.requestCount).map { number in
      guard let range = channel.request(UInt64(number), in: body.span) else { return nil }
      let sent = array(body.span, range)
      // A profile gives no bytes for an address that is none of its protocol's.
      guard !sent.isEmpty else { return nil }
      return profile.requests.first { $0.requestBytes(address: address) == sent }?.points
        .map { Self.rated($0, ratios[UInt64($0.quantity.rawValue)]) }
    }
  }

  /// The log says which quantities a transformer changes and by how much; the profile only says which
  /// transformer that would be.
  private static func rated(_ point: Point, _ ratio: Channel.Ratio?) -> RatedPoint {
    var rated = RatedPoint(quantity: point.quantity, unit: point.unit, rule: point.rule)
    guard let ratio else { return rated }
    guard let numerator = Int64(exactly: ratio.numerator),
      let denominator = Int64(exactly: ratio.denominator),
      let product = point.rule.scale.times(Ratio(numerator, denominator))
    else {
      rated.rule = nil
      return rated
    }
    rated.rule?.scale = product
    return rated
  }

  func points(ofRequest number: UInt64) -> [RatedPoint]? {
    number < UInt64(requests.count) ? requests[Int(number)] : nil
  }

  /// The reading carries a frame of an answer of which more follows.
  func hasMore(_ reading: ReadingEntry, _ bytes: Span<UInt8>) -> Bool {
    guard reading.status?.noData == nil, let raw = reading.raw else { return false }
    return meterProtocol.hasMore(bytes.extracting(raw))
  }

  /// The value of a point in a reading, or why there is none.
  func value(
    of point: RatedPoint, in reading: ReadingEntry, _ bytes: Span<UInt8>
  ) -> Result<Decimal, NoData> {
    if let reason = reading.status?.noData { return .failure(reason) }
    guard let raw = reading.raw else { return .failure(.malformed) }
    guard let rule = point.rule else { return .failure(.overflow) }
    return rule.decode(frame: bytes.extracting(raw), protocol: meterProtocol)
  }
}

private func array(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
  bytes.extracting(range).withUnsafeBufferPointer { Array($0) }
}

private func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
  String(decoding: array(bytes, range), as: UTF8.self)
}
