import Catalog
import Glibc
import HostCrypto
import HostHAL
import TransparencyLog

/// Why a command of the collector failed. Each wording says what to do.
public enum CollectorFailure: Error, Sendable {
  /// The directory has no keys.
  case notInitialised(directory: String)
  /// `init` was asked for another name than the key has.
  case otherName(existing: String, asked: String)
  /// A new mirror key needs a name.
  case noName
  /// A name that cannot name a key.
  case badName(String)
  /// The text is not the vkey of a log.
  case badVKey(String, VerifierKeyFault)
  /// The origin is enrolled with another key.
  case otherKey(origin: String, enrolled: String)
  /// `mirror.vkey` does not belong to `mirror.key`.
  case vkeyMismatch(path: String)
  /// The token file is empty or holds something else.
  case badToken(path: String)
  /// Something else listens there.
  case portBusy(address: String)
  /// The address cannot be listened on.
  case cannotListen(address: String, errno: Int32)
  /// The name in `--listen` stands for no address.
  case noSuchHost(String)
  /// `--listen` is not HOST:PORT.
  case badAddress(String)
  /// `--ack` names a file, and there is more than one log to acknowledge.
  case acknowledgementsNeedDirectory(path: String, count: Int)
  /// `--ack` names a place in a directory that is not there.
  case noAcknowledgementPlace(path: String, directory: String)
  /// A file could not be used.
  case file(FileError)
  /// A key file could not be used.
  case key(KeyFileError)
  /// SQLite refused.
  case database(String)

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .notInitialised(let directory):
      "\(directory) has no mirror key. Run: tally-collector init --data \(directory)"
    case .otherName(let existing, let asked):
      "the mirror key here is named \(existing), not \(asked): a key keeps its name; "
        + "use another --data directory for another mirror"
    case .noName:
      "a new mirror key needs a name, which stays for good: give --name, your domain and a word, such as "
        + "collector.example/m1"
    case .badName(let name): "\(name) cannot name a key: 1 to 255 bytes, no blanks, no +"
    case .badVKey(let text, let fault):
      "\(text) is not the verifier key of a log: \(fault.english(.log)). \(fault.advice(.log))"
    case .otherKey(let origin, let enrolled):
      "\(origin) is enrolled with another key (\(enrolled)). If the gateway lost its key, "
        + "let it begin a new epoch; a log never changes its key"
    case .vkeyMismatch(let path):
      "\(path) does not belong to the key beside it: restore both from one backup"
    case .badToken(let path):
      "\(path) holds no token. Remove it and run tally-collector init again: it makes a new one"
    case .portBusy(let address):
      "\(address) is in use by another program: stop that one, or choose another with --listen"
    case .cannotListen(let address, EADDRNOTAVAIL):
      "cannot listen on \(address): this machine has no such address. Choose one that 'ip address' shows, or "
        + "127.0.0.1, with --listen"
    case .cannotListen(let address, EACCES):
      "cannot listen on \(address): this user may not use that port. Choose one from 1024 on with --listen"
    case .cannotListen(let address, let errno):
      "cannot listen on \(address): \(systemErrorText(errno)). Choose another address with --listen"
    case .noSuchHost(let host):
      "cannot listen on \(host): no address has this name. Give the address of this machine in numbers with --listen"
    case .badAddress(let text): "--listen \(text): expected HOST:PORT, such as 127.0.0.1:8470"
    case .acknowledgementsNeedDirectory(let path, let count):
      "--ack \(path): the packages are of \(count) logs, so give a directory that is there"
    case .noAcknowledgementPlace(let path, let directory):
      "--ack \(path): there is no directory \(directory). Expected: a directory that is there (the stick), or a file "
        + "in one. Mount the stick, or make the directory; nothing was imported yet"
    case .file(let error): error.english
    case .key(let error): error.english
    case .database(let reason):
      "the database cannot be used: \(reason). Restore the data directory whole from a backup; "
        + "readings.sqlite alone is made anew by: tally-collector rebuild"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .notInitialised(let directory):
      "\(directory) 中没有镜像密钥。请执行：tally-collector init --data \(directory)"
    case .otherName(let existing, let asked):
      "此处镜像密钥名为 \(existing)，而非 \(asked)：密钥名称不可更改；另建镜像请使用另一 --data 目录"
    case .noName: "新的镜像密钥需要名称，且今后不可更改：请用 --name 给出自己的域名和一个词，如 collector.example/m1"
    case .badName(let name): "\(name) 不能作为密钥名称：应为 1 至 255 字节，不含空格和 +"
    case .badVKey(let text, let fault):
      "\(text) 不是日志的验证公钥：\(fault.chinese(.log))。\(fault.chineseAdvice(.log))"
    case .otherKey(let origin, let enrolled):
      "\(origin) 已用另一密钥登记（\(enrolled)）。若网关丢失密钥，请开始新纪元；日志从不更换密钥"
    case .vkeyMismatch(let path): "\(path) 与其旁的密钥不匹配：请从同一备份恢复两者"
    case .badToken(let path):
      "\(path) 中没有令牌。请删除后重新执行 tally-collector init，将生成新令牌"
    case .portBusy(let address): "\(address) 已被其他程序占用：请停止该程序，或用 --listen 另选端口"
    case .cannotListen(let address, EADDRNOTAVAIL):
      "无法监听 \(address)：本机没有该地址。请用 --listen 选用 ip address 所列的地址或 127.0.0.1"
    case .cannotListen(let address, EACCES):
      "无法监听 \(address)：当前用户不能使用该端口。请用 --listen 选用 1024 及以上的端口"
    case .cannotListen(let address, let errno):
      "无法监听 \(address)：\(systemErrorText(errno))。请用 --listen 另选地址"
    case .noSuchHost(let host): "无法监听 \(host)：没有该名称的地址。请用 --listen 以数字形式给出本机地址"
    case .badAddress(let text): "--listen \(text)：应为 主机:端口，例如 127.0.0.1:8470"
    case .acknowledgementsNeedDirectory(let path, let count):
      "--ack \(path)：数据包属于 \(count) 个日志，请给出已存在的目录"
    case .noAcknowledgementPlace(let path, let directory):
      "--ack \(path)：目录 \(directory) 不存在。应为：已存在的目录（U 盘），或其中的文件。请挂载 U 盘或创建目录；尚未导入任何内容"
    case .file(let error): error.chinese
    case .key(let error): error.chinese
    case .database(let reason):
      "数据库不可用：\(reason)。请从备份完整恢复数据目录；仅 readings.sqlite 可用 tally-collector rebuild 重建"
    }
  }

  /// Sorts any error of the layers below.
  public init(_ error: any Error) {
    switch error {
    case let failure as CollectorFailure: self = failure
    case let failure as FileError: self = .file(failure)
    case let failure as KeyFileError: self = .key(failure)
    case MirrorDatabaseError.otherKey(let origin, let enrolled):
      self = .otherKey(origin: origin, enrolled: enrolled)
    default: self = .database("\(error)")
    }
  }
}
