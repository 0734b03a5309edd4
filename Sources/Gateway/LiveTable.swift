import HAL
import MeterProtocols
import Metering
import Sampling

/// One value that is decoded on the gateway for people to look at. The record is the frame.
public struct LivePoint: Sendable, BitwiseCopyable {
  /// The device, as an index into the plan.
  public var device: Int
  /// What is measured.
  public var quantity: Quantity
  /// In which unit.
  public var unit: MeasurementUnit
  /// How it is read from the frame.
  public var rule: ValueRule

  /// A value with its place in the frame.
  public init(device: Int, quantity: Quantity, unit: MeasurementUnit, rule: ValueRule) {
    self.device = device
    self.quantity = quantity
    self.unit = unit
    self.rule = rule
  }
}

/// The newest value of a point, or why there is none.
public struct LiveValue: Sendable, BitwiseCopyable {
  /// The value; meaningless unless `noData` is nil.
  public var value = Decimal(mantissa: 0)
  /// Why there is none.
  public var noData: NoData? = .notYet
  /// How the poll ended.
  public var status = ReadingStatus.other
  /// When it came.
  public var instant = Instant(mono: 0, utc: 0, quality: .unknown)
  /// µs from the last byte sent to the last received.
  public var roundTrip: UInt64?
}

/// The newest value of every point, in memory made at set-up.
public struct LiveTable: ~Copyable {
  /// All points, in the order of the plan's requests.
  public let points: UnsafeMutableBufferPointer<LivePoint>
  /// Their newest values.
  public let values: UnsafeMutableBufferPointer<LiveValue>
  /// For each request of the plan, where its points begin; one more element than requests.
  private let starts: UnsafeMutableBufferPointer<Int>

  /// A table from the points of each request of the plan.
  public init(pointsOfRequests: [[LivePoint]]) {
    let count = pointsOfRequests.reduce(0) { $0 + $1.count }
    points = .allocate(capacity: count)
    values = .allocate(capacity: count)
    starts = .allocate(capacity: pointsOfRequests.count + 1)
    values.initialize(repeating: LiveValue())
    var at = 0
    for (request, list) in pointsOfRequests.enumerated() {
      starts[request] = at
      for point in list {
        points[at] = point
        at += 1
      }
    }
    starts[pointsOfRequests.count] = at
  }

  deinit {
    points.deallocate()
    values.deallocate()
    starts.deallocate()
  }

  /// Takes what a poll brought. Allocates nothing.
  mutating func update(
    request: Int, meterProtocol: MeterProtocol, outcome: PollOutcome,
    frame: UnsafeBufferPointer<UInt8>
  ) {
    guard outcome.part == 0 else { return }
    var at = starts[request]
    while at < starts[request &+ 1] {
      values[at].status = outcome.status
      values[at].instant = outcome.instant
      values[at].roundTrip = outcome.roundTrip
      switch outcome.status {
      case .good:
        switch decode(frame: frame.span, rule: points[at].rule, protocol: meterProtocol) {
        case .success(let value):
          values[at].value = value
          values[at].noData = nil
        case .failure(let reason):
          values[at].noData = reason
        }
      case .timeout: values[at].noData = .timeout
      case .badChecksum: values[at].noData = .badChecksum
      case .exception: values[at].noData = .exception
      default: values[at].noData = .noPort
      }
      at &+= 1
    }
  }
}
