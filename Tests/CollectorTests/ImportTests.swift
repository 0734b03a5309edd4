import Foundation
import HTTPTypes
import HostHAL
import HummingbirdTesting
import Synchronization
import Testing
import TransparencyLog
import Uplink

@testable import Collector

/// Packages that a courier brought, as a gateway writes them.
@Suite struct ImportTests {
  /// A collector with a log enrolled, and a stick.
  private struct Desk {
    let bench: Bench
    let stick: String

    init(
      _ path: String, enrolled: Bool = true, probe: @escaping DurableProbe = { _ in }
    ) throws {
      bench = try Bench(at: path, probe: probe)
      stick = path + "/stick"
      try Files.makeDirectory(stick)
      if enrolled { try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey()) }
    }

    /// Writes a package of `[start, end)` under the checkpoint of `size`, and gives its path.
    func write(
      _ log: TestLog, _ start: Int, _ end: Int, of size: Int? = nil, name: String? = nil,
      origin: String = TestLog.origin, note: [UInt8]? = nil,
      change: (inout [UInt8]) -> Void = { _ in }
    ) throws -> String {
      let size = size ?? end
      let body = try log.entriesBody(
        start, size, packages: (end + 255) / 256 - start / 256, origin: origin)
      var bytes = PackageFile(
        note: try note ?? log.note(size, origin: origin), body: body
      ).bytes()
      change(&bytes)
      let path = "\(stick)/\(name ?? "\(start)-\(end)-\(size)").package"
      try Files.replace(path, with: bytes)
      return path
    }

    func take(_ paths: [String]) async throws -> ImportReport {
      try await PackageImport(bench.collector, in: bench.directory).take(paths)
    }

    /// Outcomes by file name.
    func outcomes(_ report: ImportReport) -> [String: PackageOutcome] {
      Dictionary(
        uniqueKeysWithValues: report.packages.map {
          (
            String($0.path.split(separator: "/").last ?? "").replacing(".package", with: ""),
            $0.outcome
          )
        })
    }

    func size() async throws -> UInt64 {
      let mirror = try #require(try bench.collector.mirror(hash: originHash(TestLog.origin)))
      return try await mirror.currentState().state.mirror?.size ?? 0
    }

    var waiting: [String] {
      let directory = "\(bench.directory.waiting)/\(originHash(TestLog.origin))"
      return (try? Files.names(in: directory)) ?? []
    }
  }

  private func withDesk(
    enrolled: Bool = true, probe: @escaping DurableProbe = { _ in },
    _ body: (Desk) async throws -> Void
  ) async throws {
    try await withDirectory { path in
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true)
      let desk = try Desk(path, enrolled: enrolled, probe: probe)
      try await body(desk)
      try desk.bench.close()
    }
  }

  @Test func `packages are taken, and what comes back is the acknowledgement`() async throws {
    let log = TestLog(count: 555)
    try await withDesk { desk in
      let report = try await desk.take([
        try desk.write(log, 0, 300), try desk.write(log, 256, 555),
      ])
      #expect(report.packages.map(\.outcome) == [.taken, .taken])
      #expect(!report.needsAPerson)
      let imported = try #require(report.logs.first)
      #expect(imported.origin == TestLog.origin && imported.size == 555 && imported.gaps.isEmpty)
      #expect(imported.acknowledgementName == "mrv.example~gw~7f3a01c2~0001.ack")
      let note = try #require(imported.acknowledgement)
      #expect(note.starts(with: try log.note(555)))
      #expect(try await desk.size() == 555)
    }
  }

  @Test func `what an import leaves is what uploads leave`() async throws {
    let log = TestLog(count: 700)
    @Sendable func files(_ directory: CollectorDirectory) throws -> [String: Data] {
      let root = "\(directory.logs)/\(originHash(TestLog.origin))"
      var found: [String: Data] = [:]
      for case let path as String in try #require(FileManager.default.enumerator(atPath: root)) {
        found[path] = FileManager.default.contents(atPath: "\(root)/\(path)")
      }
      return found
    }
    try await withDesk { desk in
      _ = try await desk.take([
        try desk.write(log, 0, 300), try desk.write(log, 256, 555), try desk.write(log, 512, 700),
      ])
      let imported = try files(desk.bench.directory)
      try await withMirror { online in
        for size in [300, 555, 700] {
          try await online.show(log, size)
          try await online.upload(log, Int(online.state().next), size)
        }
        #expect(try files(online.bench.directory) == imported && imported.count > 8)
      }
    }
  }

  @Test func `any order and any number of times come to the same`() async throws {
    let log = TestLog(count: 1_000)
    let ranges = [(0, 256), (256, 300), (256, 600), (512, 900), (768, 1_000)]
    for seed in 0..<12 {
      try await withDesk { desk in
        var paths = try ranges.map { try desk.write(log, $0.0, $0.1) }
        paths += paths
        var random = SeededNumbers(state: UInt64(seed))
        paths.shuffle(using: &random)
        while !paths.isEmpty {
          let count = Int.random(in: 1...3, using: &random)
          _ = try await desk.take(Array(paths.prefix(count)))
          paths.removeFirst(min(count, paths.count))
        }
        #expect(try await desk.size() == 1_000)
        #expect(desk.waiting.isEmpty)
        let again = try await desk.take(try ranges.map { try desk.write(log, $0.0, $0.1) })
        #expect(again.packages.allSatisfy { $0.outcome == .known } && !again.needsAPerson)
      }
    }
  }

  @Test func `a lost package is a gap that is named, and what is here waits for it`() async throws {
    let log = TestLog(count: 1_000)
    try await withDesk { desk in
      var report = try await desk.take([
        try desk.write(log, 0, 300), try desk.write(log, 512, 900),
      ])
      #expect(desk.outcomes(report) == ["0-300-300": .taken, "512-900-900": .waiting])
      #expect(report.logs.first?.gaps == [300..<512] && report.needsAPerson)
      #expect(
        report.logs.first?.size == 300 && report.logs.first?.againName.hasSuffix(".again") == true)
      #expect(
        desk.waiting == ["900~mrv.example~gw~7f3a01c2~0001~000000000512-000000000900.package"])
      // The stick is wiped; the gateway wrote again from where it was asked to, under a later checkpoint.
      for name in try Files.names(in: desk.stick) { try Files.remove("\(desk.stick)/\(name)") }
      report = try await desk.take([try desk.write(log, 256, 600, of: 600)])
      #expect(report.packages.map(\.outcome) == [.taken, .taken])
      #expect(report.logs.first?.size == 900 && report.logs.first?.gaps == [])
      #expect(desk.waiting.isEmpty && !report.needsAPerson)
    }
  }

  /// A package that waits is all that is left of its entries where the stick was emptied.
  @Test func `what could not be stored waits on, and what can never be is kept aside`() async throws
  {
    let log = TestLog(count: 1_000)
    let isFull = Mutex(false)
    let probe: DurableProbe = { step in
      if step == .writeFile, isFull.withLock({ $0 }) { throw FileError.noSpace(path: "tile") }
    }
    try await withDesk(probe: probe) { desk in
      _ = try await desk.take([try desk.write(log, 512, 900)])
      let name = try #require(desk.waiting.first)
      isFull.withLock { $0 = true }
      var report = try await desk.take([try desk.write(log, 0, 600, of: 600)])
      #expect(report.needsAPerson && desk.waiting.contains(name))
      isFull.withLock { $0 = false }
      report = try await desk.take([try desk.write(log, 0, 600, of: 600)])
      #expect(report.logs.first?.size == 900 && desk.waiting.isEmpty && !report.needsAPerson)
    }
    try await withDesk { desk in
      _ = try await desk.take([try desk.write(log, 512, 900)])
      let name = try #require(desk.waiting.first)
      let folder = "\(desk.bench.directory.waiting)/\(originHash(TestLog.origin))"
      var bytes = try Files.read("\(folder)/\(name)")
      bytes[bytes.count / 2] ^= 1
      try Files.replace("\(folder)/\(name)", with: bytes)
      let report = try await desk.take([try desk.write(log, 0, 300)])
      let place = "\(desk.bench.directory.refused)/\(originHash(TestLog.origin))/\(name)"
      #expect(report.needsAPerson && desk.waiting.isEmpty)
      #expect(
        report.packages.contains(
          ImportedPackage(path: place, outcome: .refused(.file(.damaged)))))
      #expect(try Files.read(place) == bytes)
    }
  }

  @Test func `files of one checkpoint are taken when all are here`() async throws {
    let log = TestLog(count: 1_000)
    try await withDesk { desk in
      let parts = try [(0, 256), (256, 768), (768, 1_000)].map {
        try desk.write(log, $0.0, $0.1, of: 1_000)
      }
      var report = try await desk.take([parts[0], parts[2]])
      #expect(report.packages.map(\.outcome) == [.waiting, .waiting])
      #expect(report.logs.first?.gaps == [256..<768] && report.logs.first?.acknowledgement == nil)
      report = try await desk.take([parts[0]])
      #expect(report.logs.first?.gaps == [256..<768])
      report = try await desk.take([parts[1]])
      #expect(report.packages.map(\.outcome) == [.taken, .taken, .taken])
      #expect(try await desk.size() == 1_000)
    }
  }

  @Test func `the last file of a checkpoint is missed as well`() async throws {
    let log = TestLog(count: 1_000)
    try await withDesk { desk in
      let report = try await desk.take([try desk.write(log, 0, 512, of: 1_000)])
      #expect(report.logs.first?.gaps == [512..<1_000])
    }
  }

  @Test func `it goes on where an upload was cut`() async throws {
    let log = TestLog(count: 1_000)
    try await withMirror { online in
      try await online.show(log, 700)
      let body = try log.entriesBody(0, 700, packages: 1)
      #expect(try await online.client.addEntries(body).status == .accepted)
      let desk = PackageImport(online.bench.collector, in: online.bench.directory)
      let stick = online.bench.directory.path + "/stick"
      try Files.makeDirectory(stick)
      // Without the first block, which the upload brought.
      let path = stick + "/a.package"
      try Files.replace(
        path,
        with: PackageFile(note: try log.note(900), body: try log.entriesBody(256, 900)).bytes())
      #expect(try await desk.take([path]).packages.map(\.outcome) == [.taken])
      try await online.expect(900, 900, 900)
    }
  }

  @Test func `a changed byte is told, wherever it is, and nothing is taken`() async throws {
    let log = TestLog(count: 300)
    try await withDesk { desk in
      let whole = try Files.read(try desk.write(log, 0, 300), limit: 1 << 20)
      for at in stride(from: 0, to: whole.count, by: 97) {
        var bytes = whole
        bytes[at] ^= 1
        let path = "\(desk.stick)/changed.package"
        try Files.replace(path, with: bytes)
        let report = try await desk.take([path])
        guard case .refused(.file) = report.packages[0].outcome else {
          Issue.record("byte \(at): \(report.packages)")
          continue
        }
      }
      #expect(try await desk.size() == 0)
    }
  }

  @Test func `whoever changes it and mends the hash is found by proofs and signature`() async throws
  {
    let log = TestLog(count: 300)
    let forged = TestLog(count: 300, branch: 1, after: 100)
    try await withDesk { desk in
      let note = try log.note(300)
      let other = try log.note(300, seed: Bench.mirrorSeed)
      let report = try await desk.take([
        try desk.write(forged, 0, 300, name: "entries", note: note),
        try desk.write(log, 0, 300, name: "key", note: other),
        try desk.write(log, 0, 300, name: "log", origin: "mrv.example/gw/other/1"),
        try desk.write(log, 0, 300, name: "size", note: try log.note(299)),
        try desk.write(log, 0, 300, name: "text") { $0 = Array("hello".utf8) },
        try desk.write(log, 0, 300, name: "cut") { $0.removeLast(40) },
        try desk.write(log, 0, 300, name: "longer") { $0.append(0) },
        try desk.write(log, 0, 300, name: "newer") { $0[19] = 0x32 },
        "\(desk.stick)/absent.package",
      ])
      let origin = TestLog.origin
      #expect(
        desk.outcomes(report) == [
          "entries": .refused(.altered(origin: origin)),
          "key": .refused(.wrongKey(origin: origin)),
          "log": .refused(.notEnrolled(origin: "mrv.example/gw/other/1")),
          "size": .refused(.malformed), "text": .refused(.file(.notAPackage)),
          "cut": .refused(.file(.cut)), "longer": .refused(.file(.cut)),
          "newer": .refused(.file(.otherVersion)),
          "absent": .refused(.unreadable(.notFound(path: "\(desk.stick)/absent.package"))),
        ])
      #expect(try await desk.size() == 0 && report.needsAPerson)
      for package in report.packages {
        guard case .refused(let refusal) = package.outcome else { continue }
        #expect(!refusal.english.isEmpty && !refusal.chinese.isEmpty)
      }
    }
  }

  @Test func `a second history is refused, kept and told`() async throws {
    let log = TestLog(count: 700)
    let fork = TestLog(count: 700, branch: 1, after: 100)
    try await withDesk { desk in
      _ = try await desk.take([try desk.write(log, 0, 300)])
      for (name, start, end) in [("same", 0, 300), ("smaller", 0, 256)] {
        let report = try await desk.take([try desk.write(fork, start, end, name: name)])
        #expect(
          report.packages.map(\.outcome) == [
            .refused(.otherHistory(origin: TestLog.origin, .otherRoot))
          ])
      }
      for (name, start, end) in [("larger", 0, 555), ("behind", 256, 555)] {
        let report = try await desk.take([try desk.write(fork, start, end, name: name)])
        #expect(
          report.packages.map(\.outcome) == [
            .refused(.otherHistory(origin: TestLog.origin, .inconsistent))
          ])
      }
      #expect(try desk.bench.collector.setting.database.forks(of: TestLog.origin).count == 2)
      #expect(try desk.bench.collector.setting.database.refused(of: TestLog.origin).count == 3)
      #expect(desk.bench.alarms.all.count == 4)
      #expect(try await desk.size() == 300 && desk.waiting.isEmpty)
      #expect(
        try await desk.take([try desk.write(log, 256, 700)]).packages.map(\.outcome) == [.taken])
    }
  }

  @Test func `a fork that leaves no trace in the packages is found by the root`() async throws {
    let log = TestLog(count: 700)
    // The second history differs in the first block alone, and its package begins behind that.
    let fork = TestLog(entries: [[9]] + log.entries.dropFirst())
    try await withDesk { desk in
      _ = try await desk.take([try desk.write(log, 0, 512)])
      let report = try await desk.take([try desk.write(fork, 512, 700)])
      #expect(
        report.packages.map(\.outcome) == [
          .refused(.otherHistory(origin: TestLog.origin, .inconsistent))
        ])
      #expect(try await desk.size() == 512)
      let pending = try await desk.bench.collector.mirror(hash: originHash(TestLog.origin))?
        .currentState().state.pending
      #expect(pending?.size == 512)
    }
  }

  @Test func `a further epoch of an enrolled gateway needs nobody`() async throws {
    let log = TestLog(count: 300)
    let next = "mrv.example/gw/7f3a01c2/2"
    try await withDesk { desk in
      let report = try await desk.take([try desk.write(log, 0, 300, origin: next)])
      #expect(report.packages.map(\.outcome) == [.taken])
      #expect(report.logs.map(\.origin) == [next])
      #expect(desk.bench.alarms.all.count == 1, "the operator is told")
    }
  }

  @Test func `two processes may work on one directory`() async throws {
    let log = TestLog(count: 900)
    try await withDesk { desk in
      let other = try Bench(at: desk.bench.directory.path)
      let importing = PackageImport(other.collector, in: other.directory)
      _ = try await desk.take([try desk.write(log, 0, 300)])
      #expect(
        try await importing.take([try desk.write(log, 256, 600)]).packages.map(\.outcome) == [
          .taken
        ])
      // What this one remembers is older than what the other wrote.
      #expect(try await desk.size() == 600)
      #expect(
        try await desk.take([try desk.write(log, 512, 900)]).packages.map(\.outcome) == [.taken])
      try other.close()
    }
  }
}

/// SplitMix64: the same order in every run.
private struct SeededNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
