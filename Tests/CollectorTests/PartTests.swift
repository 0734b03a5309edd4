import HAL
import Metering
import NIOCore
import Synchronization
import Testing
import TransparencyLog

@testable import Collector

/// Times as text.
@Suite struct TimeTextTests {
  @Test func `microseconds become ISO 8601 and come back`() {
    let pairs: [(UInt64, String)] = [
      (0, "1970-01-01T00:00:00.000000Z"), (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
      (951_868_799_999_999, "2000-02-29T23:59:59.999999Z"),
      (1_785_000_400_000_001, "2026-07-25T17:26:40.000001Z"),
      (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
    ]
    for (time, text) in pairs {
      #expect(TimeText.format(time) == text)
      #expect(TimeText.parse(text) == time)
    }
    for day in stride(from: 0 as UInt64, to: 60_000, by: 7) {
      let time = day * 86_400_000_000 + 1
      #expect(TimeText.parse(TimeText.format(time)) == time)
    }
    #expect(!TimeText.format(.max).isEmpty)
  }

  @Test func `what is no time is refused`() {
    for text in [
      "", "Z", "2026-07-25", "2026-07-25T17:26:40", "2026-07-25 17:26:40Z", "2026-13-01T00:00:00Z",
      "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-07-25T24:00:00Z",
      "2026-07-25T17:60:00Z", "2026-07-25T17:26:60Z", "2026-07-25T17:26:40.Z",
      "2026-07-25T17:26:40.1234567Z", "1969-12-31T23:59:59Z", "-5", "99999999999999999999",
      "2026-07-25T17:26:40+08:00",
    ] {
      #expect(TimeText.parse(text) == nil, "\(text)")
    }
    #expect(TimeText.parse("2026-07-25T17:26:40.5Z") == 1_785_000_400_500_000)
    #expect(TimeText.parse("1785000400500000") == 1_785_000_400_500_000)
  }
}

/// Content encodings.
@Suite struct ContentDecoderTests {
  private func decode(_ pieces: [[UInt8]], limit: Int) throws -> [UInt8] {
    var decoder = ContentDecoder(.gzip)
    var output: [UInt8] = []
    for piece in pieces {
      decoder.feed(piece)
      while true {
        let count = try decoder.take(into: &output, limit: limit)
        #expect(count <= limit)
        if count == 0 { break }
      }
    }
    return output
  }

  @Test func `any split of a stream of members gives the same bytes`() throws {
    let content = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let stream = try gzip(Array(content[..<1_234])) + gzip([]) + gzip(Array(content[1_234...]))
    #expect(try decode([stream], limit: 64) == content)
    #expect(try decode(stream.map { [$0] }, limit: 7) == content)
    for cut in stride(from: 1, to: stream.count, by: 97) {
      #expect(try decode([Array(stream[..<cut]), Array(stream[cut...])], limit: 4_096) == content)
    }
  }

  @Test func `a small stream cannot ask for much memory at once`() throws {
    let bomb = try gzip([UInt8](repeating: 0, count: 4 << 20))
    #expect(bomb.count < 8_192)
    var decoder = ContentDecoder(.gzip)
    decoder.feed(bomb)
    var output: [UInt8] = []
    #expect(try decoder.take(into: &output, limit: 1_000) == 1_000)
    #expect(output.count == 1_000)
  }

  @Test func `a changed bit is noticed`() throws {
    let stream = try gzip(Array("twelve bytes".utf8))
    var unnoticed: [Int] = []
    for place in 0..<stream.count {
      var altered = stream
      altered[place] ^= 0x01
      let whole = (try? decode([altered], limit: 64)) ?? []
      if whole == Array("twelve bytes".utf8) { unnoticed.append(place) }
    }
    // The header's time, extra flags and system do not concern the content (RFC 1952 §2.3); the last
    // eight bytes are compared only once the content was given out.
    #expect(unnoticed.allSatisfy { (3...9).contains($0) || $0 >= stream.count - 8 })
  }
}

/// Tickets.
@Suite struct TicketSchemeTests {
  @Test func `the authentication code is that of RFC 4231`() {
    // RFC 4231, test cases 1, 2 and 6.
    #expect(
      TicketScheme.hmac([UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8)).hex
        == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    #expect(
      TicketScheme.hmac(Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)).hex
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    let text = "Test Using Larger Than Block-Size Key - Hash Key First"
    #expect(
      TicketScheme.hmac([UInt8](repeating: 0xAA, count: 131), Array(text.utf8)).hex
        == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
  }
}

/// The clock of the cosignatures.
@Suite struct CosignatureClockTests {
  struct Wall: WallClock, Sendable {
    var utc: UInt64
    var known: ClockQuality
    func utcMicroseconds() -> UInt64 { utc }
    func quality() -> ClockQuality { known }
  }

  @Test func `a time before this program was written is none`() {
    let good = ClockQuality(errorExponent: 14, source: .ntp)
    for (seconds, expected): (UInt64, UInt64?) in [
      (0, nil), (1_704_067_199, nil), (1_704_067_200, 1_704_067_200),
    ] {
      let wall = Wall(utc: seconds * 1_000_000 + 999_999, known: good)
      #expect(CosignatureClock.wall(wall, requiresSynchronisation: false).now() == expected)
    }
  }

  @Test func `a clock that is not synchronised is none where that is required`() {
    let wall = Wall(utc: 1_785_000_400_000_000, known: .unknown)
    #expect(CosignatureClock.wall(wall, requiresSynchronisation: false).now() == 1_785_000_400)
    #expect(CosignatureClock.wall(wall, requiresSynchronisation: true).now() == nil)
    let holdover = ClockQuality(errorExponent: 31, source: .ntp, holdover: true)
    let lost = Wall(utc: 1_785_000_400_000_000, known: holdover)
    #expect(CosignatureClock.wall(lost, requiresSynchronisation: true).now() == nil)
  }
}

/// Addresses to listen on.
@Suite struct ListenAddressTests {
  @Test func `an address has a host and a port`() {
    #expect(ListenAddress("127.0.0.1:8470").map { "\($0)" } == "127.0.0.1:8470")
    #expect(ListenAddress("[::1]:0").map { "\($0)" } == "[::1]:0")
    #expect(ListenAddress("localhost:65535")?.port == 65_535)
    for text in ["", "8470", ":8470", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "a:b"] {
      #expect(ListenAddress(text) == nil, "\(text)")
    }
  }
}
