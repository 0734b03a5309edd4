import HostHAL

/// Files that are missing or unreadable.
public enum FileFault: Error, Sendable, Equatable {
  /// There is no such file.
  case notFound(String)
  /// The file is there and cannot be read.
  case unreadable(FileError)
  /// No directory with profiles and boards was found; where it was looked for.
  case shareNotFound([String])

  func wording(_ language: Language) -> Wording {
    switch (self, language) {
    case (.notFound(let path), .english):
      Wording(
        "there is no file '\(path)'", "a file that can be read", "check the path for misspellings")
    case (.notFound(let path), .chinese):
      Wording("找不到文件“\(path)”", "一个可读的文件", "检查路径是否写错")
    case (.unreadable(let error), .english):
      Wording(
        error.english, "a file that this user may read", "check kind, owner and mode with ls -l")
    case (.unreadable(let error), .chinese):
      Wording(error.chinese, "当前用户有权读取的文件", "用 ls -l 检查类型、属主和权限")
    case (.shareNotFound(let tried), .english):
      Wording(
        "no profiles found; looked in \(tried.joined(separator: ", "))",
        "a directory that holds profiles/ and boards/",
        "give it with --share DIR or set TALLYSTICK_SHARE")
    case (.shareNotFound(let tried), .chinese):
      Wording(
        "找不到设备档案目录；已查找：\(tried.joined(separator: "、"))", "含有 profiles/ 和 boards/ 的目录",
        "用 --share DIR 指定，或设置环境变量 TALLYSTICK_SHARE")
    }
  }
}
