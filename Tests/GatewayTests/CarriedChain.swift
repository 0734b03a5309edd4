import HAL
import HostCrypto
import MemoryStorage
import Sampling
import Testing
import TransparencyLog

@testable import Gateway
@testable import Journal
@testable import Simulator

/// A gateway whose epochs end one after another: each log loses frames on its medium, and what is left of it is carried
/// over into the next one, with power cuts on the way. Some of what a cut took away stands on the medium all the same, in a
/// segment that was given up. A seed determines all of it.
struct CarriedChain {
  /// An epoch that ended, as its medium shows it.
  struct Ended {
    var epoch: UInt32
    var disk: MemoryDisk
    var acknowledged: UInt64
    /// What was committed.
    var log: [[UInt8]]
  }

  private var entropy: SeededEntropy
  private var mono: UInt64 = 1_000_000
  private var clockOffset: Int64 = 0
  private var boot: UInt64 = 0
  private(set) var ended: Ended?
  /// Entries that were written and never committed, in front of others that took their places.
  private var uncommitted: [Int: [[UInt8]]] = [:]
  private let site = Station.site(
    "a", [.init(unit: 1, requests: 3), .init(unit: 2, period: 5_000, requests: 2), .init(unit: 3)])

  init(seed: UInt64) { entropy = SeededEntropy(seed: seed) }

  /// Runs the next epoch, with starts that a power cut ends anywhere, and gives its log.
  mutating func run() throws -> [[UInt8]] {
    var log: [[UInt8]] = []
    uncommitted = [:]
    var cuts = entropy.below(4)
    while true {
      let station = try start(on: log)
      let opened = station.log.count
      live(station)
      mono = station.mono
      guard cuts > 0 else {
        try end(station)
        return station.log
      }
      cuts -= 1
      // More often in what a start logs, where all is carried over.
      let last = entropy.chance(700_000) ? opened : station.log.count
      log = Array(station.log[..<Int(entropy.within(UInt64(log.count)...UInt64(last)))])
      guard log.count < station.log.count, entropy.chance(500_000) else { continue }
      let lost = station.log[log.count...].prefix(Int(entropy.within(1...40)))
      uncommitted[log.count] = Array(lost)
    }
  }

  /// Starts on a log of the epoch behind the one that ended.
  mutating func start(on log: [[UInt8]]) throws -> Station {
    boot += 1
    mono += entropy.within(1_000_000...20_000_000)
    if entropy.chance(200_000) { setClock() }
    let ended = ended
    return try Station(site, log: log, at: mono, clockOffset: clockOffset, boot: boot) {
      opening, drain in
      opening.boot(
        bootID: InlineArray(repeating: 0), previousSize: 0, previousRoot: .zero,
        softwareHash: .zero, origin: try Rig.origin, drain: drain)
      guard let ended else { return }
      var carryOver = CarryOver(
        storage: MemoryBlockStorage(disk: ended.disk),
        configuration: try Rig.configuration(epoch: ended.epoch),
        acknowledged: ended.acknowledged, byteCount: 0)
      try carryOver.run(&opening, drain: drain, hasRoom: { _ in true })
    }
  }

  /// Set back, or forward, by up to a minute.
  private mutating func setClock() {
    clockOffset += Int64(entropy.within(0...120_000_000)) - 60_000_000
  }

  /// Half a minute with meters that fall silent and a clock that is set.
  private mutating func live(_ station: Station) {
    for _ in 0..<entropy.within(1...6) {
      if entropy.chance(100_000) {
        setClock()
        station.clockOffset = clockOffset
      }
      station.silent = entropy.chance(200_000) ? [UInt8(entropy.within(1...3))] : []
      station.run(entropy.within(500_000...8_000_000))
    }
  }

  /// The epoch ends: its log stands in frames, of which some are damaged.
  private mutating func end(_ station: Station) throws {
    let epoch = (ended?.epoch ?? 0) + 1
    let disk = MemoryDisk()
    var history = LogHistory()
    var evidence = try RecoveredLog(
      storage: MemoryBlockStorage(disk: disk), configuration: try Rig.configuration(epoch: epoch),
      history: &history
    ).takeEvidence()
    for (index, entry) in station.log.enumerated() {
      if let lost = uncommitted[index] {
        try evidence.journal.commit()
        try leave(lost, behind: &evidence.journal, on: disk, epoch: epoch)
      }
      let fits = evidence.journal.stage(entry.span)
      #expect(fits)
      if entropy.chance(200_000) { try evidence.journal.commit() }
    }
    try evidence.journal.commit()
    damage(disk, perMillion: [0, 30_000, 120_000][Int(entropy.below(3))])
    disk.replace(MemoryBlockStorage.name(.documents), with: station.documents)
    let acknowledged = entropy.chance(500_000) ? 0 : entropy.below(UInt64(station.log.count))
    ended = Ended(epoch: epoch, disk: disk, acknowledged: acknowledged, log: station.log)
  }

  /// Entries stand in the next segment, and the log goes on in the one behind it, from where it was.
  private func leave(
    _ entries: [[UInt8]], behind journal: inout Journal<MemoryBlockStorage>, on disk: MemoryDisk,
    epoch: UInt32
  ) throws {
    let copy = MemoryDisk()
    copy.restore(disk.objects)
    var history = LogHistory()
    var other = try RecoveredLog(
      storage: MemoryBlockStorage(disk: copy), configuration: try Rig.configuration(epoch: epoch),
      history: &history
    ).takeEvidence()
    other.journal.abandonTail()
    let next = max(journal.nextSequence, other.journal.nextSequence)
    other.journal.nextSequence = next
    for entry in entries { if !other.journal.stage(entry.span) { break } }
    try other.journal.commit()
    let name = MemoryBlockStorage.name(.segment(sequence: next))
    disk.replace(name, with: copy.bytes(name))
    journal.abandonTail()
    journal.nextSequence = next + 1
  }

  private mutating func damage(_ disk: MemoryDisk, perMillion rate: UInt32) {
    for (sequence, bytes) in CarriedChain.segments(of: disk) {
      var bytes = bytes
      for offset in stride(from: 4_096, to: bytes.count, by: 4_096)
      where bytes[offset...].starts(with: Array("TSJF".utf8)) && entropy.chance(rate) {
        bytes[offset + 44 + Int(entropy.below(60))] ^= 0x40
      }
      disk.replace(MemoryBlockStorage.name(.segment(sequence: sequence)), with: bytes)
    }
  }

  /// The segments on a disk, in their order.
  static func segments(of disk: MemoryDisk) -> [(sequence: UInt64, bytes: [UInt8])] {
    disk.objects.compactMap { name, bytes in
      UInt64(name.dropFirst(8)).flatMap { name.hasPrefix("segment.") ? ($0, bytes) : nil }
    }.sorted { $0.0 < $1.0 }
  }
}
