import Collector
import Foundation
import HTTPTypes
import HummingbirdTesting
import Testing
import TransparencyLog

/// Each row of the table of `add-checkpoint`, in its order.
@Suite struct AddCheckpointTests {
  let log = TestLog(count: 20)

  /// A fresh mirror; `pending` is shown to it first.
  private func onMirror(
    pending: Int? = nil, _ body: @Sendable (any TestClientProtocol, Bench) async throws -> Void
  ) async throws {
    try await withDirectory { path in
      let bench = try Bench(at: path)
      try bench.enroll(origin: TestLog.origin, vkey: TestLog.vkey())
      try await bench.application.test(.router) { client in
        if let pending {
          let first = try await client.post(
            "/add-checkpoint", log.checkpointBody(old: 0, size: pending))
          #expect(first.status == .ok)
        }
        try await body(client, bench)
      }
    }
  }

  private func pending(_ bench: Bench) async throws -> UInt64? {
    let mirror = try require(try bench.collector.mirror(hash: originHash(TestLog.origin)))
    return try await mirror.currentState().state.pending?.size
  }

  @Test func `a body that breaks the grammar is 400`() async throws {
    let good = String(decoding: try log.checkpointBody(old: 3, size: 7), as: UTF8.self)
    let hash = Base64.text(try log.root(5).span)
    let bad: [String: String] = [
      "nothing": "",
      "no old line": good.replacing("old 3\n", with: ""),
      "another word": good.replacing("old", with: "Old"),
      "no number": good.replacing("old 3", with: "old "),
      "a sign": good.replacing("old 3", with: "old +3"),
      "a leading zero": good.replacing("old 3", with: "old 03"),
      "an old size of 2^63": good.replacing("old 3", with: "old 9223372036854775808"),
      "a size of 2^63": good.replacing("\n7\n", with: "\n9223372036854775808\n"),
      "a size with a leading zero": good.replacing("\n7\n", with: "\n07\n"),
      "64 hashes": good.replacing(
        "old 3\n", with: "old 3\n" + String(repeating: hash + "\n", count: 62)),
      "a hash of 31 bytes": good.replacing(
        "old 3\n", with: "old 3\n" + Base64.text([UInt8](repeating: 1, count: 31).span) + "\n"),
      "base64 that is not canonical": good.replacing(
        "old 3\n", with: "old 3\n" + String(hash.dropLast(2)) + "=\n"),
      "a carriage return": good.replacing("old 3\n", with: "old 3\r\n"),
      "a control character in the note": good.replacing("\n7\n", with: "\n7\u{7}\n"),
      "no blank line before the signature": good.replacing("\n\n— ", with: "\n— "),
      "no signature": String(good[..<(good.range(of: "— ")?.lowerBound ?? good.endIndex)]),
      "two lines only": "old 0\n\nmrv.example\n7\n\n— a AAAAAAAA\n",
      "an empty origin": good.replacing(TestLog.origin + "\n7", with: "\n7"),
      "no LF at the end": String(good.dropLast()),
      "an empty extension line": good.replacing("\n\n—", with: "\n\nx\n\n—"),
    ]
    try await onMirror(pending: 3) { (client, bench) async throws in
      for (name, body) in bad {
        let answer = try await client.post("/add-checkpoint", Array(body.utf8))
        #expect(answer.status == .badRequest, "\(name)")
      }
      let latin1 = try await client.post("/add-checkpoint", [0xE9] + Array(good.utf8))
      #expect(latin1.status == .badRequest)
      #expect(try await pending(bench) == 3)
    }
  }

  @Test func `a body above 256 KiB is 413`() async throws {
    try await onMirror { (client, bench) async throws in
      let body = [UInt8](repeating: 0x61, count: CheckpointRequest.maximumByteCount + 1)
      #expect(try await client.post("/add-checkpoint", body).status == .contentTooLarge)
      #expect(try await pending(bench) == nil)
    }
  }

  @Test func `an origin that is not enrolled is 404`() async throws {
    try await onMirror { (client, _) async throws in
      let note = try log.note(7, origin: "mrv.example/gw/other/1")
      let body = try log.checkpointBody(old: 0, size: 7, note: note)
      #expect(try await client.post("/add-checkpoint", body).status == .notFound)
    }
  }

  @Test func `no valid signature, or one invalid beside a valid one, is 403`() async throws {
    try await onMirror { (client, bench) async throws in
      let note = String(decoding: try log.note(7), as: UTF8.self)
      let line = note[try require(note.range(of: "— ")).lowerBound...]
      let middle = line.index(line.endIndex, offsetBy: -30)
      let bad =
        String(line[..<middle]) + (line[middle] == "A" ? "B" : "A")
        + String(line[line.index(after: middle)...])
      let unknown = "— auditor.example/w1 AAAAAAAA\n"
      for signatures in [unknown, bad, String(line) + bad, bad + String(line)] {
        let altered = Array(note.replacing(String(line), with: signatures).utf8)
        let body = try log.checkpointBody(old: 0, size: 7, note: altered)
        #expect(try await client.post("/add-checkpoint", body).status == .forbidden)
      }
      #expect(try await pending(bench) == nil)
    }
  }

  @Test func `signatures of unknown keys are ignored and not kept`() async throws {
    try await onMirror { (client, bench) async throws in
      let unknown = (0..<40).map { "— auditor.example/w\($0) AAAAAAAA\n" }.joined()
      let note = try log.note(7)
      let body = try log.checkpointBody(old: 0, size: 7, note: note + Array(unknown.utf8))
      #expect(try await client.post("/add-checkpoint", body).status == .ok)
      let kept = try bench.collector.setting.database.state(of: TestLog.origin).pending
      #expect(kept?.note == note)
    }
  }

  @Test func `an old size above the new one is 400`() async throws {
    try await onMirror(pending: 7) { (client, _) async throws in
      let body = try log.checkpointBody(old: 9, size: 8, proof: [])
      #expect(try await client.post("/add-checkpoint", body).status == .badRequest)
    }
  }

  @Test func `an old size that is not pending is 409 with the pending size`() async throws {
    try await onMirror(pending: 7) { (client, bench) async throws in
      for old in [0, 3, 8] {
        let body = try log.checkpointBody(old: old, size: 9)
        let answer = try await client.post("/add-checkpoint", body)
        #expect(answer.status == .conflict)
        #expect(answer.headers[.contentType] == "text/x.tlog.size")
        #expect(answer.text == "7\n")
      }
      #expect(try await pending(bench) == 7)
    }
  }

  @Test func `size 0 has the root of nothing, else 422`() async throws {
    try await onMirror { (client, bench) async throws in
      let other = try log.checkpointBody(
        old: 0, size: 0, note: log.note(0, root: try log.root(1)))
      let refused = try await client.post("/add-checkpoint", other)
      #expect(refused.status == .unprocessableContent)
      #expect(try await pending(bench) == nil)
      let good = try log.checkpointBody(old: 0, size: 0)
      #expect(try await client.post("/add-checkpoint", good).status == .ok)
      #expect(try await pending(bench) == 0)
      #expect(
        try await client.post("/add-checkpoint", log.checkpointBody(old: 0, size: 7)).status == .ok)
    }
  }

  @Test func `what contradicts the pending checkpoint is 422 and kept as a fork`() async throws {
    let branch = TestLog(count: 20, branch: 1, after: 5)
    try await onMirror(pending: 7) { (client, bench) async throws in
      let bodies = [
        "another root at the same size": try branch.checkpointBody(old: 7, size: 7),
        "another root at the same size, and a proof": try branch.checkpointBody(
          old: 7, size: 7, proof: [try log.root(1)]),
        "another history": try branch.checkpointBody(old: 7, size: 12),
        "a hash too few": try log.checkpointBody(
          old: 7, size: 12, proof: Array(log.proof(0, 7, in: 12).dropLast())),
        "a hash too many": try log.checkpointBody(
          old: 7, size: 12, proof: log.proof(0, 7, in: 12) + [try log.root(1)]),
      ]
      for (name, body) in bodies {
        let answer = try await client.post("/add-checkpoint", body)
        #expect(answer.status == .unprocessableContent, "\(name)")
      }
      #expect(try await pending(bench) == 7)
      let database = bench.collector.setting.database
      // Another root at the same size convicts the log; a wrong proof, which anybody can send, does not.
      #expect(try database.forks(of: TestLog.origin) == [branch.note(7)])
      // The honest note of size 12 was refused twice and is kept once.
      #expect(
        Set(try database.refused(of: TestLog.origin))
          == [try branch.note(7), try branch.note(12), try log.note(12)])
      // In both languages: what, and what to do.
      #expect(bench.alarms.all.count == 5)
      let convicting = bench.alarms.all.filter { $0.contains("Stop the gateway") }
      #expect(convicting.count == 2)
      #expect(
        convicting.allSatisfy {
          $0.contains("another root") && $0.contains("另一个根哈希") && $0.contains("请停止该网关")
            && $0.contains("It is kept")
        })
      #expect(bench.alarms.all.count { $0.contains("tiles are damaged") } == 3)
    }
  }

  @Test func `a note that was suspected is proof once its size is reached`() async throws {
    let branch = TestLog(count: 20, branch: 1, after: 5)
    try await onMirror(pending: 7) { (client, bench) async throws in
      let database = bench.collector.setting.database
      let other = try await client.post("/add-checkpoint", branch.checkpointBody(old: 7, size: 12))
      #expect(other.status == .unprocessableContent)
      #expect(try database.forks(of: TestLog.origin).isEmpty)
      #expect(
        try await client.post("/add-checkpoint", log.checkpointBody(old: 7, size: 12)).status == .ok
      )
      let again = try await client.post("/add-checkpoint", branch.checkpointBody(old: 12, size: 12))
      #expect(again.status == .unprocessableContent)
      #expect(try database.forks(of: TestLog.origin) == [branch.note(12)])
    }
  }

  @Test func `a proof where none belongs is 422, and says nothing against the log`() async throws {
    try await onMirror { (client, bench) async throws in
      let fromNothing = try log.checkpointBody(old: 0, size: 7, proof: [try log.root(1)])
      #expect(try await client.post("/add-checkpoint", fromNothing).status == .unprocessableContent)
      #expect(
        try await client.post("/add-checkpoint", log.checkpointBody(old: 0, size: 7)).status == .ok)
      let between = try log.checkpointBody(old: 7, size: 7, proof: [try log.root(1)])
      #expect(try await client.post("/add-checkpoint", between).status == .unprocessableContent)
      #expect(try bench.collector.setting.database.refused(of: TestLog.origin).isEmpty)
      #expect(bench.alarms.all.isEmpty)
    }
  }

  @Test func `every step from every size is accepted with its proof`() async throws {
    for old in 1..<20 {
      try await onMirror(pending: old) { (client, bench) async throws in
        for size in [old, old, old + 1, 20] {
          let known = Int(try await pending(bench) ?? 0)
          guard size >= known, size <= 20 else { continue }
          let answer = try await client.post(
            "/add-checkpoint", log.checkpointBody(old: known, size: size))
          #expect(answer.status == .ok, "\(known) to \(size)")
          #expect(answer.content.isEmpty)
          #expect(try await pending(bench) == UInt64(size))
        }
      }
    }
  }

  @Test func `extension lines are kept and cosigned with the rest`() async throws {
    try await onMirror { (client, bench) async throws in
      let note = try log.note(7, extensions: "epoch 1\nmore\n")
      let body = try log.checkpointBody(old: 0, size: 7, note: note)
      #expect(try await client.post("/add-checkpoint", body).status == .ok)
      let answer = try await client.addEntries(log.entriesBody(0, 7))
      #expect(answer.status == .ok)
      let served = try await client.get("/\(originHash(TestLog.origin))/checkpoint")
      #expect(served.content == note + answer.content)
    }
  }
}
