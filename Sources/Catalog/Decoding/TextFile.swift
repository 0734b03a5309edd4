#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads whole small files with plain system calls, because Foundation stays out of the gateway.
enum TextFile {
  /// Everything in the file, at most one byte more than `YAMLReader.byteCountMax`, so that the reader
  /// sees that it is too large.
  static func read(_ path: String) -> Result<[UInt8], FileFault> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 {
      let code = errno
      return .failure(
        code == ENOENT || code == ENOTDIR ? .notFound(path) : .unreadable(path, errno: code))
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 * 1024)
    while bytes.count <= YAMLReader.byteCountMax {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 {
        if errno == EINTR { continue }
        return .failure(.unreadable(path, errno: errno))
      }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[0..<count])
    }
    return .success(bytes)
  }

  /// Names in a directory in the order of their bytes; empty when there is no such directory.
  static func names(in path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// A directory stands at the path.
  static func isDirectory(_ path: String) -> Bool {
    guard let directory = opendir(path) else { return false }
    closedir(directory)
    return true
  }

  /// Something stands at the path.
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
