import Collector
import HTTPTypes
import HummingbirdTesting
import Testing

/// A mirror that holds what a test gave it so far, with short ways to give it more.
struct MirrorUnderTest {
  let client: any TestClientProtocol
  let bench: Bench
  /// Origin of the log.
  var origin = TestLog.origin

  /// Shows a checkpoint of `log`; the answer is 200.
  func show(_ log: TestLog, _ size: Int) async throws {
    let old = Int(try await state().pending ?? 0)
    let body = try log.checkpointBody(old: old, size: size, note: log.note(size, origin: origin))
    #expect(try await client.post("/add-checkpoint", body).status == .ok)
  }

  /// Uploads `start..<end` of `log`; the answer is 200.
  func upload(_ log: TestLog, _ start: Int, _ end: Int) async throws {
    let body = try log.entriesBody(start, end, origin: origin)
    #expect(try await client.addEntries(body).status == .ok)
  }

  func state() async throws -> (pending: UInt64?, mirror: UInt64?, next: UInt64) {
    guard let mirror = try bench.collector.mirror(hash: originHash(origin)) else {
      return (nil, nil, 0)
    }
    let (state, next) = try await mirror.currentState()
    return (state.pending?.size, state.mirror?.size, next)
  }

  func expect(_ pending: UInt64?, _ mirror: UInt64?, _ next: UInt64) async throws {
    #expect(try await state() == (pending, mirror, next))
  }
}

func withMirror(
  tickets: TicketScheme = .none, clock: SetClock = SetClock(1_785_000_400),
  _ body: @Sendable (MirrorUnderTest) async throws -> Void
) async throws {
  try await withDirectory { path in
    let bench = try Bench(at: path, clock: clock, tickets: tickets)
    try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
    try await bench.application.test(.router) { client in
      try await body(MirrorUnderTest(client: client, bench: bench))
    }
  }
}
