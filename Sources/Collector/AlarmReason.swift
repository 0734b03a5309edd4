import GRDB
import HostHAL
import TransparencyLog

/// Why something failed, for an operator: which file is concerned and what to do, without the point at the end.
public struct AlarmReason: Equatable, Sendable {
  /// In English.
  public var english: String
  /// 中文措辞。
  public var chinese: String

  /// Sorts an error of the layers below; `database` is the file that an error of SQLite is about.
  public init(_ error: any Error, database: String) {
    switch error {
    case let error as MirrorFault: self.init(error)
    case FileError.noSpace(let path): self.init(fullAt: path)
    case let error as FileError: self.init(error.english, error.chinese)
    case let error as DatabaseError where error.resultCode == .SQLITE_FULL:
      self.init(fullAt: database)
    case let error as DatabaseError:
      // Without the statement, which says nothing to an operator.
      let said = error.message ?? "\(error.resultCode)"
      self.init(
        "\(database) cannot be used: \(said). Look at the medium that it lies on",
        "\(database) 无法使用：\(said)。请检查其所在介质")
    case let error as Malformed: self.init(error.what, error.what)
    default: self.init("\(error)", "\(error)")
    }
  }

  private init(_ english: String, _ chinese: String) {
    self.english = english
    self.chinese = chinese
  }

  private init(fullAt path: String) {
    let directory = Files.parent(of: path)
    self.init(
      "no space is left for \(path): free space on the file system of \(directory)",
      "\(path) 所在磁盘空间不足：请在 \(directory) 所在的文件系统上释放空间")
  }

  private init(_ fault: MirrorFault) {
    switch fault {
    case .lostEntries(let stored, let cosigned):
      self.init(
        "only \(stored) of the \(cosigned) entries that were cosigned are here: restore the data directory whole "
          + "from a backup",
        "已会签 \(cosigned) 个条目，而此处只有 \(stored) 个：请从备份完整恢复数据目录")
    case .olderDatabase(let stored, let pending):
      self.init(
        "\(stored) entries are stored, and collector.sqlite knows of \(pending) only: it is an older copy. Restore "
          + "the data directory whole from one backup",
        "已存储 \(stored) 个条目，而 collector.sqlite 只知道 \(pending) 个：它是较旧的副本。请从同一备份完整恢复数据目录")
    case .damagedFile(let path):
      self.init(
        "the file \(path) of this log is damaged: restore it from a backup, and look at the medium",
        "该日志的文件 \(path) 已损坏：请从备份恢复，并检查介质")
    case .otherRoot(let size):
      self.init(
        "the \(size) entries stored have not the root that the log signed: restore the data directory whole from a "
          + "backup, and look at the medium",
        "所存 \(size) 个条目的根与日志签名的根不符：请从备份完整恢复数据目录，并检查介质")
    case .noSignature:
      self.init(
        "the mirror's key gave no signature: look at keys/mirror.key",
        "镜像密钥未能签名：请检查 keys/mirror.key")
    }
  }
}
