import CCurl
import Synchronization
import Uplink

/// Ends a transfer from another thread, within a second. Once stopped, no further one begins.
public final class TransferStop: Sendable {
  private let stopped = Atomic<Bool>(false)

  /// Makes one that has not been stopped.
  public init() {}

  /// Stops the transfer under way and refuses later ones.
  public func stop() { stopped.store(true, ordering: .relaxed) }

  /// It was stopped.
  public var isStopped: Bool { stopped.load(ordering: .relaxed) }
}

/// Where and how an `HTTPTransport` connects.
public struct HTTPTransportConfiguration: Equatable, Sendable {
  /// `http://` or `https://`, host, port, path prefix; a request's path is appended.
  public var url: String
  /// File of the certificates to trust, PEM; `nil` for those of the system.
  public var authorityFile: String?
  /// Milliseconds to establish a connection.
  public var connectTimeoutMilliseconds = 10_000
  /// Milliseconds for a whole exchange; a mirror cuts an upload after 300 s (C2SP tlog-mirror).
  public var totalTimeoutMilliseconds = 300_000
  /// Seconds without a byte in either direction after which an exchange ends: a way that is half open
  /// shows by silence alone.
  public var silenceSecondsMax = 60
  /// Bytes of an answer's body that are kept, at most. A mirror's longest is a cosigned note.
  public var bodyByteCountMax = 65_536

  /// The defaults, with `url`.
  public init(url: String, authorityFile: String? = nil) {
    self.url = url
    self.authorityFile = authorityFile
  }
}

/// An HTTP answer.
public struct HTTPAnswer: Equatable, Sendable {
  /// HTTP status, 100 to 999.
  public var status: Int
  /// `Content-Type` as it came; empty when there was none.
  public var contentType: [UInt8]
  /// The body, at most as long as the configuration says.
  public var body: [UInt8]
  /// The body was longer and the rest was not fetched.
  public var isCut: Bool
}

/// Performs HTTP requests one after the other over one connection that it keeps, with libcurl.
///
/// It contacts the configured host and no other: proxies of the environment are ignored and redirects
/// are answers like any other. It never says `Expect: 100-continue`. When the server answers 4xx or
/// 5xx before it has taken the whole body, sending ends and that answer is the result. One thread at a
/// time.
public struct HTTPTransport: ~Copyable {
  private let curl: UnsafeMutableRawPointer
  private let sink: UnsafeMutablePointer<AnswerSink>
  private let prefix: String
  private let stop: TransferStop
  /// Why the last `perform` came back with status 0; `nil` when it did not.
  public internal(set) var lastFailure: HTTPFailure?

  // libcurl wants this once, before any other call of the process.
  private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// Prepares; connects only with the first request.
  public init(
    _ configuration: HTTPTransportConfiguration, stop: TransferStop = TransferStop()
  ) throws(HTTPFailure) {
    let url = configuration.url
    guard url.hasPrefix("http://") || url.hasPrefix("https://"),
      !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F })
    else { throw .link(.badURL) }
    guard HTTPTransport.isReady, let curl = curl_easy_init() else {
      throw HTTPFailure(CURLE_FAILED_INIT)
    }
    var prefix = url
    while prefix.hasSuffix("/") { prefix.removeLast() }
    self.prefix = prefix
    self.curl = curl
    self.stop = stop
    sink = .allocate(capacity: 1)
    sink.initialize(to: AnswerSink(capacity: configuration.bodyByteCountMax, stop: stop))
    set(configuration)
  }

  deinit {
    curl_easy_cleanup(curl)
    sink.pointee.deallocate()
    sink.deinitialize(count: 1)
    sink.deallocate()
  }

  private func set(_ configuration: HTTPTransportConfiguration) {
    let numbers: [(CURLoption, Int)] = [
      (CURLOPT_NOSIGNAL, 1),  // signals belong to the main thread
      (CURLOPT_FOLLOWLOCATION, 0),
      (CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1),
      (CURLOPT_CONNECTTIMEOUT_MS, configuration.connectTimeoutMilliseconds),
      (CURLOPT_TIMEOUT_MS, configuration.totalTimeoutMilliseconds),
      (CURLOPT_LOW_SPEED_LIMIT, 1),
      (CURLOPT_LOW_SPEED_TIME, configuration.silenceSecondsMax),
      (CURLOPT_SSL_VERIFYPEER, 1),
      (CURLOPT_SSL_VERIFYHOST, 2),
      (CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2),
      (CURLOPT_TCP_KEEPALIVE, 1),
      (CURLOPT_KEEP_SENDING_ON_ERROR, 0),
      (CURLOPT_MAXCONNECTS, 1),
      (CURLOPT_NOPROGRESS, 0),
    ]
    for (option, value) in numbers { ccurl_set_number(curl, option, value) }
    ccurl_set_text(curl, CURLOPT_PROTOCOLS_STR, "http,https")
    ccurl_set_text(curl, CURLOPT_NOPROXY, "*")
    ccurl_set_text(curl, CURLOPT_USERAGENT, "tallystick")
    if let file = configuration.authorityFile {
      ccurl_set_text(curl, CURLOPT_CAINFO, file)
      // The system's directory of certificates would be trusted beside the file.
      ccurl_set_text(curl, CURLOPT_CAPATH, nil)
    }
    ccurl_set_pointer(curl, CURLOPT_WRITEDATA, sink)
    ccurl_set_write(curl) { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      let sink = context.assumingMemoryBound(to: AnswerSink.self)
      return sink.pointee.take(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    ccurl_set_pointer(curl, CURLOPT_XFERINFODATA, sink)
    ccurl_set_progress(curl) { context, _, _, _, _ in
      guard let context else { return 1 }
      return context.assumingMemoryBound(to: AnswerSink.self).pointee.stop.isStopped ? 1 : 0
    }
  }

  /// GETs `path`, which begins with "/".
  public mutating func get(
    _ path: String, bearerToken: [UInt8]? = nil
  ) throws(HTTPFailure) -> HTTPAnswer {
    try send(path, contentType: nil, body: nil, bearerToken: bearerToken)
  }

  /// POSTs `body` to `path`, which begins with "/".
  public mutating func post(
    _ path: String, contentType: String, body: [UInt8], bearerToken: [UInt8]? = nil
  ) throws(HTTPFailure) -> HTTPAnswer {
    try send(path, contentType: contentType, body: body, bearerToken: bearerToken)
  }

  private mutating func send(
    _ path: String, contentType: String?, body: [UInt8]?, bearerToken: [UInt8]?
  ) throws(HTTPFailure) -> HTTPAnswer {
    guard !stop.isStopped else { throw .stopped }
    let headers = try HTTPTransport.headers(contentType: contentType, bearerToken: bearerToken)
    defer { curl_slist_free_all(headers) }
    ccurl_set_headers(curl, headers)
    defer { ccurl_set_headers(curl, nil) }
    ccurl_set_text(curl, CURLOPT_URL, prefix + path)
    sink.pointee.reset()
    let code: CURLcode
    if let body {
      code = body.withUnsafeBytes { bytes in
        ccurl_set_number(curl, CURLOPT_POST, 1)
        ccurl_set_size(curl, CURLOPT_POSTFIELDSIZE_LARGE, Int64(bytes.count))
        // Not copied. An empty array may have no address, and null would mean "ask for the body".
        let address = bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0) }
        ccurl_set_pointer(curl, CURLOPT_POSTFIELDS, address ?? UnsafeMutableRawPointer(sink))
        return curl_easy_perform(curl)
      }
      ccurl_set_pointer(curl, CURLOPT_POSTFIELDS, nil)
    } else {
      ccurl_set_number(curl, CURLOPT_HTTPGET, 1)
      code = curl_easy_perform(curl)
    }
    return try answer(after: code)
  }

  private func answer(after code: CURLcode) throws(HTTPFailure) -> HTTPAnswer {
    let status = ccurl_number(curl, CURLINFO_RESPONSE_CODE)
    let isCut = sink.pointee.isCut
    // Ending a body at the limit is our own doing and libcurl reports it as a failed write.
    guard code == CURLE_OK || (isCut && code == CURLE_WRITE_ERROR) else {
      throw HTTPFailure(code, verification: ccurl_number(curl, CURLINFO_SSL_VERIFYRESULT))
    }
    let type = ccurl_text(curl, CURLINFO_CONTENT_TYPE).map { String(cString: $0) } ?? ""
    return HTTPAnswer(
      status: status, contentType: Array(type.utf8), body: sink.pointee.bytes, isCut: isCut)
  }

  private static func headers(
    contentType: String?, bearerToken: [UInt8]?
  ) throws(HTTPFailure) -> UnsafeMutablePointer<curl_slist>? {
    var list = curl_slist_append(nil, "Expect:")
    if let contentType { list = curl_slist_append(list, "Content-Type: \(contentType)") }
    if let bearerToken {
      guard !bearerToken.isEmpty, bearerToken.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        curl_slist_free_all(list)
        throw .link(.badToken)
      }
      let token = String(decoding: bearerToken, as: UTF8.self)
      list = curl_slist_append(list, "Authorization: Bearer \(token)")
    }
    return list
  }
}

/// Takes an answer's body from libcurl, into memory reserved once.
private struct AnswerSink {
  private let buffer: UnsafeMutableRawBufferPointer
  private(set) var count = 0
  private(set) var isCut = false
  let stop: TransferStop

  init(capacity: Int, stop: TransferStop) {
    buffer = .allocate(byteCount: capacity, alignment: 1)
    self.stop = stop
  }

  func deallocate() { buffer.deallocate() }

  mutating func reset() {
    count = 0
    isCut = false
  }

  /// How many bytes were taken; fewer than came ends the transfer.
  mutating func take(_ bytes: UnsafeRawBufferPointer) -> Int {
    let taken = min(bytes.count, buffer.count - count)
    isCut = taken < bytes.count
    UnsafeMutableRawBufferPointer(rebasing: buffer[count..<count + taken]).copyMemory(
      from: UnsafeRawBufferPointer(rebasing: bytes[..<taken]))
    count += taken
    return taken
  }

  var bytes: [UInt8] { Array(buffer[..<count]) }
}
