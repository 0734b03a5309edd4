import HAL
import MeterProtocols
import Metering
import TransparencyLog

/// One serial port of the plan.
public struct LinePlan: Sendable, BitwiseCopyable {
  /// How the port is set.
  public var configuration: UARTConfiguration

  /// A line with its settings.
  public init(configuration: UARTConfiguration) { self.configuration = configuration }
}

/// One meter on a line.
public struct DevicePlan: Sendable, BitwiseCopyable {
  /// The line, as an index into the plan.
  public var line: Int
  /// What it speaks.
  public var meterProtocol: MeterProtocol
  /// µs it may take to begin its answer, from the last byte sent: 10 ms to 30 s, as a site may say.
  public var timeout: UInt32
  /// How often one request is tried, at least 1.
  public var attempts: UInt8
  /// It is not slowed when the log gives way (`GivingWay`).
  public var isCritical: Bool

  /// A device with its line, protocol, patience (µs) and number of attempts.
  public init(
    line: Int, meterProtocol: MeterProtocol, timeout: UInt32, attempts: UInt8,
    isCritical: Bool = false
  ) {
    self.line = line
    self.meterProtocol = meterProtocol
    self.timeout = timeout
    self.attempts = attempts
    self.isCritical = isCritical
  }
}

/// One poll stream of a device: requests made together, once in each slot.
public struct ChannelPlan: Sendable, BitwiseCopyable {
  /// The device, as an index into the plan.
  public var device: Int
  /// Index of its channel entry in the log, `ch` of its readings.
  public var channelIndex: UInt64
  /// Its first request, as an index into the plan; the others follow.
  public var firstRequest: Int
  /// How many requests, at least 1.
  public var requestCount: Int
  /// µs between slots, at least 10 ms.
  public var period: UInt64
  /// µs by which its slots lie after multiples of the period (UTC). Less than the period.
  public var offset: UInt64
  /// The last slot that the log already explains, or `nil` if it explains none.
  public var lastSlot: UInt64?
  /// Why the slots between that one and now were not attempted.
  public var absence: EventEntry.ShedReason

  /// A channel with its requests and its schedule, both times in µs.
  public init(
    device: Int, channelIndex: UInt64, firstRequest: Int, requestCount: Int, period: UInt64,
    offset: UInt64, lastSlot: UInt64? = nil, absence: EventEntry.ShedReason = .agentStopped
  ) {
    self.device = device
    self.channelIndex = channelIndex
    self.firstRequest = firstRequest
    self.requestCount = requestCount
    self.period = period
    self.offset = offset
    self.lastSlot = lastSlot
    self.absence = absence
  }

  /// The slot that `utc` lies in: scheduled time divided by period.
  public func slot(at utc: UInt64) -> UInt64 { utc < offset ? 0 : (utc &- offset) / period }

  /// When a slot begins, µs since 1970.
  public func start(of slot: UInt64) -> UInt64 { slot &* period &+ offset }
}

/// Where a request's bytes lie in the plan.
public struct RequestPlan: Sendable, BitwiseCopyable {
  /// First byte in the plan's byte store.
  public var offset: Int
  /// Number of bytes, at most `Sampler.requestByteCountMax`.
  public var count: Int
  /// One of the quantities that it reads is a total.
  public var readsTotal: Bool

  /// A stretch of the byte store.
  public init(offset: Int, count: Int, readsTotal: Bool = false) {
    self.offset = offset
    self.count = count
    self.readsTotal = readsTotal
  }
}

/// Everything that is polled, in memory that the owner made at set-up.
public struct PollPlan: ~Copyable {
  /// Serial ports.
  public var lines: FixedTable<LinePlan>
  /// Meters.
  public var devices: FixedTable<DevicePlan>
  /// Poll streams.
  public var channels: FixedTable<ChannelPlan>
  /// Requests of all channels, one after the other.
  public var requests: FixedTable<RequestPlan>
  /// The bytes of all requests.
  public var bytes: UnsafeBufferPointer<UInt8>

  /// A plan from its five tables; traps when one names something that another does not have.
  public init(
    lines: consuming FixedTable<LinePlan>, devices: consuming FixedTable<DevicePlan>,
    channels: consuming FixedTable<ChannelPlan>, requests: consuming FixedTable<RequestPlan>,
    bytes: UnsafeBufferPointer<UInt8>
  ) {
    var i = 0
    while i < devices.count {
      precondition(devices[i].line >= 0 && devices[i].line < lines.count, "no such line")
      precondition(devices[i].attempts > 0, "a request is tried at least once")
      i &+= 1
    }
    i = 0
    while i < channels.count {
      let channel = channels[i]
      precondition(channel.device >= 0 && channel.device < devices.count, "no such device")
      precondition(
        channel.requestCount > 0 && channel.firstRequest >= 0, "a channel asks something")
      precondition(
        channel.firstRequest &+ channel.requestCount <= requests.count, "no such request")
      precondition(channel.period >= 1_000 && channel.offset < channel.period, "period or offset")
      i &+= 1
    }
    i = 0
    while i < requests.count {
      let request = requests[i]
      precondition(
        request.count > 0 && request.count <= Sampler.requestByteCountMax, "request length")
      precondition(
        request.offset >= 0 && request.offset &+ request.count <= bytes.count, "request bytes")
      i &+= 1
    }
    self.lines = lines
    self.devices = devices
    self.channels = channels
    self.requests = requests
    self.bytes = bytes
  }

  /// The bytes of one request.
  public func bytes(ofRequest index: Int) -> UnsafeBufferPointer<UInt8> {
    let request = requests[index]
    return UnsafeBufferPointer(rebasing: bytes[request.offset..<request.offset &+ request.count])
  }
}
