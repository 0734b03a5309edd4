import Collector
import Foundation
import HTTPTypes
import HostCrypto
import HummingbirdTesting
import Synchronization
import Testing
import TransparencyLog

/// The process dies at each durable step in turn. After every restart nothing acknowledged is lost,
/// nothing is doubled, and the client gets on with the same requests.
@Suite struct RecoveryTests {
  struct Killed: Error {}

  /// Fails at the n-th durable step and at every later one, as a dead process does.
  final class Death: Sendable {
    private let left: Mutex<Int>
    init(after count: Int) { left = Mutex(count) }
    var probe: DurableProbe {
      { _ in
        try self.left.withLock { left in
          if left == 0 { throw Killed() }
          left -= 1
        }
      }
    }
  }

  let log = TestLog(count: 800)
  /// Checkpoints of the scenario; the third begins and ends inside of blocks, the last fills two.
  let sizes = [200, 256, 300, 800]

  /// What a client does after any restart: it asks, and goes on. Gives the last acknowledged size.
  private func run(_ mirror: MirrorUnderTest, acknowledged: inout Int) async throws -> Bool {
    for size in sizes where size > acknowledged {
      let pending = Int(try await mirror.state().pending ?? 0)
      if pending < size {
        let answer = try await mirror.client.post(
          "/add-checkpoint", log.checkpointBody(old: pending, size: size))
        guard answer.status == .ok else { return false }
      }
      let next = Int(try await mirror.state().next)
      let answer = try await mirror.client.addEntries(log.entriesBody(min(next, size), size))
      guard answer.status == .ok else { return false }
      acknowledged = size
    }
    return true
  }

  private func check(_ mirror: MirrorUnderTest, acknowledged: Int) async throws {
    let (pending, mirrored, next) = try await mirror.state()
    #expect(UInt64(acknowledged) <= mirrored ?? 0)
    #expect(mirrored ?? 0 <= next)
    #expect(next <= pending ?? 0)
    guard let mirrored, mirrored > 0 else { return }
    // What is served is the checkpoint of the database, cosigned, and its tiles are there.
    let hash = originHash(TestLog.origin)
    let served = try await mirror.client.get("/\(hash)/checkpoint")
    let key = mirror.bench.collector.setting.key.verifierKey
    let note = try Note.parse(served.content.span)
    _ = try note.verify(served.content.span, key: key, with: SodiumVerifier())
    let checkpoint = try Checkpoint.parse(text: served.content.span.extracting(note.text))
    #expect(checkpoint.size == mirrored)
    #expect(checkpoint.root == (try log.root(Int(mirrored))))
    for base in stride(from: 0, to: Int(mirrored), by: 256) {
      let width = min(256, Int(mirrored) - base)
      let full = "/\(hash)/" + TilePath(.entries, index: UInt64(base / 256)).text
      var bundle = try await mirror.client.get(width < 256 ? full + ".p/\(width)" : full)
      if bundle.status == .notFound { bundle = try await mirror.client.get(full) }
      let expected = log.entries[base..<(base + width)].flatMap(TestLog.bundled)
      #expect(Array(bundle.content.prefix(expected.count)) == expected)
    }
  }

  /// Every second step beginning with `first`, so that two processors share them.
  @Test(arguments: 0...1)
  func `a death at any durable step costs nothing that was acknowledged`(first: Int) async throws {
    var death = first
    var finished = false
    var reference: [String: String]?
    while !finished {
      let step = death
      let log = log
      try await withDirectory { path in
        var acknowledged = 0
        let dying = try Bench(at: path, probe: Death(after: step).probe)
        try dying.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
        (finished, acknowledged) = try await dying.application.test(.router) {
          client async throws in
          var known = 0
          let done = try await run(
            MirrorUnderTest(client: client, bench: dying), acknowledged: &known)
          return (done, known)
        }
        try dying.close()
        try Self.checkNothingLeftEarly(dying.directory)

        let reborn = try Bench(at: path)
        let before = acknowledged
        try await reborn.application.test(.router) { client async throws in
          let mirror = MirrorUnderTest(client: client, bench: reborn)
          try await check(mirror, acknowledged: before)
          var known = before
          #expect(try await run(mirror, acknowledged: &known), "death at step \(step)")
          try await check(mirror, acknowledged: log.entries.count)
        }
        #expect(reborn.alarms.all.isEmpty, "death at step \(step): \(reborn.alarms.all)")
        try reborn.close()
        let files = try Self.files(in: reborn.directory.logs)
        if let reference { #expect(files == reference, "death at step \(step)") }
        reference = files
      }
      death += 2
    }
    // Each of the four uploads has about a dozen steps: the loop did go through them.
    #expect(death > 50, "\(death)")
  }

  /// What was published when the process died is what the database holds, or older: a signature that
  /// a reader saw must not be forgotten.
  private static func checkNothingLeftEarly(_ directory: CollectorDirectory) throws {
    let database = try MirrorDatabase(path: directory.database)
    let kept = try database.state(of: TestLog.origin).mirror?.size ?? 0
    try database.close()
    let path = "\(directory.logs)/\(originHash(TestLog.origin))/checkpoint"
    guard let data = FileManager.default.contents(atPath: path) else { return }
    let note = [UInt8](data)
    let parts = try Note.parse(note.span)
    #expect(try Checkpoint.parse(text: note.span.extracting(parts.text)).size <= kept)
  }

  /// Hash of every full tile and bundle by path. Narrow ones may stay behind after a death, and are
  /// checked by `check`.
  private static func files(in directory: String) throws -> [String: String] {
    var files: [String: String] = [:]
    for case let path as String in try require(FileManager.default.enumerator(atPath: directory)) {
      guard path.contains("/tile/"), !path.contains(".p") else { continue }
      guard let data = try? Data(contentsOf: URL(filePath: directory + "/" + path)) else {
        continue
      }
      files[path] = sha256([UInt8](data))
    }
    return files
  }

  @Test func `the same process goes on after a failed write`() async throws {
    // No restart: a full disk that is emptied again.
    final class Weather: Sendable {
      let isFull = Mutex(false)
    }
    let weather = Weather()
    try await withDirectory { path in
      let bench = try Bench(
        at: path,
        probe: { step in
          if step == .renameFile, weather.isFull.withLock({ $0 }) { throw Killed() }
        })
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await bench.application.test(.router) { client async throws in
        let mirror = MirrorUnderTest(client: client, bench: bench)
        try await mirror.show(log, 300)
        weather.isFull.withLock { $0 = true }
        let answer = try await client.addEntries(log.entriesBody(0, 300))
        #expect(answer.status == .internalServerError)
        #expect(bench.alarms.all.count == 1)
        try await mirror.expect(300, nil, 0)
        weather.isFull.withLock { $0 = false }
        try await mirror.upload(log, 0, 300)
      }
    }
  }

  @Test func `a damaged file is 500 and an alarm, never a signature`() async throws {
    let places: [(String, Int)] = [
      ("tile/entries/000", 100), ("tile/entries/001.p/44", 5), ("tile/0/000", 77),
      ("tile/0/001.p/44", 33), ("tile/1/000.p/1", 3),
    ]
    for (file, offset) in places {
      try await withDirectory { path in
        let bench = try Bench(at: path)
        try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
        try await bench.application.test(.router) { client async throws in
          let mirror = MirrorUnderTest(client: client, bench: bench)
          try await mirror.show(log, 300)
          bench.clock.set(nil)
          #expect(
            try await client.addEntries(log.entriesBody(0, 300)).status == .serviceUnavailable)
          bench.clock.set(1_785_000_400)
          if file.hasPrefix("tile/1") { try await mirror.upload(log, 300, 300) }
          let place = URL(filePath: bench.directory.logs).appending(
            path: originHash(TestLog.origin) + "/" + file)
          var data = try Data(contentsOf: place)
          data[offset] ^= 1
          try data.write(to: place)
          if file.hasPrefix("tile/1") { try await mirror.show(log, 555) }
          let end = file.hasPrefix("tile/1") ? 555 : 300
          let answer = try await client.addEntries(log.entriesBody(300, end))
          #expect(answer.status == .internalServerError, "\(file)")
          #expect(!bench.alarms.all.isEmpty, "\(file)")
        }
      }
    }
  }

  @Test func `a stored entry that was altered is not blamed on the client`() async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path)
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await bench.application.test(.router) { client async throws in
        let mirror = MirrorUnderTest(client: client, bench: bench)
        try await mirror.show(log, 100)
        try await mirror.upload(log, 0, 100)
        let place = URL(filePath: bench.directory.logs).appending(
          path: originHash(TestLog.origin) + "/tile/entries/000.p/100")
        var data = try Data(contentsOf: place)
        data[50] ^= 1
        try data.write(to: place)
        try await mirror.show(log, 200)
        let answer = try await client.addEntries(log.entriesBody(100, 200))
        #expect(answer.status == .internalServerError)
        // From the beginning of the block the client's bytes are enough.
        try await mirror.upload(log, 0, 200)
      }
    }
  }

  @Test func `lost entries and an older database are noticed`() async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path)
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await bench.application.test(.router) { client async throws in
        let mirror = MirrorUnderTest(client: client, bench: bench)
        try await mirror.show(log, 300)
        try await mirror.upload(log, 0, 300)
      }
      try bench.close()
      let tiles = URL(filePath: bench.directory.logs).appending(path: originHash(TestLog.origin))
      try FileManager.default.removeItem(at: tiles.appending(path: "tile/entries/001.p/44"))
      let second = try Bench(at: path)
      try await second.application.test(.router) { client async throws in
        #expect(
          try await client.addEntries(log.entriesBody(300, 300)).status == .internalServerError)
      }
      try second.close()
      try FileManager.default.removeItem(atPath: bench.directory.database)
      let third = try Bench(at: path)
      try third.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await third.application.test(.router) { client async throws in
        let answer = try await client.post(
          "/add-checkpoint", log.checkpointBody(old: 0, size: 100))
        #expect(answer.status == .internalServerError)
      }
      #expect(third.alarms.all.contains { $0.contains("it is an older copy") })
    }
  }
}
