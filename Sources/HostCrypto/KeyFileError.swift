/// Why a key file cannot be used. Each case says what to do in both languages.
public enum KeyFileError: Error, Equatable, Sendable {
  /// There is no such file.
  case missing(path: String)
  /// There is one already, and it is never overwritten.
  case exists(path: String)
  /// Others than the owner may read or change it; `mode` is the permission bits.
  case openToOthers(path: String, mode: UInt32)
  /// It belongs to another user.
  case foreignOwner(path: String)
  /// It is not a file of 64 lowercase hexadecimal digits and a line feed.
  case malformed(path: String)
  /// The operating system refused; `code` is the error number.
  case system(path: String, code: Int32)
  /// The system gives no random numbers or no locked memory.
  case noEntropy

  /// What happened and what to do, in English.
  public var english: String {
    switch self {
    case .missing(let path): "\(path): no such key file"
    case .exists(let path): "\(path): exists already; a key file is never overwritten"
    case .openToOthers(let path, let mode):
      "\(path): mode 0\(String(mode, radix: 8)) lets others than its owner at the key. "
        + "Run: chmod 600 \(path)"
    case .foreignOwner(let path):
      "\(path): belongs to another user. Run as that user, or: chown $(id -u) \(path)"
    case .malformed(let path):
      "\(path): not a key file (64 lowercase hexadecimal digits and a line feed). "
        + "Restore it from a backup"
    case .system(let path, let code): "\(path): \(systemText(code))"
    case .noEntropy: "the system gives no random numbers or no locked memory"
    }
  }

  /// What happened and what to do, in Chinese.
  public var chinese: String {
    switch self {
    case .missing(let path): "\(path)：密钥文件不存在"
    case .exists(let path): "\(path)：已存在，密钥文件不会被覆盖"
    case .openToOthers(let path, let mode):
      "\(path)：权限 0\(String(mode, radix: 8)) 允许其他用户访问密钥。请执行：chmod 600 \(path)"
    case .foreignOwner(let path):
      "\(path)：属于其他用户。请以该用户运行，或执行：chown $(id -u) \(path)"
    case .malformed(let path):
      "\(path)：不是密钥文件(应为 64 位小写十六进制数字加换行)。请从备份恢复"
    case .system(let path, let code): "\(path)：\(systemText(code))"
    case .noEntropy: "系统无法提供随机数或锁定内存"
    }
  }
}
