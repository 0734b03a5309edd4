import CLinux
import HAL

// The control socket. A message in either direction is
//
//     u32be length ‖ length bytes of payload (CBOR; the transport does not look inside)
//
// valid if and only if 1 ≤ length ≤ 1,048,576 (`ControlLimits.payloadByteCount`). The client sends a request and reads one answer; it may
// send the next on the same connection. Example: the request ["status"] is
//     00 00 00 08 81 66 73 74 61 74 75 73
//
// An answer may come later: meanwhile the client waits without a deadline of the server's, and the
// server watches for nothing of it but its hang-up.

/// The limits of the control socket.
public enum ControlLimits {
  /// Bytes of a payload, at most: the status of 512 devices with eight values each fits.
  public static let payloadByteCount = 1 << 20
  /// Clients at once, at most. A technician's tool, the console and a monitor are three.
  public static let clientCount = 8
  /// A client that has not finished its message or taken its answer for this long, in µs, is dropped.
  public static let stallMicroseconds: UInt64 = 5_000_000
  static let headerByteCount = 4
}

/// When a request is answered.
public enum ControlAnswer: Sendable {
  /// Now, with what was written.
  case now
  /// Later, with `ControlServer.answer`.
  case later
}

/// The listening side of the control socket, driven by a `PollLoop`. Nothing blocks or allocates after
/// `init`; a client that is slow, silent or malicious costs its own connection only.
public struct ControlServer: ~Copyable {
  private let listener: Descriptor
  private let path: String
  // Not `let`: see Sampler's `lines`.
  private var clients: UnsafeMutableBufferPointer<ControlConnection>
  private var listenerPlace = -1
  /// Number of the last request.
  private var lastTicket: UInt64 = 0

  /// Descriptors that it watches at most: what a `PollLoop` needs room for.
  public static let watchedCount = ControlLimits.clientCount + 1

  /// Makes the socket anew with mode 0660; whoever holds the data directory's lock may.
  public init(path: String) throws(FileError) {
    let opened = clinux_unix_listen(path, 0o660, Int32(ControlLimits.clientCount))
    guard opened >= 0 else { throw FileError(-opened, .listen, path) }
    listener = Descriptor(owning: opened)
    self.path = path
    clients = .allocate(capacity: ControlLimits.clientCount)
    for i in clients.indices { clients.initializeElement(at: i, to: ControlConnection()) }
  }

  deinit {
    let clients = clients
    for i in clients.indices {
      clients[i].close()
      clients[i].deallocate()
    }
    clients.deallocate()
    _ = clinux_unlink(path)
  }

  /// How many clients are connected.
  public var clientCount: Int {
    var count = 0
    for i in clients.indices where clients[i].isOpen { count += 1 }
    return count
  }

  /// Watches its descriptors in this turn of the loop.
  public mutating func watch(in loop: inout PollLoop) {
    listenerPlace = loop.watch(listener.number, .read)
    for i in clients.indices where clients[i].isOpen {
      let interest: PollInterest =
        clients[i].isWaiting ? .hangUp : clients[i].isAnswering ? .write : .read
      clients[i].place = loop.watch(clients[i].descriptor, interest)
    }
  }

  /// Does what can be done without waiting, after `loop.wait`: at most one message of each client.
  ///
  /// - Parameters:
  ///   - now: `CLOCK_BOOTTIME` in µs.
  ///   - answer: reads a request's payload and writes the answer's, or puts it off and remembers the
  ///     ticket; an answer that is empty or does not fit closes the connection.
  public mutating func serve(
    _ loop: borrowing PollLoop, now: UInt64,
    answer: (_ request: Span<UInt8>, _ ticket: UInt64, _ reply: inout ByteWriter) -> ControlAnswer
  ) {
    for i in clients.indices where clients[i].isOpen {
      let readiness = clients[i].place >= 0 ? loop.readiness(clients[i].place) : .none
      clients[i].place = -1
      clients[i].serve(readiness, now: now, lastTicket: &lastTicket, answer: answer)
    }
    guard listenerPlace >= 0 else { return }
    let readiness = loop.readiness(listenerPlace)
    listenerPlace = -1
    if readiness.isReadable { accept(now: now) }
  }

  /// The client that was given this ticket still waits for its answer.
  public func isWaiting(_ ticket: UInt64) -> Bool { place(of: ticket) != nil }

  /// Answers a request that was put off; does nothing if its client is gone.
  public mutating func answer(
    _ ticket: UInt64, now: UInt64, _ body: (_ reply: inout ByteWriter) -> Void
  ) {
    guard let i = place(of: ticket) else { return }
    clients[i].answer(now: now, body)
  }

  private func place(of ticket: UInt64) -> Int? {
    for i in clients.indices where clients[i].isOpen && clients[i].ticket == ticket { return i }
    return nil
  }

  private mutating func accept(now: UInt64) {
    // No more than there are places for: the rest waits in the backlog for the next turn.
    for _ in 0..<ControlLimits.clientCount {
      let descriptor = clinux_accept(listener.number)
      guard descriptor >= 0 else { return }
      guard let i = freePlace(now: now) else {
        _ = clinux_close(descriptor)
        return
      }
      clients[i].open(descriptor, now: now)
    }
  }

  /// A free place, or that of the client that has been idle longest, if for a second or more: eight
  /// connections left open must not lock a technician out. One that waits for an answer is not idle.
  private mutating func freePlace(now: UInt64) -> Int? {
    var idle: Int?
    for i in clients.indices {
      if !clients[i].isOpen { return i }
      if clients[i].isWaiting { continue }
      if let known = idle, clients[known].lastProgress <= clients[i].lastProgress { continue }
      idle = i
    }
    guard let oldest = idle, now &- clients[oldest].lastProgress >= 1_000_000 else { return nil }
    clients[oldest].close()
    return oldest
  }
}

/// One connection's state. Its memory is reserved at set-up; pages never touched cost nothing.
struct ControlConnection {
  private(set) var descriptor: Int32 = -1
  /// The place in the loop in this turn, -1 when not watched.
  var place = -1
  /// When a byte last went either way, µs.
  private(set) var lastProgress: UInt64 = 0
  /// Number of the request whose answer was put off, 0 for none.
  private(set) var ticket: UInt64 = 0
  private let input: UnsafeMutableBufferPointer<UInt8>
  private let output: UnsafeMutableBufferPointer<UInt8>
  private var received = 0
  private var sent = 0
  private var toSend = 0

  init() {
    let byteCount = ControlLimits.headerByteCount + ControlLimits.payloadByteCount
    input = .allocate(capacity: byteCount)
    output = .allocate(capacity: byteCount)
  }

  var isOpen: Bool { descriptor >= 0 }
  var isAnswering: Bool { toSend > 0 }
  var isWaiting: Bool { ticket != 0 }

  func deallocate() {
    input.deallocate()
    output.deallocate()
  }

  mutating func open(_ descriptor: Int32, now: UInt64) {
    self.descriptor = descriptor
    lastProgress = now
    received = 0
    sent = 0
    toSend = 0
    ticket = 0
    place = -1
  }

  mutating func close() {
    if descriptor >= 0 { _ = clinux_close(descriptor) }
    descriptor = -1
    ticket = 0
  }

  mutating func serve(
    _ readiness: Readiness, now: UInt64, lastTicket: inout UInt64,
    answer: (Span<UInt8>, UInt64, inout ByteWriter) -> ControlAnswer
  ) {
    if isWaiting {
      if readiness.isLost { close() }
      return
    }
    if isAnswering {
      if readiness.isWritable || readiness.isLost { send(now: now) }
    } else if readiness.isReadable || readiness.isLost {
      receive(now: now)
      if isOpen, let end = messageEnd {
        lastTicket += 1
        take(end, ticket: lastTicket, now: now, answer: answer)
      }
    }
    let isIdle = received == 0 && !isAnswering
    if isOpen, !isIdle, now &- lastProgress >= ControlLimits.stallMicroseconds { close() }
  }

  /// Where the message ends, once it is whole.
  private var messageEnd: Int? {
    guard received >= ControlLimits.headerByteCount else { return nil }
    let end = ControlLimits.headerByteCount + length
    return received >= end ? end : nil
  }

  private var length: Int {
    Int(input[0]) << 24 | Int(input[1]) << 16 | Int(input[2]) << 8 | Int(input[3])
  }

  private mutating func receive(now: UInt64) {
    // Only as far as this message goes: the next one stays in the kernel until this is answered.
    let header = ControlLimits.headerByteCount
    while true {
      let wanted = received < header ? header : header + length
      if wanted == received { return }
      let n = clinux_read(descriptor, input.baseAddress.map { $0 + received }, wanted - received)
      if n == -Int(clinux_error_again()) { return }
      guard n > 0 else { return close() }
      received += n
      lastProgress = now
      guard received >= header else { continue }
      guard length >= 1, length <= ControlLimits.payloadByteCount else { return close() }
    }
  }

  private mutating func take(
    _ end: Int, ticket: UInt64, now: UInt64,
    answer: (Span<UInt8>, UInt64, inout ByteWriter) -> ControlAnswer
  ) {
    let header = ControlLimits.headerByteCount
    var writer = ByteWriter(UnsafeMutableBufferPointer(rebasing: output[header...]))
    let request = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(input)[header..<end])
    let when = answer(request.span, ticket, &writer)
    received = 0
    switch when {
    case .now: reply(writer.overflowed ? 0 : writer.count, now: now)
    case .later: self.ticket = ticket
    }
  }

  /// Answers the request that was put off.
  mutating func answer(now: UInt64, _ body: (inout ByteWriter) -> Void) {
    var writer = ByteWriter(
      UnsafeMutableBufferPointer(rebasing: output[ControlLimits.headerByteCount...]))
    body(&writer)
    ticket = 0
    reply(writer.overflowed ? 0 : writer.count, now: now)
  }

  /// Sends the `count` bytes that were written after the header.
  private mutating func reply(_ count: Int, now: UInt64) {
    guard count > 0 else { return close() }
    let header = ControlLimits.headerByteCount
    for i in 0..<header {
      output[i] = UInt8(truncatingIfNeeded: count >> (8 * (header - 1 - i)))
    }
    sent = 0
    toSend = header + count
    lastProgress = now
    send(now: now)
  }

  private mutating func send(now: UInt64) {
    while sent < toSend {
      let n = clinux_send(descriptor, output.baseAddress.map { $0 + sent }, toSend - sent)
      if n == -Int(clinux_error_again()) { return }
      guard n > 0 else { return close() }
      sent += n
      lastProgress = now
    }
    sent = 0
    toSend = 0
  }
}
