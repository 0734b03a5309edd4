import HAL
import MeterProtocols
import Metering
import Sampling
import TransparencyLog

/// A site in the terms of the agent: documents for the log, what is polled, and names for people.
public struct PollSite: Sendable {
  /// The site file.
  public var document: Document
  /// The profiles that its channels refer to.
  public var profiles: [Document]
  /// Serial lines.
  public var lines: [LinePlan]
  /// Meters.
  public var devices: [DevicePlan]
  /// Poll streams, in the order of the devices.
  public var channels: [ChannelDocument]
  /// For each poll stream its device, as an index into `devices`.
  public var deviceOfChannel: [Int]
  /// The points of each request, in the order of the channels.
  public var livePoints: [[LivePoint]]
  /// What people call things.
  public var names: SiteNames

  /// Takes the fields.
  public init(
    document: Document, profiles: [Document], lines: [LinePlan], devices: [DevicePlan],
    channels: [ChannelDocument], deviceOfChannel: [Int], livePoints: [[LivePoint]],
    names: SiteNames
  ) {
    precondition(channels.count == deviceOfChannel.count, "each channel has a device")
    self.document = document
    self.profiles = profiles
    self.lines = lines
    self.devices = devices
    self.channels = channels
    self.deviceOfChannel = deviceOfChannel
    self.livePoints = livePoints
    self.names = names
  }

  /// Both say the same, so that a load of the one after the other changes nothing.
  func isSame(as other: PollSite) -> Bool {
    guard document == other.document, profiles == other.profiles,
      lines.count == other.lines.count, names.medium == other.names.medium
    else { return false }
    // Ports stand in the board's file, which is no document of the log.
    for line in lines.indices {
      guard lines[line].configuration == other.lines[line].configuration,
        names.lines[line].device == other.names.lines[line].device
      else { return false }
    }
    return true
  }

  /// Makes the poll plan in `memory`; `starts` has one element for each channel.
  func plan(in memory: PlanMemory, starts: [ChannelStart]) -> PollPlan {
    precondition(starts.count == channels.count, "each channel has a start")
    var linePlans = FixedTable(memory.take(LinePlan.self, lines.count))
    for line in lines { linePlans.append(line) }
    var devicePlans = FixedTable(memory.take(DevicePlan.self, devices.count))
    for device in devices { devicePlans.append(device) }
    let requestCount = channels.reduce(0) { $0 + $1.requests.count }
    let byteCount = channels.reduce(0) { $0 + $1.requests.reduce(0) { $0 + $1.count } }
    var requestPlans = FixedTable(memory.take(RequestPlan.self, requestCount))
    let bytes = memory.take(UInt8.self, byteCount)
    var channelPlans = FixedTable(memory.take(ChannelPlan.self, channels.count))
    var offset = 0
    for (number, channel) in channels.enumerated() {
      channelPlans.append(
        ChannelPlan(
          device: deviceOfChannel[number], channelIndex: starts[number].index,
          firstRequest: requestPlans.count, requestCount: channel.requests.count,
          period: channel.periodMilliseconds * 1_000, offset: channel.offsetMilliseconds * 1_000,
          lastSlot: starts[number].lastSlot, absence: starts[number].absence))
      for request in channel.requests {
        for (i, byte) in request.enumerated() { bytes[offset + i] = byte }
        let readsTotal = livePoints[requestPlans.count].contains { $0.quantity.row.kind == .total }
        requestPlans.append(
          RequestPlan(offset: offset, count: request.count, readsTotal: readsTotal))
        offset += request.count
      }
    }
    return PollPlan(
      lines: linePlans, devices: devicePlans, channels: channelPlans, requests: requestPlans,
      bytes: UnsafeBufferPointer(bytes))
  }
}

/// Where a channel's entry stands, and from which slot on it is polled.
public struct ChannelStart: Sendable {
  /// Index of the channel's entry.
  public var index: UInt64
  /// The last slot that the log explains; `nil` if it explains none.
  public var lastSlot: UInt64?
  /// Why those between it and now were not attempted.
  public var absence: EventEntry.ShedReason

  /// Takes the fields.
  public init(
    index: UInt64, lastSlot: UInt64?, absence: EventEntry.ShedReason = .agentStopped
  ) {
    self.index = index
    self.lastSlot = lastSlot
    self.absence = absence
  }
}

/// The memory of one plan and of the sampler that follows it; freed with this value, after them.
final class PlanMemory {
  private var taken: [UnsafeMutableRawBufferPointer] = []

  /// No memory yet.
  init() {}

  deinit { for memory in taken { memory.deallocate() } }

  /// Memory for `count` elements, not initialised.
  func take<T: BitwiseCopyable>(_ type: T.Type, _ count: Int) -> UnsafeMutableBufferPointer<T> {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: MemoryLayout<T>.stride * (count > 0 ? count : 1),
      alignment: MemoryLayout<T>.alignment)
    taken.append(memory)
    return UnsafeMutableBufferPointer(rebasing: memory.bindMemory(to: type)[0..<count])
  }

  /// Memory of a sampler for a site.
  func sampler(for site: PollSite) -> Sampler.Memory {
    Sampler.Memory(
      lines: take(LineState.self, site.lines.count),
      devices: take(DeviceState.self, site.devices.count),
      channels: take(ChannelState.self, site.channels.count),
      bytes: take(UInt8.self, site.lines.count * Sampler.bytesPerLine))
  }
}
