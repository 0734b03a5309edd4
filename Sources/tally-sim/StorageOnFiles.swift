import HAL
import HostHAL
import Simulator

/// Does on files what a simulated agent asks of its storage, through the driver that `tallyd` has, and lists it:
/// so that what a kernel sees of it can be compared with what was asked (`Tests/peers/strace_equality.py`).
///
/// A line is `EPOCH OPERATION NAME NUMBER…`: `open`, `range`, `size NAME`, `create NAME COUNT`, `read NAME OFFSET
/// COUNT`, `write NAME OFFSET COUNT`, `publish NAME COUNT`, `remove NAME`, `recycle NAME NUMBER`, `prepare NAME OFFSET
/// COUNT`, `appear NAME COUNT`.
final class StorageOnFiles {
  private let directory: String
  private var lines = ""
  private var logs: [UInt32: OpenLog] = [:]
  /// Why no log can be kept here; told at the end.
  private var problem: FileError?

  private final class OpenLog {
    var storage: FileBlockStorage
    init(directory: String) throws(FileError) {
      storage = try FileBlockStorage(directory: directory)
    }
  }

  init(_ directory: String) { self.directory = directory }

  /// Lists a call and does it. What a file answers is not looked at.
  func take(_ call: StorageCall, epoch: UInt32) {
    lines += "\(epoch) \(StorageOnFiles.line(call))\n"
    if case .open = call { return open(epoch) }
    guard let log = logs[epoch] else { return }
    // What is not there in the simulation is not there on the disk either; files are compared at the end.
    try? StorageOnFiles.perform(call, &log.storage)
  }

  private func open(_ epoch: UInt32) {
    // The descriptors of the process before are closed.
    logs[epoch] = nil
    do throws(FileError) {
      logs[epoch] = try OpenLog(directory: "\(directory)/log/\(epoch)")
    } catch {
      problem = problem ?? error
    }
  }

  /// Closes the files and writes the list.
  func finish() throws(SiteProblem) {
    logs = [:]
    if let problem { throw .file(problem) }
    let (path, bytes) = (directory + "/operations", Array(lines.utf8))
    try SiteProblem.file { () throws(FileError) in try Files.replace(path, with: bytes) }
  }

  private static func perform(
    _ call: StorageCall, _ storage: inout FileBlockStorage
  ) throws(StorageError) {
    switch call {
    case .open: break
    case .size(let object): _ = try storage.size(of: object)
    case .segmentRange: _ = try storage.segmentRange()
    case .create(let object, let count): try storage.create(object, byteCount: count)
    case .read(let object, let offset, let count):
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4_096)
      defer { buffer.deallocate() }
      try storage.read(object, at: offset, into: buffer)
    case .write(let object, let offset, let bytes):
      try storage.write(object, at: offset, from: bytes)
    case .publish(let object, let bytes): try storage.publish(object, from: bytes)
    case .remove(let object): try storage.remove(object)
    case .recycle(let old, let new): try storage.recycle(segment: old, as: new)
    case .prepare(let object, let offset, let bytes):
      try storage.prepare(object, at: offset, from: bytes)
    case .publishPrepared(let object, let count):
      try storage.publish(prepared: object, byteCount: count)
    }
  }

  private static func line(_ call: StorageCall) -> String {
    switch call {
    case .open: "open"
    case .size(let object): "size \(FileBlockStorage.name(of: object))"
    case .segmentRange: "range"
    case .create(let object, let count): "create \(FileBlockStorage.name(of: object)) \(count)"
    case .read(let object, let offset, let count):
      "read \(FileBlockStorage.name(of: object)) \(offset) \(count)"
    case .write(let object, let offset, let bytes):
      "write \(FileBlockStorage.name(of: object)) \(offset) \(bytes.count)"
    case .publish(let object, let bytes):
      "publish \(FileBlockStorage.name(of: object)) \(bytes.count)"
    case .remove(let object): "remove \(FileBlockStorage.name(of: object))"
    case .recycle(let old, let new):
      "recycle \(FileBlockStorage.name(of: .segment(sequence: old))) \(new)"
    case .prepare(let object, let offset, let bytes):
      "prepare \(FileBlockStorage.name(of: object)) \(offset) \(bytes.count)"
    case .publishPrepared(let object, let count):
      "appear \(FileBlockStorage.name(of: object)) \(count)"
    }
  }
}
