import Articles
import Foundation
import Testing

@testable import Catalog

/// A share directory with everything of the repository, and with the files that an article makes.
final class ArticleShare {
  let share: Share
  /// Paths, from the top of the repository, of the files that the article makes.
  let made: [String]
  private let path: String

  /// Copies profiles and boards, then follows the article.
  init(_ article: Article) throws {
    path = NSTemporaryDirectory() + "tallystick-article-" + UUID().uuidString
    let files = FileManager.default
    try files.createDirectory(atPath: path, withIntermediateDirectories: true)
    try files.copyItem(
      atPath: repositoryPath + "/Sources/Catalog/Profiles", toPath: path + "/profiles")
    try files.copyItem(atPath: repositoryPath + "/boards", toPath: path + "/boards")
    share = Share(path: path)
    let blocks = article.blocks.filter { $0.path != nil }
    made = blocks.compactMap(\.path)
    for block in blocks {
      let installed = (block.path ?? "").replacing("Sources/Catalog/Profiles", with: "profiles")
      let target = "\(path)/\(installed)"
      try files.createDirectory(
        atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try block.text.write(toFile: target, atomically: true, encoding: .utf8)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The simulated site with some of its text replaced, checked against this share.
  func site(_ change: (String) -> String) throws -> (site: Site?, findings: [Finding]) {
    let text = try String(
      contentsOfFile: repositoryPath + "/boards/native/sim/site.yaml", encoding: .utf8)
    let file = path + "/site.yaml"
    try change(text).write(toFile: file, atomically: true, encoding: .utf8)
    return Site.check(path: file, share: share)
  }

  /// The article makes as many files as its table says, all of them new, and edits none.
  ///
  /// They are new because they are Acme's, who makes nothing but examples. An author who has tried the
  /// article's own command has files of that name too.
  func expectCost(_ article: Article) throws {
    let row = try #require(article.section("Overview").tables.first?.first)
    #expect(made.count == Int(row[0].prefix { $0.isNumber }))
    #expect(row[1] == "0")
    for path in made { #expect(path.contains("/acme"), "\(path)") }
  }
}
