import HostHAL
import Testing

@testable import Catalog

@Suite struct ConfigurationFileTests {
  private func kind(_ text: String) -> ConfigurationFile.Kind {
    ConfigurationFile(path: "", yaml: Array(text.utf8)).kind
  }

  private func file(_ path: String) throws -> ConfigurationFile {
    try ConfigurationFile.read(repositoryPath + "/" + path).get()
  }

  @Test func `every file of the repository is of the kind that its folder says`() throws {
    for name in ProfilesTests.names {
      #expect(try file("Sources/Catalog/Profiles/\(name).yaml").kind == .profile)
    }
    for name in try SharedFiles().share.boardNames {
      #expect(try file("boards/\(name)/board.yaml").kind == .board)
    }
    // A site may be named by its directory.
    #expect(try file("boards/native/sim").path.hasSuffix("/boards/native/sim/site.yaml"))
    #expect(try file("boards/native/sim").kind == .site)
    #expect(try file("boards/native/sim/plant.yaml").kind == .plant)
  }

  @Test func `what cannot be read is told as what it is`() throws {
    func finding(_ path: String) throws -> Finding {
      let error = try #require(throws: Findings.self) { try ConfigurationFile.read(path).get() }
      #expect(error.list.count == 1)
      return try #require(error.list.first)
    }
    #expect(try finding("/nonexistent").kind == .file(.notFound("/nonexistent")))
    #expect(try finding("/dev/zero").kind == .yaml(.tooLarge(limit: YAMLReader.byteCountMax)))
    let below = "/dev/null/site.yaml"
    #expect(try finding(below).kind == .file(.notFound(below)))
    let folder = "/tmp/tallystick-configuration-\(ProcessEnvironment.processID)"
    try Files.makeDirectory(folder + "/site.yaml")
    defer { try? Files.removeTree(folder) }
    let inner = folder + "/site.yaml"
    #expect(try finding(folder).kind == .file(.unreadable(.wrongKind(path: inner))))
    #expect(try finding(folder).text(.english).contains("is a directory where a file was expected"))
  }

  @Test func `a file with faults has a kind too`() {
    #expect(kind("\u{FEFF}# Acme\nprofile： 1\nvendor: [\n") == .profile)
    #expect(kind("\u{FEFF}profile: 1\n") == .profile)
    #expect(kind("tallystick: 1\nports:\n\t- {") == .board)
    #expect(kind("tallystick: 1\nlines: []\nlimits: 3\n") == .site)
    #expect(kind("version: 1\ndata: x\ndevices:\n") == .plant)
    #expect(kind("templates:\n  a:\ndevices:\n  b:\n") == .plant)
    #expect(kind("version: 1\ndevices: {\n") == .plant)
    #expect(kind("version: 1\ndata: x\n") == .plant)
    #expect(kind("tallystick: 1\nlines:\n  - name: a\ndevices:\ndata: x\n") == .site)
    #expect(kind("tallystick: 1\ndevices:\n  - number: 1\n") == .site)
    #expect(kind("") == .site)
    #expect(kind("tallystick: 1\n  ports: 3\n") == .site)
  }

  @Test func `a profile and a board are summed up in both languages`() throws {
    let profile = try #require(
      DeviceProfile.check(
        yaml: try file("Sources/Catalog/Profiles/hefeng-cems.yaml").yaml, file: "hefeng-cems.yaml"
      ).profile)
    #expect(
      profile.summary(.english).hasPrefix(
        "hefeng-cems: Stack flow, temperature, pressure and moisture, modbus-rtu, 5 values in 1 "
          + "requests, 1 of them doubtful\n  stack: stack-gas-temperature, "))
    #expect(profile.summary(.chinese).contains("1 个请求，5 个测点，其中 1 个存疑"))
    let board = try #require(
      Board.parse(yaml: try file("boards/native/sim/board.yaml").yaml, file: "board.yaml").board)
    #expect(board.summary(.english).contains("ports line-a, line-b"))
    #expect(board.summary(.chinese).contains("串口 line-a、line-b"))
  }
}
