import HAL
import Metering
import Sampling
import Testing
import TransparencyLog

@testable import Gateway

@Suite struct OpeningEntriesTests {
  private let channel = ChannelDocument(
    device: 7, label: Array("Meter".utf8), serial: nil, port: Array("line-a".utf8), address: [1],
    profile: 0, requests: [[1, 4, 0, 0], [1, 4, 0, 52]], periodMilliseconds: 1000,
    offsetMilliseconds: 0, ratios: [])

  /// The history of a log in which the channel stands at index 0 and readings (request, slot) follow.
  private func history(_ readings: [(request: UInt64, slot: UInt64)]) throws -> LogHistory {
    var history = LogHistory()
    var opening = OpeningEntries(
      nextIndex: 0, boot: 1, at: Rig.instant(1), history: history, queue: EntryQueue())
    #expect(opening.index(of: channel, profileIndex: 3, drain: {}).lastSlot == nil)
    let queue = EntryQueue()
    opening = OpeningEntries(
      nextIndex: 0, boot: 1, at: Rig.instant(1), history: history, queue: queue)
    _ = opening.index(of: channel, profileIndex: 3, drain: {})
    take(from: queue, index: 0, into: &history)
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4_000)
    defer { memory.deallocate() }
    for (number, reading) in readings.enumerated() {
      var writer = ByteWriter(memory)
      let index = UInt64(number + 1)
      ReadingEntry.write(
        head: EntryHead(index: index, boot: 1, time: Rig.instant(index)), channel: 0,
        request: reading.request, status: .timeout, slot: reading.slot, roundTrip: nil, raw: nil,
        to: &writer)
      history.take(index: index, writer.written.span)
    }
    return history
  }

  private func take(from queue: EntryQueue, index: UInt64, into history: inout LogHistory) {
    let entry = queue.takeOne() ?? []
    history.take(index: index, entry.span)
  }

  /// What the next boot logs of the channel: the slot that polling goes on after, and the slots shed.
  private func open(
    _ history: LogHistory
  ) throws -> (lastSlot: UInt64?, shed: ClosedRange<UInt64>?) {
    let queue = EntryQueue()
    var opening = OpeningEntries(
      nextIndex: 100, boot: 2, at: Rig.instant(9), history: history, queue: queue)
    let result = opening.index(of: channel, profileIndex: 3, drain: {})
    #expect(result.index == 0)
    guard opening.nextIndex > 100 else { return (result.lastSlot, nil) }
    let bytes = try Rig.required(queue.takeOne())
    guard case .event(let event) = try Entry.decode(bytes.span) else { return (nil, nil) }
    guard let shed = event.shed(in: bytes.span) else { return (nil, nil) }
    #expect(shed.channel == 0)
    #expect(shed.reasonCode == 4)
    return (result.lastSlot, shed.firstSlot...shed.lastSlot)
  }

  @Test func `after a whole slot polling goes on behind it and nothing is explained`() throws {
    let opened = try open(try history([(0, 10), (1, 10), (0, 11), (1, 11)]))
    #expect(opened.lastSlot == 11)
    #expect(opened.shed == nil)
  }

  @Test func `a slot in which the agent ended is explained and not asked again`() throws {
    let opened = try open(try history([(0, 10), (1, 10), (0, 11)]))
    #expect(opened.lastSlot == 11)
    #expect(opened.shed == 11...11)
  }

  @Test func `slots between the last whole one and the broken one are explained with it`() throws {
    let opened = try open(try history([(0, 10), (1, 10), (0, 14)]))
    #expect(opened.lastSlot == 14)
    #expect(opened.shed == 11...14)
  }

  /// A boot without a clock, in 1970: its slots have lower numbers than those before it.
  @Test func `a slot that was broken before the clock was set is explained alone`() throws {
    let opened = try open(try history([(0, 1_000), (1, 1_000), (0, 5)]))
    #expect(opened.lastSlot == 5)
    #expect(opened.shed == 5...5)
    let next = try open(try history([(0, 1_000), (1, 1_000), (0, 5), (1, 5), (0, 6)]))
    #expect(next.lastSlot == 6)
    #expect(next.shed == 6...6)
  }

  @Test
  func `a slot that was begun when the clock was set back is explained, and the clock told once`()
    throws
  {
    let queue = EntryQueue()
    var opening = OpeningEntries(
      nextIndex: 100, boot: 2, at: Rig.instant(9),
      history: try history([(0, 10), (1, 10), (0, 11)]),
      queue: queue)
    for _ in 0..<2 { opening.clockWasSetBack(.silently(from: 2_000, to: 1_000), drain: {}) }
    opening.clockWasSetBack(.event, drain: {})
    var told: [[UInt64?]] = []
    while let bytes = queue.takeOne() {
      guard case .event(let event) = try Entry.decode(bytes.span) else { continue }
      told.append([event.eventCode] + (0..<4).map { event.argument($0, in: bytes.span) })
    }
    #expect(told == [[7, 0, 11, 11, 10], [8, 2_000, 1_000, nil, nil]])
  }

  @Test func `a broken first slot is explained alone`() throws {
    let opened = try open(try history([(1, 10)]))
    #expect(opened.lastSlot == 10)
    #expect(opened.shed == 10...10)
  }

  @Test func `a copy of the documents that rots leaves the other`() throws {
    let documents = (0..<3 as Range<UInt64>).map { number in
      (
        index: number * 7,
        document: Document(
          kind: .profile, name: Array("p\(number)".utf8), body: [UInt8(number), 0, 255])
      )
    }
    let bytes = KnownDocuments.encode(documents)
    func isWhole(_ bytes: [UInt8]) -> Bool {
      let found = KnownDocuments.decode(bytes)
      return found.count == 3
        && zip(found, documents).allSatisfy {
          $0.index == $1.index && $0.document.body == $1.document.body
            && $0.document.name == $1.document.name
        }
    }
    #expect(isWhole(bytes))
    for at in bytes.indices {
      var rotten = bytes
      rotten[at] ^= 0x10
      #expect(isWhole(rotten), "byte \(at)")
      // In both copies: none is better than a wrong one.
      rotten[(at + bytes.count / 2) % bytes.count] ^= 0x10
      #expect(KnownDocuments.decode(rotten).isEmpty)
    }
    for count in 0..<bytes.count {
      #expect(KnownDocuments.decode(Array(bytes[..<count])).isEmpty, "\(count) bytes")
    }
  }
}
