import Articles
import Foundation
import MeterProtocols
import Testing

@testable import Catalog

/// Follows the article *Adding a meter*.
@Suite struct AddingAMeterTests {
  private let article: Article
  private let share: ArticleShare

  init() throws {
    article = try Article("AddingAMeter")
    share = try ArticleShare(article)
  }

  private func block(_ suffix: String) throws -> Article.Block {
    try #require(article.blocks.first { $0.path?.hasSuffix(suffix) == true })
  }

  @Test func `it costs what its table says`() throws { try share.expectCost(article) }

  @Test func `the files go where the tests look for them`() throws {
    let name = "acme-m1"
    #expect(
      share.made == [
        "Sources/Catalog/Profiles/\(name).yaml", "Tests/CatalogTests/Captures/\(name).hex",
      ])
    #expect(share.share.profileNames == Set(ProfilesTests.names + [name]).sorted())
  }

  @Test func `the profile has no finding and reads the exchange`() throws {
    let text = try block(".yaml").text
    let (profile, findings) = DeviceProfile.check(yaml: Array(text.utf8), file: "acme-m1.yaml")
    #expect(findings.isEmpty)
    let capture = Capture(text: try block(".hex").text, file: "acme-m1.hex", kind: .modbusRTU)
    capture.expectRead(by: try #require(profile))
    #expect(capture.exchanges.flatMap(\.values).count == 2)
  }

  @Test func `the device stands in a site`() throws {
    let device = try #require(article.blocks.first { $0.text.contains("number: 206") }).text
    let (site, findings) = try share.site { $0 + device }
    #expect(findings.isEmpty)
    let last = try #require(site?.lines.last?.devices.last)
    #expect(last.number == 206 && last.profile.name == "acme-m1")
    #expect(last.streams.map(\.periodMilliseconds) == [1000])
  }
}
