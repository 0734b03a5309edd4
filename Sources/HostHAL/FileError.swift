import CLinux
import HAL

/// What was being done when a file operation failed.
public enum FileOperation: UInt8, Sendable {
  case open, read, write, sync, rename, remove, makeDirectory, list, lock, link, status, listen

  /// The operation as the end of "cannot …".
  public var english: String {
    switch self {
    case .open: "open"
    case .read: "read"
    case .write: "write"
    case .sync: "sync"
    case .rename: "rename"
    case .remove: "remove"
    case .makeDirectory: "make the directory"
    case .list: "list"
    case .lock: "lock"
    case .link: "link"
    case .status: "examine"
    case .listen: "listen on"
    }
  }

  /// 操作名称。
  public var chinese: String {
    switch self {
    case .open: "打开"
    case .read: "读取"
    case .write: "写入"
    case .sync: "同步"
    case .rename: "重命名"
    case .remove: "删除"
    case .makeDirectory: "创建目录"
    case .list: "列出"
    case .lock: "锁定"
    case .link: "链接"
    case .status: "检查"
    case .listen: "监听"
    }
  }
}

/// Why a file could not be used. Each case names the path; its wording says what to do.
public enum FileError: Error, Equatable, Sendable {
  /// There is no such file or directory.
  case notFound(path: String)
  /// The user may not do this.
  case notPermitted(path: String, operation: FileOperation)
  /// No space or quota is left.
  case noSpace(path: String)
  /// The file system is mounted read-only.
  case readOnly(path: String)
  /// A directory stands where a file was expected, or the reverse.
  case wrongKind(path: String)
  /// The file is larger than whoever reads it accepts.
  case tooLarge(path: String, limit: Int)
  /// Another process holds the lock; `pid` is 0 when it did not say which.
  case locked(path: String, pid: Int32)
  /// Anything else, with the errno of the operating system.
  case system(path: String, operation: FileOperation, errno: Int32)

  /// Sorts an errno.
  public init(_ errno: Int32, _ operation: FileOperation, _ path: String) {
    switch errno {
    case clinux_error_not_found(): self = .notFound(path: path)
    case clinux_error_not_permitted(): self = .notPermitted(path: path, operation: operation)
    case clinux_error_no_space(): self = .noSpace(path: path)
    case clinux_error_read_only(): self = .readOnly(path: path)
    case clinux_error_is_directory(), clinux_error_not_a_directory(): self = .wrongKind(path: path)
    default: self = .system(path: path, operation: operation, errno: errno)
    }
  }

  /// The same in the terms of a block storage.
  public var storageError: StorageError {
    switch self {
    case .notFound: .notFound
    case .noSpace: .full
    case .notPermitted, .readOnly, .wrongKind, .locked: .denied
    case .tooLarge, .system: .io
    }
  }

  /// What happened and what to do.
  public var english: String {
    switch self {
    case .notFound(let path): "\(path) does not exist"
    case .notPermitted(let path, let operation):
      "this user may not \(operation.english) \(path): check its owner and mode with ls -l"
    case .noSpace(let path): "no space is left for \(path): free some, or raise the quota"
    case .readOnly(let path): "\(path) lies on a read-only file system: remount it read-write"
    case .wrongKind(let path): "\(path) is a directory where a file was expected, or the reverse"
    case .tooLarge(let path, let limit): "\(path) is larger than the \(limit) bytes accepted"
    case .locked(let path, let pid):
      pid > 0
        ? "\(path) is in use by process \(pid): stop that one first"
        : "\(path) is in use by another process: stop that one first"
    case .system(let path, let operation, let errno):
      "cannot \(operation.english) \(path): \(systemErrorText(errno))"
    }
  }

  /// 发生了什么，应当怎么办。
  public var chinese: String {
    switch self {
    case .notFound(let path): "\(path) 不存在"
    case .notPermitted(let path, let operation):
      "当前用户无权\(operation.chinese) \(path)：请用 ls -l 检查其属主与权限"
    case .noSpace(let path): "\(path) 所在磁盘空间不足：请释放空间或提高配额"
    case .readOnly(let path): "\(path) 位于只读文件系统：请重新挂载为可写"
    case .wrongKind(let path): "\(path) 的类型不符（应为文件而非目录，或相反）"
    case .tooLarge(let path, let limit): "\(path) 超过允许的 \(limit) 字节"
    case .locked(let path, let pid):
      pid > 0 ? "\(path) 正被进程 \(pid) 使用：请先停止该进程" : "\(path) 正被其他进程使用：请先停止该进程"
    case .system(let path, let operation, let errno):
      "无法\(operation.chinese) \(path)：\(systemErrorText(errno))"
    }
  }
}

/// The operating system's own text for an errno.
public func systemErrorText(_ errno: Int32) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
    _ = clinux_error_text(errno, text.baseAddress, text.count)
    return text.baseAddress.map { String(cString: $0) } ?? "error \(errno)"
  }
}
