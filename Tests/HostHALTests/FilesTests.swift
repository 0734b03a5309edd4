import CLinux
import HostHAL
import Testing

@Suite struct FilesTests {
  @Test func `a file is replaced whole, with its mode, and read back`() throws {
    let scratch = try Scratch()
    let path = scratch("key")
    try Files.replace(path, with: [1, 2, 3], mode: 0o600)
    #expect(try Files.read(path) == [1, 2, 3])
    #expect(try Files.status(of: path)?.mode == 0o600)
    let large = [UInt8](repeating: 7, count: 100_000)
    try Files.replace(path, with: large)
    #expect(try Files.read(path) == large)
    try Files.replace(path, with: [])
    #expect(try Files.read(path) == [])
    #expect(try Files.names(in: scratch.path) == ["key"])
  }

  @Test func `a replacement that fails leaves the old bytes and nothing beside them`() throws {
    let scratch = try Scratch()
    try Files.makeDirectory(scratch("sub"))
    try Files.replace(scratch("sub/a"), with: [1])
    // The rename fails because a directory stands at the name.
    #expect(throws: FileError.wrongKind(path: scratch("sub"))) {
      try Files.replace(scratch("sub"), with: [2])
    }
    #expect(try Files.names(in: scratch.path) == ["sub"])
    // The temporary file cannot be made because a directory has its name.
    try Files.makeDirectory(scratch("sub/a.tmp"))
    #expect(throws: FileError.self) { try Files.replace(scratch("sub/a"), with: [2]) }
    #expect(try Files.read(scratch("sub/a")) == [1])
  }

  @Test(.enabled("root may write anywhere") { clinux_user_id() != 0 })
  func `a directory without write permission is a typed error`() throws {
    let scratch = try Scratch()
    try Files.replace(scratch("a"), with: [1])
    try Files.setMode(0o500, of: scratch.path)
    defer { try? Files.setMode(0o700, of: scratch.path) }
    #expect(throws: FileError.notPermitted(path: scratch("a.tmp"), operation: .open)) {
      try Files.replace(scratch("a"), with: [2])
    }
    #expect(try Files.read(scratch("a")) == [1])
  }

  @Test func `errors say what is wrong with which path`() throws {
    let scratch = try Scratch()
    #expect(throws: FileError.notFound(path: scratch("none"))) { try Files.read(scratch("none")) }
    #expect(throws: FileError.wrongKind(path: scratch.path)) { try Files.read(scratch.path) }
    // A directory has a size too.
    #expect(throws: FileError.wrongKind(path: scratch.path)) {
      try Files.read(scratch.path, limit: 1)
    }
    try Files.replace(scratch("a"), with: [1, 2, 3])
    #expect(throws: FileError.tooLarge(path: scratch("a"), limit: 2)) {
      try Files.read(scratch("a"), limit: 2)
    }
    // A file of unknown size is measured by reading.
    #expect(throws: FileError.tooLarge(path: "/proc/self/maps", limit: 64)) {
      try Files.read("/proc/self/maps", limit: 64)
    }
    let below = scratch("a/b")
    #expect(throws: FileError.notFound(path: below)) { try Files.read(below) }
    #expect(throws: FileError.notFound(path: below)) { try Files.readChunks(below) { _ in } }
    #expect(throws: FileError.wrongKind(path: below + ".tmp")) {
      try Files.replace(below, with: [])
    }
    #expect(throws: FileError.wrongKind(path: below)) { try Files.makeDirectory(below) }
    #expect(throws: FileError.wrongKind(path: scratch("a"))) {
      try Files.makeDirectory(scratch("a"))
    }
  }

  @Test func `directories are made with those above them and removed with all in them`() throws {
    let scratch = try Scratch()
    try Files.makeDirectory(scratch("x/y/z"))
    try Files.makeDirectory(scratch("x/y/z"))
    try Files.replace(scratch("x/y/f"), with: [1])
    try Files.replace(scratch("kept"), with: [1])
    try Files.link(scratch("x/l"), to: scratch("kept"))
    try Files.removeTree(scratch("x"))
    #expect(!Files.exists(scratch("x")))
    #expect(Files.exists(scratch("kept")))
    try Files.removeTree(scratch("x"))
  }

  @Test func `parents of paths`() {
    let parents = ["/a/b": "/a", "/a": "/", "a": ".", "a/b/": "a", "/": "/", "/a/b//": "/a"]
    for (path, parent) in parents { #expect(Files.parent(of: path) == parent) }
  }

  @Test func `links are followed to the end`() throws {
    let scratch = try Scratch()
    try Files.replace(scratch("a"), with: [])
    try Files.link(scratch("b"), to: "a")
    #expect(try Files.resolve(scratch("b")) == Files.resolve(scratch("a")))
    #expect(try Files.target(ofLink: scratch("b")) == "a")
    #expect(ProcessEnvironment.executablePath?.hasPrefix("/") == true)
  }
}

@Suite struct LockFileTests {
  /// `/dev/full` takes no byte, as a full disk.
  @Test func `a disk that is full keeps nobody from locking`() throws {
    let first = try LockFile(locking: "/dev/full")
    #expect(throws: FileError.locked(path: "/dev/full", pid: 0)) {
      _ = try LockFile(locking: "/dev/full")
    }
    _ = consume first
  }

  @Test func `a second holder is refused and told the first one's process`() throws {
    let scratch = try Scratch()
    let path = scratch("lock")
    var first: LockFile? = try LockFile(locking: path)
    expect(first != nil)
    #expect(throws: FileError.locked(path: path, pid: clinux_pid())) {
      _ = try LockFile(locking: path)
    }
    // Another program sees it too.
    let flock = try ChildProcess(running: "/usr/bin/flock", arguments: ["-n", path, "true"])
    #expect(flock.wait(until: soon()) == .exited(code: 1))
    first = nil
    _ = consume first
    _ = try LockFile(locking: path)
  }
}
