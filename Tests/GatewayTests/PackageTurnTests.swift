import Gateway
import HAL
import HostCrypto
import Journal
import MemoryStorage
import Metering
import Testing
import TransparencyLog
import Uplink

/// The recorder of a station that may call nobody.
@Suite struct PackageTurnTests {
  private static let terms = PackageTerms(
    every: 60_000_000, retention: 86_400_000_000, writtenSize: 0)

  private func push(_ range: Range<UInt64>, to queue: EntryQueue) {
    for index in range { #expect(Rig.push(Rig.entry(index), to: queue)) }
  }

  private func checkpoint(_ request: PackageRequest?) throws -> Checkpoint {
    let file = try #require(request?.package)
    let note = try PackageFile(reading: file.bytes).note
    return try Checkpoint.open(
      note.span,
      key: try Rig.key().verifierKey(name: try Rig.origin, type: .log), with: SodiumVerifier())
  }

  private func acknowledgement(of size: UInt64, root: Digest) throws -> [UInt8] {
    let checkpoint = Checkpoint(origin: try Rig.origin, size: size, root: root)
    return try note(checkpoint) + cosignature(checkpoint)
  }

  private func note(_ checkpoint: Checkpoint) throws -> [UInt8] {
    var key = try Rig.key()
    return ByteWriter.bytes { _ = checkpoint.sign(with: &key, to: &$0) }
  }

  private func cosignature(_ checkpoint: Checkpoint) throws -> [UInt8] {
    try Rig.cosignature(
      under: ByteWriter.bytes { checkpoint.writeText(to: &$0) }, time: 1_785_000_000,
      with: try Rig.mirrorSigner())
  }

  /// A recorder of a one-way site with 30 entries that are committed and signed.
  private func begun(
    on disk: MemoryDisk, _ queue: EntryQueue, _ report: RecorderReport
  ) throws -> MemoryRecorder {
    let recovered = try Rig.log(on: disk)
    var recorder = try Rig.recorder(
      recovered, queue: queue, report: report, packages: Self.terms)
    push(0..<30, to: queue)
    try recorder.step(at: Rig.instant(6_000_000))
    return recorder
  }

  @Test func `a package leaves under a checkpoint that is durable, and no mirror is asked`() throws
  {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try begun(on: disk, queue, report)
    var entropy = SecureRandom()
    let request = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: nil, canSubmit: true, entropy: &entropy)
    let left = try checkpoint(request)
    #expect(left.size == 30)
    // What is on the medium at this moment covers it, whatever happens next.
    let superblock = recorder.evidence.journal.superblock
    #expect(max(superblock.signedSize, superblock.releasedSize) >= left.size)
    #expect(superblock.signedRoot == left.root)
    let asked = recorder.nextRequest(at: Rig.instant(6_000_000))
    #expect(asked == nil)
    let turn = recorder.turn(
      at: Rig.instant(6_000_000), response: nil, canSubmit: true, entropy: &entropy)
    #expect(turn.request == nil && turn.failure == nil)
    #expect(turn.due > 6_000_000, "a request is under way: nothing spins")
  }

  @Test func `what may have left stands in the next superblock`() throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try begun(on: disk, queue, report)
    var entropy = SecureRandom()
    let request = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: nil, canSubmit: true, entropy: &entropy)
    let left = try checkpoint(request)
    #expect(left.size == 30)
    push(30..<60, to: queue)
    try recorder.step(at: Rig.instant(12_000_000))
    let superblock = recorder.evidence.journal.superblock
    #expect(superblock.releasedSize == 30 && superblock.signedSize == 60)
  }

  @Test func `a directory that takes nothing is told in the report, and recording goes on`() throws
  {
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try begun(on: MemoryDisk(), queue, report)
    var entropy = SecureRandom()
    _ = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: nil, canSubmit: true, entropy: &entropy)
    _ = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: PackageAnswer(failure: .directoryFull), canSubmit: true,
      entropy: &entropy)
    #expect(report.linkState == .down && report.linkFailure == .directoryFull)
    #expect(report.takeNotice() == .linkDown)
    #expect(report.packagedSize == 0)
    push(30..<60, to: queue)
    try recorder.step(at: Rig.instant(12_000_000))
    #expect(report.committedSize == 60 && report.signedSize == 60)
    let again = try recorder.packageTurn(
      at: Rig.instant(400_000_000), answer: nil, canSubmit: true, entropy: &entropy)
    #expect(again?.package != nil)
    _ = try recorder.packageTurn(
      at: Rig.instant(400_000_000), answer: PackageAnswer(), canSubmit: true, entropy: &entropy)
    #expect(report.linkState == .up && report.packagedSize == 30)
  }

  @Test func `a directory that hangs is told in the report`() throws {
    let report = RecorderReport()
    var recorder = try begun(on: MemoryDisk(), EntryQueue(), report)
    var entropy = SecureRandom()
    _ = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: nil, canSubmit: true, entropy: &entropy)
    for time in [65_999_999, 66_000_000] as [UInt64] {
      _ = try recorder.packageTurn(
        at: Rig.instant(time), answer: nil, canSubmit: false, entropy: &entropy)
      #expect((report.linkState == .down) == (time == 66_000_000))
    }
    #expect(report.linkFailure == .directoryHangs && report.takeNotice() == .linkDown)
    _ = try recorder.packageTurn(
      at: Rig.instant(70_000_000), answer: PackageAnswer(), canSubmit: true, entropy: &entropy)
    #expect(report.linkState == .up && report.packagedSize == 30)
  }

  @Test func `an acknowledgement becomes durable, and a wrong one does not`() throws {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try begun(on: disk, queue, report)
    var entropy = SecureRandom()
    let request = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: nil, canSubmit: true, entropy: &entropy)
    let left = try checkpoint(request)
    _ = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: PackageAnswer(acknowledgement: Array("nonsense".utf8)),
      canSubmit: true, entropy: &entropy)
    #expect(report.linkState == .refused && report.alarm == .strangeAcknowledgement)
    #expect(report.acknowledgedSize == 0)
    let good = try acknowledgement(of: 30, root: left.root)
    _ = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: PackageAnswer(acknowledgement: good),
      canSubmit: true, entropy: &entropy)
    #expect(report.linkState == .up && report.acknowledgedSize == 30)
    let kept = recorder.evidence.journal.superblock.acknowledgedSize
    #expect(kept == 30)
    let note = Array(recorder.evidence.journal.cosignedNote)
    _ = try Checkpoint.open(
      note.span, key: try Rig.key().verifierKey(name: try Rig.origin, type: .log),
      with: SodiumVerifier())
  }

  @Test func `an acknowledgement of more than was signed ends the epoch`() throws {
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try begun(on: MemoryDisk(), queue, report)
    var entropy = SecureRandom()
    _ = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: nil, canSubmit: true, entropy: &entropy)
    let larger = try acknowledgement(of: 31, root: .zero)
    _ = try recorder.packageTurn(
      at: Rig.instant(6_000_000), answer: PackageAnswer(acknowledgement: larger),
      canSubmit: true, entropy: &entropy)
    #expect(report.epochEnd == .rolledBack)
  }

  @Test
  func
    `entries that cannot be read back end the epoch, and the directory is looked into meanwhile`()
    throws
  {
    let disk = MemoryDisk()
    let queue = EntryQueue()
    let report = RecorderReport()
    var recorder = try begun(on: disk, queue, report)
    var entropy = SecureRandom()
    let name = try #require(disk.objects.keys.filter { $0.hasPrefix("segment.") }.min())
    var segment = disk.bytes(name)
    segment[4_096 + 100] ^= 1
    disk.replace(name, with: segment)
    for attempt in 1...Limits.recoveryAttemptsMax {
      #expect(report.epochEnd == nil, "\(attempt)")
      let began = UInt64(attempt) * 30_000_000
      var now = Rig.instant(began)
      let none = try recorder.packageTurn(
        at: now, answer: nil, canSubmit: true, entropy: &entropy)
      #expect(none == nil)
      while let notice = report.takeNotice() {
        #expect(notice == .storageDegraded || notice == .linkUp)
      }
      // Looks go on, every few seconds, and count as no attempt.
      for second in 0..<5 as Range<UInt64> {
        now = Rig.instant(began + second * 5_000_000)
        let look = try recorder.packageTurn(
          at: now, answer: nil, canSubmit: true, entropy: &entropy)
        #expect(look != nil && look?.package == nil)
        _ = try recorder.packageTurn(
          at: now, answer: PackageAnswer(), canSubmit: false, entropy: &entropy)
      }
    }
    #expect(report.epochEnd == .damaged)
  }
}
