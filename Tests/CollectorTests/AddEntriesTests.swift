import Collector
import HTTPTypes
import HummingbirdTesting
import Testing
import TransparencyLog

/// Steps 1 to 7 of `add-entries`: what is decided before any package is read.
@Suite struct AddEntriesHeaderTests {
  let log = TestLog(count: 600)

  /// Sends a head alone.
  private func head(
    _ mirror: MirrorUnderTest, _ start: UInt64, _ end: UInt64, ticket: [UInt8] = []
  ) async throws -> TestResponse {
    try await mirror.client.addEntries(TestLog.header(start: start, end: end, ticket: ticket))
  }

  @Test func `media types and encodings other than those of the protocol are 415`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 5)
      let body = try log.entriesBody(0, 5)
      for type in ["text/plain", "application/octet-streams", ""] {
        #expect(
          try await mirror.client.addEntries(body, type: type).status == .unsupportedMediaType)
      }
      for encoding in ["br", "gzip, gzip", "deflate"] {
        #expect(
          try await mirror.client.addEntries(body, encoding: encoding).status
            == .unsupportedMediaType)
      }
      try await mirror.expect(5, nil, 0)
      let named = try await mirror.client.addEntries(
        body, encoding: "identity", type: "Application/Octet-Stream; x=y")
      #expect(named.status == .ok)
    }
  }

  @Test func `a head that cannot be read is 400`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 5)
      let whole = TestLog.header(start: 0, end: 5, ticket: [1, 2, 3])
      for count in 0..<whole.count {
        let answer = try await mirror.client.addEntries(Array(whole.prefix(count)))
        #expect(answer.status == .badRequest, "\(count) bytes of the head")
      }
      #expect(try await head(mirror, 6, 5).status == .badRequest)
      #expect(try await head(mirror, 0, 1 << 63).status == .badRequest)
    }
  }

  @Test func `an origin that is not enrolled is 404`() async throws {
    try await withMirror { mirror async throws in
      let other = TestLog.header(origin: "mrv.example/gw/other/1", start: 0, end: 0)
      #expect(try await mirror.client.addEntries(other).status == .notFound)
      let notText: [UInt8] = [0, 1, 0xFF] + [UInt8](repeating: 0, count: 18)
      #expect(try await mirror.client.addEntries(notText).status == .notFound)
    }
  }

  @Test func `without a pending checkpoint it is 422`() async throws {
    try await withMirror { mirror async throws in
      #expect(try await head(mirror, 0, 0).status == .unprocessableContent)
      #expect(try await head(mirror, 0, 300).status == .unprocessableContent)
    }
  }

  @Test func `an end that the log never showed is 409 with the pending size`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      for end: UInt64 in [0, 1, 299, 301] {
        let answer = try await head(mirror, 0, end)
        #expect(answer.status == .conflict)
        #expect(answer.headers[.contentType] == "text/x.tlog.mirror-info")
        #expect(answer.text == "300\n0\n\n")
      }
    }
  }

  @Test func `an end below the mirror is 409`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 200)
      try await mirror.show(log, 300)
      try await mirror.upload(log, 0, 300)
      let answer = try await head(mirror, 200, 200)
      #expect(answer.status == .conflict)
      #expect(answer.text == "300\n300\n\n")
    }
  }

  @Test func `a start beyond the next entry is 409 and names the end that was valid`() async throws
  {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 100)
      try await mirror.show(log, 300)
      for (start, end): (UInt64, UInt64) in [(1, 300), (256, 300), (300, 300), (100, 100)] {
        let answer = try await head(mirror, start, end)
        #expect(answer.status == .conflict)
        #expect(answer.text == "\(end)\n0\n\n")
      }
    }
  }

  @Test func `a past end behind the next entry is answered with the pending size`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      try await mirror.show(log, 600)
      let first = try await mirror.client.addEntries(log.entriesBody(0, 600, packages: 2))
      #expect(first.status == .accepted)
      #expect(first.text == "600\n512\n\n")
      let answer = try await head(mirror, 513, 600)
      #expect(answer.text == "600\n512\n\n")
      let past = try await head(mirror, 513, 513)
      #expect(past.text == "600\n512\n\n")
    }
  }

  @Test func `more than 2,048 entries sent again is 409`() async throws {
    let log = TestLog(count: 2_400)
    try await withMirror { mirror async throws in
      try await mirror.show(log, 2_400)
      try await mirror.upload(log, 0, 2_400)
      let tooMany = try await mirror.client.addEntries(log.entriesBody(351, 2_400))
      #expect(tooMany.status == .conflict)
      #expect(tooMany.text == "2400\n2400\n\n")
      #expect(try await mirror.client.addEntries(log.entriesBody(352, 2_400)).status == .ok)
    }
  }

  @Test func `a ticket opens a past checkpoint if it is authentic`() async throws {
    try await withMirror(tickets: .authenticated(key: [1, 2, 3])) { mirror async throws in
      try await mirror.show(log, 300)
      let first = try await mirror.client.addEntries(log.entriesBody(0, 300, packages: 1))
      #expect(first.status == .accepted)
      let lines = first.text.split(separator: "\n", omittingEmptySubsequences: false)
      let ticket = try require(Base64.bytes(Array(lines[2].utf8).span))
      #expect(ticket.count == 72)
      try await mirror.show(log, 600)
      #expect(try await head(mirror, 256, 300).status == .conflict)
      var altered = ticket
      altered[5] ^= 1
      #expect(try await head(mirror, 256, 300, ticket: altered).status == .conflict)
      let rest = try await mirror.client.addEntries(log.entriesBody(256, 300, ticket: ticket))
      #expect(rest.status == .ok)
      try await mirror.expect(600, 300, 300)
    }
  }

  @Test func `the newest 64 past checkpoints can be aimed at and no older one`() async throws {
    try await withMirror { mirror async throws in
      for size in 1...70 { try await mirror.show(log, size) }
      // 70 is pending; 6 to 69 are its past.
      #expect(try await head(mirror, 0, 5).text == "70\n0\n\n")
      let answer = try await mirror.client.addEntries(log.entriesBody(0, 6))
      #expect(answer.status == .ok)
      try await mirror.expect(70, 6, 6)
      let state = try mirror.bench.collector.setting.database.state(of: TestLog.origin)
      #expect(state.past.map(\.size) == (6...69).map { UInt64($0) })
    }
  }
}

/// Steps 8 to 13: packages, and what is made of them.
@Suite struct AddEntriesPackageTests {
  let log = TestLog(count: 800)

  @Test func `a body that ends in its first package is 400 and stores nothing`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      let body = try log.entriesBody(0, 300)
      let first = try TestLog.header(start: 0, end: 300).count + log.packages(0, 300)[0].count
      for count in [43, 44, 45, 46, 1_000, first - 33, first - 32, first - 1] {
        let answer = try await mirror.client.addEntries(Array(body.prefix(count)))
        #expect(answer.status == .badRequest, "\(count) bytes")
      }
      try await mirror.expect(300, nil, 0)
    }
  }

  @Test func `a body that ends later is 202 with where to go on`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      let body = try log.entriesBody(0, 300)
      let answer = try await mirror.client.addEntries(Array(body.dropLast()))
      #expect(answer.status == .accepted)
      #expect(answer.headers[.contentType] == "text/x.tlog.mirror-info")
      #expect(answer.text == "300\n256\n\n")
      try await mirror.expect(300, nil, 256)
      // Sent again, the first package counts as authenticated although nothing of it is new.
      let again = try await mirror.client.addEntries(Array(body.dropLast()))
      #expect(again.status == .accepted)
      try await mirror.upload(log, 256, 300)
      try await mirror.expect(300, 300, 300)
    }
  }

  @Test func `more than 63 hashes is 400`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      var body = try log.entriesBody(0, 300)
      let countAt =
        try TestLog.header(start: 0, end: 300).count + log.packages(0, 300)[0].count - 33
      body[countAt] = 64
      let answer = try await mirror.client.addEntries(
        body + [UInt8](repeating: 0, count: 64 * 32))
      #expect(answer.status == .badRequest)
    }
  }

  @Test func `a package that does not belong is 422 and those before it stay`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 700)
      let packages = try log.packages(0, 700)
      for place in 0..<packages[1].count where place % 97 == 0 || place > packages[1].count - 40 {
        var altered = packages
        altered[1][place] ^= 0x01
        let body = TestLog.header(start: 0, end: 700) + altered.flatMap { $0 }
        let answer = try await mirror.client.addEntries(body)
        // A changed length or count can also make the package end elsewhere or never.
        #expect([400, 422, 202].contains(answer.status.code), "byte \(place)")
        let (_, mirrored, next) = try await mirror.state()
        #expect(mirrored == nil && next == 256, "byte \(place)")
      }
      try await mirror.upload(log, 0, 700)
    }
  }

  @Test func `every cut of the sequence reaches the same tiles`() async throws {
    for (first, second) in [(1, 2), (255, 256), (256, 257), (300, 555), (511, 513), (512, 512)] {
      try await withMirror { mirror async throws in
        var start = 0
        for size in [first, second, 800] {
          try await mirror.show(log, size)
          try await mirror.upload(log, start, size)
          start = size
        }
        let prefix = "/\(originHash(TestLog.origin))/"
        var tile: [UInt8] = []
        for path in ["tile/0/000", "tile/0/001", "tile/0/002", "tile/0/003.p/32"] {
          let part = try await mirror.client.get(prefix + path)
          #expect(part.status == .ok)
          tile += part.content
        }
        #expect(tile == log.leaves.flatMap(\.array))
        let level1 = try await mirror.client.get(prefix + "tile/1/000.p/3")
        let source = log.source
        let roots = try (0..<3).map { try source.subtreeHash(height: 8, index: $0) }
        #expect(level1.content == roots.flatMap(\.array))
      }
    }
  }

  @Test func `bytes after the last package are ignored`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      let answer = try await mirror.client.addEntries(log.entriesBody(0, 300) + [1, 2, 3])
      #expect(answer.status == .ok)
    }
  }

  @Test func `an upload may begin inside of a block that is stored in part`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 100)
      try await mirror.upload(log, 0, 100)
      try await mirror.show(log, 200)
      for start in [0, 50, 99, 100] { try await mirror.upload(log, start, 200) }
      try await mirror.show(log, 300)
      try await mirror.upload(log, 150, 300)
      let bundle = try await mirror.client.get("/\(originHash(TestLog.origin))/tile/entries/000")
      #expect(bundle.content == log.entries[..<256].flatMap(TestLog.bundled))
    }
  }

  @Test func `an older checkpoint is finished although more is stored`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      try await mirror.show(log, 500)
      // All of 500 but its last package, then 300: its narrow tiles must be there.
      try await mirror.show(log, 700)
      let body = try log.entriesBody(0, 700, packages: 1)
      #expect(try await mirror.client.addEntries(body).status == .accepted)
      let second = TestLog.header(start: 256, end: 500) + (try log.packages(256, 500)[0])
      #expect(try await mirror.client.addEntries(second).status == .ok)
      try await mirror.expect(700, 500, 500)
    }
    try await withMirror { mirror async throws in
      try await mirror.show(log, 270)
      try await mirror.show(log, 300)
      let whole = try log.entriesBody(0, 300)
      // Stored to 300 and not finished: the clock fails.
      mirror.bench.clock.set(nil)
      #expect(try await mirror.client.addEntries(whole).status == .serviceUnavailable)
      try await mirror.expect(300, nil, 300)
      mirror.bench.clock.set(1_785_000_401)
      try await mirror.upload(log, 0, 270)
      try await mirror.expect(300, 270, 300)
      for path in ["entries/001.p/14", "0/001.p/14", "1/000.p/1"] {
        let served = try await mirror.client.get("/\(originHash(TestLog.origin))/tile/\(path)")
        #expect(served.status == .ok, "\(path)")
      }
      try await mirror.upload(log, 300, 300)
      try await mirror.expect(300, 300, 300)
    }
  }

  @Test func `the content of an entry is never a reason to refuse it`() async throws {
    let odd = TestLog(entries: [
      [], [0xFF], [UInt8](repeating: 0, count: 65_535), Array("not CBOR".utf8), [0x80],
    ])
    try await withMirror { mirror async throws in
      try await mirror.show(odd, 5)
      try await mirror.upload(odd, 0, 5)
    }
  }

  @Test func `an empty log can be cosigned`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 0)
      let answer = try await mirror.client.addEntries(log.entriesBody(0, 0))
      #expect(answer.status == .ok)
      try await mirror.expect(0, 0, 0)
    }
  }

  @Test func `several members of gzip are one body, and a damaged stream is its end`() async throws
  {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      let body = try log.entriesBody(0, 300)
      let members = try gzip(Array(body[..<1_000])) + gzip(Array(body[1_000...]))
      var damaged = members
      damaged[40] ^= 0x10
      let refused = try await mirror.client.addEntries(damaged, encoding: "gzip")
      #expect(refused.status == .badRequest)
      let cut = try await mirror.client.addEntries(Array(members.dropLast(60)), encoding: "gzip")
      #expect([.badRequest, .accepted].contains(cut.status))
      #expect(try await mirror.client.addEntries(body, encoding: "gzip").status == .badRequest)
      let answer = try await mirror.client.addEntries(members, encoding: "gzip")
      #expect(answer.status == .ok)
    }
  }

  @Test func `the time of a cosignature never goes back`() async throws {
    try await withMirror { mirror async throws in
      try await mirror.show(log, 300)
      try await mirror.upload(log, 0, 300)
      let key = mirror.bench.collector.setting.key.verifierKey
      for (clock, expected): (UInt64, UInt64) in [
        (1_785_000_300, 1_785_000_400), (1_785_000_500, 1_785_000_500),
        (1_785_000_499, 1_785_000_500),
      ] {
        mirror.bench.clock.set(clock)
        let answer = try await mirror.client.addEntries(log.entriesBody(300, 300))
        var lines = NoteLines(answer.content.span)
        let line = try require(try lines.next())
        #expect(line.keyID == key.keyID)
        #expect(line.cosignature(in: answer.content.span)?.time == expected)
      }
    }
  }

  @Test func `without a clock nothing is cosigned and it is 503`() async throws {
    try await withMirror(clock: SetClock(nil)) { mirror async throws in
      try await mirror.show(log, 300)
      let body = try log.entriesBody(0, 300)
      #expect(try await mirror.client.addEntries(body).status == .serviceUnavailable)
      try await mirror.expect(300, nil, 300)
      let served = try await mirror.client.get("/\(originHash(TestLog.origin))/checkpoint")
      #expect(served.status == .notFound)
    }
  }
}
