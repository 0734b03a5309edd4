import HAL
import Journal
import MemoryStorage
import Testing
import TransparencyLog

@testable import Gateway
@testable import Simulator

/// What of an epoch that ended comes into the next one, and the one after it. Who judges is the simulator's checker, which
/// shares nothing with the gateway but the decoder of entries.
@Suite struct CarryOverTests {
  /// Five epochs with holes and power cuts.
  @Test(arguments: 1...72 as ClosedRange<UInt64>)
  func `through any chain of epochs nothing is lost, told twice or left unexplained`(
    seed: UInt64
  ) throws {
    var chain = CarriedChain(seed: seed)
    for _ in 0..<5 {
      let before = chain.ended
      let log = try chain.run()
      expectWhole(log, "seed \(seed), epoch \(before.map { $0.epoch + 1 } ?? 1)")
      let found = try told(log)
      #expect(Set(found.carried).count == found.carried.count, "seed \(seed): entries stand twice")
      #expect(Set(found.own).count == found.own.count, "seed \(seed): holes are told twice")
      guard let before else { continue }
      let readable = WholeEntry.readable(
        in: CarriedChain.segments(of: before.disk).map {
          WholeSegment(sequence: $0.sequence, $0.bytes, epoch: before.epoch)
        })
      // What was never committed is not owed; it may be carried over where it stands.
      let leaves = before.log.map { entry in Tree.leaf(entry.span) }
      let lost = readable.filter {
        $0.index >= Int(before.acknowledged) && !found.carried.contains($0.place)
          && $0.leaf == leaves[$0.index]
      }
      #expect(lost.isEmpty, "seed \(seed): \(lost.count) of epoch \(before.epoch) are lost")
    }
  }

  /// Wherever the power goes, the next start makes of it the log that one start makes.
  @Test(arguments: 101...104 as ClosedRange<UInt64>)
  func `a power cut behind any entry changes nothing`(seed: UInt64) throws {
    var chain = CarriedChain(seed: seed)
    for _ in 0..<4 { _ = try chain.run() }
    // At the same time each time.
    let ended = chain
    let whole = try chain.start(on: []).log
    let expected = try told(whole)
    for count in 1..<whole.count {
      chain = ended
      let log = try chain.start(on: Array(whole[..<count])).log
      let found = try told(log)
      #expect(found.carried == expected.carried, "seed \(seed), cut at \(count)")
      #expect(found.own == expected.own, "seed \(seed), cut at \(count)")
      guard found.carried == expected.carried, found.own == expected.own else { return }
    }
  }

  /// A log has an entry or an explanation for each slot, and so has every log that ends earlier: an explanation
  /// stands before what goes on behind it.
  private func expectWhole(
    _ log: [[UInt8]], _ place: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var ledger = SlotLedger()
    for (index, entry) in log.enumerated() {
      ledger.take(entry)
      guard index % 16 == 15 || index == log.count - 1 else { continue }
      var ended = ledger
      ended.finish()
      guard !ended.problems.isEmpty else { continue }
      Issue.record(
        "\(place), \(index + 1) of \(log.count): \(ended.problems)", sourceLocation: sourceLocation)
      return
    }
  }

  /// Where the carried entries of a log stood first, in order, and what it says itself of holes and of the clock.
  private func told(_ log: [[UInt8]]) throws -> (carried: [FirstPlace], own: [String]) {
    var carried: [FirstPlace] = []
    var own: [String] = []
    var channels: [UInt64: String] = [:]
    for (index, bytes) in log.enumerated() {
      let entry = try Entry.decode(bytes.span)
      if let origin = entry.carriedFrom(in: bytes.span) {
        carried.append(FirstPlace(origin, entry.head))
        continue
      }
      switch entry {
      case .config(let config):
        channels[UInt64(index)] = String(decoding: bytes[config.name], as: UTF8.self)
      case .event(let event) where event.code == .clockStepped && !carried.isEmpty:
        own.append("\(carried.count): the clock is set \(bytes[event.arguments])")
      case .event(let event):
        guard let shed = event.shed(in: bytes.span),
          shed.reasonCode == UInt64(EventEntry.ShedReason.epochEnded.rawValue)
        else { continue }
        let name = channels[shed.channel] ?? "?"
        own.append("\(carried.count): \(name) lacks \(shed.firstSlot) to \(shed.lastSlot)")
      default: break
      }
    }
    return (carried, own)
  }
}
