import DirectoryUplink
import Foundation
import HostHAL
import Testing
import TransparencyLog
import Uplink

@Suite struct PackageDirectoryTests {
  private let stem = "mrv.example~gw~7f3a01c2~0001"

  /// A stick and the data directory of a gateway.
  private struct Place {
    let root: String
    var stick: String { root + "/stick" }
    let origin: KeyName

    init() throws {
      root =
        FileManager.default.temporaryDirectory.path + "/tallystick-packages-\(UUID().uuidString)"
      origin = try #require(KeyName("mrv.example/gw/7f3a01c2/1"))
      try Files.makeDirectory(stick)
      try Files.makeDirectory(root + "/data")
    }

    var cursor: PackageCursor { PackageCursor(data: root + "/data") }
    var directory: PackageDirectory {
      PackageDirectory(path: stick, cursor: cursor, origin: origin)
    }
    func remove() { try? Files.removeTree(root) }
    func text(_ name: String) throws -> String? {
      let path = stick + "/" + name
      return Files.exists(path)
        ? String(decoding: try Files.read(path, limit: 1_000), as: UTF8.self) : nil
    }
    func put(_ name: String, _ text: String) throws {
      try Files.replace(stick + "/" + name, with: Array(text.utf8))
    }
  }

  private func request(_ name: String, _ text: String, _ size: UInt64) -> PackageRequest {
    var request = PackageRequest()
    request.package = PackageRequest.File(name: Array(name.utf8), bytes: Array(text.utf8))
    request.writtenSize = size
    return request
  }

  @Test func `a package is there under its name, and remembered beside the log`() throws {
    let place = try Place()
    defer { place.remove() }
    var directory = place.directory
    #expect(place.cursor.size(of: place.origin) == 0)
    #expect(directory.perform(request("a.package", "bytes", 300)) == PackageAnswer())
    #expect(try place.text("a.package") == "bytes")
    #expect(try Files.names(in: place.stick) == ["a.package"])
    #expect(place.cursor.size(of: place.origin) == 300)
    let next = try #require(KeyName("mrv.example/gw/7f3a01c2/2"))
    #expect(place.cursor.size(of: next) == 0, "the next epoch stands in no package")
  }

  @Test func `what is remembered is whole, or counts for nothing`() throws {
    let place = try Place()
    defer { place.remove() }
    var directory = place.directory
    _ = directory.perform(request("a.package", "bytes", 555))
    let path = place.root + "/data/packaged"
    let whole = try Files.read(path)
    #expect(
      String(decoding: whole, as: UTF8.self)
        == "mrv.example/gw/7f3a01c2/1 555 3f4a4cc3c03ad34f\n", "as article DataOnDisk has it")
    for index in whole.indices {
      var changed = whole
      changed[index] ^= 1
      try Files.replace(path, with: changed)
      #expect(place.cursor.size(of: place.origin) == 0, "byte \(index)")
      try Files.replace(path, with: Array(whole[..<index]))
      #expect(place.cursor.size(of: place.origin) == 0, "\(index) bytes")
    }
  }

  @Test func `what is no file is never opened`() throws {
    let place = try Place()
    defer { place.remove() }
    for name in ["\(stem).ack", "\(stem).again"] {
      #expect(mkfifo("\(place.stick)/\(name)", 0o600) == 0)
    }
    var directory = place.directory
    #expect(directory.perform(PackageRequest()) == PackageAnswer(acknowledgement: [], again: []))
  }

  @Test func `a stick that is not there is told and never made up for`() throws {
    let place = try Place()
    defer { place.remove() }
    try Files.removeTree(place.stick)
    var directory = place.directory
    #expect(
      directory.perform(request("a.package", "bytes", 300))
        == PackageAnswer(failure: .directoryMissing))
    #expect(!Files.exists(place.stick))
    #expect(place.cursor.size(of: place.origin) == 0)
    try Files.replace(place.stick, with: [])
    #expect(directory.perform(PackageRequest()) == PackageAnswer(failure: .directoryFails))
  }

  @Test func `what an interrupted write left is swept, of this log alone`() throws {
    let place = try Place()
    defer { place.remove() }
    try place.put("\(stem)~000000000000-000000000300.package.tmp", "half")
    try place.put("other~gw~1~0001~000000000000-000000000300.package.tmp", "half of another")
    var directory = place.directory
    _ = directory.perform(request("\(stem)~x.package", "bytes", 300))
    #expect(
      try Files.names(in: place.stick) == [
        "\(stem)~x.package", "other~gw~1~0001~000000000000-000000000300.package.tmp",
      ])
  }

  @Test(arguments: [(true, "taken"), (false, "refused")])
  func `an acknowledgement is found, and named after what came of it`(
    isTaken: Bool, word: String
  ) throws {
    let place = try Place()
    defer { place.remove() }
    try place.put("\(stem).ack", "note")
    var directory = place.directory
    let answer = directory.perform(PackageRequest())
    #expect(answer == PackageAnswer(acknowledgement: Array("note".utf8)))
    var request = PackageRequest()
    request.acknowledgementWasTaken = isTaken
    #expect(directory.perform(request) == PackageAnswer())
    #expect(try Files.names(in: place.stick) == ["\(stem).ack.\(word)"])
    #expect(try place.text("\(stem).ack.\(word)") == "note")
  }

  @Test func `one that was put in its place meanwhile is looked at first`() throws {
    let place = try Place()
    defer { place.remove() }
    try place.put("\(stem).ack", "first")
    var directory = place.directory
    _ = directory.perform(PackageRequest())
    try place.put("\(stem).ack", "second")
    var request = PackageRequest()
    request.acknowledgementWasTaken = false
    #expect(
      directory.perform(request) == PackageAnswer(acknowledgement: Array("second".utf8)))
    #expect(try Files.names(in: place.stick) == ["\(stem).ack"])
  }

  @Test func `who asks again is heard once`() throws {
    let place = try Place()
    defer { place.remove() }
    try place.put("\(stem).again", "512\n")
    var directory = place.directory
    #expect(directory.perform(PackageRequest()).again == Array("512\n".utf8))
    var request = PackageRequest()
    request.wasHeard = true
    #expect(directory.perform(request) == PackageAnswer())
    #expect(try Files.names(in: place.stick) == ["\(stem).again.taken"])
  }

  @Test func `a file too long for a note is an acknowledgement of nothing`() throws {
    let place = try Place()
    defer { place.remove() }
    try place.put("\(stem).ack", String(repeating: "x", count: 20_000))
    var directory = place.directory
    #expect(directory.perform(PackageRequest()) == PackageAnswer(acknowledgement: []))
  }
}
