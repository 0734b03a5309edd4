import Testing

@testable import Uplink

/// When live values are posted, and which.
@Suite struct LiveClientTests {
  private var client = LiveClient(token: Array("t".utf8), session: 1)
  private var random = SeededRandom(state: 5)

  private mutating func post(at now: UInt64, changes: UInt64) -> UInt64? {
    var after: UInt64?
    let request = client.nextRequest(now: now, changes: changes) { last in
      after = last
      return [1]
    }
    #expect((request == nil) == (after == nil))
    if let request {
      #expect(request.path == .live && request.bearerToken == Array("t".utf8))
      #expect(request.body == [1])
    }
    return after
  }

  private mutating func answer(_ status: Int, at now: UInt64, body: [UInt8] = []) -> Int? {
    client.receive(UplinkResponse(status: status, body: body), now: now, randomness: &random)
  }

  @Test mutating func `a value leaves at once, and the next one two seconds later`() {
    #expect(post(at: 0, changes: 1) == 0)
    #expect(answer(200, at: 900_000) == nil)
    #expect(client.wakeAt(changes: 1) == nil && post(at: 3_000_000, changes: 1) == nil)
    #expect(client.wakeAt(changes: 2) == 2_000_000 && post(at: 11_000_000, changes: 2) == 1)
    // One at a time.
    #expect(client.wakeAt(changes: 3) == nil && post(at: 19_000_000, changes: 3) == nil)
    #expect(answer(200, at: 11_100_000) == nil)
    #expect(client.wakeAt(changes: 2) == nil)
    #expect(client.wakeAt(changes: 3) == 13_000_000)
    #expect(post(at: 12_999_999, changes: 3) == nil)
    #expect(post(at: 13_000_000, changes: 4) == 2)
    #expect(answer(200, at: 13_100_000) == nil)
    // A long rest, then at once.
    #expect(post(at: 90_000_000, changes: 5) == 4)
  }

  @Test mutating func `the first post leaves without a value, so that its token is judged`() {
    #expect(client.wakeAt(changes: 0) == 0 && post(at: 5, changes: 0) == 0)
    #expect(answer(401, at: 10) == 401 && client.refusal == 401)
    let now = client.wakeAt(changes: 0) ?? 0
    #expect(now > 10 && post(at: now, changes: 0) == 0)
    #expect(answer(200, at: now) == 200)
    #expect(client.wakeAt(changes: 0) == nil)
  }

  @Test mutating func `what was not taken is in the next post`() {
    #expect(post(at: 0, changes: 3) == 0)
    #expect(answer(200, at: 10_000) == nil)
    for status in [0, 503, 401] {
      let now = client.wakeAt(changes: 8) ?? 0
      #expect(post(at: now, changes: 8) == 3)
      #expect(answer(status, at: now + 10_000) == (status == 0 ? nil : status))
    }
    #expect(client.refusal == 401)
    let now = client.wakeAt(changes: 9) ?? 0
    #expect(post(at: now, changes: 9) == 3)
    #expect(answer(200, at: now + 10_000) == 200)
    #expect(client.refusal == nil && client.wakeAt(changes: 9) == nil)
  }

  @Test mutating func `a login page is no collector`() {
    #expect(post(at: 0, changes: 3) == 0)
    #expect(answer(200, at: 10_000, body: Array("<html>".utf8)) == nil)
    let now = client.wakeAt(changes: 3) ?? 0
    #expect(now >= 500_000 && post(at: now, changes: 3) == 0)
  }

  @Test mutating func `waits grow to a minute, and no further`() {
    var now: UInt64 = 0
    var waits: [UInt64] = []
    for _ in 0..<200 {
      #expect(post(at: now, changes: 1) == 0)
      #expect(answer(0, at: now) == nil)
      let next = client.wakeAt(changes: 1) ?? 0
      waits.append(next - now)
      now = next
    }
    #expect(waits.allSatisfy { $0 >= LiveClient.period && $0 < LiveClient.waitMax })
    #expect(waits.contains { $0 > LiveClient.waitMax * 9 / 10 })
  }
}
