import CLinux

/// Why the agent could not be asked.
public enum ControlError: Error, Equatable, Sendable {
  /// No agent listens at that socket.
  case notRunning(path: String)
  /// The user may not use the socket.
  case notPermitted(path: String)
  /// No answer came in time.
  case timeout(path: String)
  /// The agent closed the connection instead of answering.
  case closed(path: String)
  /// The request or the answer is empty or larger than the limit.
  case tooLarge(path: String)
  /// Anything else, with the errno of the operating system.
  case system(path: String, errno: Int32)

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .notRunning(let path): "no tallyd answers at \(path): start it, or name its data directory"
    case .notPermitted(let path): "this user may not use \(path): join the group that owns it"
    case .timeout(let path): "tallyd at \(path) did not answer in time: look at its log"
    case .closed(let path): "tallyd at \(path) refused the request: the versions may differ"
    case .tooLarge(let path): "the message for \(path) is empty or larger than 1 MiB"
    case .system(let path, let errno): "cannot use \(path): \(systemErrorText(errno))"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .notRunning(let path): "\(path) 没有 tallyd 应答：请先启动，或指明其数据目录"
    case .notPermitted(let path): "当前用户无权使用 \(path)：请加入其所属的组"
    case .timeout(let path): "\(path) 的 tallyd 未及时应答：请查看其日志"
    case .closed(let path): "\(path) 的 tallyd 拒绝了请求：版本可能不一致"
    case .tooLarge(let path): "发往 \(path) 的消息为空或超过 1 MiB"
    case .system(let path, let errno): "无法使用 \(path)：\(systemErrorText(errno))"
    }
  }
}

/// The asking side of the control socket. Calls block, but never past their deadline.
public struct ControlClient: ~Copyable {
  private let socket: Descriptor
  private let path: String

  /// Connects to the agent that listens at `path`.
  public init(path: String) throws(ControlError) {
    let opened = clinux_unix_connect(path)
    guard opened >= 0 else {
      switch -opened {
      case clinux_error_not_found(), clinux_error_refused(): throw .notRunning(path: path)
      case clinux_error_not_permitted(): throw .notPermitted(path: path)
      case clinux_error_again(): throw .timeout(path: path)
      default: throw .system(path: path, errno: -opened)
      }
    }
    socket = Descriptor(owning: opened)
    self.path = path
  }

  /// Sends one request and waits for its answer; after an error the connection is of no more use.
  public mutating func ask(
    _ request: [UInt8], timeoutMilliseconds: UInt64 = 5000
  ) throws(ControlError) -> [UInt8] {
    guard request.count >= 1, request.count <= ControlLimits.payloadByteCount else {
      throw .tooLarge(path: path)
    }
    let deadline = clinux_boot_us() + timeoutMilliseconds * 1000
    var message: [UInt8] = []
    for i in 0..<ControlLimits.headerByteCount {
      message.append(UInt8(truncatingIfNeeded: request.count >> (24 - 8 * i)))
    }
    message += request
    try send(message, deadline)
    let header = try receive(ControlLimits.headerByteCount, deadline)
    let length = header.reduce(0) { $0 << 8 | Int($1) }
    guard length >= 1, length <= ControlLimits.payloadByteCount else { throw .tooLarge(path: path) }
    return try receive(length, deadline)
  }

  private func waitFor(_ events: Int32, _ deadline: UInt64) throws(ControlError) {
    let now = clinux_boot_us()
    guard now < deadline else { throw .timeout(path: path) }
    var entry = clinux_pollfd(fd: socket.number, events: Int16(events), revents: 0)
    _ = clinux_poll(&entry, 1, Int64(clamping: deadline - now))
  }

  private func send(_ bytes: [UInt8], _ deadline: UInt64) throws(ControlError) {
    var done = 0
    while done < bytes.count {
      let n = bytes.withUnsafeBufferPointer { all in
        clinux_send(socket.number, all.baseAddress.map { $0 + done }, all.count - done)
      }
      if n == -Int(clinux_error_again()) {
        try waitFor(CLINUX_POLL_OUT, deadline)
        continue
      }
      guard n > 0 else { throw .closed(path: path) }
      done += n
    }
  }

  private func receive(_ count: Int, _ deadline: UInt64) throws(ControlError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let n = bytes.withUnsafeMutableBufferPointer { all in
        clinux_read(socket.number, all.baseAddress.map { $0 + done }, count - done)
      }
      if n == -Int(clinux_error_again()) {
        try waitFor(CLINUX_POLL_IN, deadline)
        continue
      }
      guard n > 0 else { throw .closed(path: path) }
      done += n
    }
    return bytes
  }
}
