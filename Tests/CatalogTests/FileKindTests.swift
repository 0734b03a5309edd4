import Testing

@testable import Catalog

@Suite struct FileKindTests {
  private func kind(_ text: String) -> FileKind { FileKind(yaml: Array(text.utf8)) }

  @Test func `every file of the repository is of the kind that its folder says`() throws {
    for name in ProfilesTests.names {
      #expect(FileKind(path: "\(repositoryPath)/Sources/Catalog/Profiles/\(name).yaml") == .profile)
    }
    for name in try SharedFiles().share.boardNames {
      #expect(FileKind(path: "\(repositoryPath)/boards/\(name)/board.yaml") == .board)
    }
    #expect(FileKind(path: repositoryPath + "/boards/native/sim/site.yaml") == .site)
    #expect(FileKind(path: "/nonexistent") == .site)
  }

  @Test func `a file with faults has a kind too`() {
    #expect(kind("\u{FEFF}# Acme\nprofile： 1\nvendor: [\n") == .profile)
    #expect(kind("tallystick: 1\nports:\n\t- {") == .board)
    #expect(kind("tallystick: 1\nlines: []\nlimits: 3\n") == .site)
    #expect(kind("") == .site)
    #expect(kind("tallystick: 1\n  ports: 3\n") == .site)
  }

  @Test func `a profile and a board are summed up in both languages`() throws {
    let profile = try #require(
      DeviceProfile.check(path: repositoryPath + "/Sources/Catalog/Profiles/hefeng-cems.yaml")
        .profile)
    #expect(
      profile.summary(.english).hasPrefix(
        "hefeng-cems: Stack flow, temperature, pressure and moisture, modbus-rtu, 5 values in 1 "
          + "requests, 1 of them doubtful\n  stack: stack-gas-temperature, "))
    #expect(profile.summary(.chinese).contains("1 个请求，5 个测点，其中 1 个存疑"))
    let board = try #require(
      Board.check(path: repositoryPath + "/boards/native/sim/board.yaml").board)
    #expect(board.summary(.english).contains("ports line-a, line-b"))
    #expect(board.summary(.chinese).contains("串口 line-a、line-b"))
    #expect(Board.check(path: "/nonexistent").findings.count == 1)
    #expect(DeviceProfile.check(path: "/nonexistent").findings.count == 1)
  }
}
