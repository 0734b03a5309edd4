import HostHAL
import Synchronization
import Testing

@testable import Catalog

/// Files of the share that the site names and that cannot be read.
@Suite final class UnreadableShareTests {
  private static let count = Atomic<Int>(0)
  private let folder: String
  private let site: String

  init() throws {
    let number = Self.count.add(1, ordering: .relaxed).newValue
    folder = "/tmp/tallystick-unreadable-\(ProcessEnvironment.processID)-\(number)"
    site = folder + "/site.yaml"
    try Files.makeDirectory(folder + "/profiles")
    try Files.makeDirectory(folder + "/boards/native")
    try Files.replace(
      site,
      with: Array(
        """
        tallystick: 1
        origin: {domain: a.b, serial: s}
        timezone: UTC
        mirror: {url: "http://h:1", vkey_file: k}
        board: native/sim
        lines:
          - name: b
            port: line-b
            baud: 9600
            format: 8N1
            devices:
              - {number: 1, label: M, address: 1, period_ms: 5000, profile: meter}
              - {number: 2, label: N, address: 2, period_ms: 5000, profile: meter}

        """.utf8))
  }

  deinit { try? Files.removeTree(folder) }

  private func findings() -> Findings {
    Findings(list: Site.check(path: site, share: Share(path: folder)).findings)
  }

  /// What is told once, at the place in the site.
  private func expect(_ error: FileError, line: Int, column: Int) {
    let findings = findings()
    let expected = Finding(
      file: site, place: YAMLPlace(line: line, column: column), kind: .file(.unreadable(error)))
    #expect(findings.list == [expected])
    // Exit code 2: installed data that cannot be read are no finding in a configuration.
    #expect(findings.isUnreadable)
    #expect(findings.text(.english).contains("error: " + error.english))
    #expect(findings.text(.chinese).contains("错误：" + error.chinese))
  }

  @Test func `an unreadable board is told at the line that names it`() throws {
    let meter = repositoryPath + "/Sources/Catalog/Profiles/eastron-sdm630.yaml"
    try Files.link(folder + "/profiles/meter.yaml", to: meter)
    let path = folder + "/boards/native/sim/board.yaml"
    try Files.makeDirectory(path)
    expect(.wrongKind(path: path), line: 5, column: 8)
  }

  @Test func `an unreadable profile is told once, at the first line that names it`() throws {
    try Files.link(folder + "/boards/native/sim", to: repositoryPath + "/boards/native/sim")
    let path = folder + "/profiles/meter.yaml"
    try Files.makeDirectory(path)
    expect(.wrongKind(path: path), line: 12, column: 69)
    try Files.removeTree(path)
    try Files.link(path, to: "/nonexistent")
    expect(.notFound(path: path), line: 12, column: 69)
    try Files.link(path, to: "/dev/zero")
    expect(.tooLarge(path: path, limit: YAMLReader.byteCountMax), line: 12, column: 69)
  }
}
