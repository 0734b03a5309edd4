import HAL
import MeterProtocols
import Metering
import TransparencyLog

/// What one gateway is to do: who it is, whom it reports to, and what it polls.
///
/// A value of this type is whole: every reference is resolved, every number is in range and the poll
/// plan fits the lines.
public struct Site: Sendable {
  /// Who the gateway is.
  public var origin: SiteOrigin
  /// Name of the plant's time zone, for example `Asia/Shanghai`.
  public var timezone: String
  /// Who countersigns the log, and where it goes unless `packages` says otherwise.
  public var mirror: MirrorSettings
  /// How the log leaves where nothing may call out; `nil` exactly where `mirror.url` is called.
  public var packages: PackageSettings?
  /// The hardware.
  public var board: Board
  /// The serial lines with their devices.
  public var lines: [Line]
  /// How the log is kept.
  public var log: LogSettings
  /// The file, verbatim, as it goes into the log.
  public var yaml: [UInt8]
  /// The path that the site was loaded from.
  public var path: String
  /// What is doubtful but usable.
  public var warnings: [Finding]
  /// Where the keys stand that an agent may refuse later.
  var places: [SiteKey: YAMLPlace]

  /// Most lines of a site: twice the 8 ports of the largest board in sight.
  public static var linesMax: Int { 16 }
  /// Most devices of a site: 16 lines of 31 unit loads would be 496.
  public static var devicesMax: Int { 512 }

  /// All profiles in use, each once, sorted by name.
  public var profiles: [DeviceProfile] {
    var byName: [String: DeviceProfile] = [:]
    for line in lines {
      for device in line.devices { byName[device.profile.name] = device.profile }
    }
    return byName.values.sorted { $0.name < $1.name }
  }

  /// Tells this site with its profiles from any other: SHA-256 over the SHA-256 of the site file and of each
  /// profile, in the order of `profiles`.
  public var fingerprint: Digest {
    var hash = SHA256()
    hash.update(SHA256.hash(yaml.span).span)
    for profile in profiles { hash.update(SHA256.hash(profile.yaml.span).span) }
    return hash.finalize()
  }

  /// What the medium endures: as the site states of its own, else as the board does; `nil` where nobody knows.
  public var endurance: Endurance? { log.endurance ?? board.storage.endurance }

  /// What the poll plan writes to the medium.
  public var wear: MediumWear { MediumWear(self) }

  /// Entries that the poll plan makes in a day: one for each request of each stream and slot.
  public var entriesPerDay: Int { wear.entries }

  /// Bytes by which the poll plan lets the journal grow in a day, roughly: each commit fills whole
  /// blocks (*Data on disk*).
  public var bytesPerDay: Int { wear.day(commitEvery: log.commitMilliseconds).frames }

  /// Tenths of days until four fifths of the quota, less two segments of reserve, are taken by plain segments: so long
  /// the log takes what nobody acknowledges before less is polled, at least.
  public var offlineTenths: Int { max(roomByteCount, 0) * 8 / max(bytesPerDay, 1) }

  /// The quota less two segments of reserve.
  private var roomByteCount: Int {
    (board.storage.quotaMebibytes << 20) - 2 * log.segmentByteCount
  }

  /// MiB of quota with which it takes so many seconds.
  func quotaMebibytes(forSeconds seconds: Int) -> Int {
    let days = (seconds + 86_399) / 86_400
    let byteCount = days * bytesPerDay / 8 * 10 + 2 * log.segmentByteCount
    return (byteCount >> 20) + 1
  }

  /// Tenths of years that a new medium lasts with the plan; `nil` where it is not known what it endures.
  public var mediumTenths: Int? {
    let wear = wear
    return endurance.flatMap {
      wear.tenthsOfYears(
        endurance: $0.byteCount,
        bytesPerDay: wear.day(commitEvery: log.commitMilliseconds).total)
    }
  }

  /// Bytes that the record sends to the mirror in a day when it is not behind, roughly, and at least.
  public var uploadBytesPerDay: Int { wear.entryBytes }

  /// Hours that a day without a link takes to drain, within the budget; `nil` without one.
  public var drainHours: Int? {
    guard let rate = mirror.catchUp, rate.bytesPerDay > uploadBytesPerDay else { return nil }
    let spare = rate.bytesPerDay - uploadBytesPerDay
    return (24 * uploadBytesPerDay + spare - 1) / spare
  }
}

/// A gateway's stable identity; the log's origin adds `/<epoch>`.
public struct SiteOrigin: Sendable, Equatable {
  /// The domain of whoever runs the gateway.
  public var domain: String
  /// The gateway's serial in that domain.
  public var serial: String

  /// `<domain>/gw/<serial>`.
  public var identity: String { "\(domain)/gw/\(serial)" }

  /// `<domain>/gw/<serial>/<epoch>`.
  public func origin(epoch: Int) -> String { "\(identity)/\(epoch)" }
}

/// The mirror that countersigns the log.
public struct MirrorSettings: Sendable, Equatable {
  /// Where its verifier key comes from.
  public enum VerifierKey: Sendable, Equatable {
    /// The key itself: `name+8 hex digits+base64`.
    case inline(String)
    /// A file relative to the data directory; made when the mirror is enrolled.
    case file(String)
  }

  /// `http://` or `https://`, without a slash at the end; `nil` exactly where the log leaves as packages.
  public var url: String?
  /// Its verifier key.
  public var verifierKey: VerifierKey
  /// A PEM file with the certificate authorities to trust; the site gives it relative to its own file.
  public var certificateAuthority: String?
  /// What the record may send; `nil` for as much as the link takes.
  public var catchUp: DataRate?
}

/// How the log leaves as packages in a directory (`uplink:`). All of it must be declared.
public struct PackageSettings: Sendable, Equatable {
  /// The directory, an absolute path. It is never made here: a stick that is not mounted has none.
  public var directory: String
  /// Seconds between two packages.
  public var everySeconds: Int
  /// Seconds of running time for which entries are kept that stand in packages and were not acknowledged.
  public var retentionSeconds: Int
}

/// How the log is kept.
public struct LogSettings: Sendable, Equatable {
  /// Milliseconds between group commits: what a power cut costs at most.
  public var commitMilliseconds: Int
  /// Years that the medium must last; `nil` where the site does not say.
  public var years: Int?
  /// What the medium in this gateway endures, which may be another than its board's maker puts in.
  public var endurance: Endurance?
  /// The site states the commit interval. Else it follows from the years and the poll plan, or is 5 s.
  public var isCommitStated: Bool
  /// Milliseconds after which a checkpoint is signed.
  public var checkpointMilliseconds: Int
  /// Entries after which a checkpoint is signed earlier.
  public var checkpointEntryCount: Int
  /// Bytes of a journal segment.
  public var segmentByteCount: Int
}

/// A serial line with the devices on it.
public struct Line: Sendable {
  /// The line's name in the site.
  public var name: String
  /// The name of the board's port.
  public var portName: String
  /// How the operating system finds the port.
  public var identity: PortIdentity
  /// The device file; `nil` for a USB identity.
  public var devicePath: String?
  /// Rate, data bits, parity and stop bits.
  public var uart: UARTConfiguration
  /// The devices, in the order of the file.
  public var devices: [Device]
  /// What the poll plan takes of the line's time.
  public var load: LineLoad
}

/// One meter, analyzer or transmitter on a line.
public struct Device: Sendable {
  /// A number unique in the site, 1 to 65535; never reused.
  public var number: Int
  /// The name, for people.
  public var label: Label
  /// The maker's serial number.
  public var serial: String?
  /// Modbus: the unit identifier, one byte. DL/T 645: six BCD bytes in the order of the nameplate.
  public var address: [UInt8]
  /// What the device says and how to read it.
  public var profile: DeviceProfile
  /// What is polled, and how often.
  public var streams: [PollStream]
  /// Milliseconds from the last byte sent to the end of waiting.
  public var timeoutMilliseconds: Int
  /// How often a request is sent in one slot before it counts as failed, 1 to 5.
  public var attempts: Int
  /// Instrument transformers in front of the device.
  public var ratios: TransformerRatios
  /// It is polled in full as long as the log has any room: the site's `critical: true`.
  public var isCritical: Bool

  /// The address as people write it: `17` or `003411001043`.
  public var addressText: String {
    if address.count == 1 { return String(address[0]) }
    let digits: [UInt8] = Array("0123456789ABCDEF".utf8)
    let bytes = address.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The exact bytes of all requests of a stream, as they are sent and as a channel entry keeps them.
  public func requestBytes(of stream: PollStream) -> [[UInt8]] {
    stream.requests.map { profile.requests[$0].requestBytes(address: address) }
  }
}

/// Ratios of the instrument transformers, primary over secondary; 1 without transformers.
public struct TransformerRatios: Sendable, Equatable {
  /// Current transformer.
  public var current: Ratio
  /// Voltage transformer.
  public var voltage: Ratio

  /// No transformers.
  public static var none: TransformerRatios { TransformerRatios(current: .one, voltage: .one) }
}

/// What a transformer makes of one quantity, as a channel entry keeps it.
public struct ChannelRatio: Sendable, Equatable {
  /// The quantity that is multiplied.
  public var quantity: Quantity
  /// The factor.
  public var factor: Ratio
}

extension Device {
  /// The factors of a stream's quantities that transformers change; empty without transformers.
  public func channelRatios(of stream: PollStream) -> [ChannelRatio] {
    var found: [ChannelRatio] = []
    for point in stream.requests.flatMap({ profile.requests[$0].points }) {
      let factor =
        switch point.rule.ratio {
        case .none: Ratio.one
        case .current: ratios.current
        case .voltage: ratios.voltage
        // Ratios have six digits at most (`Decoding.transformerRatio`), so the product fits.
        case .power: ratios.current.times(ratios.voltage) ?? .one
        }
      if factor == .one || found.contains(where: { $0.quantity == point.quantity }) { continue }
      found.append(ChannelRatio(quantity: point.quantity, factor: factor))
    }
    return found
  }

  /// The rule of a point of its profile with its transformers' ratios. Traps if they do not fit the
  /// rule's scale, which no site that was loaded lets happen.
  public func rule(for point: Point) -> ValueRule {
    let rule = point.rule.withRatios(current: ratios.current, voltage: ratios.voltage)
    guard let rule else { preconditionFailure("the checks of a site cover its ratios") }
    return rule
  }
}

/// Requests of one device that are polled together.
public struct PollStream: Sendable, Equatable {
  /// How readings come about (`mode` of a channel entry).
  public enum Mode: UInt8, Sendable {
    /// The gateway asks.
    case polled = 0
  }

  /// Indices into the profile's requests, in the order of polling.
  public var requests: [Int]
  /// Milliseconds between polls.
  public var periodMilliseconds: Int
  /// Milliseconds after the slot's beginning, below the period.
  public var offsetMilliseconds: Int
  /// How readings come about.
  public var mode: Mode
}

/// Findings as an error: at least one of them is no warning.
public struct Findings: Error, Sendable, Equatable {
  /// The findings in the order of files and lines.
  public var list: [Finding]

  /// Takes the findings.
  public init(list: [Finding]) { self.list = list }

  /// The file itself, or the installed data, could not be read: that is no finding in a configuration
  /// (exit code 1) but a matter of the command line and the disk (2).
  public var isUnreadable: Bool {
    list.contains { finding in
      switch finding.kind {
      case .file(.unreadable): true
      // One that the site names and that is not there is a slip in the site.
      case .file: finding.place == .start
      default: false
      }
    }
  }

  /// All texts, one paragraph each.
  public func text(_ language: Language) -> String {
    list.map { $0.text(language) + "\n" }.joined()
  }
}
