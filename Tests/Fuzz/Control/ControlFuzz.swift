import AgentClient
import Catalog
import FuzzKit
import Gateway
import HAL
import TransparencyLog

// The first byte of an input says what the rest is: odd a request to the agent, even an answer of it.

/// What agent and tool make of any message on the control socket.
public func fuzzControl(_ bytes: UnsafeRawBufferPointer) {
  var input = FuzzInput(bytes)
  if input.byte() & 1 != 0 { checkRequest(input.rest.span) } else { checkAnswer(Array(input.rest)) }
}

private func checkRequest(_ bytes: Span<UInt8>) {
  guard let request = try? ControlRequest(decoding: bytes) else { return }
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytes.count + 64) { memory in
    var writer = ByteWriter(memory)
    switch request {
    case .status: ControlRequest.writeStatus(to: &writer)
    case .reload: ControlRequest.writeReload(to: &writer)
    case .lease(let lease):
      mustHold(
        ControlRequest.leaseTimeouts.contains(UInt64(lease.timeout) / 1_000),
        "a lease is short")
      ControlRequest.writeLease(
        line: bytes.extracting(lease.line), meterProtocol: lease.meterProtocol,
        request: bytes.extracting(lease.request), timeout: UInt64(lease.timeout) / 1_000,
        to: &writer)
    }
    mustHold(areEqual(writer.written.span, bytes), "a request is written as it was read")
  }
}

private func checkAnswer(_ bytes: [UInt8]) {
  guard let status = try? GatewayStatus(decoding: bytes) else { return }
  _ = status.isWell
  mustHold(status.log.backlog >= 0, "a backlog is not negative")
  mustHold(status.json.hasPrefix("{\"now\":"), "a status is an object")
  for language in [Language.english, .chinese] {
    let screen = StatusScreen(status, language: language, columns: 80)
    mustHold(!screen.summary.isEmpty, "a status has a summary")
    for line in screen.lines {
      mustHold(TextLayout.width(line) <= 80, "a line fits the terminal")
    }
  }
}
