import AgentClient
import Catalog
import Testing

@Suite struct StatusScreenTests {
  @Test(arguments: [Language.english, .chinese], [60, 80, 97, 200])
  func `no line is wider than the terminal`(language: Language, columns: Int) throws {
    let status = try GatewayStatus(decoding: Example.answer)
    for line in StatusScreen(status, language: language, columns: columns).lines {
      #expect(TextLayout.width(line) <= columns, "\(line)")
    }
  }

  @Test func `a device shows state, value with unit, age, quality and answer time`() throws {
    let status = try GatewayStatus(decoding: Example.answer)
    let lines = StatusScreen(status, language: .english).lines
    let device = try #require(lines.first { $0.contains("Generator") })
    #expect(
      device
        == "  Generator output     answers             1234.5 kW   3.2 s good       145.3 ms")
  }

  @Test func `the log's sizes, mirror and clock are at the end`() throws {
    let status = try GatewayStatus(decoding: Example.answer)
    let lines = StatusScreen(status, language: .english).lines
    #expect(
      lines.dropLast().last
        == "log 12 345 entries  signed 12 340  acknowledged 12 300  backlog 45")
    #expect(lines.last == "mirror up  clock NTP, within 1 ms  on disk 1024 KiB")
  }

  @Test func `Chinese characters take two columns`() {
    #expect(TextLayout.width("发电机") == 6)
    #expect(TextLayout.fit("发电机出线", 7) == "发电机…")
    #expect(TextLayout.fit("发电机", 8, right: true) == "  发电机")
    #expect(TextLayout.fit("发电机出线", 8) == "发电机 …")
  }

  @Test func `numbers are grouped by thousands`() {
    #expect(TextLayout.grouped(0) == "0")
    #expect(TextLayout.grouped(999) == "999")
    #expect(TextLayout.grouped(1000) == "1 000")
    #expect(TextLayout.grouped(-1_234_567) == "-1 234 567")
  }
}
