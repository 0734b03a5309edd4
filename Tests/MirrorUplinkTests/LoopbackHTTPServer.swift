import CLinux
import HostHAL
import Synchronization

/// An HTTP/1.1 server in a thread, on 127.0.0.1 and a free port. It answers each request with the next
/// of the answers that it was given, and the last one for ever after.
final class LoopbackHTTPServer: Sendable {
  /// What it does with a request.
  enum Answer: Sendable {
    /// These bytes, once the request has come whole; the connection stays open.
    case after(String)
    /// These bytes once the headers have come, then nothing is read; the connection stays open.
    case early(String)
    /// The same, and the connection is reset under the sender.
    case earlyReset(String)
    /// These bytes, and the connection is closed.
    case thenClose(String)
    /// Nothing, ever.
    case silence
  }

  /// A request as it came.
  struct Request: Sendable {
    var head: String
    var body: [UInt8]
  }

  let port: UInt16
  private let state: Mutex<(answers: [Answer], requests: [Request], connections: Int)>
  private let done: WakeHandle

  init(_ answers: [Answer]) throws {
    var bound: UInt16 = 0
    let listener = clinux_loopback_listen(0, 8, &bound)
    precondition(listener >= 0, "no loopback")
    port = bound
    state = Mutex((answers, [], 0))
    done = try WakeHandle()
    let thread = try PosixThread(name: "http-test") { [self] in
      let listener = Descriptor(owning: listener)
      while Self.wait(listener.number, CLINUX_POLL_IN, done.descriptor) {
        let accepted = clinux_accept(listener.number)
        guard accepted >= 0 else { continue }
        state.withLock { $0.connections += 1 }
        serve(Descriptor(owning: accepted))
      }
    }
    _ = consume thread
  }

  func end() { done.wake() }

  var url: String { "http://127.0.0.1:\(port)" }
  var requests: [Request] { state.withLock { $0.requests } }
  var connections: Int { state.withLock { $0.connections } }

  /// `false` when it is time to end.
  private static func wait(_ descriptor: Int32, _ events: Int32, _ done: Int32) -> Bool {
    var list = [
      clinux_pollfd(fd: descriptor, events: Int16(events), revents: 0),
      clinux_pollfd(fd: done, events: Int16(CLINUX_POLL_IN), revents: 0),
    ]
    _ = clinux_poll(&list, 2, 30_000_000)
    return list[1].revents == 0 && list[0].revents != 0
  }

  private func next() -> Answer {
    state.withLock { state in
      state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
    }
  }

  private func serve(_ connection: consuming Descriptor) {
    var input: [UInt8] = []
    while true {
      guard let headEnd = receive(connection.number, &input, until: Self.endOfHead) else { return }
      let head = String(decoding: input[..<headEnd], as: UTF8.self)
      let answer = next()
      switch answer {
      case .early(let text), .earlyReset(let text):
        state.withLock { $0.requests.append(Request(head: head, body: [])) }
        send(connection.number, text)
        if case .earlyReset = answer { return }  // unread bytes in the socket make close() a reset
        _ = Self.wait(done.descriptor, 0, done.descriptor)
        return
      case .after(let text), .thenClose(let text):
        let length = Self.contentLength(head)
        guard
          receive(connection.number, &input, until: { $0.count >= headEnd + length ? 0 : nil })
            != nil
        else { return }
        let body = Array(input[headEnd..<headEnd + length])
        input.removeFirst(headEnd + length)
        state.withLock { $0.requests.append(Request(head: head, body: body)) }
        send(connection.number, text)
        if case .thenClose = answer { return }
      case .silence:
        _ = Self.wait(done.descriptor, 0, done.descriptor)
        return
      }
    }
  }

  private func receive(
    _ descriptor: Int32, _ input: inout [UInt8], until end: ([UInt8]) -> Int?
  ) -> Int? {
    var room = [UInt8](repeating: 0, count: 4096)
    while true {
      if let found = end(input) { return found }
      guard Self.wait(descriptor, CLINUX_POLL_IN, done.descriptor) else { return nil }
      let n = room.withUnsafeMutableBufferPointer {
        clinux_read(descriptor, $0.baseAddress, $0.count)
      }
      guard n > 0 else { return nil }
      input += room[..<n]
    }
  }

  private func send(_ descriptor: Int32, _ text: String) {
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
      guard Self.wait(descriptor, CLINUX_POLL_OUT, done.descriptor) else { return }
      let n = bytes.withUnsafeBufferPointer {
        clinux_send(descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent)
      }
      guard n > 0 else { return }
      sent += n
    }
  }

  private static func endOfHead(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    for i in 0...bytes.count - 4 where Array(bytes[i..<i + 4]) == [13, 10, 13, 10] { return i + 4 }
    return nil
  }

  private static func contentLength(_ head: String) -> Int {
    for line in head.split(separator: "\r\n") where line.hasPrefix("Content-Length: ") {
      return Int(line.dropFirst(16)) ?? 0
    }
    return 0
  }
}

/// An answer as bytes on the wire.
func http(_ status: String, type: String? = nil, _ body: String = "") -> String {
  let type = type.map { "Content-Type: \($0)\r\n" } ?? ""
  return "HTTP/1.1 \(status)\r\n\(type)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}
