import Foundation
import Gateway
import HAL
import HostHAL
import MeterProtocols
import Metering
import Testing

@testable import AgentClient
@testable import Catalog

/// What becomes of a reading when the line is lost on the way.
@Suite struct LiveReadingTests {
  private func meter() throws -> (line: Line, device: Device) {
    let repository = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let yaml = try Data(
      contentsOf: repository.appending(path: "Sources/Catalog/Profiles/carlo-gavazzi-em24.yaml"))
    let (found, findings) = DeviceProfile.check(yaml: Array(yaml), file: "profile")
    #expect(findings.isEmpty)
    let device = Device(
      number: 201, label: Label("Pump", "泵"), serial: nil, address: [1],
      profile: try #require(found), streams: [], timeoutMilliseconds: 200, attempts: 1,
      ratios: .none, isCritical: false)
    let uart = UARTConfiguration(baudRate: 9600)
    let line = Line(
      name: "a", portName: "a", identity: .device("a"), devicePath: "/dev/a", uart: uart,
      devices: [device], load: LineLoad(line: "a", uart: uart, devices: [device]))
    return (line, device)
  }

  private func silence() throws -> LeaseAnswer {
    try LeaseAnswer(
      decoding: CBORBytes.map([
        ("raw", .bytes([])), ("rtt_us", .null), ("status", .integer(1)),
      ]))
  }

  @Test func `what was read stays, and the rest says why it was not asked`() throws {
    let (line, device) = try meter()
    let silence = try silence()
    var asked = 0
    let reading = try LiveReading(of: device, on: line) { _ throws(AgentError) in
      asked += 1
      if asked > 1 { throw .refused(number: Int(ControlRefusal.lineBusy.rawValue)) }
      return silence
    }
    #expect(asked == 2, "a line that did not come free is not waited for again")
    #expect(device.profile.requests.count > 2)
    #expect(reading.exchanges.map(\.name) == device.profile.requests.map(\.name))
    #expect(reading.exchanges[0].status == .timeout && reading.exchanges[0].refusal == nil)
    for (exchange, request) in zip(reading.exchanges, device.profile.requests).dropFirst() {
      #expect(exchange.refusal?.refusal == .lineBusy)
      #expect(exchange.values.count == request.points.count)
    }
    #expect(!reading.isWhole)
    #expect(reading.json.contains(#""refusal":null,"refused":10,"frames":[]"#))
  }

  @Test func `where nothing was read, or the agent is gone, there is an error`() throws {
    let (line, device) = try meter()
    let silence = try silence()
    #expect(throws: AgentError.refused(number: 9)) {
      try LiveReading(of: device, on: line) { _ throws(AgentError) in throw .refused(number: 9) }
    }
    var asked = 0
    #expect(throws: AgentError.control(.closed(path: "x"))) {
      try LiveReading(of: device, on: line) { _ throws(AgentError) in
        asked += 1
        if asked > 1 { throw .control(.closed(path: "x")) }
        return silence
      }
    }
  }
}
