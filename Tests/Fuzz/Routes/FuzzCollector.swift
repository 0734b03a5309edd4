import Collector
import FuzzKit
import Glibc
import HTTPTypes
import HostCrypto
import HostHAL
import Hummingbird
import Logging
import NIOCore
import ReadingStore
import TransparencyLog

/// A request without a connection.
struct FuzzContext: RequestContext {
  struct Source: RequestContextSource {
    let logger: Logger
  }
  var coreContext: CoreRequestContextStorage
  init(source: Source) { coreContext = .init(source: source) }
  var maxUploadSize: Int { 1 << 20 }
}

/// What came back.
struct FuzzAnswer {
  var status: Int
  var body: [UInt8]
}

/// A collector with its databases in memory and its tiles on a file system in memory.
final class FuzzCollector {
  static let readToken = "read-token"
  static let liveToken = "live-token"
  let collector: Collector
  let decoding: Decoding
  let path: String
  private let responder: RouterResponder<FuzzContext>
  private let source: FuzzContext.Source

  init() throws {
    let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    path = "\(parent)/tallystick-fuzz-routes-\(getpid())"
    Self.removeTree(path)
    mkdir(path, 0o755)
    var logger = Logger(label: "fuzz")
    logger.logLevel = .critical
    logger[metadataKey: "hb.request.id"] = "0"
    source = FuzzContext.Source(logger: logger)
    guard let name = KeyName("collector.example/m1") else { throw Malformed("a name") }
    collector = Collector(
      setting: MirrorSetting(
        logsDirectory: path, database: try MirrorDatabase(path: nil),
        key: MirrorKey(
          name: name, signer: try FileKeySigner(seed: InlineArray(repeating: 0x6D))),
        clock: CosignatureClock { 1_785_000_400 }),
      readings: try ReadingStore(path: nil), readToken: Self.readToken)
    decoding = Decoding(collector)
    responder = collector.router(of: FuzzContext.self).buildResponder()
  }

  func close() {
    try? collector.setting.database.close()
    try? collector.readings.close()
    Self.removeTree(path)
  }

  private static func removeTree(_ path: String) { try? Files.removeTree(path) }

  func enroll(origin: String) throws {
    let key = try FuzzLog.key()
    guard let name = KeyName(origin) else { throw Malformed("a name") }
    _ = try collector.setting.database.enroll(
      origin: origin, verifierKey: "\(key.verifierKey(name: name, type: .log))",
      newToken: Self.liveToken)
  }

  /// Answers as the server would: an error that is no HTTP error is a 500.
  func send(
    _ method: String, _ path: String, _ headers: HTTPFields, _ body: RequestBody
  ) async -> FuzzAnswer {
    guard let method = HTTPRequest.Method(method) else { return FuzzAnswer(status: 400, body: []) }
    let head = HTTPRequest(
      method: method, scheme: "http", authority: "h", path: path, headerFields: headers)
    let request = Request(head: head, body: body)
    do {
      let response = try await responder.respond(
        to: request, context: FuzzContext(source: source))
      let collected = Collected()
      try await response.body.write(Writer(collected: collected))
      return FuzzAnswer(status: response.status.code, body: collected.bytes)
    } catch let error as any HTTPResponseError {
      return FuzzAnswer(status: error.status.code, body: [])
    } catch {
      return FuzzAnswer(status: 500, body: Array("\(error)".utf8))
    }
  }

  private final class Collected: @unchecked Sendable {
    var bytes: [UInt8] = []
  }

  private struct Writer: ResponseBodyWriter {
    let collected: Collected
    mutating func write(_ buffer: ByteBuffer) async throws {
      collected.bytes += buffer.readableBytesView
    }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }
}
