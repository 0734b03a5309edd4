import Collector
import Foundation
import HostCrypto
import Hummingbird
import HummingbirdTesting
import NIOCore
import ReadingStore
import Synchronization
import TransparencyLog

/// A clock that a test sets.
final class SetClock: Sendable {
  private let seconds: Mutex<UInt64?>

  init(_ seconds: UInt64?) { self.seconds = Mutex(seconds) }

  func set(_ new: UInt64?) { seconds.withLock { $0 = new } }
  var now: UInt64? { seconds.withLock { $0 } }
  var cosignatureClock: CosignatureClock { CosignatureClock { self.now } }
}

/// A collector in a directory of its own, as after a start of the process; the directory stays.
struct Bench {
  let directory: CollectorDirectory
  let collector: Collector
  let clock: SetClock
  let alarms: Alarms

  final class Alarms: Sendable {
    private let texts = Mutex<[String]>([])
    func add(_ text: String) { texts.withLock { $0.append(text) } }
    var all: [String] { texts.withLock { $0 } }
  }

  /// The token of the read paths.
  static let readToken = "read-token"
  /// Seed of the mirror key of the vectors, SHA-256 of "test mirror key".
  static let mirrorSeed = "f0193b6bf2f21da11d273484d4ea9f2c50d3ea5b563749f32d9afeac2abfcd5c"

  /// A directory that is not there yet, in memory where there is such a file system: what is tested is
  /// the order of the writes, and a thousand calls of fsync are slow on a disk.
  static func newDirectory() -> String {
    let memory = "/dev/shm"
    let parent =
      FileManager.default.isWritableFile(atPath: memory)
      ? memory : FileManager.default.temporaryDirectory.path
    return "\(parent)/tallystick-collector-\(UUID().uuidString)"
  }

  init(
    at path: String, clock: SetClock = SetClock(1_785_000_400), tickets: TicketScheme = .none,
    uploadTimeLimit: Duration = .seconds(300), probe: @escaping DurableProbe = { _ in }
  ) throws {
    directory = CollectorDirectory(path)
    self.clock = clock
    alarms = Alarms()
    let alarms = alarms
    try FileManager.default.createDirectory(
      atPath: directory.logs, withIntermediateDirectories: true)
    var seed = InlineArray<32, UInt8>(repeating: 0)
    for (index, byte) in bytes(hex: Self.mirrorSeed).enumerated() { seed[index] = byte }
    collector = Collector(
      setting: MirrorSetting(
        logsDirectory: directory.logs, database: try MirrorDatabase(path: directory.database),
        key: MirrorKey(
          name: try require(KeyName("collector.example/m1")),
          signer: try FileKeySigner(seed: seed)),
        clock: clock.cosignatureClock, tickets: tickets, probe: probe,
        alarm: { alarms.add(Bench.told($0)) }),
      readings: try ReadingStore(path: directory.readings), readToken: Self.readToken,
      uploadTimeLimit: uploadTimeLimit)
  }

  /// Both wordings of an alarm, as the bench keeps them.
  static func told(_ alarm: CollectorAlarm) -> String { "\(alarm.english) \(alarm.chinese)" }

  /// Closes the databases, so that the directory can be opened again.
  func close() throws {
    try collector.setting.database.close()
    try collector.readings.close()
  }

  var application: some ApplicationProtocol { Application(router: collector.router()) }

  func enroll(origin: String, vkey: String, token: String = "live-token") throws {
    _ = try collector.setting.database.enroll(
      origin: origin, verifierKey: vkey, newToken: token)
  }
}

/// A deleted directory at the end of a test, whatever its outcome.
func withDirectory(_ body: (String) async throws -> Void) async throws {
  let path = Bench.newDirectory()
  defer { try? FileManager.default.removeItem(atPath: path) }
  try await body(path)
}

extension TestResponse {
  var text: String { String(buffer: body) }
  var content: [UInt8] { Array(body.readableBytesView) }
}

extension TestClientProtocol {
  func post(
    _ path: String, _ body: [UInt8], _ headers: HTTPFields = [:]
  ) async throws -> TestResponse {
    try await execute(
      uri: path, method: .post, headers: headers, body: ByteBuffer(bytes: body)
    ) { $0 }
  }

  func addEntries(
    _ body: [UInt8], encoding: String? = nil, type: String = "application/octet-stream"
  ) async throws -> TestResponse {
    var headers: HTTPFields = [.contentType: type]
    if let encoding { headers[.contentEncoding] = encoding }
    return try await post("/add-entries", body, headers)
  }

  func get(_ path: String, token: String? = Bench.readToken) async throws -> TestResponse {
    var headers: HTTPFields = [:]
    if let token { headers[.authorization] = "Bearer \(token)" }
    return try await execute(uri: path, method: .get, headers: headers) { $0 }
  }
}
