import HAL
import MeterProtocols
import Testing

@testable import Simulator

private func modbus(_ address: UInt8, turnaround: UInt32, value: Double = 1) -> EmulatedMeter {
  EmulatedMeter(
    model: MeterModel(
      meterProtocol: .modbusRTU, address: [address], turnaroundMicroseconds: turnaround,
      blocks: [
        MeterBlock(
          place: .modbus(function: 3, address: 0, count: 1),
          points: [
            MeterPoint(
              rule: ValueRule(layout: .modbus(register: 0, type: .uint16, order: .abcd)),
              signal: fixed(value))
          ])
      ]))
}

private func dlt645(_ address: String, turnaround: UInt32 = 60_000) -> EmulatedMeter {
  EmulatedMeter(
    model: MeterModel(
      meterProtocol: .dlt645, address: bytes(address).reversed(),
      turnaroundMicroseconds: turnaround,
      preambleCount: 4, blocks: []))
}

private let request = rtu("010300000001")
private let readAddress = bytes("68AAAAAAAAAAAA681300DF16")

@Suite struct SimulatedLineTests {
  private func line(_ meters: EmulatedMeter..., baudRate: UInt32 = 9_600) -> SimulatedLine {
    SimulatedLine(configuration: UARTConfiguration(baudRate: baudRate), meters: meters)
  }

  @Test func `every character of a Modbus exchange comes at its deadline`() {
    var line = line(modbus(1, turnaround: 8_000))
    line.receive(request, at: 1_000_000)
    let heard = line.listen(until: 2_000_000)
    #expect(heard.count == 7)
    // 8 characters of 11 bits at 9600 Bd are 9,166.67 µs; every end is rounded up to a microsecond.
    let start = 1_000_000 + 9_167 + 8_000
    for (index, item) in heard.enumerated() {
      #expect(Int(item.time) == start + ((index + 1) * 11_000_000 + 9_599) / 9_600)
    }
    #expect(line.wakeAt == nil)
    #expect(line.statistics.charactersHeard == 8 && line.statistics.charactersSent == 7)
  }

  @Test func `every character of a DL T 645 exchange comes at its deadline`() {
    var line = line(dlt645("610100000000"), baudRate: 2_400)
    line.receive(readAddress, at: 0)
    let heard = line.listen(until: 2_000_000)
    #expect(heard.count == 22)
    let start = 12 * 11_000_000 / 2_400 + 60_000
    for (index, item) in heard.enumerated() {
      #expect(Int(item.time) == start + ((index + 1) * 11_000_000 + 2_399) / 2_400)
    }
  }

  @Test func `looking late or often changes no byte`() {
    var often = line(modbus(1, turnaround: 8_000))
    var late = often
    often.receive(request, at: 0)
    late.receive(request, at: 0)
    var bytes: [UInt8] = []
    for now: UInt64 in 0..<40_000 { bytes += often.advance(to: now, values: { moment($0) }) }
    #expect(late.advance(to: 40_000, values: { moment($0) }) == bytes)
  }

  @Test(arguments: [1_200, 9_600, 115_200] as [UInt32])
  func `characters in bulk are those one by one`(baudRate: UInt32) {
    let address = "610100000000"
    let pieces = [request, rtu("020300000001"), readAddress, [0x16, 0x68], [0xFE, 0xFE, 0x16]]
    var random = SeededEntropy(seed: UInt64(baudRate))
    for meters in [
      [modbus(1, turnaround: 8_000), modbus(2, turnaround: 1_000)],
      [dlt645(address, turnaround: 20_000)],
      [modbus(1, turnaround: 3_000), dlt645(address), modbus(1, turnaround: 3_500)],
    ] {
      var single = SimulatedLine(
        configuration: UARTConfiguration(baudRate: baudRate), meters: meters)
      var bulk = single
      var now: UInt64 = 0
      for _ in 0..<300 {
        let piece = pieces[Int(random.next() % 5)].prefix(Int(1 + random.next() % 14))
        single.receive(piece, at: now)
        bulk.receive(piece, at: now)
        now += random.next() % 120_000
        var expected: [UInt8] = []
        while let wake = single.wakeAt, wake <= now {
          expected += single.advance(to: wake, values: { moment($0) })
        }
        #expect(bulk.advance(to: now, values: { moment($0) }) == expected)
        #expect(bulk.statistics == single.statistics)
        #expect(bulk.wakeAt == single.wakeAt && bulk.backlog == single.backlog)
      }
    }
  }

  @Test func `a meter answers not before 3.5 characters of silence`() {
    var line = line(modbus(1, turnaround: 0))
    line.receive(request, at: 0)
    let first = line.listen(until: 1_000_000).first?.time
    #expect(line.modbusSilence == 4_011)
    let expected: UInt64 = 9_167 + 4_011 + 1_146
    #expect(first == expected)
    #expect(self.line(baudRate: 19_200).modbusSilence == 2_006)
    #expect(self.line(baudRate: 115_200).modbusSilence == 1_750)
  }

  @Test func `a request with a pause of 3.5 characters in it is none`() {
    var line = line(modbus(1, turnaround: 8_000))
    line.receive(request.prefix(4), at: 0)
    // The four characters end at 4,584 µs.
    #expect(line.listen(until: 4_584 + 4_010).isEmpty)
    line.receive(request.dropFirst(4), at: 4_584 + 4_011)
    #expect(line.listen(until: 1_000_000).isEmpty)
    #expect(!line.ask(request, at: 1_000_000).isEmpty)
  }

  @Test func `a request in two pieces with a short pause is whole`() {
    var line = line(modbus(1, turnaround: 8_000))
    line.receive(request.prefix(4), at: 0)
    #expect(line.listen(until: 6_000).isEmpty)
    line.receive(request.dropFirst(4), at: 6_000)
    #expect(line.listen(until: 1_000_000).count == 7)
  }

  @Test func `a meter answers its own address alone`() {
    var line = line(
      modbus(1, turnaround: 8_000, value: 0x0101), modbus(2, turnaround: 8_000, value: 0x0202))
    #expect(line.ask(rtu("020300000001"))[3...4] == [2, 2])
    #expect(line.ask(rtu("010300000001"), at: 3_000_000)[3...4] == [1, 1])
    #expect(line.ask(rtu("030300000001"), at: 6_000_000).isEmpty)
    #expect(line.statistics.replies == 2)
  }

  @Test func `two meters that answer at once garble each other`() {
    var line = line(dlt645("610100000000"), dlt645("920300000000"), baudRate: 2_400)
    let reply = line.ask(readAddress)
    #expect(line.statistics.replies == 2 && line.statistics.collisions > 0)
    #expect(!isWholeDLT645(reply))
  }

  @Test func `garbage before a frame does no harm`() {
    var line = line(dlt645("610100000000"), baudRate: 2_400)
    #expect(line.ask(bytes("00FF68681600") + readAddress).count == 22)
  }

  @Test func `what is sent into a reply is lost and garbles it`() {
    var line = line(modbus(1, turnaround: 8_000))
    line.receive(request, at: 0)
    let before = line.listen(until: 20_000)
    line.receive([0, 0], at: 20_000)
    let reply = before.map(\.byte) + line.listen(until: 1_000_000).map(\.byte)
    #expect(reply.count == 7)
    #expect(line.statistics.collisions == 2)
    #expect(!isWholeRTU(reply))
    #expect(line.ask(request, at: 2_000_000).count == 7)
  }

  @Test func `a pulled cable forgets what was in flight`() {
    var line = line(modbus(1, turnaround: 8_000))
    line.receive(request, at: 0)
    _ = line.listen(until: 20_000)
    line.reset()
    #expect(line.wakeAt == nil)
    #expect(line.ask(request, at: 100_000).count == 7)
  }

  @Test func `an endless burst is heard as no frame and bounded`() {
    var line = line(modbus(1, turnaround: 8_000), dlt645("610100000000"))
    #expect(line.ask([UInt8](repeating: 0x68, count: 1_500)).isEmpty)
    #expect(line.ask(request, at: 5_000_000).count == 7)
  }

  @Test func `a client that never stops is heard at the line's pace`() {
    var line = line(modbus(1, turnaround: 8_000), baudRate: 300)
    for round: UInt64 in 0..<20 {
      line.receive([UInt8](repeating: 0x55, count: 90), at: round * 3_300_000)
      #expect(line.backlog == (round == 0 ? 90 : 91))
      // 90 characters at 300 Bd are 3.3 s exactly.
      _ = line.listen(until: round * 3_300_000 + 3_299_999)
      #expect(line.backlog == 1)
      #expect(line.wakeAt == (round + 1) * 3_300_000)
    }
    #expect(line.statistics.charactersHeard == 20 * 90 - 1)
    line.receive([UInt8](repeating: 0x55, count: 4_000), at: 66_000_000 - 1)
    _ = line.listen(until: 66_000_000 + 4_000 * 11_000_000 / 300 + 1)
    #expect(line.backlog == 0)
    #expect(line.statistics.charactersHeard == 20 * 90 + 4_000)
  }
}
