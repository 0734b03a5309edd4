import FuzzKit
import MeterProtocols
import Metering
import Testing

@Suite struct DLT645AnswerTests {
  /// The worked example of DLT645Answer.swift: 230.6, 231.2 and 229.9 V, three bytes in a frame.
  static let first = bytes("68 61 01 00 00 00 00 68 B1 07 33 32 34 35 39 56 45 8C 16")
  static let last = bytes("68 61 01 00 00 00 00 68 92 08 33 32 34 35 56 CC 55 34 45 16")

  private static func voltage(_ phase: UInt8) -> ValueRule {
    ValueRule(layout: .bcd(offset: phase * 2, byteCount: 2, signed: false), exponent: -1)
  }

  /// What stands in `rule` after these frames were taken as parts 0, 1, 2 …
  private func take(
    _ frames: [[UInt8]], _ rules: [ValueRule]
  ) -> (state: DLT645Answer.State, values: [Result<Decimal, NoData>]) {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: DLT645Answer.byteCountMax)
    defer { memory.deallocate() }
    var answer = DLT645Answer(memory)
    for (part, frame) in frames.enumerated() { answer.take(frame.span, part: part) }
    return (answer.state, rules.map { answer.decode($0) })
  }

  private func voltages(_ frames: [[UInt8]]) -> [Result<Decimal, NoData>] {
    take(frames, (0..<3).map(Self.voltage)).values
  }

  private func volts(_ tenths: Int64) -> Result<Decimal, NoData> {
    .success(Decimal(mantissa: tenths, exponent: -1))
  }

  private func hasMore(_ frame: [UInt8]) -> Bool { DLT645Answer.hasMore(frame.span) }

  /// A frame of meter 000000000161 about the voltage block, with its sum.
  private func frame(_ control: UInt8, _ data: [UInt8], part: UInt8? = nil) -> [UInt8] {
    let content = [0x00, 0xFF, 0x01, 0x02] + data + (part.map { [$0] } ?? [])
    var frame = bytes("68 61 01 00 00 00 00 68") + [control, UInt8(content.count)]
    frame += content.map { $0 &+ 0x33 }
    return frame + [frame.reduce(0, &+), 0x16]
  }

  @Test func `a value that begins in one frame and ends in the next is read`() throws {
    #expect(frame(0xB1, [0x06, 0x23, 0x12]) == Self.first)
    #expect(frame(0x92, [0x23, 0x99, 0x22], part: 1) == Self.last)
    let (state, values) = take([Self.first, Self.last], (0..<3).map(Self.voltage))
    #expect(state == .whole)
    #expect(values == [volts(2_306), volts(2_312), volts(2_299)])
    // The scan that brought the frames sees them the same way.
    let address = try #require(DLT645Address("000000000161"))
    let request = written { DLT645Request.read(address, identifier: 0x0201_FF00).write(into: &$0) }
    let next = written {
      MeterProtocol.dlt645.writeFollowUp(request: request.span, part: 1, into: &$0)
    }
    let scanner = MeterProtocol.dlt645
    #expect(scanner.scan(request: request, received: Self.first) == .accepted(0..<19, more: true))
    #expect(scanner.scan(request: next, received: Self.last) == .accepted(0..<20, more: false))
    #expect(hasMore(Self.first) && !hasMore(Self.last))
  }

  @Test func `the values before the frame that is missing can be read, no others`() {
    #expect(voltages([]) == Array(repeating: .failure(.malformed), count: 3))
    let prefix = [volts(2_306), .failure(.malformed), .failure(.malformed)]
    #expect(take([Self.first], []).state == .unfinished)
    #expect(voltages([Self.first]) == prefix)
    // The last of three where the second was due.
    let third = frame(0x92, [0x23, 0x99, 0x22], part: 2)
    #expect(take([Self.first, third], []).state == .broken)
    #expect(voltages([Self.first, third]) == prefix)
    // What comes after it is not taken either, even if it is the one that was due.
    #expect(voltages([Self.first, third, Self.last]) == prefix)
    #expect(voltages([Self.first, third, third]) == prefix)
  }

  @Test func `an answer in one frame is whole, and takes no more`() {
    let whole = frame(0x91, [0x06, 0x23, 0x12, 0x23, 0x99, 0x22])
    #expect(take([whole], []).state == .whole)
    #expect(voltages([whole]) == [volts(2_306), volts(2_312), volts(2_299)])
    #expect(take([whole, Self.last], []).state == .broken)
  }

  @Test func `a first frame begins anew`() {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: DLT645Answer.byteCountMax)
    defer { memory.deallocate() }
    var answer = DLT645Answer(memory)
    answer.take(Self.first.span, part: 0)
    answer.take(Self.first.span, part: 1)
    var state = answer.state
    #expect(state == .broken)
    answer.take(Self.first.span, part: 0)
    answer.take(Self.last.span, part: 1)
    state = answer.state
    var value = answer.decode(Self.voltage(2))
    #expect(state == .whole && value == volts(2_299))
    answer.clear()
    state = answer.state
    value = answer.decode(Self.voltage(0))
    #expect(state == .empty && value == .failure(.malformed))
    answer.take(Self.last.span, part: 1)
    state = answer.state
    #expect(state == .broken)
  }

  @Test func `a frame of another meter, identifier, function or shape is not joined`() {
    var changes: [(String, [UInt8])] = []
    func change(_ name: String, _ at: Int, _ byte: UInt8) {
      var frame = Self.last
      frame[at] = byte
      changes.append((name, frame))
    }
    for i in 1...6 { change("address", i, Self.last[i] ^ 0x10) }
    for i in 10...13 { change("identifier", i, Self.last[i] ^ 0x10) }
    change("a first frame", 8, 0x91)
    change("a refusal", 8, 0xD2)
    change("an echo", 8, 0x12)
    change("another length", 9, 7)
    change("another length", 9, 9)
    change("no second start", 7, 0x16)
    change("another part", 17, 0x35)
    for count in 0..<Self.last.count { changes.append(("cut", Array(Self.last[..<count]))) }
    for (name, frame) in changes {
      #expect(take([Self.first, frame], []).state == .broken, "\(name)")
      #expect(voltages([Self.first, frame])[1] == .failure(.malformed), "\(name)")
      #expect(!hasMore(frame), "\(name)")
    }
    let follow = frame(0x92, [1, 2])
    #expect(take([follow], []).state == .broken, "a follow-up is no first frame")
  }

  @Test func `an answer of any length is read as far as a rule reaches`() {
    // 60 frames of 195 bytes; each byte tells its place in the answer.
    let data = (0..<11_700).map { UInt8($0 % 10) }
    var frames: [[UInt8]] = []
    for number in 0..<60 {
      let control: UInt8 = number == 0 ? 0xB1 : number == 59 ? 0x92 : 0xB2
      let part: UInt8? = number == 0 ? nil : UInt8(number)
      frames.append(frame(control, Array(data[number * 195..<number * 195 + 195]), part: part))
    }
    let furthest = ValueRule(layout: .bcd(offset: 255, byteCount: 9, signed: false))
    let across = ValueRule(layout: .bcd(offset: 193, byteCount: 4, signed: false))
    let (state, values) = take(frames, [furthest, across])
    #expect(state == .whole)
    // Bytes 255 … 263 are 5 6 7 8 9 0 1 2 3, the lowest first.
    #expect(values[0] == .success(Decimal(mantissa: 30_201_000_908_070_605)))
    #expect(values[1] == .success(Decimal(mantissa: 6_050_403)))
  }

  @Test func `no bytes make it trap`() {
    var random = FuzzRandom(state: 2_007)
    let rules =
      (0..<3).map(Self.voltage) + [
        ValueRule(layout: .bcd(offset: 255, byteCount: 9, signed: true)),
        ValueRule(layout: .bcd(offset: 0, byteCount: 255, signed: true)),
        ValueRule(layout: .modbus(register: 0, type: .int16, order: .abcd)),
      ]
    for turn in 0..<20_000 {
      var frames = [Self.first, Self.last, Self.last]
      for i in frames.indices where turn % 3 != 0 || i > 0 {
        let change = Int(random.next() % UInt64(frames[i].count))
        frames[i][change] = UInt8(truncatingIfNeeded: random.next())
        if random.next() % 4 == 0 { frames[i].removeLast(change) }
      }
      _ = take(frames, rules)
      for frame in frames { _ = hasMore(frame) }
    }
  }
}
