import GRDB
import HostHAL
import TransparencyLog

/// Why something failed, for an operator: which file is concerned and what to do, without the point at the end.
public enum AlarmReason: Equatable, Sendable {
  /// There is no room for this file.
  case noSpace(path: String)
  /// Another file could not be used.
  case file(FileError)
  /// SQLite refused, and says why; without the statement, which says nothing to an operator.
  case database(path: String, said: String)
  /// What is stored is not what it should be.
  case mirror(MirrorFault)
  /// What no operator is expected to meet, in the words of the program.
  case other(String)

  /// Sorts an error of the layers below; `database` is the file that an error of SQLite is about.
  public init(_ error: any Error, database: String) {
    switch error {
    case let error as MirrorFault: self = .mirror(error)
    case FileError.noSpace(let path): self = .noSpace(path: path)
    case let error as FileError: self = .file(error)
    case let error as DatabaseError where error.resultCode == .SQLITE_FULL:
      self = .noSpace(path: database)
    case let error as DatabaseError:
      self = .database(path: database, said: error.message ?? "\(error.resultCode)")
    case let error as Malformed: self = .other(error.what)
    default: self = .other("\(error)")
    }
  }

  /// In English.
  public var english: String {
    switch self {
    case .noSpace(let path):
      "no space is left for \(path): free space on the file system of \(Files.parent(of: path))"
    case .file(let error): error.english
    case .database(let path, let said):
      "\(path) cannot be used: \(said). Look at the medium that it lies on"
    case .mirror(let fault): fault.english
    case .other(let what): "unexpected: \(what)"
    }
  }

  /// 中文措辞。
  public var chinese: String {
    switch self {
    case .noSpace(let path): "\(path) 所在磁盘空间不足：请在 \(Files.parent(of: path)) 所在的文件系统上释放空间"
    case .file(let error): error.chinese
    case .database(let path, let said): "\(path) 无法使用：\(said)。请检查其所在介质"
    case .mirror(let fault): fault.chinese
    case .other(let what): "意外错误：\(what)"
    }
  }
}

extension MirrorFault {
  var english: String {
    switch self {
    case .lostEntries(let stored, let cosigned):
      "only \(stored) of the \(cosigned) entries that were cosigned are here: restore the data directory whole from a "
        + "backup"
    case .olderDatabase(let stored, let pending):
      "\(stored) entries are stored, and collector.sqlite knows of \(pending) only: it is an older copy. Restore the "
        + "data directory whole from one backup"
    case .damagedFile(let path):
      "the file \(path) of this log is damaged: restore it from a backup, and look at the medium"
    case .otherRoot(let size):
      "the \(size) entries stored have not the root that the log signed: restore the data directory whole from a backup, "
        + "and look at the medium"
    case .noSignature: "the mirror's key gave no signature: look at keys/mirror.key"
    }
  }

  var chinese: String {
    switch self {
    case .lostEntries(let stored, let cosigned):
      "已会签 \(cosigned) 个条目，而此处只有 \(stored) 个：请从备份完整恢复数据目录"
    case .olderDatabase(let stored, let pending):
      "已存储 \(stored) 个条目，而 collector.sqlite 只知道 \(pending) 个：它是较旧的副本。请从同一备份完整恢复数据目录"
    case .damagedFile(let path): "该日志的文件 \(path) 已损坏：请从备份恢复，并检查介质"
    case .otherRoot(let size): "所存 \(size) 个条目的根与日志签名的根不符：请从备份完整恢复数据目录，并检查介质"
    case .noSignature: "镜像密钥未能签名：请检查 keys/mirror.key"
    }
  }
}
