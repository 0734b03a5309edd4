import TransparencyLog

/// Where a request goes, below the mirror's URL.
public enum MirrorPath: UInt8, Sendable {
  /// A signed checkpoint (C2SP tlog-mirror).
  case addCheckpoint = 1
  /// Entries with their proofs.
  case addEntries = 2
  /// The newest value of each stream: preliminary, unsigned, never reported.
  case live = 3

  /// The path, to append to the URL.
  public var text: StaticString {
    switch self {
    case .addCheckpoint: "/add-checkpoint"
    case .addEntries: "/add-entries"
    case .live: "/api/live"
    }
  }

  /// The media type of the body.
  public var contentType: StaticString {
    switch self {
    case .addCheckpoint: "text/plain; charset=utf-8"
    case .addEntries: "application/octet-stream"
    case .live: "application/json"
    }
  }
}

/// One HTTP POST for a transport to perform. It is never compressed.
public struct UplinkRequest: Equatable, Sendable {
  /// Where it goes.
  public var path: MirrorPath
  /// What is sent.
  public var body: [UInt8]
  /// Token for `Authorization: Bearer`; `nil` to send no such header.
  public var bearerToken: [UInt8]?

  /// Takes the fields.
  public init(path: MirrorPath, body: [UInt8], bearerToken: [UInt8]? = nil) {
    self.path = path
    self.body = body
    self.bearerToken = bearerToken
  }

  /// The newest values as JSON, with the token that the collector gave at enrolment.
  public static func live(json: [UInt8], token: [UInt8]) -> UplinkRequest {
    UplinkRequest(path: .live, body: json, bearerToken: token)
  }
}

/// What came back.
public struct UplinkResponse: Equatable, Sendable {
  /// HTTP status; 0 when no whole answer came: no connection, cut off, timed out, bad certificate.
  public var status: Int
  /// `Content-Type` as it came; empty if there was none.
  public var contentType: [UInt8]
  /// The body.
  public var body: [UInt8]
  /// With status 0, why; the protocol does not depend on it.
  public var failure: LinkFailure?

  /// Takes the fields.
  public init(status: Int, contentType: [UInt8] = [], body: [UInt8] = []) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// No whole answer came.
  public static var networkFailure: UplinkResponse { UplinkResponse(status: 0) }

  /// No whole answer came, and why.
  public static func failed(_ failure: LinkFailure) -> UplinkResponse {
    var response = UplinkResponse.networkFailure
    response.failure = failure
    return response
  }
}

/// The log as the uplink reads it: hashes, and the entries themselves.
public protocol EvidenceSource: HashSource, ~Copyable {
  /// Appends entries `range` to `body`, each as u16be length ‖ entry, exactly as they are stored.
  mutating func appendEntries(
    _ range: Range<UInt64>, to body: inout [UInt8]
  ) throws(HashSourceError)
}
