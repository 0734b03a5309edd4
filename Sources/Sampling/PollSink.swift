import HAL
import Metering
import TransparencyLog

/// How one request of one slot ended, retries included.
public struct PollOutcome: Sendable, BitwiseCopyable {
  /// The channel, as an index into the plan.
  public var channel: Int
  /// Number of the request within the channel.
  public var request: Int
  /// The slot it belongs to.
  public var slot: UInt64
  /// How it ended.
  public var status: ReadingStatus
  /// 0 for the first frame of an answer, then 1, 2 … (DL/T 645 follow-up frames).
  public var part: UInt8
  /// How often it was tried.
  public var attempts: UInt8
  /// Code of the exception or the error byte, when `status` is `.exception`.
  public var errorCode: UInt8
  /// µs from the last byte sent to the last received; `nil` when nothing came.
  public var roundTrip: UInt64?
  /// When the last byte came or the deadline passed.
  public var instant: Instant
}

/// What the sampler tells its owner. No call may allocate: they are made between two bytes.
public protocol PollSink: ~Copyable {
  /// A request ended. `raw` is the accepted frame or, with a bad checksum, all that came; empty when
  /// nothing did. `rejected` are the frames of earlier attempts, each as u16 length (big-endian)
  /// and bytes. Both are valid during the call only.
  mutating func polled(
    _ outcome: PollOutcome, raw: UnsafeBufferPointer<UInt8>, rejected: UnsafeBufferPointer<UInt8>)
  /// The slots from `first` to `last` of a channel were not, or not wholly, attempted.
  mutating func shed(
    channel: Int, first: UInt64, last: UInt64, reason: EventEntry.ShedReason, at instant: Instant)
  /// The wall clock was set from one time to another, both µs since 1970.
  mutating func clockStepped(from old: UInt64, to new: UInt64, at instant: Instant)
  /// A device stopped (`false`) or began again (`true`) to answer.
  mutating func device(_ device: Int, answers: Bool, at instant: Instant)
  /// A line was lost (`false`) or came back (`true`).
  mutating func line(_ line: Int, isOpen: Bool, at instant: Instant)
  /// A lease ended. `raw` is the accepted or refusing frame, else all that came. Both are valid during
  /// the call only.
  mutating func leased(
    _ outcome: LeaseOutcome, request: UnsafeBufferPointer<UInt8>, raw: UnsafeBufferPointer<UInt8>)
  /// A lease will not begin.
  mutating func leaseRefused(line: Int, _ refusal: LeaseRefusal, at instant: Instant)
}
