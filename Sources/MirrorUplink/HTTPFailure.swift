import CCurl

/// Why no answer came.
public enum HTTPFailure: Error, Equatable, Sendable {
  /// The host name has no address.
  case unknownHost
  /// Nothing listens there, or the network does not reach it.
  case noConnection
  /// The connection or the whole exchange took too long.
  case timeout
  /// The server's certificate is not signed by the configured CA, or is for another name.
  case untrusted
  /// The CA file cannot be read.
  case badAuthorityFile
  /// The connection ended before the answer was whole.
  case cutOff
  /// `TransferStop.stop` ended it.
  case stopped
  /// The URL is not http:// or https://, or is malformed.
  case badURL
  /// The token holds bytes that a header cannot carry.
  case badToken
  /// Anything else, with libcurl's number.
  case other(code: UInt32)

  init(_ code: CURLcode) {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: self = .unknownHost
    case CURLE_COULDNT_CONNECT: self = .noConnection
    case CURLE_OPERATION_TIMEDOUT: self = .timeout
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR: self = .untrusted
    case CURLE_SSL_CACERT_BADFILE: self = .badAuthorityFile
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR:
      self = .cutOff
    case CURLE_ABORTED_BY_CALLBACK: self = .stopped
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: self = .badURL
    default: self = .other(code: code.rawValue)
    }
  }

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .unknownHost: "the host name has no address: check the URL and the DNS server"
    case .noConnection: "nothing answers there: check the address, the network and the firewall"
    case .timeout: "no answer in time"
    case .untrusted: "the server's certificate is not trusted: check the mirror's ca file"
    case .badAuthorityFile: "the mirror's ca file cannot be read as certificates in PEM"
    case .cutOff: "the connection ended before the answer was whole"
    case .stopped: "stopped"
    case .badURL: "the URL must begin with http:// or https:// and a host"
    case .badToken: "the token holds characters that cannot be sent: enrol the gateway again"
    case .other(let code): "libcurl error \(code): \(text(of: code))"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .unknownHost: "主机名无法解析：请检查 URL 与 DNS 服务器"
    case .noConnection: "对方无应答：请检查地址、网络与防火墙"
    case .timeout: "未及时应答"
    case .untrusted: "服务器证书不可信：请检查镜像的 ca 文件"
    case .badAuthorityFile: "镜像的 ca 文件无法作为 PEM 证书读取"
    case .cutOff: "应答未完整即断开连接"
    case .stopped: "已停止"
    case .badURL: "URL 须以 http:// 或 https:// 加主机名开头"
    case .badToken: "令牌含有无法发送的字符：请重新登记网关"
    case .other(let code): "libcurl 错误 \(code)：\(text(of: code))"
    }
  }

  private func text(of code: UInt32) -> String {
    curl_easy_strerror(CURLcode(rawValue: code)).map { String(cString: $0) } ?? "unknown"
  }
}
