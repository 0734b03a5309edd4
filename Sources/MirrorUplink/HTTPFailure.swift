import CCurl
import Uplink

/// Why no answer came.
public enum HTTPFailure: Error, Equatable, Sendable {
  /// One of the failures that have a name.
  case link(LinkFailure)
  /// `TransferStop.stop` ended it.
  case stopped
  /// Anything else, with libcurl's number.
  case other(code: UInt32)

  /// `verification` is what CURLINFO_SSL_VERIFYRESULT says: a number of OpenSSL.
  init(_ code: CURLcode, verification: Int = 0) {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: self = .link(.unknownHost)
    case CURLE_COULDNT_CONNECT: self = .link(.noConnection)
    case CURLE_OPERATION_TIMEDOUT: self = .link(.timeout)
    case CURLE_PEER_FAILED_VERIFICATION: self = .link(HTTPFailure.certificate(verification))
    case CURLE_SSL_CONNECT_ERROR: self = .link(.tlsRefused)
    case CURLE_SSL_CACERT_BADFILE: self = .link(.badAuthorityFile)
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR:
      self = .link(.cutOff)
    case CURLE_ABORTED_BY_CALLBACK: self = .stopped
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: self = .link(.badURL)
    default: self = .other(code: code.rawValue)
    }
  }

  /// What OpenSSL found (openssl/x509_vfy.h, X509_V_ERR_…). libcurl compares the name itself, after the chain
  /// was found good and before it takes over what OpenSSL says: until then the result is 1.
  private static func certificate(_ verification: Int) -> LinkFailure {
    switch verification {
    case 0, 1, 62: .certificateOtherName  // X509_V_OK, UNSPECIFIED, HOSTNAME_MISMATCH
    case 9: .certificateNotYetValid  // CERT_NOT_YET_VALID
    case 10: .certificateExpired  // CERT_HAS_EXPIRED
    // UNABLE_TO_GET_ISSUER_CERT, DEPTH_ZERO_SELF_SIGNED_CERT, SELF_SIGNED_CERT_IN_CHAIN,
    // UNABLE_TO_GET_ISSUER_CERT_LOCALLY, UNABLE_TO_VERIFY_LEAF_SIGNATURE
    case 2, 18, 19, 20, 21: .certificateUnknown
    default: .certificateBad
    }
  }

  /// The failure as the uplink knows it.
  public var linkFailure: LinkFailure {
    switch self {
    case .link(let failure): failure
    case .stopped, .other: .other
    }
  }

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .link(let failure): "\(failure.english)"
    case .stopped: "stopped"
    case .other(let code): "libcurl error \(code): \(text(of: code))"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .link(let failure): "\(failure.chinese)"
    case .stopped: "已停止"
    case .other(let code): "libcurl 错误 \(code)：\(text(of: code))"
    }
  }

  private func text(of code: UInt32) -> String {
    curl_easy_strerror(CURLcode(rawValue: code)).map { String(cString: $0) } ?? "unknown"
  }
}
