@testable import Gateway
import HAL
import Testing
import TransparencyLog

@Suite struct ReloadAnswerTests {
  private func bytes(_ answer: ReloadAnswer) -> [UInt8] {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1 << 20)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    answer.write(to: &writer)
    return Array(writer.written)
  }

  private func read(_ bytes: some Sequence<UInt8>) throws -> ReloadAnswer {
    let bytes = Array(bytes)
    return try ReloadAnswer(decoding: bytes.span)
  }

  @Test func `the worked example`() throws {
    var report = SiteChangeReport()
    report.kept = 9
    let answer = ReloadAnswer(.unchanged, report: report)
    var expected: [UInt8] = [0xA7]
    for (key, value) in [
      ("kept", 9), ("begun", 0), ("ended", 0), ("entries", 0), ("omitted", 0), ("outcome", 2),
      ("findings", 0x80),
    ] as [(String, UInt8)] {
      expected += [0x60 | UInt8(key.utf8.count)] + Array(key.utf8) + [value]
    }
    #expect(expected.count == 58)
    #expect(bytes(answer) == expected)
    #expect(try read(expected) == answer)
  }

  @Test func `findings are kept as far as they fit, and the rest is counted`() throws {
    let long = Array(repeating: UInt8(ascii: "x"), count: 20_000)
    let finding = ReloadAnswer.Finding(english: long, chinese: [])
    let answer = ReloadAnswer(.refused, findings: Array(repeating: finding, count: 5))
    #expect(answer.findings.count == 3)
    #expect(answer.omittedCount == 2)
    let bytes = bytes(answer)
    #expect(bytes.count < 1 << 17)
    #expect(try read(bytes) == answer)
    for end in stride(from: 0, to: bytes.count, by: 977) {
      #expect(throws: CBORError.self) { try read(bytes[..<end]) }
    }
  }
}
