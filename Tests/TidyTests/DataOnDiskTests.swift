import Articles
import Foundation
import Testing

/// The article *Data on disk* has the tables and paths of the collector.
@Suite struct DataOnDiskTests {
  private let article: Article

  init() throws { article = try Article("DataOnDisk") }

  /// The SQL that makes tables, one statement each, in one form of white space.
  private func statements(_ text: String) -> [String] {
    text.matches(of: /CREATE (?:TABLE|INDEX)[^;]*;/).map {
      $0.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
  }

  @Test(arguments: [
    ("collector.sqlite", "Sources/Collector/MirrorDatabase.swift"),
    ("readings.sqlite", "Sources/ReadingStore/ReadingStore.swift"),
  ])
  func `the tables are those that the code makes`(heading: String, path: String) throws {
    let section = article.section(heading)
    let shown = statements(try #require(section.blocks.first).text)
    let file = try #require(Repository.file(path))
    #expect(shown.sorted() == statements(file.text).sorted())
    let version = try #require(
      file.text.firstMatch(of: /schemaVersion = (\d+)/).map { String($0.output.1) })
    #expect(section.lines.contains { $0.contains("`user_version` \(version)") })
    let synchronous = try #require(
      file.text.firstMatch(of: /PRAGMA synchronous = (\w+)/).map { String($0.output.1) })
    #expect(section.lines.contains { $0.contains("`synchronous=\(synchronous)`") })
  }

  @Test func `the paths are those of the code`() throws {
    let collector = try #require(Repository.file("Sources/Collector/CollectorDirectory.swift"))
    let gateway = Repository.sources.filter {
      ["tallyd", "tally-sim", "HostHAL", "DirectoryUplink"].contains($0.target)
    }
    .map(\.text).joined()
    for (heading, text) in [
      ("Files of the collector", collector.text), ("Files of the gateway", gateway),
    ] {
      let table = try #require(article.section(heading).tables.first)
      for path in table.compactMap({ Article.code($0[0]) })
      where !path.hasPrefix("logs/") && !path.hasPrefix("log/") {
        let name = try #require(path.split(separator: "/").last)
        #expect(text.contains("/\(name)"), "\(heading): \(path)")
      }
    }
  }
}
