import Gateway
import HostHAL
import MirrorUplink
import Uplink

/// Asks the mirror for its copy of a damaged log, before anything is polled; the requests block.
struct MirrorFetch {
  private let configuration: HTTPTransportConfiguration
  private let token: () -> [UInt8]?

  /// `token` gives the one that the collector gave at enrolment; it is asked for when it is needed.
  init(configuration: HTTPTransportConfiguration, token: @escaping () -> [UInt8]?) {
    self.configuration = configuration
    self.token = token
  }

  /// Performs one request, and says why it failed if it does. Each has a connection of its own: there are few.
  func answer(_ request: BundleRequest) -> BundleAnswer {
    guard let token = token() else { return .refused }
    var configuration = configuration
    configuration.totalTimeoutMilliseconds = max(1, Int(request.patience / 1_000))
    configuration.bodyByteCountMax = BundleRequest.answerByteCountMax
    do throws(HTTPFailure) {
      var transport = try HTTPTransport(configuration)
      let path = String(decoding: request.path, as: UTF8.self)
      let answer = try transport.get(path, bearerToken: token)
      guard answer.status == 200, !answer.isCut else {
        say(.copyRefused(status: answer.status))
        return .refused
      }
      return .taken(answer.body)
    } catch {
      say(.copyOutOfReach(error.linkFailure))
      return .refused
    }
  }
}

extension Start {
  /// The logs, of which a damaged one asks the mirror at `http` for its copy; nobody where nothing may call out.
  func asking(
    _ http: HTTPTransportConfiguration?, _ shelf: LogShelf<LogStorage>
  ) -> LogShelf<LogStorage> {
    guard let http else { return shelf }
    var shelf = shelf
    let clock = HostClock()
    shelf.uptime = { clock.microseconds() }
    let copy = MirrorFetch(configuration: http) { liveToken(arguments.data + "/keys/live.token") }
    var isTold = false
    shelf.bundles = { request in
      if !isTold { say(.copyAsked) }
      isTold = true
      return copy.answer(request)
    }
    return shelf
  }
}
