import FuzzKit
import HAL
import MeterProtocols
import Metering

// An input is
//
//     kind        0 read, 1 follow-up, 2 address, 3 the request is raw: length, bytes
//     address     6 bytes, AA for any two digits
//     identifier  4 bytes, part 1 byte
//     rule        `FuzzInput.valueRule`
//     chunks      head, bytes: head bit 7 clear: bits 0–6 bytes as they are; set: a frame with a good
//                 checksum, bit 6: from the meter that was asked and about what was asked, bits 0–5
//                 how many data bytes follow its control code

/// What a DL/T 645 client and a meter make of what comes over a line.
public func fuzzDLT645(_ bytes: UnsafeRawBufferPointer) {
  var input = FuzzInput(bytes)
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 2_048) { memory in
    var request = ByteWriter(UnsafeMutableBufferPointer(rebasing: memory[..<64]))
    writeRequest(&input, to: &request)
    let rule = input.valueRule()
    var line = ByteWriter(UnsafeMutableBufferPointer(rebasing: memory[64..<1_024]))
    receive(&input, request.written.span, to: &line)
    checkClient(request.written.span, line.written.span, rule)
    var answer = ByteWriter(UnsafeMutableBufferPointer(rebasing: memory[1_024...]))
    checkAnswer(line.written.span, rule, &answer)
    answer.reset()
    checkServer(line.written.span, &answer)
  }
}

private func writeRequest(_ input: inout FuzzInput, to writer: inout ByteWriter) {
  let kind = input.byte() & 3
  if kind == 3 {
    let count = Int(input.byte() & 31)
    writer.append(input.bytes(count))
    return
  }
  let address = DLT645Address(input.bytes(6).span) ?? .any
  let identifier = UInt32(input.word()) << 16 | UInt32(input.word())
  let part = input.byte()
  let request: DLT645Request =
    switch kind {
    case 0: .read(address, identifier: identifier)
    case 1: .followUp(address, identifier: identifier, part: part)
    default: .readAddress(address)
    }
  request.write(into: &writer)
  let parsed = DLT645Request(parsing: writer.written.span)
  mustHold(parsed == request, "a request is read as it was written")
}

private func receive(
  _ input: inout FuzzInput, _ request: Span<UInt8>, to line: inout ByteWriter
) {
  while !input.isAtEnd, line.room > 130 {
    let head = input.byte()
    guard head & 0x80 != 0 else {
      line.append(input.bytes(Int(head)))
      continue
    }
    let start = line.count
    line.append(0x68)
    let isOurs = head & 0x40 != 0 && request.count >= 16
    if isOurs { line.append(request.extracting(5..<11)) } else { line.append(input.bytes(6)) }
    line.append(0x68)
    line.append(input.byte())
    let count = min(Int(head & 0x3F), input.rest.count)
    let hasIdentifier = isOurs && request.count >= 20
    line.append(UInt8(count + (hasIdentifier ? 4 : 0)))
    if hasIdentifier { line.append(request.extracting(14..<18)) }
    line.append(input.bytes(count))
    line.append(sum(line.written.span, start..<line.count))
    line.append(0x16)
  }
}

private func sum(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt8 {
  range.reduce(0) { $0 &+ bytes[$1] }
}

/// The frame of DL/T 645-2007, 5.2, byte by byte.
private func isFrame(_ frame: Span<UInt8>) -> Bool {
  frame.count >= 12 && frame[0] == 0x68 && frame[7] == 0x68
    && frame.count == Int(frame[9]) + 12 && frame[frame.count - 1] == 0x16
    && frame[frame.count - 2] == sum(frame, 0..<(frame.count - 2))
}

private func checkClient(_ request: Span<UInt8>, _ received: Span<UInt8>, _ rule: ValueRule) {
  let dlt645 = MeterProtocol.dlt645
  let parsed = DLT645Request(parsing: request)
  switch dlt645.scan(request: request, received: received) {
  case .incomplete: break
  case .accepted(let range, let more):
    mustHold(range.upperBound <= received.count, "a reply is a frame of what came")
    let frame = received.extracting(range)
    mustHold(isFrame(frame), "an accepted frame is whole, with a good checksum")
    mustHold(frame.count <= dlt645.replyByteCountMax(request: request), "it has the length at most")
    mustHold(isFromMeterAsked(frame, request), "the meter asked answers")
    mustHold(frame[8] & 0x80 != 0 && frame[8] & 0x40 == 0, "it is an answer, not a refusal")
    mustHold(more == (frame[8] & 0x20 != 0), "more follows where the frame says so")
    if let identifier = parsed?.identifier {
      var found: UInt32 = 0
      for i in 0..<4 { found = found << 8 | UInt32(frame[13 - i] &- 0x33) }
      mustHold(found == identifier, "it is about what was asked")
    }
    if let part = parsed?.part {
      mustHold(frame[frame.count - 3] &- 0x33 == part, "it is the part asked for")
    }
    checkValue(rule.decode(frame: frame, protocol: dlt645))
  case .refused(let range, let code):
    mustHold(range.upperBound <= received.count, "a refusal is a frame of what came")
    let frame = received.extracting(range)
    mustHold(isFrame(frame) && frame.count == 13, "a refusal is whole and has one byte")
    mustHold(frame[8] & 0xC0 == 0xC0 && frame[10] &- 0x33 == code, "it is a refusal")
    mustHold(isFromMeterAsked(frame, request), "the meter asked refuses")
  }
  _ = dlt645.hasDamagedFrame(request: request, received: received)
  checkValue(rule.decode(frame: received, protocol: dlt645))
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { memory in
    var writer = ByteWriter(memory)
    dlt645.writeFollowUp(request: request, part: 1, into: &writer)
    mustHold(
      writer.count == 0 || DLT645Request(parsing: writer.written.span)?.part == 1,
      "a follow-up asks for its part")
  }
}

private func isFromMeterAsked(_ frame: Span<UInt8>, _ request: Span<UInt8>) -> Bool {
  var start = 0
  while start + 7 < request.count, request[start] != 0x68 { start += 1 }
  for i in 1..<7 where request[start + i] != 0xAA && request[start + i] != frame[i] {
    return false
  }
  return true
}

/// All whole frames of the line, taken for the parts of one answer.
private func checkAnswer(_ received: Span<UInt8>, _ rule: ValueRule, _ memory: inout ByteWriter) {
  var answer = DLT645Answer(memory.buffer)
  var part = 0
  var i = 0
  while i + 12 <= received.count {
    let end = i + 12 + Int(received[i + 9])
    guard received[i] == 0x68, end <= received.count, isFrame(received.extracting(i..<end)) else {
      i += 1
      continue
    }
    let frame = received.extracting(i..<end)
    _ = DLT645Answer.hasMore(frame)
    answer.take(frame, part: part)
    checkValue(answer.decode(rule))
    part = answer.state == .unfinished ? part + 1 : 0
    i = end
  }
}

private func checkServer(_ received: Span<UInt8>, _ writer: inout ByteWriter) {
  guard case .query(let range, let query) = DLT645Server.scan(received) else { return }
  mustHold(range.upperBound <= received.count, "a request lies in what came")
  mustHold(isFrame(received.extracting(range)), "a request is a whole frame")
  mustHold(query.control & 0x80 == 0, "a request is not from a meter")
  DLT645Server.writeRefusal(
    of: query, from: query.address, error: DLT645ErrorByte(rawValue: 2), into: &writer)
  mustHold(isFrame(writer.written.span.extracting(4..<writer.count)), "a refusal is a frame")
  guard let request = query.request else { return }
  writer.reset()
  request.write(into: &writer)
  mustHold(
    areEqual(writer.written.span.extracting(4..<writer.count), received.extracting(range)),
    "a request is written as it came")
  let asked = writer.count
  if request.identifier == nil {
    DLT645Server.writeAddressReply(from: query.address, into: &writer)
  } else {
    let data: InlineArray<8, UInt8> = [1, 2, 3, 4, 5, 6, 7, 8]
    DLT645Server.writeReply(to: request, from: query.address, data: data.span, into: &writer)
  }
  let sent = writer.written.span
  let scan = MeterProtocol.dlt645.scan(
    request: sent.extracting(0..<asked), received: sent.extracting(asked..<sent.count))
  mustHold(
    scan == .accepted(4..<(sent.count - asked), more: false), "the client takes the answer")
}
