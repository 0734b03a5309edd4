import Glibc

/// The text of an error number.
func systemText(_ code: Int32) -> String { String(cString: strerror(code)) }

/// Small files that hold keys: read with a check of who else may read them, made whole or not at all.
enum KeyFile {
  /// Reads a secret: a regular file of this user (or root's) that nobody else may read or change.
  static func readSecret(_ path: String, limit: Int) throws(KeyFileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw error(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw error(path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .malformed(path: path) }
    guard status.st_mode & 0o077 == 0 else {
      throw .openToOthers(path: path, mode: status.st_mode & 0o777)
    }
    guard status.st_uid == geteuid() || status.st_uid == 0 else {
      throw .foreignOwner(path: path)
    }
    return try readAll(descriptor, path, limit: limit)
  }

  /// Reads a file that is no secret; `nil` if there is none.
  static func readPublic(_ path: String, limit: Int) throws(KeyFileError) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw error(path)
    }
    defer { close(descriptor) }
    return try readAll(descriptor, path, limit: limit)
  }

  /// Makes a file durably; `.exists` if there is one and `replacing` is false.
  static func publish(
    _ path: String, _ bytes: [UInt8], mode: mode_t, replacing: Bool
  ) throws(KeyFileError) {
    let draft = path + ".tmp"
    unlink(draft)
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw error(draft) }
    var offset = 0
    var failed = fchmod(descriptor, mode) != 0
    while !failed, offset < bytes.count {
      let count = bytes.withUnsafeBytes { memory -> Int in
        write(descriptor, memory.baseAddress.map { $0 + offset }, memory.count - offset)
      }
      if count < 0, errno == EINTR { continue }
      failed = count <= 0
      offset += max(count, 0)
    }
    if !failed { failed = fsync(descriptor) != 0 }
    let code = errno
    close(descriptor)
    guard !failed else {
      unlink(draft)
      throw .system(path: draft, code: code)
    }
    // A link fails where a rename would silently replace a key that somebody enrolled.
    guard (replacing ? rename(draft, path) : link(draft, path)) == 0 else {
      let code = errno
      unlink(draft)
      throw code == EEXIST ? .exists(path: path) : .system(path: path, code: code)
    }
    if !replacing { unlink(draft) }
    try syncDirectory(of: path)
  }

  private static func syncDirectory(of path: String) throws(KeyFileError) {
    let directory: String
    if let slash = path.utf8.lastIndex(of: 0x2F) {
      directory = slash == path.startIndex ? "/" : String(path[..<slash])
    } else {
      directory = "."
    }
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw error(directory) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw error(directory) }
  }

  private static func readAll(
    _ descriptor: Int32, _ path: String, limit: Int
  ) throws(KeyFileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { memory -> Int in
        read(descriptor, memory.baseAddress.map { $0 + count }, memory.count - count)
      }
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw error(path) }
      if got == 0 { break }
      count += got
    }
    guard count <= limit else { throw .malformed(path: path) }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  private static func error(_ path: String) -> KeyFileError {
    let code = errno
    return code == ENOENT ? .missing(path: path) : .system(path: path, code: code)
  }
}
