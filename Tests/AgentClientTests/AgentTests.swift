import AgentClient
import Gateway
import HAL
import MeterProtocols
import Testing
import TransparencyLog

@Suite struct AgentTests {
  @Test func `what a tool writes is what the agent reads`() throws {
    #expect(try ControlRequest(decoding: Agent.Request.status.encoded.span) == .status)
    #expect(try ControlRequest(decoding: Agent.Request.reload.encoded.span) == .reload)
    let bytes = Agent.Request.lease(
      line: "line-a", meterProtocol: .dlt645, request: [1, 2, 3], timeoutMilliseconds: 20
    ).encoded
    guard case .lease(let lease) = try ControlRequest(decoding: bytes.span) else {
      Issue.record("no lease")
      return
    }
    #expect(Array(bytes[lease.line]) == Array("line-a".utf8))
    #expect(Array(bytes[lease.request]) == [1, 2, 3])
    #expect(lease.meterProtocol == .dlt645 && lease.timeout == 20_000)
  }

  @Test(arguments: ControlRefusal.allCases)
  func `each refusal has its own words in both languages`(refusal: ControlRefusal) {
    let error = AgentError.refused(number: Int(refusal.rawValue))
    #expect(error.refusal == refusal)
    #expect(error.english == refusal.english && error.chinese == refusal.chinese)
    let others = ControlRefusal.allCases.filter { $0 != refusal }
    #expect(others.allSatisfy { $0.english != refusal.english && $0.chinese != refusal.chinese })
  }

  @Test func `a refusal of a later version is told by its number`() {
    let error = AgentError.refused(number: 1_000)
    #expect(error.refusal == nil)
    #expect(error.english.contains("1000") && error.chinese.contains("1000"))
  }
}
