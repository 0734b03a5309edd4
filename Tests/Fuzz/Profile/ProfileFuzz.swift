import Catalog
import FuzzKit
import FuzzSite
import HAL
import MeterProtocols
import Metering

/// What the catalog makes of any text as a device profile: one that can be polled and read, or findings.
public func fuzzProfile(_ bytes: UnsafeRawBufferPointer) {
  let yaml = Array(bytes)
  let (profile, findings) = DeviceProfile.check(yaml: yaml, file: "p.yaml")
  checkFindings(
    findings, of: "p.yaml", lineCount: lineCountMax(yaml), isUsable: profile != nil)
  guard let profile else { return }
  mustHold(profile.name == "p" && !profile.requests.isEmpty, "a profile asks for something")
  let address: [UInt8] =
    profile.meterProtocol == .modbusRTU ? [17] : [0, 0x34, 0x11, 0, 0x10, 0x43]
  var names: Set<String> = []
  for request in profile.requests {
    mustHold(names.insert(request.name).inserted, "no name is given twice")
    let asked = request.requestBytes(address: address)
    let longest = profile.meterProtocol.replyByteCountMax(request: asked.span)
    mustHold(!asked.isEmpty && longest > 5, "a request can be sent")
    mustHold(request.requestBytes(address: []).isEmpty, "not to a device without an address")
    let answer = answer(to: request, asked)
    mustHold(
      profile.meterProtocol.scan(request: asked.span, received: answer.span)
        == .accepted(0..<answer.count, more: false), "the answer is taken")
    for point in request.points { check(point, answer, profile.meterProtocol) }
  }
}

/// An answer of the length that the profile expects, all data 1.
private func answer(to request: ProfileRequest, _ asked: [UInt8]) -> [UInt8] {
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 512) { memory in
    var writer = ByteWriter(memory)
    switch request.query {
    case .modbus:
      guard let request = ModbusRequest(parsing: asked.span) else { return [] }
      let data = [UInt8](repeating: 1, count: request.replyDataByteCount)
      ModbusServer.writeReply(to: request, data: data.span, into: &writer)
      return Array(writer.written)
    case .dlt645(_, let byteCount):
      guard let request = DLT645Request(parsing: asked.span) else { return [] }
      let data = [UInt8](repeating: 1, count: byteCount)
      DLT645Server.writeReply(
        to: request, from: request.address, data: data.span, into: &writer)
      // Without the four bytes that wake the receiver.
      return Array(writer.written.dropFirst(4))
    }
  }
}

private func check(_ point: Point, _ answer: [UInt8], _ kind: MeterProtocol) {
  mustHold(point.rule.isExact, "a rule gives exact values")
  let value = point.rule.decode(frame: answer.span, protocol: kind)
  mustHold(value != .failure(.malformed), "a value lies within the answer")
  checkValue(value)
  mustHold(!point.label.english.isEmpty && !point.source.isEmpty, "a value has label and source")
}
