import Articles
import Foundation
import Testing

@testable import Catalog

/// Follows the article *Adding a board*, and reads every board of the repository.
@Suite struct AddingABoardTests {
  private let article: Article
  private let share: ArticleShare

  init() throws {
    article = try Article("AddingABoard")
    share = try ArticleShare(article)
  }

  @Test func `it costs what its table says`() throws { try share.expectCost(article) }

  @Test func `the board is found and carries a site`() throws {
    let name = "acme/edge-1"
    #expect(share.share.boardNames.contains(name))
    let (site, findings) = try share.site {
      $0.replacing("board: native/sim", with: "board: \(name)")
        .replacing("port: line-a", with: "port: rs485-1")
        .replacing("port: line-b", with: "port: rs485-2")
    }
    #expect(findings.isEmpty)
    let lines = try #require(site?.lines)
    #expect(lines.map(\.portName) == ["rs485-1", "rs485-2"])
    #expect(lines[0].identity == .device("ttymxc2"))
    #expect(lines[1].identity == .usb(vendor: 0x0403, product: 0x6001, serial: "A50285BI"))
  }

  @Test func `every key of the example is explained, and no other`() throws {
    let example = try #require(article.blocks.first { $0.path?.hasSuffix("board.yaml") == true })
    let table = try #require(article.section("The description").tables.first)
    for key in table.compactMap({ Article.code($0[0]) }) {
      #expect(example.text.contains("\(key):"), "\(key)")
    }
  }

  @Test func `every board of the repository is read without a finding and has its page`() throws {
    let files = try SharedFiles()
    #expect(!files.share.boardNames.isEmpty)
    for name in files.share.boardNames {
      let path = "\(repositoryPath)/boards/\(name)"
      let (board, findings) = Board.parse(
        yaml: try bytes(path + "/board.yaml"), file: path + "/board.yaml")
      for finding in findings { Issue.record(Comment(rawValue: finding.text(.english))) }
      #expect(board?.name == name)
      #expect(FileManager.default.fileExists(atPath: path + "/README.md"), "\(name)")
    }
  }

  @Test func `nothing that scripts/new made is left to fill in`() throws {
    for name in try SharedFiles().share.boardNames {
      let path = "\(repositoryPath)/boards/\(name)"
      try expectFilledIn(path + "/board.yaml", path + "/README.md")
    }
  }
}
