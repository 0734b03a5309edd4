import HAL
import MeterProtocols
import Metering
import TransparencyLog

/// What a line is doing.
enum Activity: UInt8, BitwiseCopyable {
  /// No request is out. Bytes that arrive are dropped.
  case idle
  /// The request is being handed to the port.
  case sending
  /// The request is out, the answer is due.
  case waiting
}

/// State of one line. Opaque; the owner only provides the memory.
public struct LineState: BitwiseCopyable {
  var isOpen = false
  var activity = Activity.idle
  var protocolSpoken = MeterProtocol.modbusRTU
  /// The channel, its slot and the request under way. A clock that is set while the request is out
  /// moves the channel to another slot; the answer still belongs to this one.
  var channel = 0
  var slot: UInt64 = 0
  var request = 0
  var part: UInt8 = 0
  var attempt: UInt8 = 0
  var errorCode: UInt8 = 0
  var outputCount = 0
  var sentCount = 0
  var receivedCount = 0
  var rejectedCount = 0
  /// When the request began, and when its last byte left.
  var begunAt: UInt64 = 0
  var sentAt: UInt64 = 0
  var deadline: UInt64 = 0
  var lastByte = Instant(mono: 0, utc: 0, quality: .unknown)
  /// No request before this time, and no prolonging beyond that one.
  var quietUntil: UInt64 = 0
  var drainUntil: UInt64 = 0
  var busyMicroseconds: UInt64 = 0
  /// Channels of the line whose slot has requests that are still to be made.
  var jobCount = 0
  /// A tool's transaction (`Sampler+Lease.swift`): what it asks for, when it is given up waiting,
  /// when the next may begin, and when the last one ended, 0 for never.
  var lease = LeaseState.none
  var leaseProtocol = MeterProtocol.modbusRTU
  var leaseByteCount = 0
  var leaseTimeout: UInt32 = 0
  var leaseUntil: UInt64 = 0
  var leaseAfter: UInt64 = 0
  var leaseEnd: UInt64 = 0
  /// A line of which nothing is known yet.
  public init() {}
}

/// State of one device. Opaque; the owner only provides the memory.
public struct DeviceState: BitwiseCopyable {
  var failures: UInt32 = 0
  var probeAt: UInt64 = 0
  /// No other request to it before this time: a late answer to the last one could pass for its answer.
  var quietUntil: UInt64 = 0
  var isSilent = false
  /// A device that has not been asked yet.
  public init() {}
}

/// State of one channel. Opaque; the owner only provides the memory.
public struct ChannelState: BitwiseCopyable {
  /// `slot` means something.
  var hasSlot = false
  /// The last slot that was begun or shed.
  var slot: UInt64 = 0
  /// Requests of `slot` are still to be made, `request` is the next.
  var hasJob = false
  var request = 0
  /// What gave way when `slot` began.
  var givingWay = GivingWay.nothing
  /// When one of its requests last began, µs since boot.
  var servedAt: UInt64 = 0
  /// A run of shed slots not logged yet.
  var hasRun = false
  var runFirst: UInt64 = 0
  var runLast: UInt64 = 0
  var runReason = EventEntry.ShedReason.backOff
  var runSince: UInt64 = 0
  /// The first look at the schedule after the start was taken.
  var isScheduled = false
  /// A channel that was never polled.
  public init() {}
}
