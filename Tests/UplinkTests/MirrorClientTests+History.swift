import Testing
import TransparencyLog

@testable import Uplink

// A mirror that shows another history than the log's.
extension MirrorClientTests {
  @Test(arguments: [301, 500])
  func `a size that was never released here holds the upload, on either path`(size: Int) throws {
    var first = try Scene(entries: 300)
    first.sign()
    _ = try next(&first)
    // Signed meanwhile, and not released: that the log has grown past it proves nothing.
    first.grow(400)
    first.sign()
    #expect(first.take(self.size(size)) == [.alarm(.beyondSigned)])
    try expectHold(&first, .beyondSigned, self.size(size), releases: 300)

    var second = try atEntries(300)
    _ = try next(&second)
    #expect(second.take(place(409, size, 300)) == [.alarm(.beyondSigned)])
    try expectHold(&second, .beyondSigned, self.size(size), releases: 300)
  }

  /// The same checkpoint is offered again every 15 minutes, and nothing else.
  private func expectHold(
    _ scene: inout Scene, _ alarm: MirrorAlarm, _ response: UplinkResponse, releases size: Int
  ) throws {
    for round in 1...4 {
      let isSoon = alarm == .beyondSigned && round < 4
      #expect(scene.client.wakeAt == scene.now + (isSoon ? 60_000_000 : 900_000_000))
      let request = try #require(try next(&scene))
      #expect(request.path == .addCheckpoint)
      let text = String(decoding: request.body, as: UTF8.self)
      #expect(text.contains("\n\(size)\n"))
      #expect(scene.take(response) == (alarm == .beyondSigned && round == 2 ? [.rolledBack] : []))
      #expect(scene.client.alarm == alarm)
    }
  }

  @Test func `after a start the last note goes first, so a medium that was set back shows`() throws
  {
    var scene = try Scene(entries: 300)
    scene.sign()
    try scene.drain()
    let before = scene
    scene.grow(300)
    scene.sign()
    try scene.drain()
    // The medium is as it was, and other entries come.
    var after = before
    after.restart()
    after.log.append([7])
    after.sign()
    for _ in 0..<5 {
      after.now = max(after.now, after.client.wakeAt ?? 0)
      _ = try after.step()
    }
    #expect(after.events.filter { $0 == .rolledBack }.count == 1)
    #expect(after.client.alarm == .beyondSigned)
    #expect(!after.requests.dropFirst(before.requests.count).contains { $0.body.contains(0x07) })
    let sizes = after.requests.filter { $0.path == .addCheckpoint }.map {
      String(decoding: $0.body, as: UTF8.self).contains("\n300\n")
    }
    #expect(sizes.allSatisfy { $0 }, "no checkpoint but that of 300 was released")
  }

  /// A login page answers 200 to everything. Taken for a mirror that stands where it acknowledged, it would let a second
  /// history out of a log that has forgotten the first.
  @Test(arguments: [0, 300])
  func `a 200 without the mirror's signature does not say where it stands`(acknowledged: Int) throws
  {
    var scene = try Scene(entries: acknowledged)
    if acknowledged > 0 {
      scene.sign()
      try scene.drain()
    }
    let before = scene.acknowledged
    scene.grow(10)
    scene.sign()
    scene.client.isPlaced = false
    // A good signature, and over another checkpoint.
    let other = try Scene.cosignature(over: Array("another\n".utf8))
    for body in [[], Array("<html>Please log in</html>".utf8), other] {
      let probe = try #require(try next(&scene))
      #expect(probe.path == .addEntries && probe.body.count == 45)
      _ = scene.take(UplinkResponse(status: 200, body: body))
      #expect(!scene.client.isPlaced && scene.client.alarm == .unintelligible)
    }
    try scene.drain()
    #expect(scene.acknowledged == before + [UInt64(acknowledged) + 10])
    #expect(scene.client.alarm == nil)
  }

  @Test func `another history in the mirror holds the upload until it says otherwise`() throws {
    for response in [
      UplinkResponse(status: 422),
      UplinkResponse(status: 409, contentType: Array("text/plain".utf8)),
    ] {
      var scene = try Scene(entries: 10)
      scene.sign()
      _ = try next(&scene)
      #expect(scene.take(response) == [.alarm(.historyConflict)])
      scene.grow(10)
      scene.sign()
      try expectHold(&scene, .historyConflict, response, releases: 10)
      try scene.drain()
      #expect(scene.acknowledged == [10, 20] && scene.client.alarm == nil)
    }
  }

  @Test
  func `no proof from a size that the mirror names, three times, and the medium was set back`()
    throws
  {
    var scene = try Scene(entries: 10)
    scene.sign()
    let refused = UplinkResponse(status: 422)
    for round in 1...4 {
      _ = try next(&scene)
      #expect(scene.take(size(4)) == (1...2 ~= round - 1 ? [.linkUp] : []))
      let request = try #require(try next(&scene))
      #expect(request.body.starts(with: Array("old 4\n".utf8)))
      let events = scene.take(refused)
      #expect(
        events == (round == 1 ? [.alarm(.historyConflict)] : round == 3 ? [.rolledBack] : []))
      #expect(scene.client.wakeAt == scene.now + (round < 4 ? 60_000_000 : 900_000_000))
      // A network that fails in between changes nothing.
      if round < 3 {
        _ = try next(&scene)
        _ = scene.take(UplinkResponse(status: 0))
      }
    }
  }

  @Test func `no proof from a size that the mirror signed for is refused by somebody in between`()
    throws
  {
    var scene = try Scene(entries: 10)
    scene.sign()
    try scene.drain()
    #expect(scene.acknowledged == [10])
    scene.grow(10)
    scene.sign()
    for named in [10, 4, 10, 4, 10] {
      _ = try next(&scene)
      _ = scene.take(size(named))
      let request = try #require(try next(&scene))
      #expect(request.body.starts(with: Array("old \(named)\n".utf8)))
      _ = scene.take(UplinkResponse(status: 422))
    }
    #expect(scene.events.contains(.alarm(.historyConflict)))
    #expect(scene.events.allSatisfy { $0 != .rolledBack })
    scene.now = scene.client.wakeAt ?? scene.now
    try scene.drain()
    #expect(scene.acknowledged == [10, 20])
  }

  @Test func `an answer in between that fits is none of another history`() throws {
    var scene = try Scene(entries: 10)
    scene.sign()
    for _ in 0..<6 {
      for _ in 0..<2 {
        _ = try next(&scene)
        _ = scene.take(size(4))
        _ = try next(&scene)
        _ = scene.take(UplinkResponse(status: 422))
      }
      _ = try next(&scene)
      _ = scene.take(UplinkResponse(status: 503))
    }
    #expect(scene.events.allSatisfy { $0 != .rolledBack })
  }
}
