import Glibc
import HostHAL

/// A place where the process may die. Tests fail the collector at each of them in turn.
public enum DurableStep: String, CaseIterable, Sendable {
  /// Before the transaction that keeps a pending note.
  case keepPending
  /// After it, before the answer.
  case keptPending
  /// Before a file of the log is written under its temporary name.
  case writeFile
  /// The temporary file is written and synced, and not renamed.
  case renameFile
  /// It is renamed, and the directory is not synced.
  case syncDirectory
  /// All files of a package are durable, and nothing counts them yet.
  case countEntries
  /// All tiles are durable and the cosignature is made, before the transaction that keeps it.
  case keepMirrorNote
  /// After it, before `checkpoint` is published.
  case keptMirrorNote
  /// `checkpoint` is published, before the answer.
  case answer
}

/// Calls a test at each durable step; does nothing in a running collector.
public typealias DurableProbe = @Sendable (DurableStep) throws -> Void

/// Files of one log below one directory, each written whole or not at all.
///
/// The order of a write is: temporary file, fsync, rename, fsync of the directory. A file under its own
/// name is therefore complete; whatever lies in `tmp/` is nothing.
struct DurableFiles: Sendable {
  /// The directory, without a slash at the end.
  let root: String
  let probe: DurableProbe

  init(root: String, probe: @escaping DurableProbe) {
    self.root = root
    self.probe = probe
  }

  /// Makes the directory.
  func makeRoot() throws { try Self.makeDirectories(root) }

  /// Makes the directory and forgets what an interrupted write left.
  func prepare() throws {
    try Self.makeDirectories(root + "/tmp")
    for name in try names(in: "tmp") { try Files.remove("\(root)/tmp/\(name)") }
  }

  /// Writes `bytes` as `path`, durably; an existing file is replaced whole.
  func publish(_ path: String, _ bytes: [UInt8]) throws {
    let target = "\(root)/\(path)"
    let temporary = "\(root)/tmp/\(path.replacing("/", with: "_"))"
    try Self.makeDirectories(Files.parent(of: target))
    try probe(.writeFile)
    try Self.write(bytes, to: temporary)
    try probe(.renameFile)
    guard rename(temporary, target) == 0 else { throw FileError(errno, .rename, target) }
    try probe(.syncDirectory)
    try Files.syncDirectory(Files.parent(of: target))
  }

  /// The bytes of `path`, or `nil` if there is no such file.
  func read(_ path: String) throws -> [UInt8]? {
    do {
      return try Files.read("\(root)/\(path)", limit: Self.maximumByteCount)
    } catch FileError.notFound {
      return nil
    }
  }

  /// The largest file that the format knows, a bundle of 256 entries of 65,535 bytes.
  private static let maximumByteCount = 256 * 65_537

  /// Whether `path` exists.
  func exists(_ path: String) -> Bool { Files.exists("\(root)/\(path)") }

  /// Names in the directory `path`; none if it does not exist.
  func names(in path: String) throws -> [String] {
    do {
      return try Files.names(in: "\(root)/\(path)")
    } catch FileError.notFound {
      return []
    }
  }

  /// Removes a directory with its files. Not durable, and no failure: what stays does no harm.
  func removeDirectory(_ path: String) { try? Files.removeTree("\(root)/\(path)") }

  /// Writes a file and syncs it. Whoever calls this gives it a name that nobody reads.
  private static func write(_ bytes: [UInt8], to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError(errno, .open, path) }
    defer { close(descriptor) }
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw FileError(errno, .write, path) }
      written += count
    }
    guard fsync(descriptor) == 0 else { throw FileError(errno, .sync, path) }
  }

  /// Makes a directory with its parents, each durable in its own parent.
  private static func makeDirectories(_ path: String) throws {
    if Files.exists(path) { return }
    let parent = Files.parent(of: path)
    if parent != path { try makeDirectories(parent) }
    try Files.makeDirectory(path)
    try Files.syncDirectory(parent)
  }
}
