import Collector
import Foundation
import HTTPTypes
import HostCrypto
import HummingbirdTesting
import Metering
import ReadingStore
import Testing
import TransparencyLog

/// What is read from a collector, and with which token.
@Suite struct ServingTests {
  let log = TestLog(count: 600)
  let hash = originHash(TestLog.origin)

  private func onFilled(_ body: @Sendable (MirrorUnderTest) async throws -> Void) async throws {
    let log = log
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      try await mirror.upload(log, 0, 300)
      try await body(mirror)
    }
  }

  @Test func `every read path needs the read token`() async throws {
    try await onFilled { mirror async throws in
      for path in [
        "/\(hash)/checkpoint", "/\(hash)/tile/0/000", "/\(hash)/tile/entries/000",
        "/api/readings", "/api/status", "/api/live",
      ] {
        #expect(try await mirror.client.get(path).status == .ok, "\(path)")
        for token in [nil, "", "read-tokem", "read-token-", "live-token"]
        where token != "live-token" || !isOwn(path) {
          let answer = try await mirror.client.get(path, token: token)
          #expect(answer.status == .unauthorized, "\(path) with \(token ?? "nothing")")
          #expect(answer.headers[.wwwAuthenticate] == "Bearer")
          #expect(answer.content.isEmpty)
        }
      }
    }
  }

  /// What a gateway may read of its own log with its live token.
  private func isOwn(_ path: String) -> Bool {
    path.hasSuffix("/checkpoint") || path.contains("/tile/entries/")
  }

  @Test func `a gateway may have back the entries of its own log and of no other`() async throws {
    try await onFilled { mirror async throws in
      for path in [
        "/\(hash)/checkpoint", "/\(hash)/tile/entries/000", "/\(hash)/tile/entries/001.p/44",
      ] {
        let own = try await mirror.client.get(path, token: "live-token")
        let read = try await mirror.client.get(path)
        #expect(own.status == .ok && own.content == read.content && !own.content.isEmpty, "\(path)")
        for token in ["live-tokem", "live-token-"] {
          #expect(try await mirror.client.get(path, token: token).status == .unauthorized)
        }
      }
      let other = originHash("mrv.example/gw/other/1")
      let answer = try await mirror.client.get("/\(other)/checkpoint", token: "live-token")
      #expect(answer.status == .unauthorized)
    }
  }

  @Test func `unknown logs and paths that are none are 404`() async throws {
    try await onFilled { mirror async throws in
      let other = originHash("mrv.example/gw/other/1")
      for path in [
        "/\(other)/checkpoint", "/\(other)/tile/0/000", "/\(hash.uppercased())/checkpoint",
        "/\(hash)/tile/0/002", "/\(hash)/tile/0/000.p/5", "/\(hash)/tile/0/0",
        "/\(hash)/tile/64/000",
        "/\(hash)/tile/0/x000/000", "/\(hash)/tile/0/001.p/044", "/\(hash)/tile/0/001.p/0",
        "/\(hash)/tile/entries/001.p/256", "/\(hash)/tile/entries/../../checkpoint",
        "/\(hash)/tile/0/%2e%2e/%2e%2e/checkpoint", "/\(hash)/tile/../checkpoint", "/\(hash)/tmp",
        "/\(hash)/tile", "/../collector.sqlite", "/\(hash)", "/",
      ] {
        #expect(try await mirror.client.get(path).status == .notFound, "\(path)")
      }
    }
  }

  @Test func `partial tiles go when the full one is there`() async throws {
    try await onFilled { mirror async throws in
      for kind in ["entries", "0"] {
        #expect(try await mirror.client.get("/\(hash)/tile/\(kind)/001.p/44").status == .ok)
      }
      try await mirror.show(log, 600)
      try await mirror.upload(log, 300, 600)
      for kind in ["entries", "0"] {
        #expect(try await mirror.client.get("/\(hash)/tile/\(kind)/001.p/44").status == .notFound)
        #expect(try await mirror.client.get("/\(hash)/tile/\(kind)/001").status == .ok)
        #expect(try await mirror.client.get("/\(hash)/tile/\(kind)/002.p/88").status == .ok)
      }
    }
  }

  @Test func `a log that is enrolled while the collector serves is taken at once`() async throws {
    try await onFilled { mirror async throws in
      let second = "mrv.example/gw/second/1"
      let key = try TestLog.key().verifierKey(name: try require(KeyName(second)), type: .log)
      let body = try log.checkpointBody(old: 0, size: 9, note: log.note(9, origin: second))
      #expect(try await mirror.client.post("/add-checkpoint", body).status == .notFound)
      // Another process: a connection of its own.
      let database = try MirrorDatabase(path: mirror.bench.directory.database)
      _ = try database.enroll(origin: second, verifierKey: "\(key)", newToken: "t")
      try database.close()
      #expect(try await mirror.client.post("/add-checkpoint", body).status == .ok)
    }
  }

  @Test func `status tells sizes, cursor and the last cosignature`() async throws {
    try await onFilled { mirror async throws in
      try await mirror.show(log, 600)
      let part = try await mirror.client.addEntries(log.entriesBody(300, 600, packages: 1))
      #expect(part.status == .accepted)
      let answer = try await mirror.client.get("/api/status")
      let status = try JSONDecoder().decode(StatusAnswer.self, from: Data(answer.content))
      let key = mirror.bench.collector.setting.key.verifierKey
      #expect(status.mirror == "\(key)")
      #expect(status.clockUsable)
      let own = try require(status.logs.first)
      #expect(status.logs.count == 1)
      #expect(own.origin == TestLog.origin)
      #expect(own.hash == hash)
      #expect(own.mirroredSize == 300)
      #expect(own.storedSize == 512)
      #expect(own.pendingSize == 600)
      #expect(own.decoderCursor == 0)
      #expect(own.lastCosignature == "2026-07-25T17:26:40.000000Z")
      let note = try await mirror.client.get("/\(hash)/checkpoint").text
      #expect(own.checkpoint == note)
    }
  }
}

/// Live values: a gateway speaks for itself only, and nothing of it is kept.
@Suite struct LiveTests {
  private func body(_ origin: String, _ values: String) -> [UInt8] {
    Array(#"{"origin":"\#(origin)","values":[\#(values)]}"#.utf8)
  }

  private func value(_ value: String, utc: Int, device: Int = 3, more: String = "") -> String {
    #"{"device":\#(device),"label":"feeder","quantity":"voltage-l1","value":\#(value),"#
      + #""unit":"V","utc":\#(utc),"status":0\#(more)}"#
  }

  private func post(
    _ mirror: MirrorUnderTest, _ body: [UInt8], token: String? = "live-token"
  ) async throws -> HTTPResponse.Status {
    var headers: HTTPFields = [.contentType: "application/json"]
    if let token { headers[.authorization] = "Bearer \(token)" }
    return try await mirror.client.post("/api/live", body, headers).status
  }

  /// Value 231 came last, although its gateway's clock was set back before it was read.
  @Test func `the value of each stream that arrived last is shown`() async throws {
    try await withMirror { mirror async throws in
      let origin = TestLog.origin
      #expect(try await post(mirror, body(origin, value(#""230.6""#, utc: 20))) == .ok)
      #expect(try await post(mirror, body(origin, value(#""231""#, utc: 10))) == .ok)
      #expect(
        try await post(mirror, body(origin, value("null", utc: 5, device: 2, more: #","x":1"#)))
          == .ok)
      let answer = try await mirror.client.get("/api/live")
      #expect(
        answer.text
          == #"{"gateways":[{"origin":"\#(origin)","values":["#
          + #"{"device":2,"label":"feeder","quantity":"voltage-l1","status":0,"unit":"V","#
          + #""utc":5,"value":null},"#
          + #"{"device":3,"label":"feeder","quantity":"voltage-l1","status":0,"unit":"V","#
          + #""utc":10,"value":"231"}]}]}"#)
    }
  }

  @Test func `only the token of the origin posts its values`() async throws {
    try await withMirror { mirror async throws in
      let good = body(TestLog.origin, value(#""230.6""#, utc: 20))
      for token in [nil, "", "read-token", "live-tokem"] {
        #expect(try await post(mirror, good, token: token) == .unauthorized)
      }
      let other = body("mrv.example/gw/other/1", value(#""230.6""#, utc: 20))
      #expect(try await post(mirror, other) == .notFound)
      #expect(try await mirror.client.get("/api/live").text == #"{"gateways":[]}"#)
    }
  }

  @Test func `a body that is none is 400 and one that is too long 413`() async throws {
    try await withMirror { mirror async throws in
      let origin = TestLog.origin
      for bad in [
        [], Array("[]".utf8), [0xFF], body(origin, value("230.6", utc: 20)),
        body(origin, value(#""abc""#, utc: 20)), body(origin, value(#""NaN""#, utc: 20)),
        body(origin, value(#""230.6""#, utc: -1)), body(origin, #"{"device":3}"#),
      ] as [[UInt8]] {
        #expect(try await post(mirror, bad) == .badRequest)
      }
      let long = [UInt8](repeating: 0x20, count: LivePost.maximumByteCount + 1)
      #expect(try await post(mirror, long) == .contentTooLarge)
      #expect(try await mirror.client.get("/api/live").text == #"{"gateways":[]}"#)
    }
  }
}

/// `GET /api/readings`.
@Suite struct ReadingsTests {
  private func reading(
    _ index: UInt64, device: UInt64, _ value: Result<Metering.Decimal, NoData>,
    quantity: Quantity = .voltageL1, origin: String = TestLog.origin
  ) -> StoredReading {
    StoredReading(
      origin: origin, index: index, quantity: quantity.rawValue, value: value, unit: "V",
      utc: 1_785_000_000_000_000 + index * 500_000, mono: index, boot: 1,
      clockQuality: ClockQuality(rawValue: 110), status: 0, slot: nil, channel: 4, device: device,
      label: "meter \(device)", decodeVersion: 1)
  }

  private func onReadings(
    _ body: @Sendable (MirrorUnderTest) async throws -> Void
  ) async throws {
    try await withMirror { mirror async throws in
      var batch = DecodedBatch(origin: TestLog.origin, range: 0..<10)
      for index in 0..<10 as Range<UInt64> {
        batch.readings.append(
          reading(index, device: index % 2, .success(Decimal(mantissa: Int64(index), exponent: -1)))
        )
      }
      batch.readings.append(reading(9, device: 1, .failure(.timeout), quantity: .currentL1))
      try mirror.bench.collector.readings.apply(batch)
      var other = DecodedBatch(origin: "b/c/1", range: 0..<1)
      other.readings = [reading(0, device: 7, .success(Decimal(mantissa: 5)), origin: "b/c/1")]
      try mirror.bench.collector.readings.apply(other)
      try await body(mirror)
    }
  }

  struct Answer: Decodable {
    struct Reading: Decodable {
      var origin: String
      var index: UInt64
      var value: String?
      var reason: String?
      var utc: String
    }
    var readings: [Reading]
    var limited: Bool
  }

  private func get(_ mirror: MirrorUnderTest, _ query: String) async throws -> Answer {
    let response = try await mirror.client.get("/api/readings?" + query)
    #expect(response.status == .ok, "\(query): \(response.text)")
    return try JSONDecoder().decode(Answer.self, from: Data(response.content))
  }

  @Test func `decimals are strings and a missing value is null with its reason`() async throws {
    try await onReadings { mirror async throws in
      let response = try await mirror.client.get(
        "/api/readings?from_index=9&origin=" + TestLog.origin)
      let head =
        #""boot":1,"channel":4,"clockErrorExponent":14,"clockQuality":110,"decodeVersion":1,"#
        + #""device":1,"index":9,"label":"meter 1","mono":9,"origin":"\#(TestLog.origin)","#
      let tail = #""slot":null,"status":"good","unit":"V","utc":"2026-07-25T17:20:04.500000Z","#
      #expect(
        response.text == #"{"limited":false,"readings":[{"#
          + head + #""quantity":"voltage-l1","reason":null,"# + tail + #""value":"0.9"},{"#
          + head + #""quantity":"current-l1","reason":"timeout","# + tail + #""value":null}]}"#)
    }
  }

  @Test func `each parameter restricts`() async throws {
    try await onReadings { mirror async throws in
      func indices(_ query: String) async throws -> [UInt64] {
        try await get(mirror, query + "&quantity=voltage-l1").readings.map(\.index)
      }
      let origin = "origin=" + TestLog.origin
      #expect(try await indices(origin) == Array(0..<10))
      #expect(try await indices("origin=b/c/1") == [0])
      #expect(try await indices("origin=b%2Fc%2F1") == [0])
      #expect(try await indices("gateway=b/c") == [0])
      #expect(try await indices("gateway=mrv.example%2Fgw%2F7f3a01c2&from_index=7") == [7, 8, 9])
      #expect(try await indices("gateway=b").isEmpty)
      #expect(try await indices(origin + "&device=1") == [1, 3, 5, 7, 9])
      #expect(try await indices(origin + "&device=meter%200") == [0, 2, 4, 6, 8])
      #expect(try await indices(origin + "&from=2026-07-25T17:20:04Z") == [8, 9])
      #expect(try await indices(origin + "&to=2026-07-25T17:20:01Z") == [0, 1])
      #expect(
        try await indices(origin + "&from=1785000002000000&to=2026-07-25T17:20:02.5Z") == [4])
      #expect(try await indices(origin + "&from_index=7") == [7, 8, 9])
      #expect(try await indices(origin + "&limit=2") == [0, 1])
      #expect(try await indices(origin + "&limit=2&order=newest") == [9, 8])
      #expect(try await get(mirror, "limit=2").limited)
      #expect(try await get(mirror, "quantity=current-l1").readings.map(\.reason) == ["timeout"])
    }
  }

  @Test func `a parameter that makes no sense is 400`() async throws {
    try await onReadings { mirror async throws in
      for query in [
        "quantity=volts", "from=yesterday", "to=2026-02-30T00:00:00Z", "limit=0", "limit=10001",
        "limit=x", "limit=%2B5", "limit=+5", "limit=-1", "limit=5x", "limit=", "limit=5%20",
        "limit=99999999999999999999", "order=up", "colour=red", "from_index=-1", "from_index=%2B1",
        "from_index=",
      ] {
        let answer = try await mirror.client.get("/api/readings?" + query)
        #expect(answer.status == .badRequest, "\(query)")
        #expect(answer.text.contains(String(query.prefix { $0 != "=" })), "\(answer.text)")
      }
    }
  }
}
