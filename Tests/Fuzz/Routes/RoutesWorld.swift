import Collector
import FuzzKit
import Glibc
import HTTPTypes
import Hummingbird
import NIOCore
import TransparencyLog

/// A collector with two logs that go on step by step.
final class RoutesWorld: @unchecked Sendable {
  /// Logs after which a new world begins, so that a listing of all stays short.
  private static let logCountMax = 16

  /// A log at a step: its checkpoint of `sizes[step]` is next, or its entries up to there.
  private struct Log {
    var sizes: [Int]
    var name: KeyName
    var hash: String
    var step = 0
    var hasCheckpoint = false
    var mirrored = 0
  }

  /// Sizes of the first log, and of the second, which goes past the end of a tile: that costs more.
  private static let sizes = [[2, 5, 9, 14, 20, 27, 35, 44], [250, 256, 258]]
  private static let plant = FuzzLog(entries: FuzzLog.plant(origin: "fuzz", count: 260))
  nonisolated(unsafe) private static var world: RoutesWorld?
  nonisolated(unsafe) private static var historyFile = RoutesHistory()

  private let server: FuzzCollector
  private var logs: [Log] = []
  private var enrolledCount = 0

  static func current() -> RoutesWorld {
    if let world, world.enrolledCount < logCountMax { return world }
    reset()
    guard let made = world else { fatalError("there is a world after a reset") }
    return made
  }

  /// Its files go with the process.
  private static let closesAtExit: Void = { _ = atexit { RoutesWorld.world?.server.close() } }()

  static func reset() {
    closesAtExit
    world?.server.close()
    historyFile.clear()
    do {
      world = try RoutesWorld()
    } catch {
      fatalError("a collector cannot be made: \(error)")
    }
  }

  private init() throws {
    server = try FuzzCollector()
    for number in 0..<2 { logs.append(try newLog(number)) }
  }

  func remember(_ request: FuzzRequest) {
    request.encoded.withUnsafeBytes { Self.historyFile.append($0) }
  }

  private func newLog(_ number: Int) throws -> Log {
    let origin = "fuzz.example/gw/\(enrolledCount)/1"
    enrolledCount += 1
    guard let name = KeyName(origin) else { throw Malformed("a name") }
    try server.enroll(origin: origin)
    return Log(sizes: Self.sizes[number], name: name, hash: originHash(origin))
  }

  private func renew(_ number: Int) {
    do { logs[number] = try newLog(number) } catch {
      fatalError("a log cannot be enrolled: \(error)")
    }
  }

  func answer(_ request: FuzzRequest) async {
    do {
      switch request.kind {
      case 0: await addCheckpoint(request, request.payload, isNext: false)
      case 1: await addCheckpoint(request, try nextCheckpoint(request.log), isNext: true)
      case 2: try await addEntries(request, isNext: true)
      case 3: try await addEntries(request, isNext: false)
      case 4: await get(request)
      case 5: await postLive(request)
      case 6: await anything(request)
      default: try await hostileGateway(request)
      }
    } catch {
      mustHold(false, "the bench works: \(error)")
    }
  }

  private func check(_ answer: FuzzAnswer, _ allowed: Set<Int>, _ what: String) {
    mustHold(
      allowed.contains(answer.status),
      "\(what) answers \(answer.status) \(String(decoding: answer.body.prefix(200), as: UTF8.self))"
    )
  }

  // MARK: the mirror protocol

  private func nextCheckpoint(_ number: Int) throws -> [UInt8] {
    let log = logs[number]
    let size = log.sizes[log.step]
    let old = log.hasCheckpoint ? size : log.mirrored
    return try Self.plant.checkpointBody(origin: log.name, old: old, size: size)
  }

  private func addCheckpoint(_ request: FuzzRequest, _ body: [UInt8], isNext: Bool) async {
    let sent = isNext ? request.edited(body) : body
    let answer = await server.send(
      "POST", "/add-checkpoint", [:], RequestBody(buffer: ByteBuffer(bytes: sent)))
    check(answer, [200, 400, 403, 404, 409, 413, 422], "add-checkpoint")
    if isNext, sent == body { check(answer, [200], "a good checkpoint") }
    guard answer.status == 200 else { return }
    // What was not the next step leads where the bench does not follow.
    if isNext { logs[request.log].hasCheckpoint = true } else { renew(request.log) }
  }

  private func addEntries(_ request: FuzzRequest, isNext: Bool) async throws {
    let log = logs[request.log]
    let size = log.sizes[log.step]
    var aim: Int?
    var body = request.payload
    var isWhole = false
    if isNext {
      let whole = try Self.plant.entriesBody(origin: log.name, log.mirrored, size)
      body = request.edited(whole)
      aim = end(ofUpload: body, to: log)
      isWhole = body == whole && log.hasCheckpoint && request.flags & 12 == 0
    }
    var headers: HTTPFields = [
      .contentType: request.flags & 4 == 0 ? "application/octet-stream" : "text/plain"
    ]
    if request.flags & 1 != 0 {
      headers[.contentEncoding] = "gzip"
      // A payload that is not compressed here is a damaged stream.
      if isNext { body = Gzip.compress(body) }
    }
    if request.flags & 8 != 0 { headers[.contentEncoding] = "br" }
    let answer = await server.send(
      "POST", "/add-entries", headers, requestBody(body, inPieces: request.flags & 2 != 0))
    check(answer, [200, 202, 400, 404, 409, 415, 422], "add-entries")
    if isWhole { check(answer, [200], "a good upload") }
    guard answer.status == 200 else { return }
    guard let aim, log.hasCheckpoint else {
      // Edits may have made it an upload to the other log.
      renew(0)
      renew(1)
      return
    }
    // They may have made its end that of a checkpoint before, too, which is good as well.
    let mirrored = max(log.mirrored, aim)
    if mirrored > 0 { await confirm(log, mirrored) }
    logs[request.log].mirrored = mirrored
    guard mirrored == size else { return }
    logs[request.log].hasCheckpoint = false
    logs[request.log].step += 1
    if logs[request.log].step == log.sizes.count { renew(request.log) }
  }

  /// Which size an upload leads to; `nil` when it is none to this log.
  private func end(ofUpload body: [UInt8], to log: Log) -> Int? {
    let name = Array("\(log.name)".utf8)
    return body.withUnsafeBytes { bytes in
      var input = FuzzInput(bytes)
      guard Int(input.word()) == name.count, Array(input.bytes(name.count)) == name else {
        return nil
      }
      _ = input.number()
      return Int(exactly: input.number())
    }
  }

  private func requestBody(_ bytes: [UInt8], inPieces: Bool) -> RequestBody {
    guard inPieces else { return RequestBody(buffer: ByteBuffer(bytes: bytes)) }
    let pieces = stride(from: 0, to: bytes.count, by: max(7, bytes.count / 64)).map {
      ByteBuffer(bytes: bytes[$0..<min(bytes.count, $0 + max(7, bytes.count / 64))])
    }
    return RequestBody(
      asyncSequence: AsyncStream { stream in
        for piece in pieces { stream.yield(piece) }
        stream.finish()
      })
  }

  /// What was acknowledged is served.
  private func confirm(_ log: Log, _ size: Int) async {
    let headers: HTTPFields = [.authorization: "Bearer \(FuzzCollector.readToken)"]
    let note = await server.send(
      "GET", "/\(log.hash)/checkpoint", headers, RequestBody(buffer: ByteBuffer()))
    mustHold(
      note.body.starts(with: "\(log.name)\n\(size)\n".utf8), "what is cosigned is served")
    let block = (size - 1) / 256
    let path = TilePath(.entries, index: UInt64(block), width: size - 256 * block).text
    let tile = await server.send(
      "GET", "/\(log.hash)/\(path)", headers, RequestBody(buffer: ByteBuffer()))
    let wanted = Self.plant.entries[(256 * block)..<size].flatMap {
      [UInt8($0.count >> 8), UInt8($0.count & 255)] + $0
    }
    mustHold(tile.status == 200 && tile.body == wanted, "what is acknowledged is stored")
  }

  // MARK: the other routes

  private func get(_ request: FuzzRequest) async {
    var path = String(decoding: request.payload, as: UTF8.self)
    if request.flags & 4 != 0 { path = "/\(logs[request.log].hash)/" + path }
    var headers: HTTPFields = [:]
    let mayRead = request.flags & 1 != 0
    if mayRead { headers[.authorization] = "Bearer \(FuzzCollector.readToken)" }
    let method = request.flags & 2 != 0 ? "HEAD" : "GET"
    let answer = await server.send(method, path, headers, RequestBody(buffer: ByteBuffer()))
    check(answer, [200, 400, 401, 404], "\(method) \(path)")
    mustHold(mayRead || answer.status != 200, "nothing is read without the token")
  }

  private func postLive(_ request: FuzzRequest) async {
    var headers: HTTPFields = [:]
    if request.flags & 1 != 0 { headers[.authorization] = "Bearer \(FuzzCollector.liveToken)" }
    var body = request.payload
    if request.flags & 2 != 0 {
      body =
        Array("{\"origin\":\"\(logs[request.log].name)\",\"values\":[".utf8) + body
        + Array("]}".utf8)
    }
    let answer = await server.send(
      "POST", "/api/live", headers, RequestBody(buffer: ByteBuffer(bytes: body)))
    check(answer, [200, 400, 401, 404, 413], "POST /api/live")
    mustHold(request.flags & 1 != 0 || answer.status == 401, "nobody posts without a token")
    guard answer.status == 200 else { return }
    let reader: HTTPFields = [.authorization: "Bearer \(FuzzCollector.readToken)"]
    let shown = await server.send("GET", "/api/live", reader, RequestBody(buffer: ByteBuffer()))
    check(shown, [200], "GET /api/live after a post")
  }

  private func anything(_ request: FuzzRequest) async {
    let methods = ["PUT", "DELETE", "OPTIONS", "POST", "GET", "PATCH", "BREW", "CONNECT"]
    let method = methods[Int(request.flags & 7)]
    let parts = request.payload.split(
      separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
    let path = String(decoding: parts.first ?? [], as: UTF8.self)
    let body = parts.count > 1 ? Array(parts[1]) : []
    let answer = await server.send(method, path, [:], RequestBody(buffer: ByteBuffer(bytes: body)))
    check(answer, [200, 400, 401, 403, 404, 405, 409, 413, 415, 422], "\(method) \(path)")
    if answer.status == 200 { renew(request.log) }
  }

  /// A gateway is enrolled, and its entries are its own affair: they are taken, whatever they say.
  private func hostileGateway(_ request: FuzzRequest) async throws {
    var entries = Array(Self.plant.entries.prefix(Int(request.flags & 7)))
    request.payload.withUnsafeBytes { bytes in
      var input = FuzzInput(bytes)
      while !input.isAtEnd, entries.count < 40 {
        entries.append(Array(input.bytes(Int(input.byte()))))
      }
    }
    guard !entries.isEmpty else { return }
    let log = FuzzLog(entries: entries)
    let own = try newLog(0)
    let first = await server.send(
      "POST", "/add-checkpoint", [:],
      RequestBody(
        buffer: ByteBuffer(
          bytes: try log.checkpointBody(origin: own.name, old: 0, size: entries.count))))
    check(first, [200], "the checkpoint of any entries")
    let second = await server.send(
      "POST", "/add-entries", [.contentType: "application/octet-stream"],
      RequestBody(
        buffer: ByteBuffer(bytes: try log.entriesBody(origin: own.name, 0, entries.count))))
    check(second, [200], "the upload of any entries")
    await server.decoding.catchUp()
    let reader: HTTPFields = [.authorization: "Bearer \(FuzzCollector.readToken)"]
    for path in ["/api/readings?origin=\(own.name)&limit=20", "/api/status"] {
      let answer = await server.send("GET", path, reader, RequestBody(buffer: ByteBuffer()))
      check(answer, [200], "GET \(path) after any entries")
    }
  }
}

/// Inputs since the world began, in a file that outlives a crash: 4 MiB of shared memory.
struct RoutesHistory {
  private static let capacity = 4 << 20
  private let memory: UnsafeMutableRawPointer?
  private var count = 0

  init() {
    let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    let file = open("\(parent)/tallystick-fuzz-routes.history", O_RDWR | O_CREAT, 0o644)
    ftruncate(file, off_t(Self.capacity))
    let mapped = mmap(nil, Self.capacity, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
    memory = mapped == MAP_FAILED ? nil : mapped
    Glibc.close(file)
    clear()
  }

  mutating func clear() {
    count = 0
    memory?.storeBytes(of: 0, as: UInt32.self)
  }

  /// Four bytes say how many follow.
  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let memory, 4 + count + bytes.count <= Self.capacity, let from = bytes.baseAddress else {
      return
    }
    (memory + 4 + count).copyMemory(from: from, byteCount: bytes.count)
    count += bytes.count
    memory.storeBytes(of: UInt32(count), as: UInt32.self)
  }
}
