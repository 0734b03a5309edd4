import CAllocationCount
import CLinux
import HAL
import HostHAL
import Testing

@Suite struct PollLoopTests {
  @Test func `each turn over ports, wake-up and control socket serves all of them`() throws {
    let turns = try turnOverAll()
    expect(turns.bytesRead > 8000)
    expect(turns.answers > 1000)
  }

  @Test(.enabled(if: alloc_count_enabled() == 1, "sanitizers bring their own malloc"))
  func `a turn over ports, wake-up and control socket allocates nothing`() throws {
    expect(try turnOverAll().allocations == 0)
  }

  /// 1,100 turns, and what the last thousand of them allocated.
  private func turnOverAll() throws -> (bytesRead: Int, answers: Int, allocations: UInt64) {
    let scratch = try Scratch()
    let line = try PseudoTerminal()
    var port = try SerialPort(opening: line.linePath, UARTConfiguration(baudRate: 9600))
    let wake = try WakeHandle()
    var server = try ControlServer(path: scratch("control"))
    let client = clinux_unix_connect(scratch("control"))
    defer { _ = clinux_close(client) }
    let clock = HostClock()
    let request: [UInt8] = [0, 0, 0, 1, 0x80]
    var loop = PollLoop(capacity: 2 + ControlServer.watchedCount)
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 64)
    defer { buffer.deallocate() }
    buffer.initialize(repeating: 0x55)
    var bytesRead = 0
    var answers = 0
    var before: UInt64 = 0
    for turn in 0..<1100 {
      // The first turns instantiate generic code.
      if turn == 100 { before = alloc_count_thread() }
      _ = line.write(UnsafeBufferPointer(rebasing: buffer[..<8]))
      wake.wake()
      _ = request.withUnsafeBufferPointer { clinux_send(client, $0.baseAddress, $0.count) }
      loop.begin()
      let portPlace = loop.watch(port.descriptor, .read)
      let wakePlace = loop.watch(wake.descriptor, .read)
      server.watch(in: &loop)
      let now = clock.now()
      _ = loop.wait(until: now.mono + 1_000_000)
      if loop.readiness(wakePlace).isReadable { wake.clear() }
      if loop.readiness(portPlace).isReadable { bytesRead += (try? port.read(into: buffer)) ?? 0 }
      server.serve(loop, now: now.mono) { _, _, reply in
        reply.append(0x80)
        answers += 1
        return .now
      }
      _ = clinux_read(client, buffer.baseAddress, 5)
    }
    return (bytesRead, answers, alloc_count_thread() - before)
  }

  @Test func `another thread wakes the loop before its deadline`() throws {
    let wake = try WakeHandle()
    let thread = try PosixThread(name: "waker") { wake.wake() }
    var loop = PollLoop(capacity: 1)
    let place = loop.watch(wake.descriptor, .read)
    expect(loop.wait(until: soon()) == 1)
    expect(loop.readiness(place).isReadable)
    thread.join()
    wake.clear()
    loop.begin()
    _ = loop.watch(wake.descriptor, .read)
    expect(loop.wait(until: 0) == 0)
  }

  @Test func `a deadline ends the wait, and never before its time`() throws {
    var loop = PollLoop(capacity: 1)
    let deadline = clinux_boot_us() + 3000
    expect(loop.wait(until: deadline) == 0)
    expect(clinux_boot_us() >= deadline)
  }

  @Test func `more descriptors than there is room for is the programmer's error`() async {
    await #expect(processExitsWith: .failure) {
      var loop = PollLoop(capacity: 1)
      _ = loop.watch(0, .read)
      _ = loop.watch(0, .read)
    }
  }
}

@Suite struct SignalTests {
  @Test func `a signal becomes a flag and wakes the loop`() async {
    await #expect(processExitsWith: .success) {
      let wake = try WakeHandle()
      Signals.watch(waking: wake)
      _ = clinux_kill(clinux_pid(), CLINUX_HUP)
      let woken = wake.wait(microseconds: 20_000_000)
      let first = Signals.take()
      _ = clinux_kill(clinux_pid(), CLINUX_TERM)
      let wokenAgain = wake.wait(microseconds: 20_000_000)
      let second = Signals.take()
      precondition(woken && first.wantsReload && !first.wantsEnd)
      precondition(wokenAgain && second.wantsEnd && !second.wantsReload)
      precondition(Signals.take() == SignalSet.none)
    }
  }
}
