import Collector
import Foundation
import HTTPTypes
import HummingbirdTesting
import Testing
import TransparencyLog

/// Replays the vectors against the router: status, content type and body to the byte.
@Suite struct MirrorReplayTests {
  private func replay(gzip: Bool) async throws {
    let vectors = try MirrorVectors.load()
    let entries = try vectors.bundledEntries()
    #expect(entries.count == 700)
    try await withDirectory { path in
      let bench = try Bench(at: path, tickets: .fixed(bytes(hex: vectors.ticketHex)))
      try bench.enroll(origin: vectors.origin, vkey: vectors.keys.log.vkey)
      try await bench.application.test(.router) { client in
        for step in vectors.steps {
          try await play(step, vectors, entries, client, bench, gzip: gzip)
        }
      }
      #expect(
        bench.alarms.all.count == 1, "only the fork of step 3.2 is alarming: \(bench.alarms.all)")
      #expect(try bench.collector.setting.database.forks(of: vectors.origin).count == 1)
    }
  }

  private func play(
    _ step: MirrorVectors.Step, _ vectors: MirrorVectors, _ entries: [[UInt8]],
    _ client: any TestClientProtocol, _ bench: Bench, gzip: Bool
  ) async throws {
    let body = try vectors.body(of: step, entries: entries)
    #expect(body.count == step.request.length, "\(step.name)")
    #expect(sha256(body) == step.request.sha256, "\(step.name)")
    #expect(try await state(bench, vectors) == step.before, "\(step.name)")
    if let time = step.cosignatureTime { bench.clock.set(time) }

    let response: TestResponse
    if step.request.path == "/add-checkpoint" {
      response = try await client.post(step.request.path, body)
    } else if gzip, let encoded = step.request.gzipBase64 {
      let data = try require(Data(base64Encoded: encoded))
      response = try await client.addEntries([UInt8](data), encoding: "gzip")
    } else {
      response = try await client.addEntries(body)
    }
    #expect(response.status.code == step.response.status, "\(step.name)")
    if let expected = step.response.body {
      #expect(response.text == expected, "\(step.name)")
    }
    if let expected = step.response.contentType {
      #expect(response.headers[.contentType] == expected, "\(step.name)")
    }
    #expect(response.headers[.acceptEncoding] == "gzip", "\(step.name)")
    #expect(try await state(bench, vectors) == step.after, "\(step.name)")
    if response.status == .ok, step.request.path == "/add-entries",
      case .files(let files)? = vectors.served["\(step.after.mirrorCheckpoint)"]
    {
      try await checkServed(files, vectors, client)
    }
    if step.number == "3.5", case .text(let note)? = vectors.served["checkpoint_after_3_5"] {
      let served = try await client.get("/\(vectors.originHashHex)/checkpoint")
      #expect(served.text == note)
      #expect(served.headers[.contentType] == "text/plain; charset=utf-8")
      #expect(served.headers[.cacheControl] == "max-age=5")
    }
  }

  private func checkServed(
    _ files: [String: MirrorVectors.File], _ vectors: MirrorVectors,
    _ client: any TestClientProtocol
  ) async throws {
    for (path, file) in files {
      let served = try await client.get("/\(vectors.originHashHex)/\(path)")
      #expect(served.status == .ok, "\(path)")
      #expect(served.content.count == file.length, "\(path)")
      #expect(sha256(served.content) == file.sha256, "\(path)")
      #expect(served.headers[.contentType] == "application/octet-stream")
      #expect(served.headers[.cacheControl] == "max-age=31536000, immutable")
    }
  }

  private func state(_ bench: Bench, _ vectors: MirrorVectors) async throws -> MirrorVectors.State {
    let mirror = try require(try bench.collector.mirror(hash: vectors.originHashHex))
    let (state, next) = try await mirror.currentState()
    return MirrorVectors.State(
      pending: state.pending?.size, mirrorCheckpoint: state.mirror?.size ?? 0, nextEntry: next)
  }

  @Test func `every step of the vectors is answered to the byte`() async throws {
    try await replay(gzip: false)
  }

  @Test func `gzip bodies are answered like plain ones`() async throws {
    try await replay(gzip: true)
  }
}
