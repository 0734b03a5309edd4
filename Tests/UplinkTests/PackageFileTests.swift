import Articles
import HAL
import HostCrypto
import Testing
import TransparencyLog

@testable import Uplink

/// The format, which the article *Data on disk* owns an example of. Python's `cryptography` made that.
@Suite struct PackageFileTests {
  private let article: Article

  init() throws { article = try Article("DataOnDisk") }

  private func example() throws -> [UInt8] {
    Article.bytes(try #require(article.section("Package").blocks.first).text)
  }

  @Test func `a gateway writes the example, byte by byte, under its name`() throws {
    let keys = MirrorSteps.shared.keys
    let mirror = try #require(keys["mirror"])
    let gateway = try #require(keys["log"])
    let origin = try #require(KeyName(MirrorSteps.shared.origin))
    var log = TestLog()
    log.append([1, 2, 3])
    log.append([])
    var client = PackageClient(
      origin: origin, mirrorKey: try #require(VerifierKey(mirror.vkey)),
      acknowledgedSize: 0,
      terms: PackageTerms(every: 1_000_000, retention: 86_400_000_000, writtenSize: 0))
    let signer = try SharedSigner(seed: seed(gateway.seed_hex))
    client.noteSigned(note: log.note(origin, 2, signer))
    let request = try client.nextRequest(now: 0, minimumIndex: 0, source: &log)
    let file = try #require(request?.package)
    #expect(file.bytes == (try example()))
    let name = String(decoding: file.name, as: UTF8.self)
    #expect(article.section("Package").lines.contains { $0.contains("`\(name)`") })
    for other in [PackageName.acknowledgement(origin), PackageName.again(origin)] {
      let name = String(decoding: other, as: UTF8.self)
      #expect(article.section("Package").lines.contains { $0.contains("`\(name)`") })
    }
  }

  @Test func `the parts come back as they went in`() throws {
    let file = try PackageFile(reading: try example())
    #expect(file.bytes() == (try example()))
    #expect(String(decoding: file.note, as: UTF8.self).hasPrefix("mrv.example/gw/7f3a01c2/1\n2\n"))
    #expect(file.body.count == 53)
  }

  @Test func `every changed byte and every other length is found`() throws {
    let whole = try example()
    for at in whole.indices {
      var bytes = whole
      bytes[at] ^= 0x10
      #expect(throws: PackageFile.Fault.self, "byte \(at)") { try PackageFile(reading: bytes) }
    }
    for count in 0..<whole.count {
      let expected: PackageFile.Fault = count < 19 ? .notAPackage : .cut
      #expect(throws: expected, "\(count) bytes") {
        try PackageFile(reading: Array(whole.prefix(count)))
      }
    }
    #expect(throws: PackageFile.Fault.cut) { try PackageFile(reading: whole + [0]) }
    var bytes = whole
    bytes[19] = 0x32
    #expect(throws: PackageFile.Fault.otherVersion) { try PackageFile(reading: bytes) }
    bytes = whole
    bytes[100] ^= 1
    #expect(throws: PackageFile.Fault.damaged) { try PackageFile(reading: bytes) }
  }

  @Test(arguments: [
    ("mrv.example/gw/7f3a01c2/1", "mrv.example~gw~7f3a01c2~0001"),
    ("a/gw/b/10", "a~gw~b~0010"), ("a/gw/b/12345", "a~gw~b~12345"), ("a/b", "a~b"),
    ("12", "12"), ("a/1b", "a~1b"),
  ])
  func `names are those of the log, in its order`(origin: String, stem: String) throws {
    let name = try #require(KeyName(origin))
    #expect(String(decoding: PackageName.stem(name), as: UTF8.self) == stem)
    #expect(
      String(decoding: PackageName.package(name, 256..<1_000_000_000_000), as: UTF8.self)
        == stem + "~000000000256-1000000000000.package")
  }
}
