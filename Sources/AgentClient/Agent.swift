import Gateway
import HAL
import HostHAL
import MeterProtocols
import TransparencyLog

/// The agent on this machine, asked over its control socket; `Sources/Gateway/ControlRequest.swift` owns
/// the format.
public struct Agent: Sendable {
  /// Where its control socket is.
  public let socketPath: String

  /// What it may be asked.
  public enum Request: Equatable, Sendable {
    /// Its status.
    case status
    /// One transaction on a line, between polls; the timeout in ms.
    case lease(
      line: String, meterProtocol: MeterProtocol, request: [UInt8], timeoutMilliseconds: UInt64)
    /// To read its site anew.
    case reload

    /// The bytes of it.
    public var encoded: [UInt8] {
      ByteWriter.bytes { writer in
        switch self {
        case .status: ControlRequest.writeStatus(to: &writer)
        case .reload: ControlRequest.writeReload(to: &writer)
        case .lease(let line, let spoken, let request, let timeout):
          ControlRequest.writeLease(
            line: Array(line.utf8).span, meterProtocol: spoken, request: request.span,
            timeout: timeout, to: &writer)
        }
      }
    }
  }

  /// The agent whose data directory is `directory`; its socket is there.
  public init(dataDirectory directory: String) { socketPath = directory + "/control" }

  /// Asks on a connection of its own and gives the answer's bytes; a refusal is thrown.
  public func ask(
    _ request: Request, timeoutMilliseconds: UInt64
  ) throws(AgentError) -> [UInt8] {
    let answer: [UInt8]
    do {
      var client = try ControlClient(path: socketPath)
      answer = try client.ask(request.encoded, timeoutMilliseconds: timeoutMilliseconds)
    } catch {
      throw .control(error)
    }
    if let refused = try? CBORValue(decoding: answer)["refused"]?.number {
      throw .refused(number: refused)
    }
    return answer
  }
}

/// Why there is no answer of the agent.
public enum AgentError: Error, Equatable, Sendable {
  /// The agent could not be asked.
  case control(ControlError)
  /// It does not do it: number of a `ControlRefusal`, or of one that this version does not know.
  case refused(number: Int)
  /// Its answer is not understood.
  case answer(CBORError)

  /// Why it does not do it; `nil` for other errors and for numbers that this version does not know.
  public var refusal: ControlRefusal? {
    guard case .refused(let number) = self else { return nil }
    return UInt8(exactly: number).flatMap(ControlRefusal.init(rawValue:))
  }

  /// The line could not be had just now; another time or another line it may.
  public var isAboutLine: Bool {
    switch refusal {
    case .portClosed, .lineLeased, .lineBusy: true
    case .malformed, .unknownRequest, .unknownLine, .unknownProtocol, .badTimeout, .notARead, nil:
      false
    }
  }

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .control(let error): error.english
    case .refused(let number):
      refusal?.english ?? "tallyd refuses with reason \(number), which this version does not know"
    case .answer: "the agent's answer is not understood: the versions differ"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .control(let error): error.chinese
    case .refused(let number):
      refusal?.chinese ?? "tallyd 以原因 \(number) 拒绝，本版本不认识该原因"
    case .answer: "无法理解网关的应答：版本不一致"
    }
  }
}

extension ControlRefusal {
  /// What happened and what to do.
  public var english: String {
    switch self {
    case .malformed: "tallyd does not understand the request: the versions may differ"
    case .unknownRequest: "tallyd does not know this request: its version is older"
    case .unknownLine: "the running site has no such line: look at tally status"
    case .unknownProtocol: "tallyd does not speak this meter protocol: its version is older"
    case .badTimeout: "the timeout must be 20 to 10,000 ms"
    case .notARead:
      "The gateway never writes to a meter unless a technician asks it to: only one whole read request "
        + "(Modbus functions 1 to 4, DL/T 645 control codes 11, 12, 13) may go out"
    case .portClosed: "the port of the line is gone: plug it in, and look at tally status"
    case .lineLeased: "another tool is using the line: try again when it has ended"
    case .lineBusy: "the line did not come free in time: try again"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .malformed: "tallyd 无法理解该请求：版本可能不一致"
    case .unknownRequest: "tallyd 不认识该请求：其版本较旧"
    case .unknownLine: "运行中的站点没有该线路：请查看 tally status"
    case .unknownProtocol: "tallyd 不支持该仪表协议：其版本较旧"
    case .badTimeout: "超时须为 20 至 10,000 毫秒"
    case .notARead:
      "除非技术人员要求，网关绝不向仪表写入：只能发出一条完整的读请求"
        + "（Modbus 功能码 1 至 4，DL/T 645 控制码 11、12、13）"
    case .portClosed: "线路端口已断开：请接好，并查看 tally status"
    case .lineLeased: "另一工具正在使用该线路：请待其结束后再试"
    case .lineBusy: "线路未能及时空闲：请再试一次"
    }
  }
}
