import Gateway
import HAL
import HostCrypto

import Testing
import TransparencyLog
import Uplink

@testable import Journal
@testable import Simulator

/// Each checker sees what it is there for, and nothing in a run without faults.
@Suite struct CheckerTests {
  private let world = SmallWorld()

  @Test func `a checkpoint that is not durable, or not over what was written`() throws {
    let simulation = try world.simulation(seed: 1)
    _ = simulation.run()
    let newest = try #require(simulation.disk.newestSuperblock(1))
    let page = try #require(simulation.disk.volumes[0].superblocks[Int(newest.slot)])
    let note = page[128..<(128 + newest.block.signedNoteByteCount)]
    let request = UplinkRequest(path: .addCheckpoint, body: Array("old 0\n\n".utf8) + note)
    let size = newest.block.signedSize
    let epoch = simulation.epoch
    #expect(epoch.look(at: request, durable: size) == nil)
    #expect(epoch.look(at: request, durable: nil) == nil)
    #expect(epoch.look(at: request, durable: size - 1)?.contains("durable is") == true)
    var leaves = epoch.oracle.leaves
    leaves[3] = .zero
    epoch.oracle = LogOracle(leaves: leaves)
    #expect(epoch.look(at: request, durable: size)?.contains("not over the entries") == true)
    epoch.oracle = LogOracle(leaves: Array(leaves.prefix(3)))
    #expect(epoch.look(at: request, durable: size)?.contains("3 were written") == true)
    var forged = request
    forged.body[forged.body.count - 10] ^= 1
    #expect(epoch.look(at: forged, durable: size)?.contains("did not sign") == true)
  }

  @Test func `what is acknowledged and not there, or another`() throws {
    let simulation = try world.simulation(seed: 1)
    _ = simulation.run()
    let epoch = simulation.epoch
    let mirrored = epoch.mirror.mirrored
    var checker = AcknowledgementChecker()
    let fine = checker.look(acknowledged: mirrored, epoch.mirror, epoch.oracle)
    #expect(fine == nil)
    let more = checker.look(acknowledged: mirrored + 1, epoch.mirror, epoch.oracle)
    #expect(more?.contains("the mirror has signed for") == true)
    var leaves = epoch.oracle.leaves
    leaves[5] = .zero
    checker = AcknowledgementChecker()
    let other = checker.look(acknowledged: mirrored, epoch.mirror, LogOracle(leaves: leaves))
    #expect(other == "entry 5 in the mirror is not the one recorded")
  }

  @Test func `a channel of which nothing is known any more`() throws {
    let simulation = try world.simulation(seed: 1)
    #expect(simulation.run().violations == [])
    let now = simulation.time.instant.utc
    #expect(simulation.epoch.ledger.silentChannels(at: now).isEmpty)
    let allowed = SlotLedger.silenceMax + 3_000_000
    #expect(simulation.epoch.ledger.silentChannels(at: now + allowed - 5_000_000).isEmpty)
    #expect(simulation.epoch.ledger.silentChannels(at: now + allowed + 60_000_000).count == 1)
  }

  @Test func `a superblock over the newest, older, or less`() throws {
    let disk = SimulatedDisk(
      faults: FaultModel(), capacity: .max, entropy: SeededEntropy(seed: 1))
    func bytes(
      _ generation: UInt64, signed: UInt64, released: UInt64 = 0, boot: UInt32 = 2,
      acknowledged: UInt64 = 5
    ) -> [UInt8] {
      var block = Superblock(generation: generation, epoch: 1, originHash: .zero)
      block.bootCounter = boot
      block.acknowledgedSize = acknowledged
      block.signedSize = signed
      block.releasedSize = released
      var page = [UInt8](repeating: 0, count: 4_096)
      page.withUnsafeMutableBufferPointer { block.write(into: $0) }
      return page
    }
    func problem(_ bytes: [UInt8], to slot: UInt8) -> String? {
      bytes.withUnsafeBytes { disk.problem(writing: $0, toSuperblock: slot, of: 1) }
    }
    try disk.whole(1, .superblock(slot: 0), bytes(4, signed: 7, released: 7))
    try disk.whole(1, .superblock(slot: 1), bytes(3, signed: 7))
    #expect(problem(bytes(5, signed: 9, released: 7), to: 1) == nil)
    #expect(problem(bytes(5, signed: 9, released: 7), to: 0)?.contains("written over") == true)
    #expect(problem(bytes(4, signed: 9, released: 7), to: 1)?.contains("older") == true)
    #expect(problem(bytes(5, signed: 6, released: 6), to: 1)?.contains("takes back") == true)
    #expect(problem(bytes(5, signed: 9, released: 0), to: 1)?.contains("takes back") == true)
    let fewerBoots = bytes(5, signed: 9, released: 7, boot: 1)
    #expect(problem(fewerBoots, to: 1)?.contains("takes back") == true)
    let lessAcknowledged = bytes(5, signed: 9, released: 7, acknowledged: 4)
    #expect(problem(lessAcknowledged, to: 1)?.contains("takes back") == true)
    // One that the agent was told has failed may be overwritten.
    disk.refusedSuperblocks = [0]
    #expect(problem(bytes(5, signed: 9, released: 7), to: 0) == nil)
  }

  @Test func `an answer that is damaged, or somebody else's`() {
    // Modbus over serial line V1.02: unit 1 reads one register, 230; both CRCs are those of minimalmodbus 2.1.1.
    let request: [UInt8] = [0x01, 0x03, 0x00, 0x00, 0x00, 0x01, 0x84, 0x0A]
    let answer: [UInt8] = [0x01, 0x03, 0x02, 0x00, 0xE6, 0x39, 0xCE]
    #expect(AnswerChecker.problem(of: answer[...], to: request) == nil)
    for at in answer.indices {
      var damaged = answer
      damaged[at] ^= 0x10
      #expect(AnswerChecker.problem(of: damaged[...], to: request) != nil, "byte \(at)")
    }
    // DL/T 645-2007: address 1, energy 00000000, with what wakes it in front.
    let asked: [UInt8] = [
      0xFE, 0xFE, 0x68, 1, 0, 0, 0, 0, 0, 0x68, 0x11, 4, 0x33, 0x33, 0x33, 0x33,
    ]
    var said: [UInt8] = [
      0x68, 1, 0, 0, 0, 0, 0, 0x68, 0x91, 8, 0x33, 0x33, 0x33, 0x33, 0x34, 0x33, 0x33, 0x33,
    ]
    said += [said.reduce(0, &+), 0x16]
    #expect(AnswerChecker.problem(of: ([0xFE] + said)[...], to: asked) == nil)
    for at in said.indices {
      var damaged = said
      damaged[at] ^= 0x10
      #expect(AnswerChecker.problem(of: damaged[...], to: asked) != nil, "byte \(at)")
    }
    var stranger = said
    stranger[1] = 2
    stranger[stranger.count - 2] &+= 1
    #expect(AnswerChecker.problem(of: stranger[...], to: asked) == "is of another address")
  }

  @Test func `an answer to another request, which looks the same`() {
    // As in the test above, and the same of register 1.
    let request: [UInt8] = [0x01, 0x03, 0x00, 0x00, 0x00, 0x01, 0x84, 0x0A]
    let other: [UInt8] = [0x01, 0x03, 0x00, 0x01, 0x00, 0x01, 0xD5, 0xCA]
    let answer: [UInt8] = [0x01, 0x03, 0x02, 0x00, 0xE6, 0x39, 0xCE]
    #expect(AnswerChecker.problem(of: answer[...], to: other) == nil)
    let book = AnswerBook()
    book.note(answer + [0xFF, 0x01], to: request)
    #expect(book.has(answer[...], to: request) && !book.has(answer[...], to: other))
    #expect(!book.has(answer.dropLast(), to: request))
    // The tail of an earlier answer, two meters that answer at once, and what their collision leaves.
    let slower: [UInt8] = [0x01, 0x03, 0x02, 0x00, 0xE7, 0xF8, 0x0E]
    book.note([0x12, 0x34] + answer + [0xFF, 0xFF, 0xFF] + slower + [0xFF], to: other)
    #expect(book.has(answer[...], to: other) && book.has(slower[...], to: other))
    // Two registers were asked for, and one came.
    let longer: [UInt8] = [0x01, 0x03, 0x00, 0x00, 0x00, 0x02, 0xC4, 0x0B]
    #expect(AnswerChecker.problem(of: answer[...], to: longer) == "is not as long as was asked for")
  }

  @Test func `parts of answers that make a frame by chance`() {
    let request: [UInt8] = [0x01, 0x03, 0x00, 0x00, 0x00, 0x01, 0x84, 0x0A]
    let other: [UInt8] = [0x01, 0x03, 0x00, 0x01, 0x00, 0x01, 0xD5, 0xCA]
    let answer: [UInt8] = [0x01, 0x03, 0x02, 0x00, 0xE6, 0x39, 0xCE]
    let chance: [UInt8] = [0x01, 0x03, 0x02, 0x00, 0xE7, 0xF8, 0x0E]
    let book = AnswerBook()
    book.note(answer, to: request)
    // Nobody can tell it from an answer; a whole one to another request is one that came late, and nothing but that.
    book.noteChance([0x55] + chance + answer, to: other)
    #expect(book.has(chance[...], to: other) && !book.has(answer[...], to: other))
    var broken = chance
    broken[4] ^= 1
    book.noteChance(broken, to: other)
    #expect(!book.has(broken[...], to: other), "with a wrong checksum")
  }

  @Test func `what waits for longer than a commit interval`() {
    func checker(_ body: (inout CommitChecker) -> Void) -> Bool {
      var checker = CommitChecker(interval: 5_000_000)
      checker.restart(at: 1_000_000)
      let first = checker.look(recorded: 3, committed: 2, at: 1_000_000)
      let inTime = checker.look(recorded: 9, committed: 2, at: 8_000_000)
      #expect(first == nil && inTime == nil)
      body(&checker)
      return checker.look(recorded: 9, committed: 2, at: 8_000_001) == nil
    }
    #expect(!checker { _ in })
    #expect(checker { _ = $0.look(recorded: 9, committed: 3, at: 8_000_000) })
    #expect(checker { $0.excuse(committed: 2) })
    #expect(checker { $0.restart(at: 8_000_000) })
    // Committing goes on, and so does the watch.
    var checker = CommitChecker(interval: 5_000_000)
    checker.excuse(committed: 2)
    let problems = [(3, 0), (4, 1_000_000), (5, 9_000_000)].map { end, at in
      checker.look(recorded: UInt64(end), committed: end == 3 ? 2 : 3, at: UInt64(at))
    }
    #expect(problems.map { $0 == nil } == [true, true, false])
  }

  @Test func `a boot number that was there, or a lower one`() {
    var checker = BootChecker()
    checker.begin()
    #expect(checker.look(1) == nil)
    // The frame is written once more.
    #expect(checker.look(1) == nil)
    checker.begin()
    #expect(checker.look(1)?.contains("boot 1") == true)
    #expect(checker.look(4) == nil)
    // A start that wrote nothing.
    checker.begin()
    checker.begin()
    #expect(checker.look(3) != nil)
    checker.setBack(to: 2)
    #expect(checker.look(2) != nil)
    #expect(checker.look(3) == nil)
  }

  @Test func `a tile under another number, or with another hash`() throws {
    let simulation = try world.simulation(seed: 1)
    _ = simulation.run()
    let leaves = (0..<131_072 as Range<UInt32>).map { number in
      Tree.leaf([UInt8(number >> 16), UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)].span)
    }
    let epoch = simulation.epoch
    epoch.oracle = LogOracle(leaves: leaves)
    var tile = (0..<256).flatMap { at -> [UInt8] in
      var range = LogOracle(leaves: Array(leaves[at * 256..<(at + 1) * 256]))
      guard let root = range.root(size: 256) else { return [] }
      return (0..<32).map { root.bytes[$0] }
    }
    func problem(_ index: UInt64) -> String? {
      epoch.look(at: [SimulatedDisk.TileKey(level: 1, index: index): tile])
    }
    #expect(problem(0) == nil)
    #expect(problem(1) != nil && problem(2) != nil)
    tile[77] ^= 1
    #expect(problem(0) != nil)
  }

  @Test func `what is acknowledged does not use up the room`() throws {
    let simulation = try world.simulation(seed: 5, seconds: 1_800)
    #expect(simulation.run().violations == [])
    let (all, earlier) = simulation.disk.byteCount(1, from: 0)
    let standing = simulation.disk.volumes[0].segments.filter { !$0.frames.isEmpty }
    #expect(standing.count > 5 && simulation.disk.volumes[0].sealed.isEmpty)
    #expect(earlier == 0 && all == standing.reduce(0) { $0 + $1.bytes.count })
    let half = simulation.disk.byteCount(1, from: simulation.machine.report.committedSize / 2).kept
    #expect(half < all && half > all / 3)
    #expect(simulation.disk.byteCount(1, from: .max).kept == 0)
  }

  @Test func `a fault that nothing tells of`() {
    var checker = VisibilityChecker()
    checker.expect(.portLost, for: .unplugged, committed: 0, at: 1)
    #expect(checker.unseen(in: SlotLedger()).count == 1)
  }

  @Test func `a boot tells of what the agent saw just before, and of nothing else`() throws {
    let simulation = try world.simulation(seed: 1, seconds: 4_000, [.agentKilled: 40])
    #expect(simulation.run().violations == [])
    let ledger = simulation.epoch.ledger
    let boots = ledger.notable.filter { $0.code == 0 }
    try #require(boots.count > 1)
    let before = boots[1].index - 1
    func unseen(_ body: (inout VisibilityChecker) -> Void) -> Int {
      var checker = VisibilityChecker()
      checker.expect(.portLost, for: .unplugged, committed: before, at: 100_000_000)
      body(&checker)
      return checker.unseen(in: ledger).count
    }
    #expect(unseen { _ in } == 1)
    // What was committed and is lost with the medium is behind the boot that tells.
    var lost = VisibilityChecker()
    let last = boots[boots.count - 1].index
    lost.expect(.portLost, for: .unplugged, committed: last + 1, at: 100_000_000)
    lost.agentEnded(at: 100_000_000, committed: .max, failingSince: nil)
    #expect(lost.unseen(in: ledger).count == 1)
    lost.agentStarted(on: last)
    #expect(lost.unseen(in: ledger) == [])
    func unseen(at time: UInt64, since: UInt64?, waits: Bool = false) -> Int {
      unseen {
        if waits { $0.agentWaits(from: 110_000_000, until: 350_000_000) }
        $0.agentEnded(at: time, committed: before, failingSince: since)
      }
    }
    #expect(unseen(at: 110_000_000, since: nil) == 0)
    #expect(unseen(at: 400_000_000, since: nil) == 1)
    #expect(unseen(at: 400_000_000, since: 90_000_000) == 0)
    #expect(unseen(at: 400_000_000, since: 300_000_000) == 1)
    #expect(unseen(at: 400_000_000, since: nil, waits: true) == 0)
  }

  @Test func `damage that a start did not find, and a log that goes on behind what was seen of it`()
    throws
  {
    let simulation = try world.simulation(seed: 1)
    #expect(simulation.run().violations == [])
    simulation.lookAtDamage()
    #expect(simulation.violations == [])
    simulation.disk.volumes[0].segments[0].bytes[4_096 + 60] ^= 1
    simulation.lookAtDamage()
    #expect(simulation.violations.map(\.checker) == [.visibility])
    #expect(simulation.violations.first?.text.contains("cannot be read") == true)
    // The medium is set back to before anything was signed, and the agent does not find out.
    simulation.happened(.fault(.rollback))
    simulation.finish(rested: 1)
    #expect(simulation.violations.count == 1)
    simulation.disk.volumes[0].superblocks = [nil, nil]
    simulation.happened(.fault(.rollback))
    let goesOn = { simulation.violations.dropFirst().contains { $0.text.contains("goes on") } }
    simulation.finish(rested: 1)
    #expect(!goesOn(), "its entries are those that were seen")
    var other = simulation.epoch.oracle.leaves
    other[7] = .zero
    simulation.epoch.oracle = LogOracle(leaves: other)
    simulation.finish(rested: 1)
    #expect(goesOn())
  }

  @Test func `a mirror that shows a witness another history`() throws {
    let simulation = try world.simulation(seed: 1)
    _ = simulation.run()
    let mirror = simulation.epoch.mirror
    let (note, leaves) = (mirror.mirroredNote, mirror.leaves)
    func witness() -> SimulatedWitness<SodiumVerifier> {
      SimulatedWitness(
        origin: mirror.origin, mirrorKey: mirror.verifierKey, verifier: SodiumVerifier())
    }
    var faithful = witness()
    #expect(faithful.look(at: note, leaves: leaves) == nil)
    #expect(faithful.size == mirror.mirrored && faithful.size > 300)
    // One that has lost its copy has nothing to show.
    #expect(faithful.look(at: note, leaves: []) == nil)
    var other = leaves
    other[7] = .zero
    #expect(faithful.look(at: note, leaves: other)?.contains("other entries") == true)
    var fresh = witness()
    #expect(fresh.look(at: note, leaves: other)?.contains("not over its entries") == true)
    var forged = note
    forged[forged.count - 9] ^= 1
    #expect(fresh.look(at: forged, leaves: leaves)?.contains("not signed") == true)
  }

  @Test func `a medium that lies forgets any of what it was given last, and nothing older`() throws
  {
    var faults = FaultModel()
    faults[.lyingFlush] = 1_000_000
    var seen: Set<String> = []
    for seed in 0..<200 as Range<UInt64> {
      let disk = SimulatedDisk(faults: faults, capacity: .max, entropy: SeededEntropy(seed: seed))
      func has(_ sequence: UInt64) -> Bool {
        disk.volumes[0].position(of: sequence) != nil
      }
      try disk.whole(1, .segment(sequence: 0), [UInt8](repeating: 0, count: 8_192))
      try disk.whole(1, .segment(sequence: 1), [1])
      try disk.whole(1, .superblock(slot: 0), [1])
      disk.now = 10_000_000
      try disk.whole(1, .superblock(slot: 0), [2])
      try disk.whole(1, .documents, [3])
      try disk.remove(1, .segment(sequence: 1))
      try disk.recycle(1, 0, as: 2)
      let page = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 1)
      defer { page.deallocate() }
      page.initializeMemory(as: UInt8.self, repeating: 4)
      try disk.write(1, .segment(sequence: 2), at: 4_096, from: UnsafeRawBufferPointer(page))
      disk.now += seed < 100 ? 1_000_000 : 6_000_000
      disk.cut()
      disk.restorePower()
      let superblock = disk.volumes[0].superblocks[0]?.first ?? 0
      let bytes = disk.volumes[0].segments.first { $0.sequence != 1 }?.bytes
      let state =
        "\(superblock) \(disk.volumes[0].documents == nil ? 0 : 3) \(has(0)) \(has(1)) \(has(2)) "
        + "\(bytes?[4_096...].allSatisfy { $0 == 4 } == true)"
      if seed >= 100 { #expect(state == "2 3 false false true true") }
      seen.insert(state)
      // Each segment is there under one name, with its length.
      #expect(has(0) != has(2) && bytes?.count == 8_192)
    }
    #expect(seen.count > 12)
  }

  @Test func `a value that does not come, and a record beyond its budget`() throws {
    var live = LiveChecker(try world.gateway().site)
    live.read(point: 0, utc: 1, at: 1_000_000)
    #expect(live.look(at: 5_000_000) == nil)
    #expect(live.look(at: 7_000_000) != nil)
    var budget = BudgetChecker(CatchUpBudget(byteCount: 1_000, seconds: 1))
    #expect(budget.look(byteCount: 5_000, at: 0) == nil)
    #expect(budget.look(byteCount: 1_000, at: 5_000_000) == nil)
    #expect(budget.look(byteCount: 1_000, at: 5_100_000) != nil)
  }

  @Test func `faults that are drawn cover their range evenly, and half of the media are honest`() {
    var entropy = SeededEntropy(seed: 1)
    var cuts: [UInt32: Int] = [:]
    var honest = 0
    for _ in 0..<4_000 {
      let model = FaultModel.drawn(from: &entropy)
      cuts[model[.powerCut], default: 0] += 1
      if FaultKind.allCases.allSatisfy({ !$0.isLossOfMedium || model[$0] == 0 }) { honest += 1 }
      #expect(model[.rollback] + model[.lyingFlush] == 0 || model[.mirrorLost] == 0)
    }
    // Half of them have none; the others 200, 100, 50, 25, 12 or 6 a day.
    #expect(Set(cuts.keys) == [0, 200, 100, 50, 25, 12, 6])
    for (rate, count) in cuts where rate > 0 { #expect((260...410).contains(count), "\(rate)") }
    #expect((2_000...2_300).contains(honest))
  }
}
