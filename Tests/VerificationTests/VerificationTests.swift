import CLinux
import HAL
import HostHAL
import Journal
import Metering
import Testing
import TransparencyLog

@testable import Verification

@Suite struct VerificationTests {
  private func collector(_ log: SampleLog) throws -> Report {
    try Verification.verifyCollectorLog(
      logFiles(log.collectorFiles(log.entries.count)), log.policy)
  }

  // MARK: Completeness

  @Test func `a whole schedule is counted, shed slots included`() throws {
    let log = try SampleLog(entryCount: 40)
    let report = try collector(log)
    #expect(report.findings.isEmpty)
    #expect(report.verdict(.completeness) == .good)
    let s = report.statistics
    // 3 entries of head, one event: 36 readings; two slots of two requests are explained.
    #expect(s.entriesByType[0] == 1 && s.entriesByType[4] == 2 && s.entriesByType[5] == 1)
    #expect(s.entriesByType[1] == 36 && s.readingsByStatus[0] == 36)
    #expect(s.scheduledChannelCount == 1)
    #expect(s.expectedCount == 40 && s.presentCount == 36 && s.shedCount == 4)
    #expect(s.missingCount == 0 && s.unsynchronisedCount == 0)
  }

  @Test func `a slot without reading or event is named`() throws {
    let log = try SampleLog(entryCount: 40, omit: [15, 20, 21, 22])
    let report = try collector(log)
    let slot = SampleLog.start
    #expect(report.verdict(.signature) == .good && report.verdict(.completeness) == .bad)
    #expect(
      report.findings == [
        .missingSlots(channel: 2, request: 0, slots: (slot + 10)...(slot + 11)),
        .missingSlots(channel: 2, request: 1, slots: (slot + 7)...(slot + 7)),
        .missingSlots(channel: 2, request: 1, slots: (slot + 10)...(slot + 10)),
      ])
    #expect(report.statistics.missingCount == 4)
  }

  @Test func `the last slot may be under way`() throws {
    // 39 entries end after the first request of a slot.
    let report = try collector(try SampleLog(entryCount: 39))
    #expect(report.findings.isEmpty)
  }

  @Test func `doubled slots, unknown channels, foreign and malformed entries are named`() throws {
    let log = try SampleLog(entryCount: 20)
    log.reading(slot: SampleLog.start, request: 0)
    log.append { writer, head in
      ReadingEntry.write(
        head: head, channel: 77, request: 0, status: .timeout, slot: 1, roundTrip: nil, raw: nil,
        to: &writer)
    }
    log.append { writer, _ in writer.append(0xff) }
    log.append { writer, head in
      var wrong = head
      wrong.index = 3
      EventEntry.write(head: wrong, code: .linkUp, arguments: [UInt64]().span, to: &writer)
    }
    let report = try collector(log)
    #expect(
      report.findings == [
        .doubledSlot(index: 20, channel: 2, request: 0, slot: SampleLog.start),
        .unknownChannel(index: 21, channel: 77),
        .malformedEntry(index: 22),
        .misplacedEntry(index: 23),
      ])
  }

  @Test func `slots come again when the clock is set back, each once`() throws {
    let log = try SampleLog(entryCount: 20)
    log.append { writer, head in
      let times: [UInt64] = [head.time.utc, head.time.utc - 10_000_000]
      EventEntry.write(head: head, code: .clockStepped, arguments: times.span, to: &writer)
    }
    log.reading(slot: SampleLog.start, request: 0)
    #expect(try collector(log).findings.isEmpty)
    #expect(try collector(log).statistics.clockStepCount == 1)
    log.reading(slot: SampleLog.start, request: 0)
    #expect(
      try collector(log).findings == [
        .doubledSlot(index: 22, channel: 2, request: 0, slot: SampleLog.start)
      ])
  }

  @Test func `slots come again when the clock was set back while the agent was away`() throws {
    for (earlier, findings) in [(true, 0), (false, 1)] {
      let log = try SampleLog(entryCount: 20)
      log.append { writer, head in
        var head = head
        if earlier { head.time.utc -= 10_000_000 }
        BootEntry.write(
          head: head, bootID: InlineArray(repeating: 8), previousSize: 0, previousRoot: .zero,
          reason: .machineStart, softwareHash: .zero, origin: log.name.span, to: &writer)
      }
      log.reading(slot: SampleLog.start, request: 0)
      #expect(try collector(log).findings.count == findings)
    }
  }

  @Test func `a clock that was set back to before the log is asked for no slot in between`() throws
  {
    let log = try SampleLog(entryCount: 20)
    let old = SampleLog.start + 20
    let before = SampleLog.start - 500
    func append(_ write: @escaping (inout ByteWriter, EntryHead) -> Void) {
      log.append { writer, head in
        var head = head
        head.time.utc = (before + 2) * 1_000_000
        write(&writer, head)
      }
    }
    append { writer, head in
      let times = [old * 1_000_000, before * 1_000_000]
      EventEntry.write(head: head, code: .clockStepped, arguments: times.span, to: &writer)
    }
    // What was under way is told after the setback, and lies far ahead of the clock by then.
    append { writer, head in
      let shed = EventEntry.Shed(
        channel: 2, firstSlot: SampleLog.start + 9, lastSlot: SampleLog.start + 11,
        reason: .clockStepped)
      EventEntry.write(head: head, shed, to: &writer)
    }
    append { writer, head in
      ReadingEntry.write(
        head: head, channel: 2, request: 0, status: .timeout, slot: SampleLog.start + 10,
        roundTrip: nil, raw: nil, to: &writer)
    }
    for slot in [before, before + 2] {
      for request: UInt64 in 0...1 { log.reading(slot: slot, request: request) }
    }
    #expect(
      try collector(log).findings
        == (0...1).map {
          .missingSlots(channel: 2, request: $0, slots: (before + 1)...(before + 1))
        })
    // The clock comes to that slot again.
    log.reading(slot: SampleLog.start + 10, request: 0)
    #expect(
      try collector(log).findings.allSatisfy {
        if case .doubledSlot = $0 { false } else { true }
      })
  }

  @Test func `a clock that was set forward excuses no slot`() throws {
    let log = try SampleLog(entryCount: 20)
    log.append { writer, head in
      let times: [UInt64] = [head.time.utc, head.time.utc + 10_000_000]
      EventEntry.write(head: head, code: .clockStepped, arguments: times.span, to: &writer)
    }
    log.reading(slot: SampleLog.start, request: 0)
    #expect(try collector(log).findings.count == 1)
  }

  // MARK: Policy

  @Test func `limits are judged only when they are given`() throws {
    let log = try SampleLog(entryCount: 20)
    let files = logFiles(log.collectorFiles(20))
    var policy = log.policy
    #expect(try Verification.verifyCollectorLog(files, policy).verdict(.policy) == .notJudged)
    policy.cosigners = [log.mirrorKey]
    policy.ageSecondsMax = 5
    policy.unsynchronisedPercentMax = 0
    #expect(try Verification.verifyCollectorLog(files, policy).verdict(.policy) == .good)
    policy.nowUTC += 10_000_000
    let late = try Verification.verifyCollectorLog(files, policy)
    #expect(late.findings == [.tooOld(seconds: 11, limit: 5)])
    #expect(late.verdict(.signature) == .good && late.verdict(.policy) == .bad)
  }

  @Test func `another key is not accepted`() throws {
    let log = try SampleLog(entryCount: 20)
    let files = log.collectorFiles(20)
    let wrong = VerifierKey(
      name: log.name, type: .log, publicKey: log.mirrorKey.publicKey)
    let report = try Verification.verifyCollectorLog(
      logFiles(files), Policy(logKey: wrong, nowUTC: 0))
    #expect(report.findings == [.badNote(path: "checkpoint", .unsigned)])
    #expect(report.verdict(.completeness) == .notJudged)
  }

  /// A byte of the signature is changed, or of the size: in both cases the damage elsewhere is named.
  @Test(arguments: [20, 300], ["signature", "size", "garbage"])
  func `a bad note does not keep damaged entries and tiles from being named`(
    count: Int, damage: String
  ) throws {
    let log = try SampleLog(entryCount: count)
    var files = log.collectorFiles(count)
    var note = try #require(files["checkpoint"])
    switch damage {
    case "signature":
      // The log's line is the first of two; another letter of base64 in the middle of it.
      let second = try #require(note.lastIndex(of: 0xE2))
      note[second - 30] = note[second - 30] == 0x41 ? 0x42 : 0x41
    case "size": note[(note.firstIndex(of: 0x0A) ?? 0) + 1] ^= 1
    default: note = [1, 2, 3]
    }
    files["checkpoint"] = note
    let bundle = count == 20 ? "tile/entries/000.p/20" : "tile/entries/000"
    let clean = try Verification.verifyCollectorLog(logFiles(files), log.policy)
    #expect(clean.entryCount == UInt64(count) && clean.verdict(.signature) == .bad)
    #expect(clean.findings.allSatisfy { if case .badNote = $0 { true } else { false } })
    #expect(clean.verdict(.completeness) == .notJudged && clean.signedSize == nil)

    files[bundle]?[log.entries[0].count + 10] ^= 1
    let report = try Verification.verifyCollectorLog(logFiles(files), log.policy)
    #expect(report.findings.contains(.damagedEntry(index: 1, path: bundle, confirmed: false)))
    #expect(!report.findings.contains { if case .wrongRoot = $0 { true } else { false } })

    files[bundle] = nil
    files["tile/0/000"]?[40] ^= 1
    let missing = try Verification.verifyCollectorLog(logFiles(files), log.policy)
    #expect(missing.verdict(.signature) == .bad)
  }

  // MARK: More than a byte

  @Test func `damage in two blocks of both kinds is told apart`() throws {
    let log = try SampleLog(entryCount: 600)
    var files = log.collectorFiles(600)
    files["tile/entries/000"]?[2000] ^= 1
    files["tile/0/001"]?[40] ^= 1
    let report = try Verification.verifyCollectorLog(logFiles(files), log.policy)
    #expect(report.findings.contains(.damagedFile(path: "tile/0/001", offset: nil)))
    let entries = report.findings.compactMap {
      if case .damagedEntry(let index, "tile/entries/000", true) = $0 { index } else { nil }
    }
    #expect(entries.count == 1 && report.findingCount == 2)
  }

  @Test func `missing files are named`() throws {
    let log = try SampleLog(entryCount: 300)
    for path in log.collectorFiles(300).keys where path != "checkpoint" {
      var files = log.collectorFiles(300)
      files[path] = nil
      let report = try Verification.verifyCollectorLog(logFiles(files), log.policy)
      #expect(report.findings == [.missingFile(path: path)])
    }
    #expect(throws: ReadFailure.self) {
      try Verification.verifyCollectorLog(logFiles([:]), log.policy)
    }
  }

  @Test func `a log whose checkpoint was deleted is told from no log`() throws {
    let log = try SampleLog(entryCount: 3)
    let directory = "/tmp/tallystick-verify-\(clinux_pid())-\(clinux_boot_us())"
    try Files.makeDirectory(directory)
    defer { try? Files.removeTree(directory) }
    func failure() -> ReadFailure? {
      do throws(ReadFailure) {
        _ = try Verification.verify(directory: directory, policy: log.policy)
        return nil
      } catch {
        return error
      }
    }
    #expect(failure()?.english.contains("holds no log") == true)
    let folder = "\(directory)/logs/\(log.name.hash.hex)"
    for path in ["\(directory)/logs", folder, "\(folder)/tile"] { try Files.makeDirectory(path) }
    #expect(failure()?.english.contains("\(folder)/checkpoint is missing") == true)
    #expect(failure()?.chinese.contains("\(folder)/checkpoint") == true)
  }

  @Test func `a partial file may have been replaced by the full one since`() throws {
    let log = try SampleLog(entryCount: 300)
    var files = log.collectorFiles(200)
    files["tile/entries/000"] = log.collectorFiles(300)["tile/entries/000"]
    files["tile/0/000"] = log.collectorFiles(300)["tile/0/000"]
    files["tile/entries/000.p/200"] = nil
    files["tile/0/000.p/200"] = nil
    let report = try Verification.verifyCollectorLog(logFiles(files), log.policy)
    #expect(report.findings.isEmpty && report.entryCount == 200)
  }

  /// The journal with one entry changed by somebody who also made the checksums right.
  @Test func `a changed entry with right checksums has the wrong root`() throws {
    let log = try SampleLog(entryCount: 12)
    var files = try log.gatewayFiles(commits: [12], signed: [12], acknowledged: 12)
    let path = "seg/0000000000000000.seg"
    var segment = try #require(files[path])
    let frame = 4096
    let found = FrameHeader(segment[frame..<(frame + 44)].span)
    let header = try #require(found)
    segment[frame + 44 + Int(header.payloadByteCount) - 1] ^= 1
    let payload = segment[(frame + 44)..<(frame + 44 + Int(header.payloadByteCount))]
    var forged = header
    forged.payloadChecksum = CRC32C.checksum(payload.span)
    segment.withUnsafeMutableBufferPointer {
      _ = forged.write(into: UnsafeMutableBufferPointer(rebasing: $0[frame...]))
    }
    files[path] = segment
    let report = try Verification.verifyGatewayLog(logFiles(files), log.policy)
    #expect(report.findings == [.wrongRoot(size: 12)])
  }

  @Test func `entries that were signed and are gone are counted`() throws {
    let log = try SampleLog(entryCount: 16)
    var files = try log.gatewayFiles(commits: [5, 8, 12, 16], signed: [16], acknowledged: 0)
    files["seg/0000000000000001.seg"] = nil
    let report = try Verification.verifyGatewayLog(logFiles(files), log.policy)
    #expect(report.findings.first == .entriesMissing(signed: 16, found: 12))
  }

  @Test func `a frame with many damaged bytes is named with its entries`() throws {
    let log = try SampleLog(entryCount: 16)
    var files = try log.gatewayFiles(commits: [5, 8, 12, 16], signed: [16], acknowledged: 0)
    let path = "seg/0000000000000000.seg"
    for offset in 8300..<8350 { files[path]?[offset] ^= 0x55 }
    let report = try Verification.verifyGatewayLog(logFiles(files), log.policy)
    #expect(report.findings == [.damagedEntries(5..<8, path: path, offset: 8192)])
    #expect(report.verdict(.completeness) == .notJudged)
  }

  @Test func `a write that was cut behind the signed entries is no finding`() throws {
    let log = try SampleLog(entryCount: 16)
    var files = try log.gatewayFiles(commits: [5, 8, 12, 16], signed: [12], acknowledged: 12)
    let path = "seg/0000000000000001.seg"
    for offset in 8300..<8704 { files[path]?[offset] = 0 }
    let report = try Verification.verifyGatewayLog(logFiles(files), log.policy)
    #expect(report.findings.isEmpty)
    #expect(report.tornTail?.path == path && report.tornTail?.offset == 8192)
  }

  @Test func `random garbage of any length never traps`() throws {
    let log = try SampleLog(entryCount: 16)
    let good = try log.gatewayFiles(commits: [5, 8, 12, 16], signed: [12], acknowledged: 12)
    let layout = log.collectorFiles(16)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      for (files, isGateway) in [(good, true), (layout, false)] {
        var changed = files
        let path = try #require(files.keys.sorted().randomElement(using: &random))
        var bytes = files[path] ?? []
        let start = Int.random(in: 0..<bytes.count, using: &random)
        for offset in start..<min(bytes.count, start + 64) {
          bytes[offset] = UInt8.random(in: 0...255, using: &random)
        }
        if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0...bytes.count)) }
        changed[path] = bytes
        _ =
          isGateway
          ? try Verification.verifyGatewayLog(logFiles(changed), log.policy)
          : try? Verification.verifyCollectorLog(logFiles(changed), log.policy)
      }
    }
  }

  @Test func `the report has a line for each verdict in both languages`() throws {
    let log = try SampleLog(entryCount: 20)
    var files = log.collectorFiles(20)
    files["tile/0/000.p/20"]?[0] ^= 1
    let report = try Verification.verifyCollectorLog(logFiles(files), log.policy)
    let inEnglish = report.english(nowUTC: log.nowUTC)
    #expect(inEnglish.contains("finding       tile/0/000.p/20: damaged"))
    #expect(inEnglish.contains { $0.hasPrefix("signature     BAD: ") })
    #expect(inEnglish.contains { $0.hasPrefix("completeness  good: ") })
    #expect(inEnglish.contains { $0.hasPrefix("policy        not judged: ") })
    let inChinese = report.chinese(nowUTC: log.nowUTC)
    #expect(inChinese.count == inEnglish.count)
    #expect(inChinese.contains("发现          tile/0/000.p/20：已损坏"))
  }
}
