import HostHAL

/// Files that are missing or unreadable.
public enum FileFault: Worded, Sendable, Equatable {
  /// There is no such file.
  case notFound(String)
  /// The file cannot be read.
  case unreadable(FileError)
  /// No directory with profiles and boards was found; where it was looked for.
  case shareNotFound([String])

  var english: Wording {
    switch self {
    case .notFound(let path):
      Wording(
        "there is no file '\(path)'", "a file that can be read", "check the path for misspellings")
    case .unreadable(let error):
      Wording(
        error.english, "a file that this user may read",
        "check size, kind, owner and mode with ls -l")
    case .shareNotFound(let tried):
      Wording(
        "no profiles found; looked in \(tried.joined(separator: ", "))",
        "a directory that holds profiles/ and boards/",
        "give it with --share DIR or set TALLYSTICK_SHARE")
    }
  }

  var chinese: Wording {
    switch self {
    case .notFound(let path): Wording("找不到文件“\(path)”", "一个可读的文件", "检查路径是否写错")
    case .unreadable(let error):
      Wording(error.chinese, "当前用户有权读取的文件", "用 ls -l 检查大小、类型、属主和权限")
    case .shareNotFound(let tried):
      Wording(
        "找不到设备档案目录；已查找：\(tried.joined(separator: "、"))", "含有 profiles/ 和 boards/ 的目录",
        "用 --share DIR 指定，或设置环境变量 TALLYSTICK_SHARE")
    }
  }
}
