import CLinux
import HAL
import HostHAL
import Testing

/// A server, its loop, and clients that speak raw bytes. Time is what the test says it is.
private struct Bench: ~Copyable {
  let scratch: Scratch
  let path: String
  var server: ControlServer
  var loop: PollLoop
  var now: UInt64
  var requests: [[UInt8]]
  var tickets: [UInt64]
  /// Answers nothing at once.
  var putsOff: Bool
  var answer: [UInt8]

  /// Nothing is set before the last thing that can throw: Swift 6.2.3 cannot compile that.
  init(answer: [UInt8] = [0xAA, 0xBB]) throws {
    let scratch = try Scratch()
    let server = try ControlServer(path: scratch("control"))
    self.scratch = scratch
    self.path = scratch("control")
    self.server = server
    loop = PollLoop(capacity: ControlServer.watchedCount)
    now = 1_000_000
    requests = []
    tickets = []
    putsOff = false
    self.answer = answer
  }

  /// One turn of the event loop that waits for nothing.
  mutating func turn() {
    loop.begin()
    server.watch(in: &loop)
    _ = loop.wait(until: 0)
    var requests = self.requests
    let answer = self.answer
    var tickets = self.tickets
    let putsOff = self.putsOff
    server.serve(loop, now: now) { request, ticket, reply in
      requests.append(request.withUnsafeBufferPointer { Array($0) })
      tickets.append(ticket)
      if putsOff { return .later }
      for byte in answer { reply.append(byte) }
      return .now
    }
    self.tickets = tickets
    self.requests = requests
  }

  /// Turns until the client's side is readable, or many times over.
  mutating func turn(until client: borrowing Descriptor) -> [UInt8] {
    for _ in 0..<1000 {
      turn()
      let bytes = client.readNow()
      if !bytes.isEmpty || client.isClosed { return bytes }
    }
    return []
  }

  func connect() -> Descriptor { Descriptor(owning: clinux_unix_connect(path)) }
}

extension Descriptor {
  fileprivate func send(_ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBufferPointer { clinux_send(number, $0.baseAddress, $0.count) }
  }

  fileprivate func readNow() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 70_000)
    let n = bytes.withUnsafeMutableBufferPointer { clinux_read(number, $0.baseAddress, $0.count) }
    return Array(bytes.prefix(max(n, 0)))
  }

  /// The server has closed it, or does now: a child of another test that was just forked may hold a
  /// copy of the server's descriptor until it becomes its program.
  fileprivate func closes() -> Bool { ready(number).isAny && isClosed }

  /// The server closed it, and everything was read.
  fileprivate var isClosed: Bool {
    var byte: UInt8 = 0
    let n = clinux_read(number, &byte, 1)
    return n <= 0 && n != -Int(clinux_error_again())
  }
}

private let status: [UInt8] = [0, 0, 0, 8, 0x81, 0x66, 0x73, 0x74, 0x61, 0x74, 0x75, 0x73]
private let answered: [UInt8] = [0, 0, 0, 2, 0xAA, 0xBB]

@Suite struct ControlServerTests {
  @Test func `the request of the format's example is answered`() throws {
    var bench = try Bench()
    let client = bench.connect()
    expect(client.send(status) == status.count)
    expect(bench.turn(until: client) == answered)
    expect(bench.requests == [Array(status[4...])])
    // And the next one on the same connection.
    expect(client.send(status) == status.count)
    expect(bench.turn(until: client) == answered)
  }

  @Test func `requests that come byte by byte or together are answered one by one`() throws {
    var bench = try Bench()
    let client = bench.connect()
    for byte in status {
      bench.turn()
      expect(bench.requests.isEmpty)
      expect(client.send([byte]) == 1)
    }
    expect(bench.turn(until: client) == answered)
    expect(client.send(status + status + status) == 3 * status.count)
    var received: [UInt8] = []
    for _ in 0..<3 { received += bench.turn(until: client) }
    expect(received == answered + answered + answered)
    expect(bench.requests.count == 4)
  }

  @Test(arguments: [[0, 0, 0, 0], [0, 0x10, 0, 1], [0xFF, 0xFF, 0xFF, 0xFF]] as [[UInt8]])
  func `a length out of range ends the connection`(header: [UInt8]) throws {
    var bench = try Bench()
    let client = bench.connect()
    expect(client.send(header + [1, 2, 3]) == 7)
    for _ in 0..<3 { bench.turn() }
    expect(client.closes())
    expect(bench.server.clientCount == 0)
    expect(bench.requests.isEmpty)
  }

  @Test func `the largest message is taken whole`() throws {
    let largest = ControlLimits.payloadByteCount
    var bench = try Bench(answer: [UInt8](repeating: 5, count: largest))
    let client = bench.connect()
    let payload = [UInt8](repeating: 9, count: largest)
    let message = [0, 0x10, 0, 0] + payload
    var sent = 0
    var received: [UInt8] = []
    for _ in 0..<1000 where received.count < largest + 4 {
      if sent < message.count { sent += max(client.send(Array(message[sent...])), 0) }
      bench.turn()
      received += client.readNow()
    }
    expect(bench.requests == [payload])
    expect(received == [0, 0x10, 0, 0] + [UInt8](repeating: 5, count: largest))
  }

  @Test func `an answer that does not fit ends the connection`() throws {
    var bench = try Bench(answer: [UInt8](repeating: 5, count: ControlLimits.payloadByteCount + 1))
    let client = bench.connect()
    expect(client.send(status) == status.count)
    for _ in 0..<3 { bench.turn() }
    expect(client.closes())
  }

  @Test func `a client that takes no answers stops itself and nobody else`() throws {
    var bench = try Bench(answer: [UInt8](repeating: 5, count: ControlLimits.payloadByteCount))
    let hostile = bench.connect()
    for _ in 0..<100 {
      _ = hostile.send(status)
      bench.turn()
    }
    let count = bench.requests.count
    expect(count < 20)
    bench.answer = [0xAA, 0xBB]
    let client = bench.connect()
    expect(client.send(status) == status.count)
    expect(bench.turn(until: client) == answered)
    bench.now += ControlLimits.stallMicroseconds
    bench.turn()
    expect(bench.server.clientCount == 1)
  }

  @Test func `half a message is dropped after the stall, an idle client stays`() throws {
    var bench = try Bench()
    let idle = bench.connect()
    let half = bench.connect()
    expect(half.send([0, 0, 0, 8, 1]) == 5)
    bench.turn()
    bench.turn()
    expect(bench.server.clientCount == 2)
    bench.now += ControlLimits.stallMicroseconds - 1
    bench.turn()
    expect(bench.server.clientCount == 2)
    bench.now += 1
    bench.turn()
    expect(half.closes())
    expect(!idle.isClosed)
    expect(bench.server.clientCount == 1)
  }

  @Test func `a ninth client takes the place of the one idle longest`() throws {
    var bench = try Bench()
    let first = bench.connect()
    bench.turn()
    bench.now += 1
    let others = (0..<7).map { _ in bench.connect().release() }
    defer { for descriptor in others { _ = clinux_close(descriptor) } }
    bench.turn()
    expect(bench.server.clientCount == 8)
    // Not while all have just come.
    let early = bench.connect()
    bench.turn()
    expect(early.closes())
    expect(!first.isClosed)
    bench.now += 1_000_000
    let late = bench.connect()
    expect(late.send(status) == status.count)
    expect(bench.turn(until: late) == answered)
    expect(first.closes())
    expect(bench.server.clientCount == 8)
  }

  @Test func `a client that leaves frees its place`() throws {
    var bench = try Bench()
    do {
      let client = bench.connect()
      expect(client.send(status) == status.count)
      bench.turn()
    }
    for _ in 0..<3 { bench.turn() }
    expect(bench.server.clientCount == 0)
  }

  @Test func `an answer that is put off comes later, and the client waits as long as it takes`()
    throws
  {
    var bench = try Bench()
    let client = bench.connect()
    bench.putsOff = true
    // What follows is left in the kernel until this is answered.
    expect(client.send(status + status) == 2 * status.count)
    bench.turn()
    bench.turn()
    bench.now += 10 * ControlLimits.stallMicroseconds
    bench.turn()
    expect(client.readNow().isEmpty && bench.requests.count == 1)
    expect(bench.server.isWaiting(bench.tickets[0]))
    bench.server.answer(bench.tickets[0], now: bench.now) { $0.append([7, 8].span) }
    expect(!bench.server.isWaiting(bench.tickets[0]))
    expect(client.readNow() == [0, 0, 0, 2, 7, 8])
    bench.putsOff = false
    expect(bench.turn(until: client) == answered)
    expect(bench.tickets[0] != bench.tickets[1])
  }

  @Test func `the answer for a client that is gone goes nowhere`() throws {
    var bench = try Bench()
    bench.putsOff = true
    do {
      let client = bench.connect()
      expect(client.send(status) == status.count)
      bench.turn()
      bench.turn()
    }
    expect(bench.server.isWaiting(bench.tickets[0]))
    bench.turn()
    expect(!bench.server.isWaiting(bench.tickets[0]) && bench.server.clientCount == 0)
    // Nor to the client that has its place now.
    let next = bench.connect()
    expect(next.send(status) == status.count)
    bench.turn()
    bench.turn()
    bench.server.answer(bench.tickets[0], now: bench.now) { $0.append([7].span) }
    expect(next.readNow().isEmpty && !next.isClosed)
    bench.server.answer(bench.tickets[1], now: bench.now) { $0.append([8].span) }
    expect(next.readNow() == [0, 0, 0, 1, 8])
  }

  @Test func `a waiting client keeps its place, and an empty late answer ends its connection`()
    throws
  {
    var bench = try Bench()
    bench.putsOff = true
    let waiting = bench.connect()
    expect(waiting.send(status) == status.count)
    bench.turn()
    bench.turn()
    bench.now += 1
    let others = (0..<7).map { _ in bench.connect().release() }
    defer { for descriptor in others { _ = clinux_close(descriptor) } }
    bench.turn()
    bench.now += 1_000_000
    let late = bench.connect()
    bench.turn()
    expect(bench.server.isWaiting(bench.tickets[0]) && bench.server.clientCount == 8)
    expect(!late.isClosed)
    bench.server.answer(bench.tickets[0], now: bench.now) { _ in }
    expect(waiting.closes())
    expect(bench.server.clientCount == 7)
  }

  @Test func `the socket is for owner and group, replaces an old one and goes away`() throws {
    let scratch = try Scratch()
    let path = scratch("control")
    try Files.replace(path, with: [1])
    var server: ControlServer? = try ControlServer(path: path)
    expect(server?.clientCount == 0)
    expect(try Files.status(of: path)?.kind == .socket)
    expect(try Files.status(of: path)?.mode == 0o660)
    server = nil
    _ = consume server
    expect(!Files.exists(path))
  }
}

@Suite struct ControlClientTests {
  /// Serves until `done` is woken, on a thread of its own.
  private func serving(_ path: String, until done: WakeHandle) throws -> PosixThread {
    let listening = try WakeHandle()
    let thread = try PosixThread(name: "control") {
      guard var server = try? ControlServer(path: path) else { return }
      listening.wake()
      var loop = PollLoop(capacity: 1 + ControlServer.watchedCount)
      while true {
        loop.begin()
        let place = loop.watch(done.descriptor, .read)
        server.watch(in: &loop)
        _ = loop.wait(until: soon())
        if loop.readiness(place).isAny { return }
        server.serve(loop, now: clinux_boot_us()) { request, _, reply in
          if request[0] != 0 { reply.append(request) }
          return .now
        }
      }
    }
    _ = listening.wait(microseconds: 20_000_000)
    return thread
  }

  @Test func `questions are answered, also through a path longer than a socket address`() throws {
    let scratch = try Scratch()
    let directory = scratch(String(repeating: "d", count: 200))
    try Files.makeDirectory(directory)
    for path in [scratch("control"), "\(directory)/control"] {
      let done = try WakeHandle()
      let thread = try serving(path, until: done)
      var client = try ControlClient(path: path)
      for length in [1, 300, 65_536] {
        let request = [UInt8](repeating: 7, count: length)
        expect(try client.ask(request, timeoutMilliseconds: 20_000) == request)
      }
      #expect(throws: ControlError.tooLarge(path: path)) { try client.ask([]) }
      #expect(throws: ControlError.closed(path: path)) {
        try client.ask([0], timeoutMilliseconds: 20_000)
      }
      done.wake()
      thread.join()
    }
  }

  @Test func `no agent, and an agent that does not answer, are told apart`() throws {
    let scratch = try Scratch()
    let path = scratch("control")
    #expect(throws: ControlError.notRunning(path: path)) { _ = try ControlClient(path: path) }
    let server = try ControlServer(path: path)
    var client = try ControlClient(path: path)
    #expect(throws: ControlError.timeout(path: path)) {
      try client.ask([1], timeoutMilliseconds: 5)
    }
    expect(server.clientCount == 0)
  }
}
