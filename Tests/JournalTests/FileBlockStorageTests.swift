import Foundation
import HAL
import HostHAL
import Journal
import Testing
import TransparencyLog

/// The storage of the host on an ordinary file system and on tmpfs, with `O_DIRECT` and without.
@Suite struct FileBlockStorageTests {
  /// A directory that is empty and goes away with this value.
  final class Directory {
    let path: String
    init(_ parent: String) throws {
      path =
        "\(parent)/tallystick-journal-\(ProcessEnvironment.processID)-\(UInt32.random(in: 0...UInt32.max))"
      try Files.makeDirectory(path)
    }
    deinit { try? Files.removeTree(path) }
  }

  static let places = [
    ("/var/tmp", true), ("/var/tmp", false), ("/dev/shm", true), ("/dev/shm", false),
  ]

  @Test(arguments: places)
  func `a log on files comes back after it was closed`(parent: String, direct: Bool) throws {
    let directory = try Directory(parent)
    let root = Digest(bytes: InlineArray(repeating: 7))
    for life in 0..<3 {
      let fixture = Fixture(
        try FileBlockStorage(directory: "\(directory.path)/log/1", directIO: direct))
      #expect(direct || !fixture.journal.storage.isDirect)
      let (decision, entries) = try fixture.recover()
      #expect(decision == (life == 0 ? .emptyDirectory : .clean))
      #expect(entries == (0..<(life * 8)).map { sampleEntry($0, byteCount: 2500) })
      #expect(try fixture.journal.recordBoot() == UInt32(life + 1))
      for index in (life * 8)..<(life * 8 + 8) {
        try fixture.append(sampleEntry(index, byteCount: 2500))
      }
      let size = fixture.journal.committedSize
      try fixture.journal.recordSigned(size: size, root: root, note: Array("note".utf8).span)
      #expect(try fixture.read(3..<8) == (3..<8).map { sampleEntry($0, byteCount: 2500) })
    }
    #expect(
      try Files.names(in: "\(directory.path)/log/1") == ["seg", "super.a", "super.b", "tile"])
    #expect(try Files.names(in: "\(directory.path)/log/1/seg").first == "0000000000000000.seg")
  }

  /// Whether the file system takes direct writes and reads, asked with dd of coreutils.
  private func takesDirectAccess(_ folder: String) throws -> Bool {
    for words in [
      ["if=/dev/zero", "of=\(folder)/dd", "oflag=direct,dsync"],
      ["if=\(folder)/dd", "of=/dev/null", "iflag=direct"],
    ] {
      let program = Process()
      program.executableURL = URL(filePath: "/usr/bin/env")
      program.arguments = ["dd", "bs=4096", "count=1", "status=none"] + words
      program.standardError = FileHandle.nullDevice
      try program.run()
      program.waitUntilExit()
      if program.terminationStatus != 0 { return false }
    }
    return true
  }

  @Test(arguments: ["/var/tmp", "/dev/shm"])
  func `access is direct where the file system takes it, and only there`(parent: String) throws {
    let directory = try Directory(parent)
    let expected = try takesDirectAccess(directory.path)
    let isDirect = try FileBlockStorage(directory: "\(directory.path)/log").isDirect
    #expect(isDirect == expected)
    let isAskedNot = try FileBlockStorage(directory: "\(directory.path)/log", directIO: false)
      .isDirect
    #expect(!isAskedNot)
  }

  @Test func `the tail of a killed agent is cut off and left-over files are removed`() throws {
    let directory = try Directory("/dev/shm")
    do {
      let fixture = Fixture(try FileBlockStorage(directory: directory.path))
      _ = try fixture.recover()
      try fixture.append([1])
      try fixture.append([2])
    }
    let path = "\(directory.path)/seg/0000000000000000.seg"
    var bytes = try Files.read(path)
    bytes[8192 + 46] ^= 1
    try Files.replace(path, with: bytes)
    try Files.replace("\(directory.path)/seg/0000000000000001.seg.tmp", with: [1, 2, 3])
    let fixture = Fixture(try FileBlockStorage(directory: directory.path))
    let (decision, entries) = try fixture.recover()
    #expect(decision == .tornTail && entries == [[1]])
    #expect(try Files.names(in: "\(directory.path)/seg") == ["0000000000000000.seg"])
  }

  @Test func `objects that are missing, short or removed are told apart`() throws {
    let directory = try Directory("/dev/shm")
    var storage = try FileBlockStorage(directory: directory.path)
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 8192, alignment: 4096)
    defer { block.deallocate() }
    let segment = StorageObject.segment(sequence: 5)
    #expect(try storage.segmentRange() == nil)
    #expect(try storage.size(of: segment) == nil)
    #expect(throws: StorageError.notFound) { try storage.read(segment, at: 0, into: block) }
    try storage.create(segment, byteCount: 4096)
    try storage.create(.segment(sequence: 0x1f), byteCount: 4096)
    #expect(try storage.segmentRange() == 5...31)
    for stray in ["ffffffffffffffff", "0000000100000000", "+000000000000001", "000000000000002A"] {
      try Files.replace("\(directory.path)/seg/\(stray).seg", with: [])
    }
    #expect(try storage.segmentRange() == 5...31, "no journal gives such names")
    #expect(throws: StorageError.short) { try storage.read(segment, at: 0, into: block) }
    try storage.remove(segment)
    try storage.remove(segment)
    #expect(try storage.size(of: segment) == nil)
  }

  @Test func `tiles lie where C2SP tlog-tiles says and replace each other whole`() throws {
    let directory = try Directory("/dev/shm")
    var storage = try FileBlockStorage(directory: directory.path)
    let tile = StorageObject.tile(level: 1, index: 1_234_067)
    for byte: UInt8 in [1, 2] {
      let bytes = [UInt8](repeating: byte, count: 8192)
      try bytes.withUnsafeBytes { try storage.publish(tile, from: $0) }
      #expect(try Files.read("\(directory.path)/tile/1/x001/x234/067") == bytes)
      var read = [UInt8](repeating: 0, count: 8192)
      try read.withUnsafeMutableBytes { try storage.read(tile, at: 0, into: $0) }
      #expect(read == bytes)
    }
  }
}
