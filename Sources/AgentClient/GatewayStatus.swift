import Catalog
import HAL
import TransparencyLog

/// What a running agent says about itself over its control socket.
///
/// `Sources/Gateway/Status.swift` owns the format. Keys that are missing read as `nil` and keys that
/// are new are passed over, so that a tool and an agent of different versions understand each other.
public struct GatewayStatus: Equatable, Sendable {
  /// One meter, analyzer or transmitter.
  public struct Device: Equatable, Sendable {
    /// Its number in the site.
    public var number: Int
    /// Its name in English.
    public var label: String
    /// Its name in Chinese.
    public var labelChinese: String?
    /// The place of its line in `lines`.
    public var line: Int
    /// How polling it goes.
    public var state: DeviceState?
    /// Its address on the line, as people write it.
    public var address: String?
    /// What it measures, in the order of its profile.
    public var values: [Value]
  }

  /// The newest value of one quantity of a device.
  public struct Value: Equatable, Sendable {
    /// Key of the quantity.
    public var quantity: String
    /// Decimal; `nil` before the first and when the last poll gave none.
    public var value: String?
    /// UCUM code of its unit.
    public var unit: String?
    /// Number of the `NoData` that stands in place of a value.
    public var reason: Int?
    /// `ReadingStatus` of the last poll.
    public var status: Int?
    /// µs since 1970 when it was read.
    public var utc: Int?
    /// Milliseconds since then.
    public var ageMilliseconds: Int?
    /// Microseconds from the last byte sent to the last received.
    public var roundTripMicroseconds: Int?
  }

  /// One serial line.
  public struct Line: Equatable, Sendable {
    /// Its name in the site.
    public var name: String
    /// Its device file.
    public var device: String?
    /// How much of the time it carries bytes or waits for them, in thousandths.
    public var utilisationPermille: Int?
    /// The port is open, not gone and looked for.
    public var isOpen: Bool
    /// Receive errors since the machine started; `nil` where the driver does not count them.
    public var errors: UARTErrorCounters?
  }

  /// The log.
  public struct Log: Equatable, Sendable {
    /// Name of this log, with its epoch.
    public var origin: String?
    /// Counts up when a log is given up and begun anew.
    public var epoch: Int?
    /// Entries.
    public var size: Int
    /// Entries under the newest checkpoint.
    public var signed: Int
    /// Entries that the mirror has cosigned.
    public var acknowledged: Int
    /// Entries that stand in packages; `nil` where the mirror is called.
    public var packaged: Int?
    /// µs since 1970 of the newest checkpoint.
    public var signedAt: Int?
    /// Bytes in the journal.
    public var byteCount: Int?
    /// Nothing can be written any more.
    public var hasFailed: Bool

    /// Entries that the mirror does not have yet.
    public var backlog: Int {
      // The numbers come from outside: their difference need not fit.
      let (difference, overflow) = size.subtractingReportingOverflow(acknowledged)
      return overflow ? (size < 0 ? 0 : .max) : max(difference, 0)
    }
  }

  /// The room that the log has.
  public struct Room: Equatable, Sendable {
    /// Bytes that entries take which cannot be given up.
    public var byteCount: Int
    /// Bytes that they may take.
    public var limit: Int
    /// Bytes by which the log grows in a day; `nil` in the first ten minutes.
    public var growth: Int?
    /// Entries below it were given up.
    public var minimum: Int
    /// Bytes that the medium is written in a day; `nil` in the first ten minutes.
    public var written: Int?

    /// Days that the gateway can be offline at the present rate, in tenths, before it polls less; `nil` while the
    /// rate is not known.
    public var offlineTenths: Int? { growth.flatMap(offlineTenths(growth:)) }

    /// The same for a log that grows by so many bytes a day.
    public func offlineTenths(growth: Int) -> Int? {
      guard growth > 0, byteCount >= 0, limit >= 0 else { return nil }
      // What gives way first does at 80 %.
      let room = limit / 10 * 8
      let left = room > byteCount ? room - byteCount : 0
      let (tenths, overflow) = left.multipliedReportingOverflow(by: 10)
      return overflow ? .max : tenths / growth
    }
  }

  /// What the poll plan writes to the medium of the log.
  public struct Wear: Equatable, Sendable {
    /// Milliseconds between two group commits: what a power cut costs at most.
    public var commitMilliseconds: Int
    /// Bytes that a day of the plan writes.
    public var planned: Int
    /// Bytes by which a day of the plan makes the log grow at most.
    public var plannedGrowth: Int
    /// Bytes that may be written to a new medium; `nil` where its board does not say.
    public var budget: Int?
    /// Years that it must last; `nil` where the site does not say.
    public var years: Int?

    /// Tenths of years that a new medium lasts when so many bytes are written a day; `nil` where nobody knows.
    public func tenthsOfYears(bytesPerDay: Int) -> Int? {
      guard let budget, budget >= 0, bytesPerDay > 0 else { return nil }
      // In days first: the numbers come from outside, and their product need not fit.
      let (scaled, overflow) = (budget / bytesPerDay).multipliedReportingOverflow(by: 1_000)
      return overflow ? nil : scaled / 36_525
    }
  }

  /// µs since 1970 when the agent answered.
  public var now: Int?
  /// Devices in the order of the site.
  public var devices: [Device]
  /// Lines in the order of the site.
  public var lines: [Line]
  /// The log.
  public var log: Log
  /// The room that it has; `nil` from an agent that does not tell.
  public var room: Room?
  /// What the plan writes to the medium; `nil` from an agent that does not tell.
  public var wear: Wear?
  /// Keys of the conditions that stand (`Gateway.StandingCondition`), the gravest first.
  public var conditions: [String]
  /// The clock-quality word (`Metering.ClockQuality`).
  public var clockQuality: UInt16?
  /// How the connection to the mirror is.
  public var link: LinkState?
  /// Why it is down or refuses this log: the key of an `Uplink.LinkFailure` or an `Uplink.MirrorAlarm`.
  public var linkReason: String?
  /// The HTTP status with which the collector refuses live values, which are no part of the record.
  public var liveRefusal: Int?
  /// Readings lost because the ring was full.
  public var dropped: Int?
  /// Absolute path of the site file that the agent runs.
  public var sitePath: String?
  /// `Catalog.Site.fingerprint` of the site that the agent runs.
  public var fingerprint: Digest?

  /// What an agent answers to `["status"]`.
  public init(decoding bytes: [UInt8]) throws(CBORError) {
    let root = try CBORValue(decoding: bytes)
    guard case .map = root else { throw .unexpectedType }
    now = root["now"]?.number
    devices = (root["devices"]?.items ?? []).map(Device.init)
    lines = (root["lines"]?.items ?? []).map(Line.init)
    log = Log(root["log"] ?? .null)
    room = root["room"].map(Room.init)
    wear = root["wear"].flatMap(Wear.init)
    conditions = (root["conditions"]?.items ?? []).compactMap(\.string)
    clockQuality = root["clock"]?["quality"]?.number.flatMap(UInt16.init(exactly:))
    link = root["link"]?["state"]?.string.map(LinkState.init(key:))
    linkReason = root["link"]?["reason"]?.string
    liveRefusal = root["link"]?["live_refusal"]?.number
    dropped = root["dropped"]?.number
    sitePath = root["site"]?.string
    if case .bytes(let bytes)? = root["fingerprint"] { fingerprint = Digest(bytes.span) }
  }

  /// Every device answers or was not asked yet, every line is open, the log is written and has room, the mirror is
  /// reached and nothing is lost.
  public var isWell: Bool {
    devices.allSatisfy { $0.state == .answering || $0.state == .waiting }
      && lines.allSatisfy(\.isOpen) && !log.hasFailed && (link == .up || link == .unknown)
      && (dropped ?? 0) == 0 && conditions.isEmpty
  }

  /// The agent runs this site with these profiles; an agent too old to tell is taken at its word.
  public func runs(_ site: Site) -> Bool {
    fingerprint == nil || fingerprint == site.fingerprint
  }

  /// The name of a device's line; `nil` if the answer lists no such line.
  public func lineName(of device: Device) -> String? {
    lines.indices.contains(device.line) ? lines[device.line].name : nil
  }

  /// Asks the agent whose data directory is `directory`.
  public static func read(
    fromDataDirectory directory: String, timeoutMilliseconds: UInt64 = 2000
  ) throws(AgentError) -> GatewayStatus {
    let bytes = try Agent(dataDirectory: directory).ask(
      .status, timeoutMilliseconds: timeoutMilliseconds)
    do {
      return try GatewayStatus(decoding: bytes)
    } catch {
      throw .answer(error)
    }
  }
}

extension GatewayStatus.Device {
  init(_ item: CBORValue) {
    number = item["number"]?.number ?? 0
    label = item["label"]?.string ?? ""
    labelChinese = item["label_zh"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    line = item["line"]?.number ?? 0
    state = item["state"]?.string.map(DeviceState.init(key:))
    address = item["address"]?.string
    values = (item["values"]?.items ?? []).map(GatewayStatus.Value.init)
  }

  /// Its name in a language; in English where it has no Chinese one.
  public func label(_ language: Language) -> String {
    switch language {
    case .english: label
    case .chinese: labelChinese ?? label
    }
  }

  /// The value that stands for the device where only one has room: its power if it measures that, else
  /// the first that it has.
  public var mainValue: GatewayStatus.Value? {
    let known = values.filter { $0.value != nil }
    return known.first { $0.quantity == "active-power" } ?? known.first ?? values.first
  }
}

extension GatewayStatus.Value {
  init(_ item: CBORValue) {
    quantity = item["quantity"]?.string ?? ""
    value = item["value"]?.string
    unit = item["unit"]?.string
    reason = item["reason"]?.number
    status = item["status"]?.number
    utc = item["utc"]?.number
    ageMilliseconds = item["age_ms"]?.number
    roundTripMicroseconds = item["rtt_us"]?.number
  }

  /// It was read at least once, with or without a value.
  public var wasRead: Bool { (utc ?? 0) > 0 }
}

extension GatewayStatus.Line {
  init(_ item: CBORValue) {
    name = item["name"]?.string ?? ""
    device = item["device"]?.string
    utilisationPermille = item["utilisation_permille"]?.number
    isOpen = item["open"] == .bool(true)
    let counts = (item["errors"]?.items ?? []).compactMap {
      $0.number.flatMap(UInt32.init(exactly:))
    }
    if counts.count >= 4 {
      errors = UARTErrorCounters(
        parity: counts[0], framing: counts[1], overrun: counts[2], breaks: counts[3])
    }
  }
}

extension GatewayStatus.Room {
  init(_ item: CBORValue) {
    byteCount = item["bytes"]?.number ?? 0
    limit = item["limit"]?.number ?? 0
    growth = item["growth"]?.number
    minimum = item["minimum"]?.number ?? 0
    written = item["written"]?.number
  }
}

extension GatewayStatus.Wear {
  init?(_ item: CBORValue) {
    guard let commit = item["commit"]?.number, let planned = item["planned"]?.number else {
      return nil
    }
    commitMilliseconds = commit
    self.planned = planned
    // An agent before this one does not say: the plan writes at least what the log grows by.
    plannedGrowth = item["planned_growth"]?.number ?? planned
    budget = item["endurance"]?.number
    years = item["years"]?.number
  }
}

extension GatewayStatus.Log {
  init(_ item: CBORValue) {
    origin = item["origin"]?.string
    epoch = item["epoch"]?.number
    size = item["size"]?.number ?? 0
    signed = item["signed"]?.number ?? 0
    packaged = item["packaged"]?.number
    signedAt = item["signed_at"]?.number
    acknowledged = item["acknowledged"]?.number ?? 0
    byteCount = item["bytes"]?.number
    hasFailed = item["failed"] == .bool(true)
  }
}
