import HAL
import HostCrypto
import Journal
import MemoryStorage
import Metering
import Testing
import TransparencyLog

@testable import Gateway

/// A log whose medium was damaged comes back from the mirror's copy, and only as it was signed.
@Suite struct LogMendingTests {
  /// A signed log of 40 commits on two epochs' disks, and a mirror that has it.
  private final class Bench {
    let disks = [MemoryDisk(), MemoryDisk()]
    var entries: [[UInt8]] = []
    /// What the mirror has; a test changes it.
    var copy: [[UInt8]] = []
    var requests: [BundleRequest] = []
    var isReachable = true
    /// µs that each answer takes.
    var delay: UInt64 = 50_000
    var now: UInt64 = 5_000_000
    private(set) var image: [String: [UInt8]] = [:]

    init() throws {
      let log = try Rig.log(on: disks[0])
      var evidence = log.takeEvidence()
      for commit in 0..<40 {
        for _ in 0..<(5 + commit % 7) {
          let entry = Rig.entry(UInt64(entries.count), padding: 60 + commit * 13)
          let isStaged = evidence.journal.stage(entry.span)
          #expect(isStaged)
          entries.append(entry)
        }
        try evidence.journal.commit()
      }
      let size = UInt64(entries.count)
      let root = naiveRoot(entries.map { Tree.leaf($0.span) }[...])
      try evidence.journal.recordSigned(size: size, root: root, note: [0x61].span)
      for _ in 0..<2 {
        try evidence.journal.recordAcknowledged(size: size, cosignedNote: [0x62].span)
      }
      copy = entries
      for name in segments { image[name] = disks[0].bytes(name) }
    }

    var segments: [String] {
      (0..<20).map { "segment.\($0)" }.filter { !disks[0].bytes($0).isEmpty }
    }

    func answer(_ request: BundleRequest) -> BundleAnswer {
      requests.append(request)
      now += delay
      guard isReachable, delay <= request.patience else { return .refused }
      switch request.object {
      case .checkpoint:
        let root = naiveRoot(copy.map { Tree.leaf($0.span) }[...])
        let checkpoint = Checkpoint(origin: request.origin, size: UInt64(copy.count), root: root)
        guard var key = try? Rig.key() else { return .refused }
        return .taken(ByteWriter.bytes { _ = checkpoint.sign(with: &key, to: &$0) })
      case .bundle(let index, let width):
        let first = Int(index) * 256
        guard first < copy.count, width == min(256, copy.count - first) else { return .refused }
        return .taken(
          copy[first..<(first + width)].flatMap {
            [UInt8($0.count >> 8), UInt8($0.count & 255)] + $0
          })
      }
    }

    func open(_ history: inout LogHistory) throws -> OpenedLog<MemoryBlockStorage> {
      let disks = disks
      let origin = try Rig.origin
      var shelf = LogShelf<MemoryBlockStorage>(
        newestEpoch: disks[1].bytes("super.0").isEmpty ? 1 : 2, segmentByteCount: 32 << 10,
        quotaByteCount: 1 << 30,
        origin: { _ in origin }, holds: { Int($0) <= disks.count },
        storage: { epoch throws(StorageError) in
          MemoryBlockStorage(disk: disks[Int(epoch) - 1])
        })
      shelf.bundles = { [unowned self] in answer($0) }
      shelf.uptime = { [unowned self] in now }
      return try OpenedLog(on: shelf, history: &history)
    }

    func flip(_ segment: String, at offset: Int) {
      var bytes = disks[0].bytes(segment)
      bytes[offset] ^= 0x40
      disks[0].replace(segment, with: bytes)
    }

    func fill(_ segment: String, _ range: Range<Int>) {
      var bytes = disks[0].bytes(segment)
      for i in range { bytes[i] = 0xEE }
      disks[0].replace(segment, with: bytes)
    }

    func restore() {
      disks[0].restorePower()
      for (name, bytes) in image { disks[0].replace(name, with: bytes) }
      for name in disks[1].objects.keys { disks[1].replace(name, with: nil) }
      requests = []
    }

    /// The log goes on in its epoch and has all its entries.
    func expectWhole(_ place: String = "") throws {
      var history = LogHistory()
      let opened = try open(&history)
      #expect(opened.epoch == 1, "\(place)")
      let log = try Rig.log(on: disks[0])
      var evidence = log.takeEvidence()
      var found: [[UInt8]] = []
      try evidence.journal.visit(0..<UInt64(entries.count)) { (_: UInt64, entry: Span<UInt8>) in
        found.append(entry.withUnsafeBufferPointer { Array($0) })
      }
      #expect(found == entries, "\(place)")
    }
  }

  @Test func `a damaged frame comes back byte for byte and the epoch goes on`() throws {
    let bench = try Bench()
    for name in bench.segments.dropLast() {
      for offset in stride(from: 4_096, to: 32 << 10, by: 4_096) {
        bench.restore()
        guard bench.disks[0].bytes(name)[offset..<offset + 60].contains(where: { $0 != 0 }) else {
          continue
        }
        bench.flip(name, at: offset + 50)
        var history = LogHistory()
        let opened = try bench.open(&history)
        let end = opened.end
        #expect(opened.epoch == 1 && end == nil, "\(name) \(offset)")
        #expect(history.mended.count == 1)
        #expect(bench.disks[0].bytes(name) == bench.image[name])
        #expect(bench.requests.first?.object == .checkpoint && bench.requests.count <= 3)
      }
    }
    try bench.expectWhole()
  }

  /// What the medium refused is said, although it took it then.
  @Test func `a mending is begun anew when the medium refuses a write`() throws {
    let bench = try Bench()
    for refusals in 0...3 {
      bench.restore()
      bench.flip("segment.1", at: 4_096 + 50)
      var left = refusals
      bench.disks[0].refusesWrite = { object, _ in
        guard case .segment = object, left > 0 else { return false }
        left -= 1
        return true
      }
      var history = LogHistory()
      let opened = try bench.open(&history)
      // Three attempts, and then the epoch ends.
      let isMended = refusals < 3
      #expect(opened.epoch == (isMended ? 1 : 2) && left == 0, "\(refusals)")
      let report = RecorderReport()
      _ = try Rig.start(
        opened, history, origin: try Rig.origin, key: try Rig.key(), mirrorKey: try Rig.mirrorKey(),
        report: report)
      #expect(report.isMended == isMended)
      #expect(
        report.takeNotice() == (isMended && refusals > 0 ? .storageDegraded : nil), "\(refusals)")
    }
  }

  @Test func `frames that were lost together come back as mended ones`() throws {
    let bench = try Bench()
    for count in 2...6 {
      bench.restore()
      bench.fill("segment.1", 4_096..<(4_096 * (1 + count)))
      bench.fill("segment.2", 8_192..<(8_192 + 4_096 * (count - 1)))
      var history = LogHistory()
      let opened = try bench.open(&history)
      #expect(opened.epoch == 1 && history.mended.count == 2)
      #expect(bench.disks[0].bytes("segment.1") != bench.image["segment.1"])
      try bench.expectWhole("\(count)")
    }
  }

  @Test func `a mirror that lies changes nothing, and the epoch ends`() throws {
    let bench = try Bench()
    for lie in 0..<5 {
      bench.restore()
      bench.copy = bench.entries
      bench.fill("segment.1", 8_192..<16_384)
      let damaged = bench.disks[0].bytes("segment.1")
      switch lie {
      case 0: for i in bench.copy.indices { bench.copy[i][bench.copy[i].count - 1] ^= 1 }
      case 1: bench.copy.removeLast(bench.copy.count - 20)
      case 2: bench.copy = []
      case 3: for i in bench.copy.indices { bench.copy[i].append(0) }
      default: bench.copy.reverse()
      }
      var history = LogHistory()
      let opened = try bench.open(&history)
      #expect(opened.epoch == 2 && history.mended.isEmpty, "lie \(lie)")
      guard case .damaged(.journal(let error)) = opened.end, case .gap = error else {
        Issue.record("lie \(lie)")
        continue
      }
      #expect(bench.disks[0].bytes("segment.1") == damaged)
    }
  }

  @Test func `a start waits for the mirror for half a minute and no longer`() throws {
    let bench = try Bench()
    bench.fill("segment.0", 4_096..<8_192)
    bench.delay = 29_000_000
    let begin = bench.now
    var history = LogHistory()
    let late = try bench.open(&history)
    #expect(late.epoch == 2)
    #expect(bench.now - begin <= 2 * 29_000_000)
    #expect(bench.requests.map(\.patience) == [30_000_000, 1_000_000])
    bench.restore()
    bench.fill("segment.0", 4_096..<8_192)
    bench.isReachable = false
    let unreached = try bench.open(&history)
    #expect(unreached.epoch == 2 && bench.requests.count == 1)
  }

  @Test func `a header of a segment needs no mirror`() throws {
    let bench = try Bench()
    bench.isReachable = false
    bench.flip("segment.1", at: 17)
    var history = LogHistory()
    let opened = try bench.open(&history)
    #expect(opened.epoch == 1 && bench.requests.isEmpty)
    #expect(history.mended.map(\.count) == [0])
    #expect(bench.disks[0].bytes("segment.1") == bench.image["segment.1"])
  }

  @Test(arguments: [MemoryDisk.Fault.refused, .half, .doneButReported])
  func `one operation that fails while a log is mended ends no epoch`(
    fault: MemoryDisk.Fault
  ) throws {
    let bench = try Bench()
    for operation in stride(from: 1, through: 160, by: 3) {
      bench.restore()
      bench.fill("segment.1", 4_096..<20_480)
      bench.disks[0].faults = [bench.disks[0].operationCount + operation: fault]
      var history = LogHistory()
      let opened = try bench.open(&history)
      #expect(opened.epoch == 1, "\(fault) in \(operation)")
      bench.disks[0].restorePower()
      try bench.expectWhole("\(fault) in \(operation)")
    }
  }

  @Test func `wherever the power goes while a log is mended, the next start mends it`() throws {
    let bench = try Bench()
    var operation = 1
    var isOver = false
    while !isOver {
      for tear in [MemoryDisk.Tear.first(0), .first(3), .last(3)] {
        bench.restore()
        bench.fill("segment.1", 4_096..<20_480)
        bench.fill("segment.2", 8_192..<12_288)
        bench.disks[0].cut = (bench.disks[0].operationCount + operation, tear)
        var history = LogHistory()
        if (try? bench.open(&history)) != nil, !bench.disks[0].hasJustDied { isOver = true }
        bench.disks[0].restorePower()
        // What a start without a medium began is no epoch.
        for name in bench.disks[1].objects.keys { bench.disks[1].replace(name, with: nil) }
        try bench.expectWhole("operation \(operation), \(tear)")
      }
      operation += 1
    }
    #expect(operation > 60)
  }

  @Test func `the log and the status say what came back`() throws {
    let bench = try Bench()
    bench.fill("segment.0", 4_096..<8_192)
    bench.flip("segment.1", at: 17)
    var history = LogHistory()
    let opened = try bench.open(&history)
    let runs = history.mended
    try #require(runs.count == 2)
    let queue = EntryQueue()
    let report = RecorderReport()
    let start = try Rig.start(
      opened, history, origin: try Rig.origin, key: try Rig.key(), mirrorKey: try Rig.mirrorKey(),
      queue: queue, report: report)
    _ = try start.begin(
      Station.site("s: 1\n", [Station.Meter(unit: 1)]), at: Rig.instant(9_000_000))
    #expect(report.isMended)
    #expect(StandingCondition.allCases.filter { $0.holds(in: report) } == [.mended])
    let log = try Rig.log(on: bench.disks[0])
    var evidence = log.takeEvidence()
    var told: [Range<UInt64>] = []
    let end = evidence.journal.committedSize
    try evidence.journal.visit(UInt64(bench.entries.count)..<end) {
      (_: UInt64, entry: Span<UInt8>) in
      guard case .event(let event)? = try? Entry.decode(entry), event.code == .mended,
        let first = event.argument(0, in: entry), let end = event.argument(1, in: entry)
      else { return }
      told.append(first..<end)
    }
    #expect(told == runs)
  }
}
