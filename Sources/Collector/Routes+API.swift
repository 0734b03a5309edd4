import Foundation
import HTTPTypes
import HostCrypto
import Hummingbird
import Metering
import NIOCore
import ReadingStore

extension Collector {
  // MARK: readings and status

  /// `GET /api/readings?origin=&gateway=&device=&quantity=&from=&to=&from_index=&limit=&order=newest`
  ///
  /// `origin` is one log, `gateway` the logs of all epochs of one identity, `device` is a number or a label, `quantity` a key, `from` (included) and `to` (not included) are
  /// UTC in ISO 8601 or µs since 1970, `from_index` is the first entry that is wanted.
  func serveReadings(_ request: Request) throws -> Response {
    guard isReader(request) else { return .unauthorized }
    let query: ReadingQuery
    do {
      query = try Self.query(request.uri.queryParameters)
    } catch {
      return .refused(.badRequest, error.what)
    }
    let readings = try self.readings.readings(query)
    return try .json(
      ReadingsAnswer(
        readings: readings.map(ReadingAnswer.init), limited: readings.count == query.limit))
  }

  private static func query(
    _ parameters: Parameters
  ) throws(Malformed) -> ReadingQuery {
    var query = ReadingQuery()
    for (name, value) in parameters {
      let text = String(value)
      switch name {
      case "origin": query.origin = text
      case "gateway": query.gateway = text
      case "device": query.device = digits(text).map { .number($0) } ?? .label(text)
      case "quantity":
        guard let quantity = Quantity(key: text) else {
          throw Malformed("quantity: \(shown(text)) is not the key of a quantity")
        }
        query.quantity = quantity.rawValue
      case "from_index":
        guard let index = digits(text) else {
          throw Malformed(
            "from_index: expected a whole number in decimal digits, found \(shown(text))")
        }
        query.fromIndex = index
      case "from": query.from = try time(text, "from")
      case "to": query.to = try time(text, "to")
      case "limit":
        let most = UInt64(ReadingQuery.maximumLimit)
        guard let limit = digits(text), (1...most).contains(limit) else {
          throw Malformed("limit: expected 1 to \(most) in decimal digits, found \(shown(text))")
        }
        query.limit = Int(limit)
      case "order":
        guard text == "newest" || text == "oldest" else {
          throw Malformed("order: expected newest or oldest")
        }
        query.newestFirst = text == "newest"
      default: throw Malformed("\(shown(String(name))): no such parameter")
      }
    }
    return query
  }

  /// A number of decimal digits and nothing else: "+5", which `UInt64` reads, may be a slip in the URL.
  private static func digits(_ text: String) -> UInt64? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
  }

  /// What came, short enough for an answer.
  private static func shown(_ text: String) -> String {
    "\"\(text.prefix(40))\(text.count > 40 ? "…" : "")\""
  }

  private static func time(_ text: String, _ name: String) throws(Malformed) -> UInt64 {
    guard let time = TimeText.parse(text) else {
      throw Malformed("\(name): expected a time such as 2026-07-25T18:13:20Z")
    }
    return time
  }

  func serveStatus(_ request: Request) async throws -> Response {
    guard isReader(request) else { return .unauthorized }
    var logs: [LogStatus] = []
    for mirror in try allMirrors() {
      let (state, next) = try await mirror.currentState()
      logs.append(
        try LogStatus(
          of: mirror.log, state: state, stored: next, database: setting.database,
          readings: readings, clock: setting.clock))
    }
    return try .json(
      StatusAnswer(
        mirror: "\(setting.key.verifierKey)", clockUsable: setting.clock.now() != nil, logs: logs,
        alarms: logs.flatMap { log in
          log.alarms.map {
            StatusAlarm(origin: log.origin, english: $0.english, chinese: $0.chinese)
          }
        }))
  }

  // MARK: live values

  func serveLive(_ request: Request) throws -> Response {
    guard isReader(request) else { return .unauthorized }
    return try .json(live.snapshot())
  }

  /// `POST /api/live`: the token is that of the gateway whose origin is in the body, so a gateway can speak
  /// only for itself. Which epoch it is in does not matter: it may post before its new log is known here.
  func takeLive(_ request: Request) async -> Response {
    guard let token = request.bearerToken else { return .unauthorized }
    let post: LivePost
    do {
      let body = try await request.body.collect(upTo: LivePost.maximumByteCount)
      post = try JSONDecoder().decode(LivePost.self, from: Data(body.readableBytesView))
    } catch is NIOTooManyBytesError {
      return .refused(.contentTooLarge, "the body is larger than 1 MiB")
    } catch {
      return .refused(.badRequest, "the body is not a post of live values")
    }
    do {
      guard let expected = try setting.database.liveToken(for: post.origin) else {
        return .refused(.notFound, "the log is not enrolled here")
      }
      guard equalInConstantTime(Array(token.utf8), Array(expected.utf8)) else {
        return .unauthorized
      }
      for value in post.values {
        if let text = value.value, Metering.Decimal(text) == nil {
          return .refused(.badRequest, "a value is not a decimal number")
        }
      }
      live.post(post)
      return Response(status: .ok)
    } catch {
      setting.alarm(.stateUnreadable(reason: AlarmReason(error, database: setting.database.path)))
      return .refused(.internalServerError, "the collector cannot read its state")
    }
  }
}

extension Response {
  /// A JSON body with sorted keys.
  static func json(_ value: some Encodable) throws -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let data = try encoder.encode(value)
    return Response(
      status: .ok,
      headers: [
        .contentType: "application/json; charset=utf-8", .cacheControl: "no-store",
      ], body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
  }

  /// A refusal with a sentence that says what was expected.
  static func refused(_ status: HTTPResponse.Status, _ sentence: String) -> Response {
    Response(
      status: status, headers: [.contentType: "text/plain; charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: sentence + "\n")))
  }
}
