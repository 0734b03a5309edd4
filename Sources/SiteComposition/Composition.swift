import Catalog
import Gateway
import HAL
import HostHAL
import MeterProtocols
import Metering
import Sampling
import TransparencyLog

/// Turns a site into what the agent works on: documents for the log, a poll plan, names for people.
public struct Composition: Sendable {
  /// What it is made of.
  public let site: Site
  /// The site's devices with the number of their line, in the order of the plan.
  public let devices: [(line: Int, device: Device)]
  private let profiles: [DeviceProfile]

  /// What follows from `site`.
  public init(site: Site) {
    self.site = site
    profiles = site.profiles
    devices = site.lines.enumerated().flatMap { at, line in line.devices.map { (at, $0) } }
  }

  // MARK: documents

  /// The site file, then the profiles: what the channels refer to.
  private var siteDocument: Document {
    Document(kind: .site, name: Array("site.yaml".utf8), body: site.yaml)
  }

  /// The profile files as documents.
  private var profileDocuments: [Document] {
    profiles.map { Document(kind: .profile, name: Array($0.name.utf8), body: $0.yaml) }
  }

  /// One document for each poll stream.
  private var channelDocuments: [ChannelDocument] {
    devices.flatMap { line, device in
      device.streams.enumerated().map { number, stream in
        ChannelDocument(
          device: UInt32(device.number),
          label: Array(
            (number == 0 ? device.label.english : "\(device.label.english)/\(number)").utf8),
          serial: device.serial.map { Array($0.utf8) }, port: Array(site.lines[line].name.utf8),
          address: device.address,
          profile: profiles.firstIndex { $0.name == device.profile.name } ?? 0,
          requests: device.requestBytes(of: stream),
          periodMilliseconds: UInt64(stream.periodMilliseconds),
          offsetMilliseconds: UInt64(stream.offsetMilliseconds),
          ratios: Self.ratios(of: stream, device))
      }
    }
  }

  private static func ratios(of stream: PollStream, _ device: Device) -> [Channel.Ratio] {
    device.channelRatios(of: stream).map {
      Channel.Ratio(
        quantity: UInt64($0.quantity.rawValue), numerator: UInt64($0.factor.numerator),
        denominator: UInt64($0.factor.denominator))
    }
  }

  // MARK: plan

  /// The site as the agent takes it. Documents and plan follow from it alone.
  public func pollSite(origin: KeyName, epoch: UInt32) -> PollSite {
    PollSite(
      document: siteDocument, profiles: profileDocuments,
      lines: site.lines.map { LinePlan(configuration: $0.uart) },
      devices: devices.map { line, device in
        DevicePlan(
          line: line, meterProtocol: device.profile.meterProtocol,
          timeout: UInt32(device.timeoutMilliseconds) * 1_000, attempts: UInt8(device.attempts),
          isCritical: device.isCritical)
      },
      channels: channelDocuments,
      deviceOfChannel: devices.enumerated().flatMap { number, entry in
        entry.device.streams.map { _ in number }
      },
      livePoints: livePoints, names: names(origin: origin, epoch: epoch))
  }

  /// The points of each request of the plan.
  private var livePoints: [[LivePoint]] {
    devices.enumerated().flatMap { number, entry in
      entry.device.streams.flatMap { stream in
        stream.requests.map { request in
          entry.device.profile.requests[request].points.map {
            LivePoint(
              device: number, quantity: $0.quantity, unit: $0.unit, rule: entry.device.rule(for: $0)
            )
          }
        }
      }
    }
  }

  private var mediumPlan: MediumPlan {
    let wear = site.wear
    return MediumPlan(
      commitMilliseconds: UInt64(site.log.commitMilliseconds),
      bytesPerDay: UInt64(wear.day(commitEvery: site.log.commitMilliseconds).total),
      growthPerDay: UInt64(site.bytesPerDay),
      budget: site.endurance.map { UInt64(wear.budget(endurance: $0.byteCount)) },
      years: site.log.years.map { UInt64($0) })
  }

  /// What people call things.
  private func names(origin: KeyName, epoch: UInt32) -> SiteNames {
    SiteNames(
      devices: devices.map { _, device in
        SiteNames.Device(
          number: UInt32(device.number), label: Array(device.label.english.utf8),
          labelChinese: Array(device.label.chinese.utf8),
          address: Array(device.addressText.utf8))
      },
      lines: site.lines.map {
        SiteNames.Line(name: Array($0.name.utf8), device: Array(($0.devicePath ?? "").utf8))
      },
      origin: Array(origin.description.utf8), epoch: epoch,
      sitePath: Array(((try? Files.resolve(site.path)) ?? site.path).utf8),
      fingerprint: site.fingerprint, medium: mediumPlan)
  }
}
