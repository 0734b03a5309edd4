import Collector
import HTTPTypes
import HummingbirdTesting
import Testing

/// The time of cosignatures.
@Suite struct CosignatureTests {
  let log = TestLog(count: 600)

  @Test func `a clock that was far ahead once is an alarm, told once, and shown by status`()
    async throws
  {
    try await withMirror { mirror async throws in
      let bench = mirror.bench
      bench.clock.set(2_000_000_000)
      try await mirror.show(log, 300)
      try await mirror.upload(log, 0, 300)
      #expect(bench.alarms.all.isEmpty)
      for (clock, alarms): (UInt64, Int) in [
        (2_000_000_000 - 300, 0), (2_000_000_000 - 301, 1), (1_785_000_400, 1),
        (2_000_000_001, 1), (1_785_000_400, 2),
      ] {
        bench.clock.set(clock)
        let answer = try await mirror.client.addEntries(log.entriesBody(300, 300))
        #expect(answer.status == .ok)
        #expect(bench.alarms.all.count == alarms, "at \(clock)")
      }
      let text = try require(bench.alarms.all.last)
      #expect(text.contains("214999601 s ahead") && text.contains("快 214999601 秒"))
      let status = try await mirror.client.get("/api/status").text
      #expect(status.contains(#""cosignatureLead":214999601"#))
      bench.clock.set(2_000_000_001)
      #expect(
        try await mirror.client.get("/api/status").text.contains(#""cosignatureLead":0"#))
    }
  }
}
