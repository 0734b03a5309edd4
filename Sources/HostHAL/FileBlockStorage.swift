import CLinux
import HAL

/// Storage of a log in a directory: `super.a`, `super.b`, `seg/<16 hexadecimal digits>.seg`, the same with `.sealed`,
/// `tile/<level>/<index>` (index in groups of three digits, C2SP tlog-tiles).
///
/// Superblocks and segments are opened `O_DIRECT|O_DSYNC`: a write returns when the medium has the
/// bytes, and a read comes from the medium. Where the file system refuses that (`isDirect` is
/// `false`, to be reported as degraded), `O_DSYNC` remains and the cache is dropped before each
/// read. New files appear whole: written under another name, synced, renamed, directory synced.
public struct FileBlockStorage: BlockStorage, ~Copyable {
  /// The directory of one epoch of a log, `DIR/log/<epoch>`.
  public let directory: String
  /// The file system takes `O_DIRECT`.
  public let isDirect: Bool

  struct OpenFile {
    var object: StorageObject
    var descriptor: Int32
  }
  /// Descriptors that stay open: the tail of the log, and an older segment that is being read.
  private var openFiles: [OpenFile]
  /// The object that is being prepared, under its other name.
  var prepared: OpenFile?
  private static let openFileCountMax = 4
  /// Zeros for new segments, on the heap once.
  private let zeros: UnsafeMutableRawBufferPointer
  private static let zeroByteCount = 64 << 10

  /// Opens the directory, making it if need be, and removes what an interrupted write left behind.
  ///
  /// - Parameter directIO: `false` leaves `O_DIRECT` out, for tests of the other way.
  /// - Throws: what the file system refuses.
  public init(directory: String, directIO: Bool = true) throws(FileError) {
    try FileBlockStorage.prepare(directory)
    self.directory = directory
    openFiles = []
    prepared = nil
    zeros = UnsafeMutableRawBufferPointer.allocate(
      byteCount: FileBlockStorage.zeroByteCount, alignment: 4096)
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
    isDirect = directIO && FileBlockStorage.takesDirectIO(directory, zeros)
  }

  deinit {
    for file in openFiles { _ = clinux_close(file.descriptor) }
    if let prepared {
      _ = clinux_close(prepared.descriptor)
      _ = clinux_unlink("\(path(of: prepared.object)).tmp")
    }
    zeros.deallocate()
  }

  /// All that can fail comes before the first property is set: Swift 6.2.3 cannot compile the other order
  /// in a type that cannot be copied.
  private static func prepare(_ directory: String) throws(FileError) {
    let folders = ["\(directory)/seg", "\(directory)/tile"]
    do throws(FileError) { for folder in folders { try Files.makeDirectory(folder) } } catch {
      // A log that has no room even for its directories has not begun: nothing says so. What is not empty stays.
      for folder in folders + [directory] { _ = clinux_rmdir(folder) }
      throw error
    }
    // The names made by an agent that was killed before it could sync them are made durable before
    // anything is read (what is read must not vanish later).
    for path in folders + [directory, Files.parent(of: directory)] {
      try Files.syncDirectory(path)
    }
    for folder in [directory, "\(directory)/seg"] {
      for name in try Files.names(in: folder) where name.hasSuffix(".tmp") {
        try Files.remove("\(folder)/\(name)")
      }
    }
  }

  /// Tries a direct write and read in a file of its own. Only a refusal of `O_DIRECT` itself counts: a disk that
  /// is full now says nothing about it.
  private static func takesDirectIO(
    _ directory: String, _ block: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let path = "\(directory)/direct.tmp"
    let flags =
      CLINUX_OPEN_READ | CLINUX_OPEN_WRITE | CLINUX_OPEN_CREATE | CLINUX_OPEN_TRUNCATE
      | CLINUX_OPEN_DIRECT | CLINUX_OPEN_DSYNC
    let descriptor = clinux_open(path, flags, 0o600)
    defer { _ = clinux_unlink(path) }
    guard descriptor >= 0 else { return !isRefusal(Int(descriptor)) }
    defer { _ = clinux_close(descriptor) }
    let written = clinux_pwrite(descriptor, block.baseAddress, 4096, 0)
    guard written == 4096 else { return !isRefusal(written) }
    return !isRefusal(clinux_pread(descriptor, block.baseAddress, 4096, 0))
  }

  private static func isRefusal(_ result: Int) -> Bool {
    result == -Int(clinux_error_invalid()) || result == -Int(clinux_error_not_supported())
  }

  // MARK: BlockStorage

  /// Size in bytes, or `nil` if there is no such object.
  public mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    var status = clinux_status()
    let result = clinux_status(path(of: object), 1, &status)
    if result == -clinux_error_not_found() { return nil }
    guard result >= 0 else { throw FileBlockStorage.error(Int(result)) }
    return Int(status.byte_count)
  }

  /// Sequence numbers of the segment files, from the lowest to the highest.
  public mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    let names: [String]
    do { names = try Files.names(in: "\(directory)/seg") } catch { throw .io }
    var range: ClosedRange<UInt64>?
    for name in names {
      // Only a name that a journal gives (32 bits of sequence): what else lies here is not the log's.
      guard let sequence = UInt32(name.prefix { $0 != "." }, radix: 16) else { continue }
      let found = UInt64(sequence)
      let forms = [StorageObject.segment(sequence: found), .sealed(sequence: found)]
      guard forms.contains(where: { FileBlockStorage.name(of: $0) == "seg/\(name)" }) else {
        continue
      }
      range = min(range?.lowerBound ?? found, found)...max(range?.upperBound ?? found, found)
    }
    return range
  }

  /// Makes an object of zeros; the blocks are written, so that later writes change no metadata.
  public mutating func create(
    _ object: StorageObject, byteCount: Int
  ) throws(StorageError) {
    let zeros = self.zeros
    try replace(object) { descriptor throws(StorageError) in
      var offset = 0
      while offset < byteCount {
        let length = min(zeros.count, byteCount - offset)
        try FileBlockStorage.writeAll(
          UnsafeRawBufferPointer(rebasing: zeros[..<length]), to: descriptor, at: offset)
        offset += length
      }
    }
  }

  /// Fills `buffer` from `offset`, from the medium.
  public mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    let descriptor = try open(object)
    // Without O_DIRECT a failed write may have left in the cache what the medium does not have.
    if !isDirect { _ = clinux_drop_cache(descriptor) }
    var done = 0
    while done < buffer.count, let base = buffer.baseAddress {
      let n = clinux_pread(
        descriptor, base + done, buffer.count - done, Int64(offset + done))
      guard n > 0 else {
        close(object)
        throw n == 0 ? .short : FileBlockStorage.error(n)
      }
      done += n
    }
  }

  /// Writes at `offset` of an existing object; returns when the medium has it.
  public mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    let descriptor = try open(object)
    do throws(StorageError) {
      try FileBlockStorage.writeAll(buffer, to: descriptor, at: offset)
    } catch {
      close(object)
      throw error
    }
  }

  /// Makes or replaces an object whole.
  public mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    try replace(object) { descriptor throws(StorageError) in
      try FileBlockStorage.writeAll(buffer, to: descriptor, at: 0)
    }
  }

  /// Removes an object; one that does not exist is no error.
  public mutating func remove(_ object: StorageObject) throws(StorageError) {
    close(object)
    if prepared?.object == object { discardPrepared() }
    let path = path(of: object)
    let result = clinux_unlink(path)
    if result == -clinux_error_not_found() { return }
    guard result >= 0 else { throw FileBlockStorage.error(Int(result)) }
    try syncDirectory(of: path)
  }

  /// Renames a segment and makes the new name durable.
  public mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) {
    close(.segment(sequence: old))
    let path = path(of: .segment(sequence: new))
    let renamed = clinux_rename(self.path(of: .segment(sequence: old)), path)
    guard renamed >= 0 else { throw FileBlockStorage.error(Int(renamed)) }
    try syncDirectory(of: path)
  }

  /// What the file system has free for ordinary users.
  public mutating func freeByteCount() -> UInt64? {
    let count = clinux_free_byte_count(directory)
    return count >= 0 ? UInt64(count) : nil
  }

  // MARK: Files

  /// Makes or replaces an object whole, with what `fill` writes.
  private mutating func replace(
    _ object: StorageObject, _ fill: (Int32) throws(StorageError) -> Void
  ) throws(StorageError) {
    close(object)
    let path = path(of: object)
    if case .tile = object { try makeDirectory(Files.parent(of: path)) }
    try complete(try FileBlockStorage.openTemporary(path), as: path, fill)
  }

  /// Opens the other name that an object has until it is whole.
  static func openTemporary(_ path: String) throws(StorageError) -> Int32 {
    let flags = CLINUX_OPEN_WRITE | CLINUX_OPEN_CREATE | CLINUX_OPEN_TRUNCATE
    let descriptor = clinux_open("\(path).tmp", flags, 0o644)
    guard descriptor >= 0 else { throw error(Int(descriptor)) }
    return descriptor
  }

  /// What is still to be filled in, fsync, rename, fsync of the directory. Where it fails the other name is gone.
  func complete(
    _ descriptor: Int32, as path: String, _ fill: (Int32) throws(StorageError) -> Void
  ) throws(StorageError) {
    do throws(StorageError) {
      do throws(StorageError) {
        try fill(descriptor)
        try FileBlockStorage.check(clinux_fsync(descriptor))
      } catch {
        _ = clinux_close(descriptor)
        throw error
      }
      // A close may report what fsync did not (a network file system's quota).
      try FileBlockStorage.check(clinux_close(descriptor))
      try FileBlockStorage.check(clinux_rename("\(path).tmp", path))
    } catch {
      _ = clinux_unlink("\(path).tmp")
      throw error
    }
    try syncDirectory(of: path)
  }

  static func check(_ result: Int32) throws(StorageError) {
    guard result >= 0 else { throw error(Int(result)) }
  }

  /// Makes a directory of tiles and those above it, each name synced.
  private func makeDirectory(_ path: String) throws(StorageError) {
    let made = clinux_mkdir(path, 0o755)
    if made == -clinux_error_exists() { return }
    if made == -clinux_error_not_found(), path != Files.parent(of: path) {
      try makeDirectory(Files.parent(of: path))
      return try makeDirectory(path)
    }
    guard made >= 0 else { throw FileBlockStorage.error(Int(made)) }
    try syncDirectory(of: path)
  }

  func syncDirectory(of path: String) throws(StorageError) {
    let result = clinux_sync_directory(Files.parent(of: path))
    guard result >= 0 else { throw FileBlockStorage.error(Int(result)) }
  }

  static func writeAll(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: Int
  ) throws(StorageError) {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let n = clinux_pwrite(descriptor, base + done, bytes.count - done, Int64(offset + done))
      guard n > 0 else { throw n == 0 ? .io : error(n) }
      done += n
    }
  }

  /// The descriptor of an object, from those that are open or anew.
  private mutating func open(_ object: StorageObject) throws(StorageError) -> Int32 {
    if let at = openFiles.firstIndex(where: { $0.object == object }) {
      // The one used last stands last.
      let file = openFiles.remove(at: at)
      openFiles.append(file)
      return file.descriptor
    }
    var flags = CLINUX_OPEN_READ | CLINUX_OPEN_WRITE | CLINUX_OPEN_DSYNC
    // These alone are read and written in aligned blocks.
    switch object {
    case .superblock, .summary, .segment, .sealed: if isDirect { flags |= CLINUX_OPEN_DIRECT }
    case .tile, .documents: break
    }
    let descriptor = clinux_open(path(of: object), flags, 0)
    guard descriptor >= 0 else { throw FileBlockStorage.error(Int(descriptor)) }
    // What a killed agent wrote may still be on its way: it is read only once the medium has it.
    let synced = clinux_fsync(descriptor)
    guard synced >= 0 else {
      _ = clinux_close(descriptor)
      throw FileBlockStorage.error(Int(synced))
    }
    if openFiles.count == FileBlockStorage.openFileCountMax {
      _ = clinux_close(openFiles.removeFirst().descriptor)
    }
    openFiles.append(OpenFile(object: object, descriptor: descriptor))
    return descriptor
  }

  mutating func close(_ object: StorageObject) {
    guard let at = openFiles.firstIndex(where: { $0.object == object }) else { return }
    _ = clinux_close(openFiles.remove(at: at).descriptor)
  }

  /// Sorts the negative result of a call.
  static func error(_ result: Int) -> StorageError {
    switch Int32(truncatingIfNeeded: -result) {
    case clinux_error_not_found(): .notFound
    case clinux_error_no_space(): .full
    case clinux_error_not_permitted(), clinux_error_read_only(): .denied
    default: .io
    }
  }
}

extension FileBlockStorage {
  /// The newest epoch below `directory` of which anything is there: a folder with its number as its name
  /// that holds a superblock or a segment. 0 if there is none.
  public static func newestEpoch(in directory: String) throws(FileError) -> UInt32 {
    guard Files.exists(directory) else { return 0 }
    var newest: UInt32 = 0
    for name in try Files.names(in: directory) {
      guard let epoch = UInt32(name), String(epoch) == name, epoch > newest else { continue }
      let folder = "\(directory)/\(name)"
      let segments = Files.exists("\(folder)/seg") ? try Files.names(in: "\(folder)/seg") : []
      let superblocks = ["super.a", "super.b"].filter { Files.exists("\(folder)/\($0)") }
      if !segments.isEmpty || !superblocks.isEmpty { newest = epoch }
    }
    return newest
  }

  /// The path of an object.
  public func path(of object: StorageObject) -> String {
    "\(directory)/\(FileBlockStorage.name(of: object))"
  }

  /// The path of an object within the directory.
  public static func name(of object: StorageObject) -> String {
    switch object {
    case .superblock(let slot): slot == 0 ? "super.a" : "super.b"
    case .segment(let sequence): "seg/\(padded(String(sequence, radix: 16), to: 16)).seg"
    case .sealed(let sequence): "seg/\(padded(String(sequence, radix: 16), to: 16)).sealed"
    case .tile(let level, let index): "tile/\(level)/\(grouped(index))"
    case .documents: "documents"
    case .summary(let slot): slot == 0 ? "summary.a" : "summary.b"
    }
  }

  /// A tile's number in groups of three digits, all but the last with an `x`: 1234067 is
  /// `x001/x234/067` (C2SP tlog-tiles).
  private static func grouped(_ index: UInt64) -> String {
    var text = padded(String(index % 1000), to: 3)
    var rest = index / 1000
    while rest > 0 {
      text = "x\(padded(String(rest % 1000), to: 3))/\(text)"
      rest /= 1000
    }
    return text
  }

  private static func padded(_ digits: String, to count: Int) -> String {
    String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
  }
}
