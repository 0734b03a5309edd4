import CLinux

/// What a path names.
public enum FileKind: Int32, Sendable {
  case file = 1
  case directory = 2
  case link = 3
  case characterDevice = 4
  case socket = 5
  case other = 6
}

/// What the file system says about a path.
public struct FileStatus: Equatable, Sendable {
  /// What it names.
  public var kind: FileKind
  /// Permission bits, 0 to 0o7777.
  public var mode: UInt32
  /// User id of the owner.
  public var owner: UInt32
  /// Size in bytes.
  public var byteCount: Int64
  /// Last modification, µs since 1970.
  public var modifiedMicroseconds: Int64
  /// Major number, of a device file.
  public var deviceMajor: UInt32
  /// Minor number, of a device file.
  public var deviceMinor: UInt32

  init(_ status: clinux_status) {
    kind = FileKind(rawValue: status.kind) ?? .other
    mode = status.mode
    owner = status.owner
    byteCount = status.byte_count
    modifiedMicroseconds = status.modified_us
    deviceMajor = status.device_major
    deviceMinor = status.device_minor
  }
}

/// File operations with typed errors. All block.
public enum Files {
  /// Reads a file whole.
  ///
  /// - Throws: `.tooLarge` when it has more than `limit` bytes.
  public static func read(_ path: String, limit: Int = 16 << 20) throws(FileError) -> [UInt8] {
    let file = try openToRead(path)
    var status = clinux_status()
    let known = clinux_status_of(file.number, &status)
    guard known >= 0 else { throw FileError(-known, .status, path) }
    if FileStatus(status).kind == .directory { throw .wrongKind(path: path) }
    guard status.byte_count <= Int64(limit) else { throw .tooLarge(path: path, limit: limit) }
    var bytes: [UInt8] = []
    // Files under /proc and pipes say 0: their size shows only by reading.
    var capacity = max(Int(status.byte_count) + 1, 4096)
    while true {
      let before = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: capacity))
      let n = bytes.withUnsafeMutableBytes { all -> Int in
        guard let base = all.baseAddress else { return 0 }
        return clinux_read(file.number, base + before, capacity)
      }
      bytes.removeLast(capacity - max(n, 0))
      guard n >= 0 else { throw FileError(Int32(-n), .read, path) }
      if n == 0 { return bytes }
      guard bytes.count <= limit else { throw .tooLarge(path: path, limit: limit) }
      capacity = 4096
    }
  }

  /// The same of a file alone: what waits for a writer, as a pipe does, is never opened.
  public static func readFile(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
    if let status = try status(of: path), status.kind != .file { throw .wrongKind(path: path) }
    return try read(path, limit: limit)
  }

  /// Opens a file for reading. Below a name that is no directory there is none.
  static func openToRead(_ path: String) throws(FileError) -> Descriptor {
    let opened = clinux_open(path, CLINUX_OPEN_READ, 0)
    if opened == -clinux_error_not_a_directory() { throw .notFound(path: path) }
    guard opened >= 0 else { throw FileError(-opened, .open, path) }
    return Descriptor(owning: opened)
  }

  /// Makes or replaces a file whole and durably: a reader sees the old bytes or the new ones, also
  /// after a power cut. Written under another name beside it, synced, renamed; the directory synced.
  public static func replace(
    _ path: String, with bytes: [UInt8], mode: UInt32 = 0o644
  ) throws(FileError) {
    let temporary = "\(path).tmp"
    // A left-over of an interrupted write may have another mode: it is never reused.
    _ = clinux_unlink(temporary)
    let flags = CLINUX_OPEN_WRITE | CLINUX_OPEN_CREATE | CLINUX_OPEN_EXCLUSIVE
    let opened = clinux_open(temporary, flags, mode)
    guard opened >= 0 else { throw FileError(-opened, .open, temporary) }
    do throws(FileError) {
      let file = Descriptor(owning: opened)
      try writeAll(bytes, to: file, temporary)
      let synced = clinux_fsync(file.number)
      guard synced >= 0 else { throw FileError(-synced, .sync, temporary) }
    } catch {
      _ = clinux_unlink(temporary)
      throw error
    }
    let renamed = clinux_rename(temporary, path)
    guard renamed >= 0 else {
      _ = clinux_unlink(temporary)
      throw FileError(-renamed, .rename, path)
    }
    try syncDirectory(parent(of: path))
  }

  /// Writes all bytes at the descriptor's position.
  static func writeAll(
    _ bytes: [UInt8], to file: borrowing Descriptor, _ path: String
  ) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let n = bytes.withUnsafeBufferPointer { all -> Int in
        guard let base = all.baseAddress else { return 0 }
        return clinux_write(file.number, base + done, all.count - done)
      }
      guard n >= 0 else { throw FileError(Int32(-n), .write, path) }
      done += n
    }
  }

  /// Makes the names in a directory durable.
  public static func syncDirectory(_ path: String) throws(FileError) {
    let result = clinux_sync_directory(path)
    guard result >= 0 else { throw FileError(-result, .sync, path) }
  }

  /// What `path` names, links followed unless said otherwise; `nil` when it does not exist.
  public static func status(
    of path: String, followingLinks: Bool = true
  ) throws(FileError) -> FileStatus? {
    var status = clinux_status()
    let result = clinux_status(path, followingLinks ? 1 : 0, &status)
    if result == -clinux_error_not_found() { return nil }
    guard result >= 0 else { throw FileError(-result, .status, path) }
    return FileStatus(status)
  }

  /// Something of that name exists and this user can see it.
  public static func exists(_ path: String) -> Bool {
    var status = clinux_status()
    return clinux_status(path, 1, &status) >= 0
  }

  /// Makes a directory and those above it; one that exists is no error. `mode` holds for new ones.
  public static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(FileError) {
    let result = clinux_mkdir(path, mode)
    if result >= 0 { return }
    if result == -clinux_error_not_found(), path != parent(of: path) {
      try makeDirectory(parent(of: path), mode: mode)
      let again = clinux_mkdir(path, mode)
      guard again >= 0 || again == -clinux_error_exists() else {
        throw FileError(-again, .makeDirectory, path)
      }
      return
    }
    guard result == -clinux_error_exists() else {
      throw FileError(-result, .makeDirectory, path)
    }
    guard let status = try status(of: path), status.kind == .directory else {
      throw .wrongKind(path: path)
    }
  }

  /// Names in a directory, sorted by their bytes.
  public static func names(in path: String) throws(FileError) -> [String] {
    var names: [String] = []
    let result = withUnsafeMutablePointer(to: &names) { list in
      clinux_list(
        path,
        { name, context in
          guard let name, let context else { return 1 }
          context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
          return 0
        }, list)
    }
    guard result >= 0 else { throw FileError(-result, .list, path) }
    return names.sorted()
  }

  /// Removes a file, link or socket; one that does not exist is no error.
  public static func remove(_ path: String) throws(FileError) {
    let result = clinux_unlink(path)
    guard result >= 0 || result == -clinux_error_not_found() else {
      throw FileError(-result, .remove, path)
    }
  }

  /// Removes a directory with all that is in it, links themselves and not what they point to.
  public static func removeTree(_ path: String) throws(FileError) {
    guard let status = try status(of: path, followingLinks: false) else { return }
    guard status.kind == .directory else { return try remove(path) }
    for name in try names(in: path) { try removeTree("\(path)/\(name)") }
    let result = clinux_rmdir(path)
    guard result >= 0 || result == -clinux_error_not_found() else {
      throw FileError(-result, .remove, path)
    }
  }

  /// Gives a file another name in the same file system, durably where both are in one directory; what had that name
  /// is gone.
  public static func rename(_ path: String, to other: String) throws(FileError) {
    let renamed = clinux_rename(path, other)
    guard renamed >= 0 else { throw FileError(-renamed, .rename, path) }
    try syncDirectory(parent(of: other))
  }

  /// Sets the permission bits.
  public static func setMode(_ mode: UInt32, of path: String) throws(FileError) {
    let result = clinux_chmod(path, mode)
    guard result >= 0 else { throw FileError(-result, .status, path) }
  }

  /// Makes `path` a symbolic link to `target`, replacing what was there in one step.
  public static func link(_ path: String, to target: String) throws(FileError) {
    let temporary = "\(path).tmp"
    _ = clinux_unlink(temporary)
    let made = clinux_symlink(target, temporary)
    guard made >= 0 else { throw FileError(-made, .link, path) }
    let renamed = clinux_rename(temporary, path)
    guard renamed >= 0 else {
      _ = clinux_unlink(temporary)
      throw FileError(-renamed, .link, path)
    }
  }

  /// The absolute path without links, `.` or `..`.
  public static func resolve(_ path: String) throws(FileError) -> String {
    try pathResult(of: path) { clinux_realpath(path, $0.baseAddress, $0.count) }
  }

  /// Where a symbolic link points.
  public static func target(ofLink path: String) throws(FileError) -> String {
    try pathResult(of: path) { clinux_readlink(path, $0.baseAddress, $0.count) }
  }

  private static func pathResult(
    of path: String, _ call: (UnsafeMutableBufferPointer<CChar>) -> Int
  ) throws(FileError) -> String {
    var result = 0
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { room -> String in
      result = call(room)
      guard result >= 0, let base = room.baseAddress else { return "" }
      return String(cString: base)
    }
    guard result >= 0 else { throw FileError(Int32(-result), .status, path) }
    return text
  }

  /// The directory that holds `path`.
  public static func parent(of path: String) -> String {
    var bytes = path.utf8[...]
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes = bytes.dropLast() }
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    if slash == bytes.startIndex { return "/" }
    return String(path[..<slash])
  }
}

/// Holds a lock file for as long as it lives; the kernel lets go when the process dies, however.
///
/// The file names the holder's process id in decimal and a line feed, so that a second one can say
/// whom it waits for. On a full disk it may be empty.
public struct LockFile: ~Copyable {
  private let descriptor: Descriptor

  /// Locks `path`, making it if need be.
  ///
  /// - Throws: `.locked` with the holder's process id when another process (or this one) has it.
  public init(locking path: String) throws(FileError) {
    let flags = CLINUX_OPEN_READ | CLINUX_OPEN_WRITE | CLINUX_OPEN_CREATE
    let opened = clinux_open(path, flags, 0o644)
    guard opened >= 0 else { throw FileError(-opened, .open, path) }
    let file = Descriptor(owning: opened)
    let locked = clinux_lock(file.number)
    if locked == -clinux_error_again() {
      throw .locked(path: path, pid: LockFile.holder(of: file.number))
    }
    guard locked >= 0 else { throw FileError(-locked, .lock, path) }
    // A full disk may keep it from saying who has it; it is had all the same.
    _ = clinux_truncate(file.number, 0)
    try? Files.writeAll(Array("\(clinux_pid())\n".utf8), to: file, path)
    descriptor = file
  }

  deinit { clinux_unlock(descriptor.number) }

  private static func holder(of descriptor: Int32) -> Int32 {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { room in
      let n = clinux_pread(descriptor, room.baseAddress, room.count, 0)
      var pid: Int32 = 0
      var i = 0
      while i < n, room[i] >= 0x30, room[i] <= 0x39, pid < 100_000_000 {
        pid = pid * 10 + Int32(room[i] - 0x30)
        i += 1
      }
      return pid
    }
  }
}

/// What the process was started with.
public enum ProcessEnvironment {
  /// An environment variable; `nil` when unset, "" when set to nothing.
  public static func value(of name: String) -> String? {
    clinux_environment(name).map { String(cString: $0) }
  }

  /// The executable's own path, links resolved; `nil` without /proc.
  public static var executablePath: String? {
    try? Files.target(ofLink: "/proc/self/exe")
  }

  /// Starts this program anew in place of itself, with its arguments: nothing of its memory and threads is
  /// left, and its descriptors are closed. Returns only when that cannot be done, with the error number.
  public static func startAnew() -> Int32 {
    -clinux_exec("/proc/self/exe", CommandLine.unsafeArgv)
  }

  /// This process.
  public static var processID: Int32 { clinux_pid() }

  /// Keeps the heap from growing with what was once needed; for a process that runs for years. Call it
  /// before any thread starts.
  public static func boundHeap() { clinux_bound_heap() }

  /// The descriptor is a terminal (0 input, 1 output, 2 errors).
  public static func isTerminal(_ descriptor: Int32) -> Bool {
    clinux_is_terminal(descriptor) == 1
  }

  /// Columns and rows of the terminal; `nil` when it is none.
  public static func terminalSize(_ descriptor: Int32) -> (columns: Int, rows: Int)? {
    var columns: Int32 = 0
    var rows: Int32 = 0
    guard clinux_terminal_size(descriptor, &columns, &rows) >= 0, columns > 0, rows > 0 else {
      return nil
    }
    return (Int(columns), Int(rows))
  }
}
