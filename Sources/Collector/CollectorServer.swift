import Catalog
import Glibc
import HostHAL
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ReadingStore
import ServiceLifecycle

/// Where the collector listens.
public struct ListenAddress: Equatable, Sendable, CustomStringConvertible {
  /// Name or number of the interface.
  public var host: String
  /// TCP port; 0 takes any free one.
  public var port: Int

  /// Reads `HOST:PORT`; an IPv6 address stands in brackets.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty else { return nil }
    self.host = String(host)
    self.port = Int(port)
  }

  /// The address as in a URL.
  public var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }
}

/// The running collector: HTTP on one side, the decoder behind it.
public struct CollectorServer: Sendable {
  let directory: CollectorDirectory
  let address: ListenAddress
  let clock: CosignatureClock
  let limits: RequestLimits
  let language: Language
  let logger: Logger

  /// Takes its settings; nothing is opened yet.
  public init(
    directory: CollectorDirectory, address: ListenAddress, clock: CosignatureClock,
    limits: RequestLimits = RequestLimits(), language: Language
  ) {
    self.directory = directory
    self.address = address
    self.clock = clock
    self.limits = limits
    self.language = language
    // Without a bootstrap swift-log writes to standard error.
    var logger = Logger(label: "tally-collector")
    logger.logLevel = .notice
    self.logger = logger
  }

  /// Serves until SIGTERM or SIGINT, finishes the requests under way, and returns.
  ///
  /// `ready` is told the URL once the socket listens.
  public func run(ready: @escaping @Sendable (String) -> Void) async throws {
    try directory.requireInitialised()
    let lock = try LockFile(locking: directory.lock)
    let (logger, language) = (logger, language)
    let (growth, signal) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let collector = try directory.open(
      clock: clock, alarm: { logger.error("\($0.text(language))") },
      onGrowth: { _ in signal.yield() })
    if clock.now() == nil {
      logger.warning("\(CollectorAlarm.clockUnusable.text(language))")
    }
    signal.yield()
    let host = address
    let application = Application(
      router: collector.router(), server: .http1(configuration: http(limits)),
      configuration: ApplicationConfiguration(
        address: .hostname(address.host, port: address.port), serverName: nil),
      services: [
        DecodingService(growth: growth, decoding: Decoding(collector)),
        GrowthWatch(database: collector.setting.database, signal: signal),
      ],
      onServerRunning: { channel in
        var bound = host
        bound.port = channel.localAddress?.port ?? host.port
        ready("http://\(bound)")
      }, logger: logger)
    do {
      try await application.runService()
    } catch let error as IOError {
      throw error.errnoCode == EADDRINUSE
        ? CollectorFailure.portBusy(address: "\(address)")
        : CollectorFailure.cannotListen(address: "\(address)", errno: error.errnoCode)
    } catch is SocketAddressError.UnknownHost {
      throw CollectorFailure.noSuchHost(address.host)
    }
    try collector.readings.close()
    try collector.setting.database.close()
    _ = consume lock
  }
}

/// How connections are served.
private func http(_ limits: RequestLimits) -> HTTP1Channel.Configuration {
  HTTP1Channel.Configuration(
    additionalChannelHandlers: [RequestPatience(limits)], idleTimeout: TimeAmount(limits.idle),
    httpDecoderConfiguration: .init(
      maxHeaderFieldSize: RequestLimits.headerByteCountMax,
      maxHeaderListSize: RequestLimits.headerByteCountMax,
      maxHeaderFieldCount: RequestLimits.headerCountMax))
}

/// Decodes whenever a log grew. A shutdown ends also what is under way: the cursor says where to go on.
private struct DecodingService: Service {
  let growth: AsyncStream<Void>
  let decoding: Decoding

  func run() async throws {
    for await _ in growth.cancelOnGracefulShutdown() {
      await cancelWhenGracefulShutdown { await decoding.catchUp() }
    }
  }
}

/// Sees when another process, such as `import`, gave a log more entries.
private struct GrowthWatch: Service {
  let database: MirrorDatabase
  let signal: AsyncStream<Void>.Continuation

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var known: Int64?
      while !Task.isCancelled {
        // What cannot be read now is looked at again.
        if let version = try? database.version() {
          if known.map({ $0 != version }) ?? false { signal.yield() }
          known = version
        }
        try? await Task.sleep(for: .seconds(2))
      }
    }
  }
}
