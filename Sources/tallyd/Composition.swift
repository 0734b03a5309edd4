import Catalog
import Gateway
import HAL
import MeterProtocols
import Metering
import Sampling
import TransparencyLog

/// Turns a site into what the agent works on: documents for the log, a poll plan, names for people.
struct Composition {
  let site: Site
  /// Lines, devices and their streams in the order of the plan.
  let devices: [(line: Int, device: Device)]
  let profiles: [DeviceProfile]

  init(site: Site) {
    self.site = site
    profiles = site.profiles
    devices = site.lines.enumerated().flatMap { at, line in line.devices.map { (at, $0) } }
  }

  /// What the site asks for beyond what this version takes.
  var excess: Text? {
    if site.lines.count > Limits.linesMax {
      return .tooMany("lines", found: site.lines.count, most: Limits.linesMax)
    }
    if devices.count > Limits.devicesMax {
      return .tooMany("devices", found: devices.count, most: Limits.devicesMax)
    }
    let most = devices.flatMap { $0.device.streams }.map(\.requests.count).max() ?? 0
    if most > Limits.requestsPerChannelMax {
      return .tooMany("requests", found: most, most: Limits.requestsPerChannelMax)
    }
    return nil
  }

  // MARK: documents

  /// The site file, then the profiles: what the channels refer to.
  var siteDocument: Document {
    Document(kind: .site, name: Array("site.yaml".utf8), body: site.yaml)
  }

  /// The profile files as documents.
  var profileDocuments: [Document] {
    profiles.map { Document(kind: .profile, name: Array($0.name.utf8), body: $0.yaml) }
  }

  /// One document for each poll stream.
  var channelDocuments: [ChannelDocument] {
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

  /// Makes the poll plan; `channels` says for each stream its entry and the last slot explained.
  func plan(channels: [(index: UInt64, lastSlot: UInt64?)]) -> PollPlan {
    let streams = devices.flatMap { $0.device.streams }
    let requests = devices.flatMap { entry in
      entry.device.streams.flatMap { entry.device.requestBytes(of: $0) }
    }
    var lines = FixedTable(Self.memory(LinePlan.self, site.lines.count))
    for line in site.lines { lines.append(LinePlan(configuration: line.uart)) }
    var devicePlans = FixedTable(Self.memory(DevicePlan.self, devices.count))
    var channelPlans = FixedTable(Self.memory(ChannelPlan.self, streams.count))
    var requestPlans = FixedTable(Self.memory(RequestPlan.self, requests.count))
    let bytes = Self.memory(UInt8.self, requests.reduce(0) { $0 + $1.count })
    var offset = 0
    for request in requests {
      for (i, byte) in request.enumerated() { bytes[offset + i] = byte }
      requestPlans.append(RequestPlan(offset: offset, count: request.count))
      offset += request.count
    }
    var firstRequest = 0
    for (number, entry) in devices.enumerated() {
      devicePlans.append(
        DevicePlan(
          line: entry.line, meterProtocol: entry.device.profile.meterProtocol,
          timeout: UInt32(entry.device.timeoutMilliseconds) * 1_000,
          attempts: UInt8(entry.device.attempts)))
      for stream in entry.device.streams {
        let channel = channels[channelPlans.count]
        channelPlans.append(
          ChannelPlan(
            device: number, channelIndex: channel.index, firstRequest: firstRequest,
            requestCount: stream.requests.count,
            period: UInt64(stream.periodMilliseconds) * 1_000,
            offset: UInt64(stream.offsetMilliseconds) * 1_000, lastSlot: channel.lastSlot))
        firstRequest += stream.requests.count
      }
    }
    return PollPlan(
      lines: lines, devices: devicePlans, channels: channelPlans, requests: requestPlans,
      bytes: UnsafeBufferPointer(bytes))
  }

  /// The points of each request of the plan.
  var livePoints: [[LivePoint]] {
    devices.enumerated().flatMap { number, entry in
      entry.device.streams.flatMap { stream in
        stream.requests.map { request in
          entry.device.profile.requests[request].points.map {
            LivePoint(
              device: number, quantity: $0.quantity, unit: $0.unit,
              rule: $0.rule.withRatios(
                current: entry.device.ratios.current, voltage: entry.device.ratios.voltage)
                ?? $0.rule)
          }
        }
      }
    }
  }

  /// What people call things.
  func names(origin: KeyName, epoch: UInt32) -> SiteNames {
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
      origin: Array(origin.description.utf8), epoch: epoch)
  }

  /// Memory for the life of the process.
  static func memory<T>(_ type: T.Type, _ count: Int) -> UnsafeMutableBufferPointer<T> {
    UnsafeMutableBufferPointer(
      rebasing: UnsafeMutableBufferPointer<T>.allocate(capacity: max(count, 1))[0..<count])
  }

  /// Memory of the sampler.
  var samplerMemory: Sampler.Memory {
    Sampler.Memory(
      lines: Self.memory(LineState.self, site.lines.count),
      devices: Self.memory(DeviceState.self, devices.count),
      channels: Self.memory(
        ChannelState.self, devices.reduce(0) { $0 + $1.device.streams.count }),
      bytes: Self.memory(UInt8.self, site.lines.count * Sampler.bytesPerLine))
  }
}
