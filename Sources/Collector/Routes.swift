import HTTPTypes
import HostCrypto
import Hummingbird
import NIOCore
import TransparencyLog

extension Collector {
  /// Everything that the collector answers.
  ///
  ///     POST /add-checkpoint                       the log shows a newer checkpoint
  ///     POST /add-entries                          the log brings entries
  ///     GET  /<origin hash>/checkpoint             C2SP tlog-tiles, read token, or the gateway's live token
  ///     GET  /<origin hash>/tile/entries/…         likewise
  ///     GET  /<origin hash>/tile/…                 read token
  ///     GET  /api/readings, /api/status, /api/live read token
  ///     POST /api/live                             the gateway's live token
  public func router() -> Router<BasicRequestContext> { router(of: BasicRequestContext.self) }

  /// The same for a context of the caller's own, which needs no connection.
  public func router<Context: RequestContext>(of context: Context.Type) -> Router<Context> {
    let router = Router(context: context, options: .autoGenerateHeadEndpoints)
    router.post("add-checkpoint") { request, _ in await self.addCheckpoint(request) }
    router.post("add-entries") { request, _ in await self.addEntries(request) }
    router.get(":hash/checkpoint") { request, context in
      try self.serveCheckpoint(request, hash: context.parameters.get("hash") ?? "")
    }
    router.get(":hash/tile/**") { request, context in
      let path = "tile/" + context.parameters.getCatchAll().joined(separator: "/")
      return try self.serveTile(request, hash: context.parameters.get("hash") ?? "", path: path)
    }
    router.get("api/readings") { request, _ in try self.serveReadings(request) }
    router.get("api/status") { request, _ in try await self.serveStatus(request) }
    router.get("api/live") { request, _ in try self.serveLive(request) }
    router.post("api/live") { request, _ in await self.takeLive(request) }
    return router
  }

  // MARK: the mirror protocol

  private func addCheckpoint(_ request: Request) async -> Response {
    let body: [UInt8]
    do {
      let buffer = try await request.body.collect(upTo: CheckpointRequest.maximumByteCount)
      body = Array(buffer.readableBytesView)
    } catch is NIOTooManyBytesError {
      return MirrorAnswer.refused(413, "the body is larger than 256 KiB").response
    } catch {
      return MirrorAnswer.refused(400, "the body is cut").response
    }
    do {
      let parsed = try CheckpointRequest(body)
      switch try admit(parsed.submitted) {
      case .mirror(let mirror): return await mirror.addCheckpoint(parsed).response
      case .refused(let answer): return answer.response
      }
    } catch let malformed as Malformed {
      return MirrorAnswer.refused(400, malformed.what).response
    } catch {
      setting.alarm(.stateUnreadable(reason: AlarmReason(error, database: setting.database.path)))
      return MirrorAnswer.refused(500, "the collector cannot read its state").response
    }
  }

  private func addEntries(_ request: Request) async -> Response {
    let type = request.headers[.contentType]?.split { $0 == ";" || $0 == " " }.first
    guard type?.lowercased() == "application/octet-stream" else {
      return MirrorAnswer.refused(415, "Content-Type is not application/octet-stream").response
    }
    guard let encoding = ContentEncoding(header: request.headers[.contentEncoding]) else {
      return MirrorAnswer.refused(415, "Content-Encoding is neither gzip nor identity").response
    }
    return await UploadReception(collector: self, encoding: encoding).answer(request.body).response
  }

  // MARK: C2SP read paths

  private func serveCheckpoint(_ request: Request, hash: String) throws -> Response {
    guard try isReader(request) || isGateway(request, ofLog: hash) else { return .unauthorized }
    return try serve(
      "checkpoint", of: hash, type: "text/plain; charset=utf-8", cache: "max-age=5")
  }

  private func serveTile(_ request: Request, hash: String, path: String) throws -> Response {
    // Only what formats back to itself is a tile path, so no path leaves the log's directory.
    let tile = TilePath(path)
    let isAdmitted =
      try isReader(request) || tile?.content == .entries && isGateway(request, ofLog: hash)
    guard isAdmitted else { return .unauthorized }
    guard let tile else { return Response(status: .notFound) }
    return try serve(
      tile.text, of: hash, type: "application/octet-stream", cache: "max-age=31536000, immutable")
  }

  private func serve(
    _ path: String, of hash: String, type: String, cache: String
  ) throws -> Response {
    guard let mirror = try mirror(hash: hash), let bytes = try mirror.files.read(path) else {
      return Response(status: .notFound)
    }
    return Response(
      status: .ok, headers: [.contentType: type, .cacheControl: cache],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  /// The request carries the read token.
  func isReader(_ request: Request) -> Bool {
    guard let token = request.bearerToken else { return false }
    return equalInConstantTime(Array(token.utf8), Array(readToken.utf8))
  }

  /// The request carries the live token of the gateway that this log is of: it may have back what it brought, to mend
  /// its medium, and nothing of others.
  private func isGateway(_ request: Request, ofLog hash: String) throws -> Bool {
    guard let token = request.bearerToken, let mirror = try mirror(hash: hash),
      let expected = try setting.database.liveToken(for: mirror.log.origin)
    else { return false }
    return equalInConstantTime(Array(token.utf8), Array(expected.utf8))
  }
}

extension MirrorAnswer {
  /// The answer as HTTP. Every one says that gzip is welcome (C2SP tlog-mirror).
  var response: Response {
    var headers: HTTPFields = [.acceptEncoding: "gzip"]
    if let contentType { headers[.contentType] = contentType }
    return Response(
      status: .init(code: status), headers: headers,
      body: body.isEmpty
        ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }
}

extension Response {
  /// 401: the token is missing or wrong.
  static var unauthorized: Response {
    Response(status: .unauthorized, headers: [.wwwAuthenticate: "Bearer"])
  }
}

extension Request {
  /// The token of `Authorization: Bearer <token>` (RFC 6750).
  var bearerToken: String? {
    guard let value = headers[.authorization] else { return nil }
    let parts = value.split(separator: " ", omittingEmptySubsequences: true)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    return String(parts[1])
  }
}
