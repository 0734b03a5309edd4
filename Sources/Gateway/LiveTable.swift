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
  /// Number of the change that it came with, from 1 on; 0 before the first poll.
  public var change: UInt64 = 0
}

/// An answer in several frames that is still coming, of one device.
private struct OpenAnswer: ~Copyable {
  var answer: DLT645Answer
  /// The request of the plan that it answers.
  var request = 0
  /// When its first frame came: then the meter took its values.
  var instant = Instant(mono: 0, utc: 0, quality: .unknown)
  var roundTrip: UInt64?

  init(_ memory: UnsafeMutableBufferPointer<UInt8>) { answer = DLT645Answer(memory) }
}

/// The newest value of every point, in memory made at set-up.
public struct LiveTable: ~Copyable {
  /// All points, in the order of the plan's requests.
  public let points: UnsafeMutableBufferPointer<LivePoint>
  /// Their newest values.
  public let values: UnsafeMutableBufferPointer<LiveValue>
  /// How often values have changed; goes on when a site takes over from another.
  public private(set) var changeCount: UInt64 = 0
  /// The points that changed last.
  public private(set) var changed = 0..<0
  /// For each request of the plan, where its points begin; one more element than requests.
  private let starts: UnsafeMutableBufferPointer<Int>
  /// One for each device: it answers one request after another.
  // Not `let`: see Sampler's `lines`.
  private var openAnswers: UnsafeMutableBufferPointer<OpenAnswer>
  private let answerBytes: UnsafeMutableBufferPointer<UInt8>

  /// A table from the points of each request of the plan.
  public init(pointsOfRequests: [[LivePoint]]) {
    let count = pointsOfRequests.reduce(0) { $0 + $1.count }
    points = .allocate(capacity: count)
    values = .allocate(capacity: count)
    starts = .allocate(capacity: pointsOfRequests.count + 1)
    values.initialize(repeating: LiveValue())
    var at = 0
    var deviceCount = 0
    for (request, list) in pointsOfRequests.enumerated() {
      starts[request] = at
      for point in list {
        points[at] = point
        deviceCount = max(deviceCount, point.device + 1)
        at += 1
      }
    }
    starts[pointsOfRequests.count] = at
    openAnswers = .allocate(capacity: deviceCount)
    answerBytes = .allocate(capacity: deviceCount * DLT645Answer.byteCountMax)
    answerBytes.initialize(repeating: 0)
    for device in 0..<deviceCount {
      let start = device * DLT645Answer.byteCountMax
      let memory = answerBytes[start..<start + DLT645Answer.byteCountMax]
      openAnswers.initializeElement(at: device, to: OpenAnswer(.init(rebasing: memory)))
    }
  }

  deinit {
    points.deallocate()
    values.deallocate()
    starts.deallocate()
    openAnswers.deinitialize()
    openAnswers.deallocate()
    answerBytes.deallocate()
  }

  /// Counts on from another table.
  mutating func follow(_ old: borrowing LiveTable) { changeCount = old.changeCount }

  /// Takes over the newest values of a request that the table before had as well.
  mutating func adopt(_ old: borrowing LiveTable, request: Int, from before: Int) {
    let range = starts[request]..<starts[request &+ 1]
    let source = old.starts[before]..<old.starts[before &+ 1]
    guard range.count == source.count else { return }
    for i in 0..<range.count { values[range.lowerBound + i] = old.values[source.lowerBound + i] }
  }

  /// Takes what a poll brought. Allocates nothing.
  ///
  /// While an answer in several frames is coming, the values before it stay. When it ends, with its
  /// last frame or without, each value that lies in the frames up to there is new; the others have
  /// none.
  mutating func update(
    request: Int, meterProtocol: MeterProtocol, outcome: PollOutcome,
    frame: UnsafeBufferPointer<UInt8>
  ) {
    let range = starts[request]..<starts[request &+ 1]
    guard !range.isEmpty else { return }
    let device = points[range.lowerBound].device
    let isFirst = outcome.part == 0
    let isOfSeveral = outcome.status == .good && meterProtocol.hasMore(frame.span)
    if isFirst, !isOfSeveral {
      openAnswers[device].answer.clear()
      return update(range, meterProtocol: meterProtocol, outcome: outcome, frame: frame)
    }
    if isFirst {
      openAnswers[device].request = request
      openAnswers[device].instant = outcome.instant
      openAnswers[device].roundTrip = outcome.roundTrip
    } else if openAnswers[device].request != request || openAnswers[device].answer.state == .empty {
      return
    }
    if outcome.status == .good {
      openAnswers[device].answer.take(frame.span, part: Int(outcome.part))
      // The sampler asks for no part after number 255.
      if isOfSeveral, outcome.part < 255 { return }
    }
    end(range, device: device, status: outcome.status)
  }

  /// Takes an answer in one frame, or the want of one.
  private mutating func update(
    _ range: Range<Int>, meterProtocol: MeterProtocol, outcome: PollOutcome,
    frame: UnsafeBufferPointer<UInt8>
  ) {
    changeCount &+= 1
    changed = range
    var at = range.lowerBound
    while at < range.upperBound {
      values[at].change = changeCount
      values[at].status = outcome.status
      values[at].instant = outcome.instant
      values[at].roundTrip = outcome.roundTrip
      if let reason = noData(of: outcome.status) {
        values[at].noData = reason
      } else {
        set(at, points[at].rule.decode(frame: frame.span, protocol: meterProtocol))
      }
      at &+= 1
    }
  }

  /// Takes the answer in several frames that ended with `status`.
  private mutating func end(_ range: Range<Int>, device: Int, status: ReadingStatus) {
    changeCount &+= 1
    changed = range
    var at = range.lowerBound
    while at < range.upperBound {
      values[at].change = changeCount
      values[at].status = .good
      values[at].instant = openAnswers[device].instant
      values[at].roundTrip = openAnswers[device].roundTrip
      let result = openAnswers[device].answer.decode(points[at].rule)
      set(at, result)
      if case .failure(.malformed) = result, let reason = noData(of: status) {
        values[at].status = status
        values[at].noData = reason
      }
      at &+= 1
    }
    openAnswers[device].answer.clear()
  }

  private mutating func set(_ at: Int, _ result: Result<Decimal, NoData>) {
    switch result {
    case .success(let value):
      values[at].value = value
      values[at].noData = nil
    case .failure(let reason):
      values[at].noData = reason
    }
  }

  /// Why a poll that ended like this brought no value; `nil` if it brought a frame.
  private func noData(of status: ReadingStatus) -> NoData? {
    switch status {
    case .good: nil
    case .timeout: .timeout
    case .badChecksum: .badChecksum
    case .exception: .exception
    default: .noPort
    }
  }
}
