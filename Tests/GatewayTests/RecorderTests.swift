import Gateway
import HAL
import HostCrypto
import Journal
import MemoryStorage
import Metering
import Sampling
import Testing
import TransparencyLog
import Uplink

@Suite struct RecorderTests {
  /// Entries, commits and checkpoints until the power goes or the work is done. Returns the notes that
  /// left the gateway.
  private func work(on disk: MemoryDisk) throws -> [Checkpoint] {
    var released: [Checkpoint] = []
    do {
      let queue = EntryQueue()
      let log = try Rig.log(on: disk)
      var next = log.evidence.journal.committedSize
      let report = RecorderReport()
      var recorder = try Rig.recorder(log, queue: queue, report: report)
      var now: UInt64 = 1_000_000
      for _ in 0..<5 {
        for _ in 0..<25 {
          #expect(Rig.push(Rig.entry(next, padding: 60), to: queue))
          next += 1
        }
        now += 5_100_000
        do throws(RecorderError) { try recorder.step(at: Rig.instant(now)) } catch {
          // The recorder's thread talks to the mirror all the same: what was signed before goes on.
          if let request = try Rig.nextCheckpoint(&recorder, at: now) {
            released.append(try checkpoint(in: request))
          }
          throw error
        }
        if let request = try Rig.nextCheckpoint(&recorder, at: now) {
          released.append(try checkpoint(in: request))
          var entropy = SecureRandom()
          try recorder.receive(
            .failed(.certificateExpired), at: Rig.instant(now), entropy: &entropy)
          #expect(report.linkState == .down)
          #expect(report.linkFailure == .certificateExpired)
          now += 400_000_000
        }
      }
    } catch is RecorderError {
      // The power went.
    }
    return released
  }

  /// The checkpoint in the body of an add-checkpoint request.
  private func checkpoint(in request: UplinkRequest) throws -> Checkpoint {
    let lines = request.body.split(separator: 0x0A, omittingEmptySubsequences: false)
    let blank = try Rig.required(lines.firstIndex { $0.isEmpty })
    let text = Array(lines[(blank + 1)...].joined(separator: [0x0A]))
    return try Checkpoint.open(
      text.span,
      key: try Rig.key().verifierKey(name: try Rig.origin, type: .log), with: SodiumVerifier())
  }

  @Test
  func `no checkpoint leaves before its entries and itself are durable, wherever the power goes`()
    throws
  {
    let whole = MemoryDisk()
    let all = try work(on: whole)
    #expect(all.count >= 2)
    let operations = whole.operationCount
    #expect(operations > 30)
    for operation in 1...operations {
      for tear in [MemoryDisk.Tear.first(0), .first(3), .last(1), .first(64)] {
        let disk = MemoryDisk()
        disk.cut = (operation, tear)
        let released = try work(on: disk)
        disk.restorePower()
        let log = try Rig.log(on: disk)
        let superblock = log.evidence.journal.superblock
        var evidence = log.takeEvidence()
        for checkpoint in released {
          #expect(superblock.signedSize >= checkpoint.size, "cut at \(operation) \(tear)")
          #expect(try rootHash(checkpoint.size, &evidence) == checkpoint.root)
        }
      }
    }
  }

  @Test func `a log goes on after any power cut, and its tree is the one over its entries`() throws
  {
    let whole = MemoryDisk()
    _ = try work(on: whole)
    for operation in stride(from: 1, through: whole.operationCount, by: 3) {
      let disk = MemoryDisk()
      disk.cut = (operation, .first(2))
      _ = try work(on: disk)
      disk.restorePower()
      _ = try work(on: disk)
      let log = try Rig.log(on: disk)
      var evidence = log.takeEvidence()
      let size = evidence.journal.committedSize
      var leaves: [Digest] = []
      try evidence.journal.visit(0..<size) { index, entry in
        leaves.append(Tree.leaf(entry))
        #expect((try? Entry.decode(entry).head.index) == index)
      }
      #expect(evidence.tiles.root() == naiveRoot(leaves[...]))
    }
  }

  /// What a mirror answers to the last package: a line under its name, made with `signer`.
  private func cosignature(
    of size: UInt64, root: Digest, with signer: consuming FileKeySigner
  ) throws -> UplinkResponse {
    let checkpoint = Checkpoint(origin: try Rig.origin, size: size, root: root)
    let line = try Rig.cosignature(
      under: ByteWriter.bytes { checkpoint.writeText(to: &$0) }, with: signer)
    return UplinkResponse(
      status: 200, contentType: Array("text/plain; charset=utf-8".utf8), body: line)
  }

  @Test func `only the configured mirror's signature acknowledges`() throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: report)
    var entropy = SecureRandom()
    var now: UInt64 = 3_000_000
    var size: UInt64 = 0
    for (isTrue, clock) in [
      (false, ClockQuality.unknown), (true, Rig.instant(0).quality), (true, .unknown),
    ] {
      for index in size..<size + 10 { #expect(Rig.push(Rig.entry(index), to: queue)) }
      size += 10
      try recorder.settle(at: Rig.instant(now))
      #expect(report.signedSize == size)
      let root = recorder.evidence.tiles.root()
      while let request = recorder.nextRequest(at: Rig.instant(now)) {
        let answer =
          request.path == .addCheckpoint
          ? UplinkResponse(status: 200)
          : request.body.count < 100
            ? UplinkResponse(status: 422)
            : try cosignature(
              of: size, root: root, with: isTrue ? try Rig.mirrorSigner() : try Rig.key())
        now += 1_000_000
        var instant = Rig.instant(now)
        instant.quality = clock
        try recorder.receive(answer, at: instant, entropy: &entropy)
      }
      #expect(report.isTimeUnchecked == (isTrue && clock == .unknown))
      #expect(report.acknowledgedSize == (isTrue ? size : 0))
      #expect(recorder.evidence.journal.superblock.acknowledgedSize == (isTrue ? size : 0))
    }
  }

  @Test func `what failed has failed until it succeeds, not until nothing is to do`() throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try Rig.recorder(try Rig.log(on: disk), queue: queue, report: report)
    var entropy = SecureRandom()
    var now: UInt64 = 3_000_000
    // Every write fails from the moment on at which the acknowledgement arrives.
    #expect(Rig.push(Rig.entry(0), to: queue))
    try recorder.settle(at: Rig.instant(now))
    #expect(try Rig.nextCheckpoint(&recorder, at: now) != nil)
    try recorder.receive(UplinkResponse(status: 200), at: Rig.instant(now), entropy: &entropy)
    #expect(recorder.nextRequest(at: Rig.instant(now))?.path == .addEntries)
    for operation in 1...20 { disk.faults[disk.operationCount + operation] = .refused }
    let answer = try cosignature(
      of: 1, root: recorder.evidence.tiles.root(), with: try Rig.mirrorSigner())
    var isRefused = false
    do throws(RecorderError) {
      try recorder.receive(answer, at: Rig.instant(now), entropy: &entropy)
    } catch { isRefused = true }
    #expect(isRefused && report.hasFailed && report.acknowledgedSize == 0)
    disk.faults = [:]

    // With nothing to write nothing fails, and nothing is shown to work.
    now += 1_000_000
    try recorder.step(at: Rig.instant(now))
    #expect(report.hasFailed)
    // Entries that become durable do not tell of the superblock.
    #expect(Rig.push(Rig.entry(1), to: queue))
    now += 1_000_000
    try recorder.step(at: Rig.instant(now))
    #expect(report.committedSize == 2 && report.signedSize == 1 && report.hasFailed)
    // The next checkpoint does.
    try recorder.settle(at: Rig.instant(now))
    #expect(report.signedSize == 2 && !report.hasFailed)
  }

  @Test(arguments: [
    (404, MirrorAlarm.notEnrolled), (403, .keyUnknown), (422, .historyConflict),
    (418, .unintelligible),
  ])
  func `what is wrong with the mirror is told by its name`(status: Int, alarm: MirrorAlarm) throws {
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try Rig.recorder(try Rig.log(on: MemoryDisk()), queue: queue, report: report)
    #expect(Rig.push(Rig.entry(0), to: queue))
    try recorder.settle(at: Rig.instant(3_000_000))
    #expect(try Rig.nextCheckpoint(&recorder, at: 3_000_000) != nil)
    #expect(report.takeNotice() == .linkUp)
    var entropy = SecureRandom()
    try recorder.receive(
      UplinkResponse(status: status), at: Rig.instant(4_000_000), entropy: &entropy)
    #expect(report.alarm == alarm)
    #expect(report.linkState == .refused)
    #expect(report.takeNotice() == .mirrorRefuses)
  }

  /// A checkpoint whose write is reported as failed, and done all the same, stands on the medium without a word of what
  /// leaves now: after a power cut the mirror's word of that would look like another history.
  @Test
  func `while it is not known what stands as signed, no checkpoint leaves for the first time`()
    throws
  {
    var held = 0
    for failing in 1...40 {
      let disk = MemoryDisk()
      let queue = EntryQueue()
      var recorder = try Rig.recorder(
        try Rig.log(on: disk), queue: queue, report: RecorderReport())
      #expect(Rig.push(Rig.entry(0), to: queue))
      try recorder.settle(at: Rig.instant(1_000_000))
      #expect(Rig.push(Rig.entry(1), to: queue))
      let first = disk.operationCount + failing
      for operation in first..<first + 12 { disk.faults[operation] = .doneButReported }
      guard (try? recorder.settle(at: Rig.instant(2_000_000))) == nil else { continue }
      disk.faults = [:]
      let stands = try Rig.log(on: disk).evidence.journal.superblock.signedSize
      let knows = recorder.evidence.journal.superblock.signedSize
      guard stands > knows else { continue }
      held += 1
      #expect(try Rig.nextCheckpoint(&recorder, at: 2_000_000) == nil)
      // What is signed then stands, and leaves.
      try recorder.settle(at: Rig.instant(10_000_000))
      let request = try #require(try Rig.nextCheckpoint(&recorder, at: 10_000_000))
      #expect(String(decoding: request.body, as: UTF8.self).contains("\n2\n"))
    }
    #expect(held > 0)
  }

  @Test func `hashes come from tiles, open tiles or entries, and all agree`() throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    var recorder = try Rig.recorder(
      try Rig.log(on: disk), queue: queue, report: RecorderReport())
    let size: UInt64 = 66_000
    var leaves: [Digest] = []
    for index in 0..<size {
      let entry = Rig.entry(index, padding: 4)
      leaves.append(Tree.leaf(entry.span))
      if !Rig.push(entry, to: queue) {
        try recorder.step(at: Rig.instant(index))
        #expect(Rig.push(entry, to: queue))
      }
    }
    try recorder.settle(at: Rig.instant(size))
    #expect(recorder.evidence.tiles.root() == naiveRoot(leaves[...]))
    #expect(disk.objects["tile.1.0"]?.count == 8_192)
    // After a restart, with the tile and without it.
    for removesTile in [false, true] {
      if removesTile { disk.replace("tile.1.0", with: nil) }
      let log = try Rig.log(on: disk)
      #expect(disk.objects["tile.1.0"]?.count == 8_192, "a missing tile is written again")
      var evidence = log.takeEvidence()
      for old in [1, 255, 256, 257, 65_535, 65_536, 65_700, 66_000] as [UInt64] {
        #expect(try rootHash(old, &evidence) == naiveRoot(leaves[..<Int(old)]))
      }
    }
    // Gone while the log is open, or changed then or before: it is what its entries say, and stands so again.
    let whole = disk.bytes("tile.1.0")
    var rotten = whole
    rotten[4_000] ^= 0x40
    for (before, meanwhile) in [(whole, nil), (whole, rotten), (rotten, whole)] {
      disk.replace("tile.1.0", with: before)
      var evidence = try Rig.log(on: disk).takeEvidence()
      #expect(disk.bytes("tile.1.0") == whole, "a start mends it")
      disk.replace("tile.1.0", with: meanwhile)
      #expect(try rootHash(65_300, &evidence) == naiveRoot(leaves[..<65_300]))
      #expect(disk.bytes("tile.1.0") == whole)
    }
  }
}
