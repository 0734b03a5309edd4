import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import ReadingStore
import Synchronization
import Testing
import TransparencyLog

@testable import Collector

/// Uploads that meet time limits, each other and real sockets.
@Suite struct UploadTests {
  let log = TestLog(count: 600)

  /// A body that says when its first piece was taken for granted: the second never comes.
  private func stalledBody(_ first: [UInt8]) -> (RequestBody, AsyncStream<ByteBuffer>.Continuation)
  {
    let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
    continuation.yield(ByteBuffer(bytes: first))
    return (RequestBody(asyncSequence: stream), continuation)
  }

  @Test func `an upload that stalls is answered with what it brought`() async throws {
    let log = log
    try await withDirectory { path in
      let (counted, signal) = AsyncStream.makeStream(of: Void.self)
      let bench = try Bench(
        at: path, probe: { step in if step == .countEntries { signal.yield() } })
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await bench.application.test(.router) { client in
        try await MirrorUnderTest(client: client, bench: bench).show(log, 600)
      }
      let (body, continuation) = stalledBody(try log.entriesBody(0, 600, packages: 1))
      let reception = UploadReception(collector: bench.collector, encoding: .identity)
      let upload = Task { await reception.answer(body) }
      // The client says no more once its first package is stored. The end of the time limit and the end
      // of the connection both cancel the reading; here it is the connection.
      for await _ in counted { break }
      upload.cancel()
      let answer = await upload.value
      #expect(answer.status == 202)
      #expect(String(decoding: answer.body, as: UTF8.self) == "600\n256\n\n")
      continuation.finish()
    }
  }

  @Test func `the time limit ends an upload that brings nothing`() async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path, uploadTimeLimit: .zero)
      let (body, continuation) = stalledBody([0])
      let reception = UploadReception(collector: bench.collector, encoding: .identity)
      #expect(await reception.answer(body).status == 400)
      continuation.finish()
    }
  }

  @Test func `uploads at the same time store each entry once`() async throws {
    let log = log
    try await withMirror { mirror async throws in
      try await mirror.show(log, 600)
      let body = try log.entriesBody(0, 600)
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<8 {
          group.addTask { try await mirror.client.addEntries(body).status.code }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(statuses == [Int](repeating: 200, count: 8))
      try await mirror.expect(600, 600, 600)
      #expect(mirror.bench.alarms.all.isEmpty)
    }
  }

  @Test func `over a socket a long upload in pieces is answered like any other`() async throws {
    let entries = (0..<600).map { index in
      (0..<3_000).map { UInt8(truncatingIfNeeded: index &* 7 &+ $0) }
    }
    let log = TestLog(entries: entries)
    try await withDirectory { path in
      let bench = try Bench(at: path)
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await bench.application.test(.live) { client async throws in
        let mirror = MirrorUnderTest(client: client, bench: bench)
        try await mirror.show(log, 600)
        // An early refusal and then a good request on the same connection.
        let early = try await client.addEntries(
          TestLog.header(start: 0, end: 5) + [UInt8](repeating: 0, count: 1 << 20))
        #expect(early.status == .conflict)
        try await mirror.upload(log, 0, 600)
        let bundle = try await client.get("/\(originHash(TestLog.origin))/tile/entries/001")
        #expect(bundle.content == log.entries[256..<512].flatMap(TestLog.bundled))
      }
    }
  }
}

/// What `init` and `enroll` do to a directory.
@Suite struct CollectorSetupTests {
  @Test func `init makes keys that only the owner reads and changes nothing later`() async throws {
    try await withDirectory { path in
      let directory = CollectorDirectory(path)
      #expect(throws: CollectorFailure.self) { try directory.initialise(name: nil) }
      let key = try directory.initialise(name: "collector.example/m7")
      let vkey = try String(contentsOfFile: directory.mirrorVKey, encoding: .utf8)
      #expect(vkey == "\(key)\n")
      #expect(vkey.hasPrefix("collector.example/m7+"))
      for file in [directory.mirrorKey, directory.readToken, directory.database] {
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
      }
      let token = try String(contentsOfFile: directory.readToken, encoding: .utf8)
      #expect(token.count == 65)
      #expect("\(try directory.initialise(name: nil))" == "\(key)")
      #expect(try String(contentsOfFile: directory.readToken, encoding: .utf8) == token)
      #expect(throws: CollectorFailure.self) { try directory.initialise(name: "other.example/m") }
    }
  }

  @Test func `enroll gives the same token again and refuses another key`() async throws {
    try await withDirectory { path in
      let directory = CollectorDirectory(path)
      #expect(throws: CollectorFailure.self) { try directory.enroll(vkey: TestLog.vkey()) }
      let mirror = try directory.initialise(name: "collector.example/m1")
      let log = try directory.enroll(vkey: TestLog.vkey())
      #expect(log.origin == TestLog.origin)
      #expect(log.liveToken.count == 64)
      #expect(try directory.enroll(vkey: TestLog.vkey()) == log)
      let other = VerifierKey(
        name: try require(KeyName(TestLog.origin)), type: .log, publicKey: mirror.publicKey)
      #expect(throws: MirrorDatabaseError.self) { try directory.enroll(vkey: "\(other)") }
      let wrongType = #expect(throws: CollectorFailure.self) {
        try directory.enroll(vkey: "\(mirror)")
      }
      #expect(wrongType?.english.contains("its type is 4, a log's is 1") == true)
      #expect(wrongType?.chinese.contains("类型为 4，日志应为 1") == true)
      #expect(throws: CollectorFailure.self) { try directory.enroll(vkey: "nothing") }
      #expect(
        try directory.status(clock: CosignatureClock { nil }).map(\.origin) == [TestLog.origin])
    }
  }

  @Test func `a mirror key of another name or key is refused`() async throws {
    try await withDirectory { path in
      let directory = CollectorDirectory(path)
      _ = try directory.initialise(name: "collector.example/m1")
      let clock = CosignatureClock { 1_785_000_400 }
      let collector = try directory.open(clock: clock, alarm: { _ in })
      try collector.readings.close()
      try collector.setting.database.close()
      try Data("collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ\n".utf8)
        .write(to: URL(filePath: directory.mirrorVKey))
      #expect(throws: CollectorFailure.self) {
        try directory.open(clock: clock, alarm: { _ in })
      }
    }
  }
}
