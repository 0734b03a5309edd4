/// Why no answer came from the mirror, or why the directory for packages takes none: what a person who looks at the
/// gateway is told, so each wording says what was found and what to do.
public enum LinkFailure: UInt8, CaseIterable, Sendable {
  /// The host name has no address.
  case unknownHost = 1
  /// Nothing listens there, or the network does not reach it.
  case noConnection = 2
  /// The connection or the whole exchange took too long.
  case timeout = 3
  /// The server's certificate, or one that it rests on, has expired by the clock of this machine.
  case certificateExpired = 4
  /// … is not valid yet by the clock of this machine.
  case certificateNotYetValid = 5
  /// … is for another name than the host of the URL.
  case certificateOtherName = 6
  /// … rests on no authority that is trusted here.
  case certificateUnknown = 7
  /// … is no good for another reason.
  case certificateBad = 8
  /// No common version of TLS, or the handshake failed in another way.
  case tlsRefused = 9
  /// The CA file cannot be read.
  case badAuthorityFile = 10
  /// The connection ended before the answer was whole.
  case cutOff = 11
  /// The URL is not http:// or https://, or is malformed.
  case badURL = 12
  /// The token holds bytes that a header cannot carry.
  case badToken = 13
  /// Anything else.
  case other = 14
  /// The directory for packages is not there: the stick is not plugged in, or not mounted.
  case directoryMissing = 15
  /// … has no room.
  case directoryFull = 16
  /// … lies on a file system that is mounted read-only.
  case directoryReadOnly = 17
  /// … may not be written by this user.
  case directoryDenied = 18
  /// … reports an error, as a stick does that was pulled out or is failing.
  case directoryFails = 19
  /// … does not answer, as one on a server does that is not there.
  case directoryHangs = 20

  /// The word of the status answer.
  public var key: StaticString {
    switch self {
    case .unknownHost: "unknown-host"
    case .noConnection: "no-connection"
    case .timeout: "timeout"
    case .certificateExpired: "certificate-expired"
    case .certificateNotYetValid: "certificate-not-yet-valid"
    case .certificateOtherName: "certificate-other-name"
    case .certificateUnknown: "certificate-unknown"
    case .certificateBad: "certificate-bad"
    case .tlsRefused: "tls-refused"
    case .badAuthorityFile: "bad-ca-file"
    case .cutOff: "cut-off"
    case .badURL: "bad-url"
    case .badToken: "bad-token"
    case .other: "other"
    case .directoryMissing: "directory-missing"
    case .directoryFull: "directory-full"
    case .directoryReadOnly: "directory-read-only"
    case .directoryDenied: "directory-denied"
    case .directoryFails: "directory-fails"
    case .directoryHangs: "directory-hangs"
    }
  }

  /// What happened and what to do.
  public var english: StaticString {
    switch self {
    case .unknownHost: "the host name has no address: check the URL and the DNS server"
    case .noConnection: "nothing answers there: check the address, the network and the firewall"
    case .timeout: "no answer in time"
    case .certificateExpired:
      """
      the server's certificate has expired: renew it at the server; if it has not, check this gateway's \
      clock
      """
    case .certificateNotYetValid:
      "the server's certificate is not valid yet: check this gateway's clock"
    case .certificateOtherName:
      """
      the server's certificate is for another name: let the URL name the host as the certificate does, \
      or have one issued for that name
      """
    case .certificateUnknown:
      """
      the server's certificate is not signed by an authority trusted here: give the file of its CA, in \
      the site as mirror: {ca: FILE}, to tally verify as --ca FILE
      """
    case .certificateBad:
      "the server's certificate is not acceptable: look at it with openssl s_client -connect HOST:PORT"
    case .tlsRefused:
      "no secure connection came about: the server must speak TLS 1.2 or newer at this port"
    case .badAuthorityFile: "the mirror's ca file cannot be read as certificates in PEM"
    case .cutOff: "the connection ended before the answer was whole"
    case .badURL: "the URL must begin with http:// or https:// and a host"
    case .badToken: "the token holds characters that cannot be sent: enrol the gateway again"
    case .other: "the transfer failed"
    case .directoryMissing:
      """
      the directory for packages is not there: plug the stick in and mount it, or make the directory \
      (tallyd never does)
      """
    case .directoryFull:
      "the directory for packages is full: take the packages away, or put in another stick"
    case .directoryReadOnly:
      """
      the directory for packages is mounted read-only: slide the stick's lock back, or check its file \
      system and mount it read-write
      """
    case .directoryDenied:
      "tallyd may not write the directory for packages: look at its owner and mode with ls -ld"
    case .directoryFails:
      "the directory for packages reports errors: put the stick in again, or another one"
    case .directoryHangs:
      """
      the directory for packages does not answer: look for a server that is not there, a stick that is failing, or \
      something in it that is no file
      """
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: StaticString {
    switch self {
    case .unknownHost: "主机名无法解析：请检查 URL 与 DNS 服务器"
    case .noConnection: "对方无应答：请检查地址、网络与防火墙"
    case .timeout: "未及时应答"
    case .certificateExpired: "服务器证书已过期：请在服务器端更新证书；若未过期，请检查本网关时钟"
    case .certificateNotYetValid: "服务器证书尚未生效：请检查本网关时钟"
    case .certificateOtherName: "服务器证书属于其他名称：请使 URL 主机名与证书一致，或为该名称重新签发证书"
    case .certificateUnknown:
      """
      服务器证书并非由本机信任的机构签发：请指定其 CA 文件，站点文件中写作 mirror: {ca: 文件}，\
      tally verify 用 --ca 文件
      """
    case .certificateBad: "服务器证书不可接受：请用 openssl s_client -connect 主机:端口 查看"
    case .tlsRefused: "无法建立安全连接：服务器须在该端口支持 TLS 1.2 或更高版本"
    case .badAuthorityFile: "镜像的 ca 文件无法作为 PEM 证书读取"
    case .cutOff: "应答未完整即断开连接"
    case .badURL: "URL 须以 http:// 或 https:// 加主机名开头"
    case .badToken: "令牌含有无法发送的字符：请重新登记网关"
    case .other: "传输失败"
    case .directoryMissing: "数据包目录不存在：请插入并挂载 U 盘，或创建该目录（tallyd 不会创建）"
    case .directoryFull: "数据包目录已满：请取走数据包，或更换 U 盘"
    case .directoryReadOnly: "数据包目录以只读方式挂载：请拨开 U 盘写保护，或检查其文件系统后以可写方式挂载"
    case .directoryDenied: "tallyd 无权写入数据包目录：请用 ls -ld 检查其属主与权限"
    case .directoryFails: "数据包目录报错：请重新插入 U 盘，或更换"
    case .directoryHangs: "数据包目录无响应：请检查服务器是否在线、U 盘是否损坏，或目录中是否有非文件对象"
    }
  }
}
