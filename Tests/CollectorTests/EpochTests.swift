import Foundation
import HTTPTypes
import HummingbirdTesting
import Testing
import TransparencyLog

@testable import Collector

/// A gateway that lost signed entries begins a new epoch by itself, and the collector takes it.
@Suite struct EpochTests {
  static let identity = "mrv.example/gw/7f3a01c2"
  let log = TestLog(count: 20)

  static func origin(_ epoch: String) -> String { "\(identity)/\(epoch)" }
  static func origin(_ epoch: Int) -> String { origin("\(epoch)") }

  /// The seed of another key.
  static let otherSeed = String(repeating: "07", count: 32)

  /// The first checkpoint of a log, with the key of the vectors.
  private func first(_ origin: String, size: Int = 20, old: Int = 0) throws -> [UInt8] {
    try log.checkpointBody(
      old: old, size: size, proof: [], note: log.note(size, origin: origin))
  }

  private func show(_ mirror: MirrorUnderTest, _ origin: String) async throws -> Int {
    try await mirror.client.post("/add-checkpoint", first(origin)).status.code
  }

  private func enrolled(_ bench: Bench) throws -> [String] {
    try bench.collector.setting.database.logs().map(\.origin)
  }

  private func status(_ mirror: MirrorUnderTest) async throws -> StatusAnswer {
    let answer = try await mirror.client.get("/api/status")
    return try JSONDecoder().decode(StatusAnswer.self, from: Data(answer.content))
  }

  @Test func `the first checkpoint of a new epoch enrols it, and its entries are cosigned`()
    async throws
  {
    try await withMirror { mirror async throws in
      let old = mirror
      try await old.show(log, 10)
      try await old.upload(log, 0, 10)
      var next = mirror
      next.origin = Self.origin(2)
      // A client that was not here before asks first where the mirror stands.
      let probe = try await next.client.addEntries(
        TestLog.header(origin: next.origin, start: 0, end: 0))
      #expect(probe.status.code == 422)
      #expect(try enrolled(mirror.bench) == [TestLog.origin])
      try await next.show(log, 15)
      try await next.upload(log, 0, 15)
      try await next.expect(15, 15, 15)
      let note = try await mirror.client.get("/\(originHash(next.origin))/checkpoint")
      #expect(note.text.hasPrefix("\(next.origin)\n15\n"))
      // The backlog of the old epoch is still on its way.
      try await old.show(log, 20)
      try await old.upload(log, 10, 20)
      try await old.expect(20, 20, 20)
      try await next.expect(15, 15, 15)
    }
  }

  @Test func `a new epoch is told with both names, then and in the status`() async throws {
    try await withMirror { mirror async throws in
      #expect(try await status(mirror).alarms.isEmpty)
      #expect(try await show(mirror, Self.origin(2)) == 200)
      // Offered again: it is known now, and said already.
      #expect(try await show(mirror, Self.origin(2)) == 409)
      let alarm = CollectorAlarm.newEpoch(origin: Self.origin(2), previous: TestLog.origin)
      #expect(mirror.bench.alarms.all == [Bench.told(alarm)])
      for wording in [alarm.english, alarm.chinese] {
        #expect(wording.contains(Self.origin(2)) && wording.contains(TestLog.origin))
      }
      let status = try await status(mirror)
      #expect(status.alarms.map(\.origin) == [Self.origin(2)])
      #expect(status.alarms.map(\.english) == [alarm.english])
      #expect(status.alarms.map(\.chinese) == [alarm.chinese])
      #expect(status.logs.map(\.gateway) == [Self.identity, Self.identity])
      #expect(status.logs.map(\.epoch) == [1, 2])
      #expect(status.logs.map(\.follows) == [nil, TestLog.origin])
      #expect(status.logs.allSatisfy { !$0.needsAPerson })
    }
  }

  @Test func `names that are no further epoch of an enrolled gateway are 404`() async throws {
    try await withMirror { mirror async throws in
      for name in [
        Self.origin("02"), Self.origin("2x"), Self.origin("0"), Self.origin("-2"),
        Self.origin("2/"), Self.origin("2/2"), Self.origin("9223372036854775808"),
        Self.origin("99999999999999999999"), Self.origin(""), Self.identity, Self.identity + "2",
        "mrv.example/gw/7f3a01c/2", "mrv.example/gw/7f3a01c20/2", "mrv.example/gw/2", "/2", "2",
        "7f3a01c2/2", Self.origin("٢"),
      ] {
        #expect(try await show(mirror, name) == 404, "\(name)")
        let head = TestLog.header(origin: name, start: 0, end: 0)
        #expect(try await mirror.client.addEntries(head).status == .notFound, "\(name)")
      }
      #expect(try enrolled(mirror.bench) == [TestLog.origin])
      #expect(mirror.bench.alarms.all.isEmpty)
    }
  }

  @Test func `an epoch below the oldest is 404, and one may be left out`() async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path)
      try bench.enroll(origin: Self.origin(5), vkey: TestLog.vkey(Self.origin(5)))
      try await bench.application.test(.router) { client async throws in
        let mirror = MirrorUnderTest(client: client, bench: bench)
        for epoch in 1...4 {
          #expect(try await show(mirror, Self.origin(epoch)) == 404)
          let head = TestLog.header(origin: Self.origin(epoch), start: 0, end: 0)
          #expect(try await client.addEntries(head).status == .notFound)
        }
        #expect(try await show(mirror, Self.origin(4_000_000_000)) == 200)
        // By number and not by letters: "4000000000" comes before "5".
        let alarm = CollectorAlarm.newEpoch(
          origin: Self.origin(4_000_000_000), previous: Self.origin(5))
        #expect(bench.alarms.all == [Bench.told(alarm)])
        #expect(try await show(mirror, Self.origin(17)) == 200)
        #expect(try enrolled(bench).count == 3)
      }
    }
  }

  @Test func `nothing is kept for a note that another key signed`() async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path)
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey(seed: Self.otherSeed))
      try await bench.application.test(.router) { client async throws in
        let mirror = MirrorUnderTest(client: client, bench: bench)
        #expect(try await status(mirror).logs.count == 1)
        let before = try Self.files(below: path)
        for epoch in 2...40 { #expect(try await show(mirror, Self.origin(epoch)) == 403) }
        // A good note of the old epoch, with the name changed.
        let renamed = String(decoding: try first(TestLog.origin), as: UTF8.self)
          .replacing(TestLog.origin, with: Self.origin(2))
        #expect(try await client.post("/add-checkpoint", Array(renamed.utf8)).status == .forbidden)
        for epoch in 2...40 {
          let head = TestLog.header(origin: Self.origin(epoch), start: 0, end: 0)
          #expect(try await client.addEntries(head).status.code == 422)
        }
        #expect(try enrolled(bench) == [TestLog.origin])
        #expect(bench.alarms.all.isEmpty)
        #expect(try await status(mirror).logs.count == 1)
        #expect(try Self.files(below: path) == before)
      }
    }
  }

  /// All files with their contents.
  private static func files(below path: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in FileManager.default.enumerator(atPath: path) ?? .init() {
      let name = "\(name)"
      files[name] = FileManager.default.contents(atPath: "\(path)/\(name)") ?? Data()
    }
    return files
  }

  @Test func `a new epoch is enrolled before it is answered, and after a restart`() async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path)
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await bench.application.test(.router) { client async throws in
        // A refusal of what it says comes after the enrolment: the key did sign it.
        let body = try first(Self.origin(2), old: 5)
        #expect(try await client.post("/add-checkpoint", body).status == .conflict)
      }
      try bench.close()
      let reborn = try Bench(at: path)
      try await reborn.application.test(.router) { client async throws in
        var mirror = MirrorUnderTest(client: client, bench: reborn)
        mirror.origin = Self.origin(2)
        #expect(try enrolled(reborn) == [TestLog.origin, Self.origin(2)])
        #expect(try await status(mirror).alarms.map(\.origin) == [Self.origin(2)])
        try await mirror.show(log, 20)
        try await mirror.upload(log, 0, 20)
        #expect(reborn.alarms.all.isEmpty)
      }
      try reborn.close()
    }
  }

  @Test func `two first checkpoints at once enrol one log, and are told once`() async throws {
    try await withMirror { mirror async throws in
      async let one = show(mirror, Self.origin(2))
      async let other = show(mirror, Self.origin(2))
      #expect(try await [one, other].sorted() == [200, 409])
      #expect(try enrolled(mirror.bench).count == 2)
      #expect(mirror.bench.alarms.all.count == 1)
    }
  }

  @Test func `an epoch is not admitted under a key that another took the place of`() throws {
    let database = try MirrorDatabase(path: nil)
    func enroll(_ epoch: Int, seed: String) throws -> EnrolledLog {
      try database.enroll(
        origin: Self.origin(epoch), verifierKey: TestLog.vkey(Self.origin(epoch), seed: seed),
        newToken: "\(epoch)")
    }
    let first = try enroll(1, seed: TestLog.seed)
    // A rotation while the note of the old key is being checked.
    let rotated = try enroll(2, seed: Self.otherSeed)
    let log = EnrolledLog(
      origin: Self.origin(3), verifierKey: try TestLog.vkey(Self.origin(3)), liveToken: "1")
    #expect(try database.admit(log, after: first, of: Self.identity) == nil)
    #expect(try database.logs() == [first, rotated])
    #expect(try database.admit(rotated, after: first, of: Self.identity) == .before)
    #expect(try database.admit(log, after: rotated, of: Self.identity) == .now)
    #expect(try database.logs() == [first, rotated, log])
  }

  @Test func `a further epoch that is enrolled by hand under the same key keeps the token`() throws
  {
    let database = try MirrorDatabase(path: nil)
    for (epoch, token) in [(1, "first"), (12, "second"), (3, "third")] {
      let origin = Self.origin(epoch)
      let log = try database.enroll(
        origin: origin, verifierKey: TestLog.vkey(origin), newToken: token)
      #expect(log.liveToken == "first")
    }
    #expect(try database.logs().map(\.liveToken) == ["first", "first", "first"])
    let other = "mrv.example/gw/7f3a01c20/2"
    let log = try database.enroll(origin: other, verifierKey: TestLog.vkey(other), newToken: "x")
    #expect(log.liveToken == "x")
  }

  @Test func `a key that was enrolled for a higher epoch counts for later ones`() async throws {
    try await withMirror { mirror async throws in
      let database = mirror.bench.collector.setting.database
      let rotated = try database.enroll(
        origin: Self.origin(3),
        verifierKey: TestLog.vkey(Self.origin(3), seed: Self.otherSeed), newToken: "new")
      #expect(rotated.liveToken == "new")
      #expect(try await show(mirror, Self.origin(4)) == 403)
      #expect(try await show(mirror, Self.origin(2)) == 403)
      let note = try log.note(20, origin: Self.origin(4), seed: Self.otherSeed)
      let body = try log.checkpointBody(old: 0, size: 20, note: note)
      #expect(try await mirror.client.post("/add-checkpoint", body).status == .ok)
      #expect(try database.logs().map(\.liveToken) == ["live-token", "new", "new"])
      // The old epoch goes on under its own key.
      try await mirror.show(log, 10)
      // A rotation is no alarm, the epoch after it is.
      #expect(try await status(mirror).alarms.map(\.origin) == [Self.origin(4)])
    }
  }

  @Test func `the token of a gateway posts for all of its epochs`() async throws {
    try await withMirror { mirror async throws in
      func post(_ origin: String, _ value: Int, token: String) async throws -> HTTPResponse.Status {
        let body =
          #"{"origin":"\#(origin)","values":[{"device":3,"label":"feeder","quantity":"voltage-l1","#
          + #""value":"\#(value)","unit":"V","utc":\#(value),"status":0}]}"#
        let headers: HTTPFields = [.authorization: "Bearer \(token)"]
        return try await mirror.client.post("/api/live", Array(body.utf8), headers).status
      }
      #expect(try await post(TestLog.origin, 1, token: "live-token") == .ok)
      // Before its first checkpoint, and after.
      #expect(try await post(Self.origin(2), 2, token: "live-token") == .ok)
      #expect(try await show(mirror, Self.origin(2)) == 200)
      #expect(try await post(Self.origin(2), 3, token: "live-token") == .ok)
      #expect(try await post(Self.origin(2), 4, token: "live-tokem") == .unauthorized)
      #expect(try await post("mrv.example/gw/other/2", 4, token: "live-token") == .notFound)
      let shown = try JSONDecoder().decode(
        LiveAnswer.self, from: Data(try await mirror.client.get("/api/live").content))
      // One gateway, and one value of its stream.
      #expect(shown.gateways.map(\.origin) == [Self.origin(2)])
      #expect(shown.gateways.flatMap(\.values).map(\.value) == ["3"])
    }
  }
}
