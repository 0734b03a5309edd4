import Catalog
import Gateway
import HAL
import HostHAL
import MeterProtocols
import Metering
import TransparencyLog

/// How one transaction through the agent ended (`Sources/Gateway/LeaseDesk.swift`).
public struct LeaseAnswer: Equatable, Sendable {
  /// How it ended; `other` for a number that this version does not know.
  public var status: ReadingStatus
  /// Microseconds from the last byte sent to the last received.
  public var roundTripMicroseconds: Int?
  /// The accepted or refusing frame, else all that came.
  public var raw: [UInt8]

  /// What an agent answers to `["lease", …]`.
  public init(decoding bytes: [UInt8]) throws(CBORError) {
    let root = try CBORValue(decoding: bytes)
    guard let number = root["status"]?.number, case .bytes(let raw)? = root["raw"] else {
      throw .unexpectedType
    }
    status = UInt8(exactly: number).flatMap(ReadingStatus.init(rawValue:)) ?? .other
    roundTripMicroseconds = root["rtt_us"]?.number
    self.raw = raw
  }
}

extension Agent {
  /// One transaction on a line, between polls; returns when it has ended.
  ///
  /// While another tool has the line this one waits as long as the agent waits for its polls, 10 s.
  public func lease(
    line: String, meterProtocol: MeterProtocol, request: [UInt8], timeoutMilliseconds: UInt64
  ) throws(AgentError) -> LeaseAnswer {
    let clock = HostClock()
    let deadline = clock.microseconds() + Agent.leasePatience
    while true {
      do throws(AgentError) {
        return try leaseNow(
          line: line, meterProtocol: meterProtocol, request: request,
          timeoutMilliseconds: timeoutMilliseconds)
      } catch {
        guard error.refusal == .lineLeased, clock.microseconds() < deadline else { throw error }
        clock.sleep(microseconds: 50_000)
      }
    }
  }

  /// µs that a tool waits while another one has the line.
  static let leasePatience: UInt64 = 10_000_000

  private func leaseNow(
    line: String, meterProtocol: MeterProtocol, request: [UInt8], timeoutMilliseconds: UInt64
  ) throws(AgentError) -> LeaseAnswer {
    // The wait for the line, the meter's patience, and ten seconds for the longest frame at 300 Bd.
    let patience = 10_000 + timeoutMilliseconds + 10_000
    let answer = try ask(
      .lease(
        line: line, meterProtocol: meterProtocol, request: request,
        timeoutMilliseconds: timeoutMilliseconds), timeoutMilliseconds: patience)
    do { return try LeaseAnswer(decoding: answer) } catch { throw .answer(error) }
  }
}

/// All requests of a device's profile, asked now.
public struct LiveReading: Sendable {
  /// One request with its answer.
  public struct Exchange: Sendable {
    /// The request's name in the profile.
    public var name: String
    /// What went out and what came back, one pair for each frame of the answer.
    public var frames: [(request: [UInt8], answer: LeaseAnswer)]
    /// The values, in the order of the profile.
    public var values: [(point: Point, result: Result<Decimal, NoData>)]

    /// How its last transaction ended.
    public var status: ReadingStatus { frames.last?.answer.status ?? .other }
    /// Code of the exception or the error byte, if the meter refused.
    public var refusalCode: UInt8?
    /// Why the agent did not ask this, or all of it.
    public var refusal: AgentError?
  }

  /// The device's line.
  public var line: Line
  /// The device.
  public var device: Device
  /// The requests in the order of the profile.
  public var exchanges: [Exchange] = []

  /// Every request was answered and every value is there.
  public var isWhole: Bool {
    exchanges.allSatisfy { exchange in
      exchange.status == .good
        && exchange.values.allSatisfy { if case .success = $0.result { true } else { false } }
    }
  }

  /// Asks a device of a site through the agent that polls it.
  ///
  /// What was read stays when the line is lost to the rest; an error means that nothing was read.
  public init(of device: Device, on line: Line, through agent: Agent) throws(AgentError) {
    try self.init(of: device, on: line) { request throws(AgentError) in
      try agent.lease(
        line: line.name, meterProtocol: device.profile.meterProtocol, request: request,
        timeoutMilliseconds: UInt64(device.timeoutMilliseconds))
    }
  }

  /// The same with any way to ask.
  init(
    of device: Device, on line: Line, asking ask: ([UInt8]) throws(AgentError) -> LeaseAnswer
  ) throws(AgentError) {
    self.line = line
    self.device = device
    var refusal: AgentError?
    for request in device.profile.requests {
      do throws(AgentError) {
        // The line is as good as lost: a tool that waited for it once does not wait for each request.
        if let refusal { throw refusal }
        exchanges.append(try exchange(request, ask))
      } catch {
        guard error.isAboutLine, exchanges.contains(where: { !$0.frames.isEmpty }) else {
          throw error
        }
        refusal = error
        exchanges.append(
          Exchange(
            name: request.name, frames: [],
            values: request.points.map { ($0, .failure(.notYet)) }, refusal: refusal))
      }
    }
  }

  private func exchange(
    _ request: ProfileRequest, _ ask: ([UInt8]) throws(AgentError) -> LeaseAnswer
  ) throws(AgentError) -> Exchange {
    let spoken = device.profile.meterProtocol
    let first = request.requestBytes(address: device.address)
    var frames: [(request: [UInt8], answer: LeaseAnswer)] = []
    var next = first
    repeat {
      let answer = try ask(next)
      frames.append((next, answer))
      guard answer.status == .good, spoken.hasMore(answer.raw.span) else { break }
      next = followUp(first, part: UInt8(frames.count))
    } while frames.count < 255
    let code = refusalCode(frames.last)
    return Exchange(
      name: request.name, frames: frames, values: values(of: request, frames), refusalCode: code)
  }

  private func followUp(_ request: [UInt8], part: UInt8) -> [UInt8] {
    ByteWriter.bytes {
      device.profile.meterProtocol.writeFollowUp(request: request.span, part: part, into: &$0)
    }
  }

  private func refusalCode(_ last: (request: [UInt8], answer: LeaseAnswer)?) -> UInt8? {
    guard let last, last.answer.status == .exception,
      case .refused(_, let code) = device.profile.meterProtocol.scan(
        request: last.request.span, received: last.answer.raw.span)
    else { return nil }
    return code
  }

  private func values(
    of request: ProfileRequest, _ frames: [(request: [UInt8], answer: LeaseAnswer)]
  ) -> [(point: Point, result: Result<Decimal, NoData>)] {
    let good = frames.map(\.answer).filter { $0.status == .good }
    guard let first = good.first else {
      let reason = noData(frames.last?.answer.status ?? .other)
      return request.points.map { ($0, .failure(reason)) }
    }
    return request.points.map { point in
      let rule = device.rule(for: point)
      guard good.count > 1 else {
        return (
          point, rule.decode(frame: first.raw.span, protocol: device.profile.meterProtocol)
        )
      }
      return (point, together(good, rule))
    }
  }

  /// A value of an answer in several frames.
  private func together(_ answers: [LeaseAnswer], _ rule: ValueRule) -> Result<Decimal, NoData> {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: DLT645Answer.byteCountMax)
    defer { memory.deallocate() }
    var whole = DLT645Answer(memory)
    for (part, answer) in answers.enumerated() { whole.take(answer.raw.span, part: part) }
    return whole.decode(rule)
  }

  private func noData(_ status: ReadingStatus) -> NoData {
    switch status {
    case .timeout: .timeout
    case .badChecksum: .badChecksum
    case .exception: .exception
    case .good, .noDevice, .outOfRange, .exchanged, .maintenance, .substitute, .other: .noPort
    }
  }
}
