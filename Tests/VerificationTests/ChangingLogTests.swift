import Testing
import Verification

/// A gateway goes on while its log is verified: what it does is no finding, and what is lost is one all the same.
@Suite struct ChangingLogTests {
  private static let first = "seg/0000000000000000.seg"
  private static let second = "seg/0000000000000001.seg"

  /// Files that a writer changes just before one of them is read.
  private final class Writer {
    var files: [String: [UInt8]]
    var reads: [String: Int] = [:]
    /// Gets the path and how often it has been read before.
    var change: (inout [String: [UInt8]], String, Int) -> Void = { _, _, _ in }

    init(_ files: [String: [UInt8]]) { self.files = files }

    var logFiles: LogFiles {
      LogFiles(
        read: { path throws(ReadFailure) in
          self.change(&self.files, path, self.reads[path, default: 0])
          self.reads[path, default: 0] += 1
          return self.files[path]
        },
        list: { folder throws(ReadFailure) in
          self.files.keys.filter { $0.hasPrefix(folder + "/") }
            .map { String($0.dropFirst(folder.utf8.count + 1)) }
        })
    }
  }

  private struct Bench {
    let log: SampleLog
    /// Two pictures of the same entries; the superblocks differ.
    let files: [String: [UInt8]]
    let other: [String: [UInt8]]

    init() throws {
      log = try SampleLog(entryCount: 16)
      let commits = [5, 8, 12, 16]
      files = try log.gatewayFiles(
        commits: commits, signed: [8, 12, 16], acknowledged: 8, segmentByteCount: 32 << 10)
      other = try log.gatewayFiles(
        commits: commits, signed: [8, 12, 16], acknowledged: 12, segmentByteCount: 32 << 10)
      #expect(files[first] == other[first] && files[second] == other[second])
      #expect(files["super.a"] != other["super.a"] || files["super.b"] != other["super.b"])
    }

    /// A collector acknowledges at each look: the superblocks are those of one picture, then of the other.
    func sign(_ files: inout [String: [UInt8]], _ path: String, _ count: Int) {
      guard path == "super.a" else { return }
      let source = count / 2 % 2 == 0 ? self.files : other
      for name in ["super.a", "super.b"] { files[name] = source[name] }
    }
  }

  private func verify(_ writer: Writer, _ bench: Bench) throws -> Report {
    try Verification.verifyGatewayLog(writer.logFiles, bench.log.policy)
  }

  @Test(arguments: [0, 1])
  func `a segment that is sealed while it is read is no loss`(read: Int) throws {
    let bench = try Bench()
    let bytes = try sealedForm(of: try #require(bench.files[Self.first]))
    let writer = Writer(bench.files)
    writer.change = { files, path, count in
      guard path == Self.first, count == read else { return }
      files["seg/0000000000000000.sealed"] = bytes
      files[Self.first] = nil
    }
    let report = try verify(writer, bench)
    #expect(report.findings.isEmpty && report.entryCount == 16, "\(report.findings)")
  }

  @Test func `a segment that is begun while it is read is not yet looked at`() throws {
    let bench = try Bench()
    let whole = try #require(bench.files[Self.second])
    // Nothing in the second is signed yet.
    var files = try bench.log.gatewayFiles(
      commits: [5, 8, 12, 16], signed: [8, 12], acknowledged: 8, segmentByteCount: 32 << 10)
    files[Self.second] = [UInt8](repeating: 0, count: whole.count)
    let writer = Writer(files)
    writer.change = { files, path, count in
      if path == Self.second, count == 1 { files[Self.second] = whole }
    }
    let report = try verify(writer, bench)
    #expect(report.findings.isEmpty, "\(report.findings)")
  }

  @Test func `what one look misses and the next finds is no loss`() throws {
    let bench = try Bench()
    let segment = bench.files[Self.first]
    let writer = Writer(bench.files)
    writer.change = { files, path, count in
      bench.sign(&files, path, count)
      if path == Self.first, count == 0 { files[path] = nil }
      // It was under its old name for a moment only.
      if path == "super.a", count == 2 { files[Self.first] = segment }
    }
    let report = try verify(writer, bench)
    #expect(report.findings.isEmpty && report.entryCount == 16, "\(report.findings)")
  }

  @Test func `a log that never stands still and never shows the same damage is not judged`() throws
  {
    let bench = try Bench()
    let names = [Self.first, Self.second]
    let writer = Writer(bench.files)
    var look = 0
    // The one segment goes in the even looks, the other in the odd ones.
    writer.change = { files, path, count in
      bench.sign(&files, path, count)
      if path == "super.a" { look = count }
      if let place = names.firstIndex(of: path) {
        files[path] = place == (look / 2) % 2 ? [] : bench.files[path]
      }
    }
    let error = #expect(throws: ReadFailure.self) { try verify(writer, bench) }
    #expect(error?.english.contains("run tally verify again, or stop the gateway") == true)
    #expect(error?.chinese.contains("请重新运行 tally verify，或先停止网关") == true)
  }

  @Test func `damage is found in a log that never stands still, and in one that does at once`()
    throws
  {
    let bench = try Bench()
    var damages: [(String, (inout [String: [UInt8]]) -> Void)] = []
    damages.append(("a payload", { $0[Self.first]?[4096 + 44 + 10] ^= 1 }))
    damages.append(
      ("a frame", { files in for byte in 0..<4096 { files[Self.first]?[8192 + byte] = 0 } }))
    damages.append(("a segment", { $0[Self.first] = nil }))
    damages.append(("the end", { $0[Self.second] = nil }))
    damages.append(("a header", { $0[Self.second]?[20] ^= 1 }))
    for (name, damage) in damages {
      var files = bench.files
      damage(&files)
      let still = Writer(files)
      let report = try verify(still, bench)
      #expect(!report.isGood, "\(name)")
      // Once for the look, once before and once after it.
      #expect(still.reads["super.a"] == 3, "\(name)")
      let moving = Writer(files)
      moving.change = bench.sign
      let again = try verify(moving, bench)
      #expect(!again.isGood && again.verdict(.signature) == .bad, "\(name)")
      #expect(again.tornTail == nil)
    }
  }

  @Test func `beside damage, what only one look missed is not named`() throws {
    let bench = try Bench()
    var files = bench.files
    files[Self.first]?[4096 + 44 + 10] ^= 1
    let segment = bench.files[Self.second]
    let writer = Writer(files)
    writer.change = { files, path, count in
      bench.sign(&files, path, count)
      if path == Self.second { files[path] = count < 2 ? [] : segment }
    }
    let report = try verify(writer, bench)
    #expect(
      report.findings == [.damagedEntry(index: 0, path: Self.first, confirmed: true)],
      "\(report.findings)")
  }
}
