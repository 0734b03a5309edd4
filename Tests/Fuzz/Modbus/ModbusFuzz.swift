import FuzzKit
import HAL
import MeterProtocols
import Metering

// An input is
//
//     flags       bit 0: the next 8 bytes are the request; else five bytes are made into one
//     rule        `FuzzInput.valueRule`
//     chunks      head, bytes: head bits 0–5 how many, bit 6: a frame begins here, bit 7: its CRC is
//                 added behind them
//
// The CRCs are made here, because no mutation finds one.

/// What a Modbus client and a Modbus server make of what comes over a line.
public func fuzzModbus(_ bytes: UnsafeRawBufferPointer) {
  var input = FuzzInput(bytes)
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1_024) { memory in
    let isRaw = input.byte() & 1 != 0
    var request = ByteWriter(UnsafeMutableBufferPointer(rebasing: memory[..<8]))
    if isRaw { request.append(input.bytes(8)) } else { writeRequest(&input, to: &request) }
    let rule = input.valueRule()
    var line = ByteWriter(UnsafeMutableBufferPointer(rebasing: memory[8..<608]))
    receive(&input, to: &line)
    checkClient(request.written.span, line.written.span, rule)
    var reply = ByteWriter(UnsafeMutableBufferPointer(rebasing: memory[608...]))
    checkServer(line.written.span, &reply)
  }
}

private func writeRequest(_ input: inout FuzzInput, to writer: inout ByteWriter) {
  let unit = input.byte()
  let function = ModbusFunction(rawValue: 1 + input.byte() & 3) ?? .readHoldingRegisters
  let address = input.word()
  let count = 1 + UInt16(input.byte()) % 125
  ModbusRequest(unit: unit, function: function, address: address, count: count)?
    .write(into: &writer)
}

private func receive(_ input: inout FuzzInput, to line: inout ByteWriter) {
  var start = 0
  while !input.isAtEnd, line.room > 65 {
    let head = input.byte()
    if head & 0x40 != 0 { start = line.count }
    line.append(input.bytes(Int(head & 0x3F)))
    if head & 0x80 != 0 {
      let crc = crc16(line.written.span, from: start)
      line.append(UInt8(truncatingIfNeeded: crc))
      line.append(UInt8(truncatingIfNeeded: crc >> 8))
      start = line.count
    }
  }
}

/// The CRC bit by bit, from the text of the standard (Modbus over Serial Line V1.02, 6.2.2): what is
/// checked here is not used to check itself.
private func crc16(_ bytes: Span<UInt8>, from start: Int) -> UInt16 {
  var crc: UInt16 = 0xFFFF
  for i in start..<bytes.count {
    crc ^= UInt16(bytes[i])
    for _ in 0..<8 { crc = crc & 1 != 0 ? crc >> 1 ^ 0xA001 : crc >> 1 }
  }
  return crc
}

private func hasGoodCRC(_ frame: Span<UInt8>) -> Bool { crc16(frame, from: 0) == 0 }

private func checkClient(_ request: Span<UInt8>, _ received: Span<UInt8>, _ rule: ValueRule) {
  let modbus = MeterProtocol.modbusRTU
  let parsed = ModbusRequest(parsing: request)
  let longest = modbus.replyByteCountMax(request: request)
  mustHold(longest <= MeterProtocol.replyByteCountMax, "a reply fits a receive buffer")
  let scan = modbus.scan(request: request, received: received)
  switch scan {
  case .incomplete: break
  case .accepted(let range, let more):
    mustHold(!more && range.upperBound <= received.count, "a reply is one frame of what came")
    let frame = received.extracting(range)
    mustHold(hasGoodCRC(frame), "an accepted frame has a good CRC")
    mustHold(frame[0] == parsed?.unit, "the unit asked answers")
    mustHold(frame[1] == parsed?.function.rawValue, "it answers the function asked for")
    mustHold(
      frame.count == longest && Int(frame[2]) == parsed?.replyDataByteCount,
      "it has the length asked for")
    checkValue(rule.decode(frame: frame, protocol: modbus))
  case .refused(let range, let code):
    mustHold(range.count == 5 && range.upperBound <= received.count, "an exception has 5 bytes")
    let frame = received.extracting(range)
    mustHold(hasGoodCRC(frame), "an exception has a good CRC")
    mustHold(
      frame[0] == parsed?.unit && frame[1] == (parsed?.function.rawValue ?? 0) | 0x80
        && frame[2] == code, "it refuses this request")
  }
  // A reply is taken when its last byte has come, and more bytes change nothing.
  let cut = received.count - received.count / 3
  let early = modbus.scan(request: request, received: received.extracting(0..<cut))
  if early != .incomplete { mustHold(early == scan, "a reply stays one when more comes") }
  _ = modbus.hasDamagedFrame(request: request, received: received)
  checkValue(rule.decode(frame: received, protocol: modbus))
}

private func checkServer(_ received: Span<UInt8>, _ writer: inout ByteWriter) {
  guard case .query(let range, let query) = ModbusServer.scan(received) else { return }
  mustHold(range.upperBound <= received.count, "a request lies in what came")
  mustHold(hasGoodCRC(received.extracting(range)), "a request has a good CRC")
  switch query.request {
  case .success(let request):
    request.write(into: &writer)
    mustHold(
      areEqual(writer.written.span, received.extracting(range)), "a request is written as it came")
    let asked = writer.count
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: request.replyDataByteCount) { data in
      data.initialize(repeating: 0xA5)
      ModbusServer.writeReply(
        to: request, data: UnsafeBufferPointer(data).span, into: &writer)
    }
    let sent = writer.written.span
    let scan = MeterProtocol.modbusRTU.scan(
      request: sent.extracting(0..<asked), received: sent.extracting(asked..<sent.count))
    mustHold(
      scan == .accepted(0..<(sent.count - asked), more: false), "the client takes the reply")
  case .failure(let exception):
    ModbusServer.writeException(exception, to: query, into: &writer)
    mustHold(hasGoodCRC(writer.written.span), "an exception has a good CRC")
  }
}
