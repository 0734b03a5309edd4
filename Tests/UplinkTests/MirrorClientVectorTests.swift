// swift-format-ignore-file: NeverForceUnwrap
import HAL
import HostCrypto
import Metering
import Testing
import TransparencyLog

@testable import Uplink

/// The requests of the mirror vectors, in the order of their steps, to the byte. Answers are the
/// vectors' own. Steps that only a faulty client sends (1.0 1.2–1.5 3.1–3.3) are the mirror's tests.
@Suite struct MirrorClientVectorTests {
  private struct Player {
    var log = TestLog()
    var random = SeededRandom(state: 1)
    var now: UInt64 = 0

    init() { for entry in MirrorSteps.entries { log.append(entry) } }

    mutating func expect(_ number: String, _ client: inout MirrorClient) throws {
      let step = MirrorSteps.step(number)
      now = max(now, client.wakeAt ?? now)
      let next = try client.nextRequest(now: now, source: &log)
      let request = try #require(next, "step \(step.name)")
      #expect("\(request.path.text)" == step.request.path, "\(step.name)")
      #expect(request.body.count == step.request.length, "\(step.name)")
      #expect(SHA256.hash(request.body.span).hex == step.request.sha256, "\(step.name)")
      if let type = step.request.headers?["Content-Type"] {
        #expect("\(request.path.contentType)" == type)
      }
      #expect(request.bearerToken == nil)
    }

    mutating func answer(
      _ response: UplinkResponse, _ client: inout MirrorClient, at seconds: UInt64 = 1_785_000_400
    ) -> [MirrorEvent] {
      client.receive(
        response, now: now, utc: seconds * 1_000_000,
        quality: ClockQuality(errorExponent: 10, source: .gnss), verifier: SodiumVerifier(),
        randomness: &random)
    }

    mutating func play(_ number: String, _ client: inout MirrorClient) throws -> [MirrorEvent] {
      try expect(number, &client)
      let answer = MirrorSteps.step(number).response
      let signed = answer.status == 200 && answer.body?.isEmpty == false
      return self.answer(answer.response, &client, at: signed ? answer.signedAt : 1_785_000_400)
    }
  }

  private func note(_ size: Int) -> [UInt8] {
    Array(MirrorSteps.shared.checkpoints["\(size)"]!.utf8)
  }

  /// A client as it is after a start, when `size` was signed last.
  private func client(_ acknowledged: UInt64, recovered size: Int) -> MirrorClient {
    var client = MirrorClient(
      origin: Scene.origin, mirrorKey: VerifierKey(MirrorSteps.shared.keys["mirror"]!.vkey)!,
      acknowledgedSize: acknowledged, acknowledged: nil, releasedSize: UInt64(size),
      signedSize: UInt64(size))
    // Where the mirror stands was asked: the vectors begin behind that.
    client.isPlaced = true
    client.noteSigned(note: note(size))
    return client
  }

  private func cosigned(_ size: Int, _ step: String) -> MirrorEvent {
    .acknowledged(
      size: UInt64(size), note: note(size) + Array(MirrorSteps.step(step).response.body!.utf8),
      timeChecked: true)
  }

  @Test func `the vectors' requests are made to the byte, in their order`() throws {
    var player = Player()
    var main = client(0, recovered: 300)
    var events = try player.play("1.1", &main)
    #expect(events == [])
    events = try player.play("1.6", &main)
    #expect(events == [cosigned(300, "1.6")])
    #expect(main.acknowledgedSize == 300 && main.wakeAt == nil)

    main.noteSigned(note: note(555))
    events = try player.play("2.1", &main)
    #expect(events == [])
    // Both packages are too much for a proxy: the next request has one, which is step 2.3.
    let whole = try player.log.nextBody(&main, at: player.now)
    #expect(whole?.count == 9_864 + 2_025)
    events = player.answer(UplinkResponse(status: 413), &main)
    events = try player.play("2.3", &main)
    #expect(events == [])

    // Another client of the same log, restarted at 300, offers 700 meanwhile.
    var second = client(300, recovered: 700)
    events = try player.play("2.4", &second)
    events = try player.play("2.5", &second)
    #expect(events == [])

    events = try player.play("2.6", &main)
    #expect(events == [cosigned(555, "2.6")])

    main.noteSigned(note: note(700))
    try player.expect("2.5", &main)
    events = player.answer(
      UplinkResponse(
        status: 409, contentType: Array("text/x.tlog.size".utf8), body: Array("700\n".utf8)), &main)
    let offered = try player.log.nextBody(&main, at: player.now)
    #expect(offered == Array("old 700\n\n".utf8) + note(700))
    events = player.answer(UplinkResponse(status: 200), &main)
    events = try player.play("3.5", &main)
    #expect(events == [cosigned(700, "3.5")])
  }

  @Test func `a client that knows of 300 asks with step 3.4 where the mirror stands`() throws {
    var player = Player()
    var behind = client(300, recovered: 700)
    _ = try player.log.nextBody(&behind, at: player.now)
    _ = player.answer(UplinkResponse(status: 200), &behind)
    _ = try player.log.nextBody(&behind, at: player.now)
    var events = player.answer(.networkFailure, &behind)
    #expect(events == [.linkDown])
    events = try player.play("3.4", &behind)
    #expect(events == [.linkUp])
  }

  @Test func `after a lost answer to step 3.5 the mirror is asked to sign again by step 3.6`()
    throws
  {
    var player = Player()
    var late = client(555, recovered: 700)
    _ = try player.log.nextBody(&late, at: player.now)
    _ = player.answer(UplinkResponse(status: 200), &late)
    try player.expect("3.5", &late)
    _ = player.answer(.networkFailure, &late)
    _ = try player.log.nextBody(&late, at: late.wakeAt!)
    _ = player.answer(
      UplinkResponse(
        status: 409, contentType: Array("text/x.tlog.mirror-info".utf8),
        body: Array("700\n700\n\n".utf8)), &late)
    let events = try player.play("3.6", &late)
    #expect(events == [cosigned(700, "3.6")])
  }

  @Test func `a client that knows nothing asks with step 3.7 where the mirror stands`() throws {
    var player = Player()
    var blank = client(0, recovered: 700)
    _ = try player.log.nextBody(&blank, at: player.now)
    _ = player.answer(UplinkResponse(status: 200), &blank)
    _ = try player.log.nextBody(&blank, at: player.now)
    _ = player.answer(UplinkResponse(status: 500), &blank)
    let events = try player.play("3.7", &blank)
    #expect(events == [])
  }

  @Test func `a start beyond the mirror's next entry is step 2.2, and shows what the mirror lost`()
    throws
  {
    var player = Player()
    var client = client(512, recovered: 555)
    _ = try player.log.nextBody(&client, at: 0)
    _ = player.answer(UplinkResponse(status: 200), &client)
    let events = try player.play("2.2", &client)
    #expect(events == [.alarm(.lostData)])
    #expect(client.keepFrom == 300 && client.acknowledgedSize == 512)
    // It goes on from where the mirror is, with the ticket that came.
    let body = try player.log.nextBody(&client, at: 0)
    #expect(body?.count == 9_864 + 2_025 + 7)
  }
}

extension TestLog {
  /// The body of the next request.
  mutating func nextBody(_ client: inout MirrorClient, at now: UInt64) throws -> [UInt8]? {
    try client.nextRequest(now: max(now, client.wakeAt ?? 0), source: &self)?.body
  }
}
