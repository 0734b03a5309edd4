import HostHAL
import Journal
import Metering
import Testing
import TransparencyLog

@testable import Verification

/// What the verifier must say when one byte is changed.
enum ByteClass: Equatable {
  /// Names this file and nothing else.
  case file(String)
  /// Names this entry and nothing else.
  case entry(UInt64, confirmed: Bool)
  /// The report is the same as without the change.
  case nothing
}

/// Every byte of a log has a class, and the verifier finds it.
@Suite struct EveryByteTests {
  private func check(_ report: Report, _ expected: ByteClass, _ place: String) {
    switch expected {
    case .nothing:
      #expect(report.findings.isEmpty && report.isGood, "\(place)")
      #expect(report.verdict(.signature) == .good, "\(place)")
    case .entry(let index, let confirmed):
      let isNamed = report.findings.contains {
        if case .damagedEntry(index, _, confirmed) = $0 { true } else { false }
      }
      #expect(isNamed && report.findingCount == 1, "\(place): \(report.findings)")
    case .file(let path):
      #expect(!report.findings.isEmpty, "\(place)")
      for finding in report.findings {
        switch finding {
        case .damagedFile(path, _), .badNote(path, _), .contradiction(path), .notCosigned(_, path):
          break
        default: Issue.record("\(place): \(finding)")
        }
      }
    }
  }

  private func policy(_ log: SampleLog) -> Policy {
    var policy = log.policy
    policy.cosigners = [log.mirrorKey]
    return policy
  }

  // MARK: Gateway

  /// Two segments: two frames and an abandoned third; the third again, a fourth that is not signed, and
  /// a stale frame of an earlier use.
  private func gatewayLog() throws -> (SampleLog, [String: [UInt8]]) {
    let log = try SampleLog(entryCount: 16)
    var files = try log.gatewayFiles(commits: [5, 8, 12, 16], signed: [8, 12], acknowledged: 8)
    let first = "seg/0000000000000000.seg"
    let second = "seg/0000000000000001.seg"
    #expect(Set(files.keys) == ["super.a", "super.b", first, second])
    let stale = try #require(files[first])[4096..<8192]
    files[second]?.replaceSubrange(12288..<16384, with: stale)
    return (log, files)
  }

  /// The class of each byte of a segment, from the documented layout alone.
  private func classes(_ path: String, _ bytes: [UInt8], frames: [Range<Int>], _ log: SampleLog)
    -> [ByteClass]
  {
    var classes = [ByteClass](repeating: .nothing, count: bytes.count)
    for offset in 0..<32 { classes[offset] = .file(path) }
    for (number, entries) in frames.enumerated() {
      var offset = 4096 * (number + 1)
      for byte in 0..<44 { classes[offset + byte] = .file(path) }
      offset += 44
      for index in entries {
        classes[offset] = .file(path)
        classes[offset + 1] = .file(path)
        for byte in 0..<log.entries[index].count {
          classes[offset + 2 + byte] = .entry(UInt64(index), confirmed: index < 12)
        }
        offset += 2 + log.entries[index].count
      }
    }
    return classes
  }

  @Test func `every byte of a two-segment journal is classed`() throws {
    let (log, files) = try gatewayLog()
    let policy = policy(log)
    let clean = try Verification.verifyGatewayLog(logFiles(files), policy)
    check(clean, .nothing, "unchanged")
    #expect(clean.signedSize == 12 && clean.entryCount == 16)
    #expect(clean.statistics.cosignedSizes == [8])
    let layout: [(String, [Range<Int>])] = [
      ("seg/0000000000000000.seg", [0..<5, 5..<8]),
      ("seg/0000000000000001.seg", [8..<12, 12..<16]),
    ]
    var counts: [String: Int] = [:]
    for (path, frames) in layout {
      let bytes = try #require(files[path])
      let classes = classes(path, bytes, frames: frames, log)
      // Bytes without meaning are changed together, a block of 256 at a time: if one of them mattered,
      // the report would show it.
      for start in stride(from: 0, to: bytes.count, by: 256) {
        var changed = files
        for offset in start..<(start + 256) where classes[offset] == .nothing {
          changed[path]?[offset] ^= 0x5a
          counts["nothing", default: 0] += 1
        }
        check(
          try Verification.verifyGatewayLog(logFiles(changed), policy), .nothing,
          "\(path) padding from \(start)")
      }
      for (offset, expected) in classes.enumerated() where expected != .nothing {
        var changed = files
        changed[path]?[offset] ^= 1 << UInt8(offset % 8)
        check(
          try Verification.verifyGatewayLog(logFiles(changed), policy), expected,
          "\(path) \(offset)")
        counts[path, default: 0] += 1
      }
    }
    #expect(counts.values.reduce(0, +) == 2 * 16384)
  }

  @Test func `single bytes of stale and abandoned frames change nothing`() throws {
    let (log, files) = try gatewayLog()
    for path in ["seg/0000000000000000.seg", "seg/0000000000000001.seg"] {
      for offset in 12288..<12400 {
        for change: UInt8 in [1, 0x80, 0xff] {
          var changed = files
          changed[path]?[offset] ^= change
          check(
            try Verification.verifyGatewayLog(logFiles(changed), policy(log)), .nothing,
            "\(path) \(offset)")
        }
      }
    }
  }

  /// The bytes where a mistake could hide: the header, both sides of the block boundary, and of each
  /// entry the length, the first and the last byte.
  @Test func `bytes of a frame over several blocks are classed`() throws {
    let log = try SampleLog(entryCount: 3)
    let frame = [UInt8](repeating: 0x42, count: 250)
    for slot in 0..<30 {
      log.append { writer, head in
        frame.withUnsafeBufferPointer { raw in
          ReadingEntry.write(
            head: head, channel: 2, request: 0, status: .good, slot: UInt64(slot) + 1_000,
            roundTrip: 1, raw: raw, to: &writer)
        }
      }
    }
    let count = log.entries.count
    let files = try log.gatewayFiles(commits: [count], signed: [count], acknowledged: count)
    let path = "seg/0000000000000000.seg"
    let clean = try Verification.verifyGatewayLog(logFiles(files), policy(log))
    #expect(clean.verdict(.signature) == .good && clean.entryCount == UInt64(count))
    var classes: [Int: ByteClass] = [:]
    for byte in 0..<44 { classes[4096 + byte] = .file(path) }
    var offset = 4096 + 44
    for (index, entry) in log.entries.enumerated() {
      let named = ByteClass.entry(UInt64(index), confirmed: true)
      for byte in [0, 1] { classes[offset + byte] = .file(path) }
      let last = offset + 2 + entry.count - 1
      for place in [offset + 2, last] { classes[place] = named }
      for boundary in stride(from: 8192, to: last, by: 4096) {
        for place in (boundary - 6)..<(boundary + 6) where (offset + 2...last).contains(place) {
          classes[place] = named
        }
      }
      offset = last + 1
    }
    #expect(offset > 3 * 4096, "the frame has three blocks")
    for (place, expected) in classes {
      var changed = files
      changed[path]?[place] ^= 1 << UInt8(place % 8)
      let report = try Verification.verifyGatewayLog(logFiles(changed), policy(log))
      let named = report.findings.filter { !clean.findings.contains($0) }
      switch expected {
      case .entry(let index, _):
        #expect(named == [.damagedEntry(index: index, path: path, confirmed: true)], "\(place)")
      default:
        #expect(!named.isEmpty, "\(place)")
        for case .damagedEntry(let index, _, _) in named { Issue.record("\(place): \(index)") }
      }
    }
  }

  /// A full tile has 256 hashes, each over 256 entries: those of 65,536 entries are made up here.
  @Test(arguments: [false, true])
  func `every byte of a gateway's tile is classed`(isProven: Bool) throws {
    let (log, whole) = try gatewayLog()
    let path = "tile/1/000"
    let hashes = (0..<256).map { Tree.leaf([UInt8($0)].span) }
    let bytes = hashes.flatMap(\.array)
    for offset in bytes.indices {
      var files = whole
      files[path] = bytes
      files[path]?[offset] ^= 1 << UInt8(offset % 8)
      var verifier = GatewayVerifier(files: logFiles(files), policy: policy(log))
      if isProven, offset % 256 == 0 { try verifier.run() }
      verifier.compare(1, 0, hashes)
      if isProven, offset % 256 != 0 { continue }
      verifier.finish()
      let first = UInt64(offset / 32) * 256
      let expected: Finding =
        isProven
        ? .damagedFile(path: path, offset: nil)
        : .damagedEntries(first..<(first + 256), path: path, offset: nil)
      #expect(verifier.report.findings.contains(expected), "\(offset)")
    }
    var files = whole
    files[path] = bytes
    var verifier = GatewayVerifier(files: logFiles(files), policy: policy(log))
    verifier.compare(1, 0, hashes)
    verifier.finish()
    #expect(
      !verifier.report.findings.contains { if case .damagedFile = $0 { true } else { false } })
  }

  @Test func `every byte of both superblocks is classed`() throws {
    let (log, files) = try gatewayLog()
    for path in ["super.a", "super.b"] {
      // Only the superblocks are looked at: the rest of the log is the same each time.
      for offset in 0..<4096 {
        var changed = files
        changed[path]?[offset] ^= 1 << UInt8(offset % 8)
        var verifier = GatewayVerifier(files: logFiles(changed), policy: policy(log))
        try verifier.checkSuperblocks()
        #expect(verifier.report.tornSuperblock == path && verifier.report.isGood)
      }
      // With the other one damaged as well nothing says what is signed.
      var changed = files
      changed["super.a"]?[200] ^= 1
      changed["super.b"]?[path == "super.a" ? 0 : 4095] ^= 1
      let report = try Verification.verifyGatewayLog(logFiles(changed), policy(log))
      #expect(report.tornSuperblock == nil)
      for path in ["super.a", "super.b"] {
        #expect(report.findings.contains(.damagedFile(path: path, offset: nil)))
      }
    }
  }

  // MARK: Collector

  @Test func `every byte of a small C2SP log is classed`() throws {
    let log = try SampleLog(entryCount: 20)
    let files = log.collectorFiles(20)
    let policy = policy(log)
    check(try Verification.verifyCollectorLog(logFiles(files), policy), .nothing, "unchanged")
    #expect(Set(files.keys) == ["checkpoint", "tile/entries/000.p/20", "tile/0/000.p/20"])
    for (path, bytes) in files {
      var classes = [ByteClass](repeating: .file(path), count: bytes.count)
      if path.hasPrefix("tile/entries") {
        var offset = 0
        for (index, entry) in log.entries.enumerated() {
          for byte in 0..<entry.count {
            classes[offset + 2 + byte] = .entry(UInt64(index), confirmed: true)
          }
          offset += 2 + entry.count
        }
      }
      for (offset, expected) in classes.enumerated() {
        var changed = files
        changed[path]?[offset] ^= 1 << UInt8(offset % 8)
        check(
          try Verification.verifyCollectorLog(logFiles(changed), policy), expected,
          "\(path) \(offset)")
      }
    }
  }

  @Test func `bytes of a log with two levels of tiles are classed`() throws {
    let log = try SampleLog(entryCount: 300)
    var files = log.collectorFiles(300)
    // What an earlier checkpoint left behind.
    files["tile/entries/001.p/20"] = log.collectorFiles(276)["tile/entries/001.p/20"]
    files["tile/0/001.p/20"] = log.collectorFiles(276)["tile/0/001.p/20"]
    check(try Verification.verifyCollectorLog(logFiles(files), policy(log)), .nothing, "unchanged")
    #expect(files.count == 8)
    for (path, bytes) in files where path.hasPrefix("tile/") {
      let step = path == "tile/1/000.p/1" ? 5 : bytes.count / 12
      var starts: [Int] = []
      var offset = 0
      for entry in log.entries[(path.contains("001") ? 256 : 0)...] {
        starts.append(offset)
        offset += 2 + entry.count
      }
      for offset in stride(from: 3, to: bytes.count, by: step) {
        var changed = files
        changed[path]?[offset] ^= 0x10
        var expected = ByteClass.file(path)
        if path == "tile/entries/000" || path == "tile/entries/001.p/44" {
          let place = try #require(starts.lastIndex { $0 <= offset })
          if offset >= starts[place] + 2 {
            let index = place + (path.contains("001") ? 256 : 0)
            expected = .entry(UInt64(index), confirmed: true)
          }
        }
        check(
          try Verification.verifyCollectorLog(logFiles(changed), policy(log)), expected,
          "\(path) \(offset)")
      }
    }
  }
}
