import Articles
import Foundation
import Testing

/// The documentation names what there is.
@Suite struct ArticleTests {
  private let articles = Repository.files(in: "Sources/Gateway/Gateway.docc", extensions: ["md"])

  @Test func `every article is in the list, and has a summary`() throws {
    let index = try #require(Repository.file("Sources/Gateway/Gateway.docc/Gateway.md"))
    for article in articles where article.path != index.path {
      let name = try #require(article.path.split(separator: "/").last).dropLast(3)
      #expect(index.text.contains("- <doc:\(name)>"), "\(name)")
      #expect(article.lines.first?.hasPrefix("# ") == true, "\(name)")
      #expect(article.lines.count > 2 && !article.lines[2].isEmpty, "\(name) has no summary")
    }
  }

  /// Paths of this repository in backquotes; those with a placeholder or of the examples are none.
  @Test func `every path that articles and README name exists`() throws {
    let readme = try #require(Repository.file("README.md"))
    let path = /`((?:Sources|Tests|boards|scripts|\.ci)\/[^` ]*)/
    var count = 0
    for file in articles + [readme] {
      for match in file.text.matches(of: path) {
        let name = String(match.output.1)
        if name.contains(where: { "<*{…".contains($0) }) { continue }
        if ["acme", "Acme", "Sources/Carbon/"].contains(where: name.contains) { continue }
        count += 1
        #expect(
          FileManager.default.fileExists(atPath: Repository.root.path + "/" + name),
          "\(file.path): \(name)")
      }
    }
    #expect(count > 30)
  }

  @Test func `there is an article for each thing that is added`() {
    let names = articles.compactMap { $0.path.split(separator: "/").last }
    for name in [
      "AddingAMeter", "AddingABoard", "AddingAProtocol", "AddingAnUplink", "AddingARulePack",
      "AddingAWarning",
    ] {
      #expect(names.contains("\(name).md"), "\(name)")
      let readme = Repository.file("README.md")?.text ?? ""
      #expect(readme.contains("/\(name).md"), "the README does not lead to \(name)")
    }
  }

  @Test func `the changelog has the three parts for every version`() throws {
    let text = try Article("Changelog")
    let versions = text.lines.filter { $0.hasPrefix("## ") && !$0.hasPrefix("## Overview") }
    #expect(!versions.isEmpty)
    for version in versions {
      let parts = text.section(String(version.dropFirst(3))).lines.filter { $0.hasPrefix("### ") }
      let order = ["### Safety and performance", "### Features", "### Internals"]
      #expect(parts == order.filter(parts.contains) && !parts.isEmpty, "\(version)")
    }
  }

  // MARK: the work of others

  private func rows(_ heading: String) throws -> [[String]] {
    try #require(try Article("ThirdParty").section(heading).tables.first)
  }

  private func captures(_ pattern: String, in text: String) throws -> [[String]] {
    text.matches(of: try Regex(pattern)).map { match in
      match.output.dropFirst().map { String($0.substring ?? "") }
    }
  }

  @Test func `packages and versions are those of the manifest`() throws {
    let manifest = try #require(Repository.file("Package.swift"))
    let wanted = try captures("url: \"([^\"]+)\", exact: \"([^\"]+)\"", in: manifest.text)
      .map { $0[0] + " " + $0[1] }
    let listed = try rows("Swift packages").map { (Article.code($0[0]) ?? "") + " " + $0[1] }
    #expect(!wanted.isEmpty && Set(listed) == Set(wanted))
  }

  @Test func `libraries are those of the manifest`() throws {
    let manifest = try #require(Repository.file("Package.swift"))
    let wanted = try captures("providers: \\[\\.apt\\(\\[\"([^\"]+)\"", in: manifest.text)
      .map { $0[0] }
    let listed = try rows("Libraries of the system").compactMap { Article.code($0[0]) }
    #expect(wanted.count >= 5)
    #expect(Set(wanted).isSubset(of: Set(listed)), "\(Set(wanted).subtracting(listed))")
  }

  @Test func `what scripts/setup installs is listed`() throws {
    let setup = try #require(Repository.file("scripts/setup"))
    let lists = try captures("_packages=\\(([^)]*)\\)", in: setup.text).map { $0[0] }
    let wanted = lists.flatMap { list in
      list.split(separator: "\n").flatMap {
        $0.prefix { $0 != "#" }.split(separator: " ").map(String.init)
      }
    }
    let peers = try #require(Repository.file("Tests/peers/requirements.txt")).lines
      .filter { !$0.hasPrefix("#") && !$0.isEmpty }.map { String($0.prefix { $0 != "=" }) }
    let tools = try rows("Libraries of the system") + rows("Tools of the build and the tests")
    let listed = Set(
      tools.flatMap { row in row[0].matches(of: /`([^`]+)`/).map { String($0.output.1) } })
    #expect(wanted.count > 10)
    for name in wanted + peers { #expect(listed.contains(name), "\(name) is not listed") }
  }
}
