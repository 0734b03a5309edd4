import HAL
import Metering
import Testing
import TransparencyLog

@testable import Catalog

@Suite struct DecodingTests {
  @Test func `the nearest words are those with few edits, best first`() {
    let words = ["address", "label", "serial", "profile", "period_ms"]
    #expect(nearestWords(to: "adress", in: words, count: 3) == ["address"])
    #expect(nearestWords(to: "lable", in: words, count: 3) == ["label"])
    #expect(nearestWords(to: "period", in: words, count: 3) == ["period_ms"])
    #expect(nearestWords(to: "x", in: words, count: 3).isEmpty)
    #expect(nearestWords(to: "", in: words, count: 3).isEmpty)
  }

  @Test(arguments: [("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1), ("same", "same", 0)])
  func `the edit distance counts insertions, deletions, replacements and swaps`(
    left: String, right: String, distance: Int
  ) {
    #expect(editDistance(Array(left.unicodeScalars), Array(right.unicodeScalars)) == distance)
  }

  @Test func `whole numbers have no leading zeros and no other dress`() {
    #expect(wholeNumber("17") == 17)
    #expect(wholeNumber("-3") == -3)
    #expect(wholeNumber("0") == 0)
    #expect(wholeNumber("0x11") == 17)
    for text in [
      "", "-", "--1", "010", "1_000", "+5", "0x", "0xG", "1e3", "９", "99999999999999999999",
    ] {
      #expect(wholeNumber(text) == nil, "\(text)")
    }
  }

  @Test func `a fraction is kept in lowest terms`() {
    #expect(Ratio(text: "2/4") == Ratio(1, 2))
    #expect(Ratio(text: "0.01") == Ratio(1, 100))
    #expect(Ratio(text: "600/5") == Ratio(120))
    #expect(Ratio(text: "-1/1000") == Ratio(-1, 1000))
    for text in ["", "/", "1/0", "0", "1/-2", ".5", "5.", "1.2.3", "1/2/3", "a", "1e3"] {
      #expect(Ratio(text: text) == nil, "\(text)")
    }
    #expect(Ratio(text: "999999999999/0.000000000001") == nil)
  }

  @Test func `a serial format is spelled as people spell it`() throws {
    let format = try #require(LineSettings.format("8E1"))
    #expect(format == (8, Parity.even, 1))
    for text in ["8e1", "8N", "9N1", "8N3", "8-N-1", "", "8Ñ1"] {
      #expect(LineSettings.format(text) == nil, "\(text)")
    }
  }

  @Test func `a verifier key is refused for the reason that holds`() {
    // The key of research vectors and of C2SP's note example: the second is a log's, not a mirror's.
    let good = "collector.example/m1+6e25293f+BPvZ8d3n5Z98qP5pHEb21pnO6SwdwjNBRvT+pDpeTFQZ"
    func fault(_ text: String) -> VerifierKeyFault? {
      do throws(VerifierKeyFault) {
        _ = try VerifierKey(text, expecting: .cosigner)
        return nil
      } catch {
        return error
      }
    }
    #expect(fault(good) == nil)
    let log = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    #expect(fault(log) == .type(1))
    #expect(fault(good.replacing("6e25293f", with: "6e25293e")) == .hash)
    #expect(fault(good.replacing("6e25293f", with: "6E25293F")) == .keyID)
    #expect(fault(String(good.dropLast())) == .key)
    #expect(fault("a b+6e25293f+AAAA") == .name)
    #expect(fault("hello") == .parts)
  }

  @Test func `a host may have a port, and an IPv6 address stands in brackets`() {
    func isTaken(_ url: String) -> Bool {
      let text = HostileTextTests.site.replacing("http://h:1", with: url)
      var loading = SiteLoading(
        path: "f", share: Share(path: "/nonexistent"), deviceDirectory: "/dev")
      _ = loading.site(Array(text.utf8))
      return !loading.allFindings.contains {
        if case .site(.url) = $0.kind { true } else { false }
      }
    }
    for url in [
      "http://h", "http://h:1", "https://h:65535/m/a", "http://[::1]", "http://[::1]:8470",
      "http://[::1]/m", "http://[::1]:8470/m",
    ] {
      #expect(isTaken(url), "\(url)")
    }
    for url in [
      "http://[::1]x8470", "http://[", "http://]", "http://[]", "http://[]:80", "http://[::1",
      "http://[::1/m]", "http://::1]", "http://h]", "http://h[1]", "http://h]:80",
      "http://[::1]]", "http://[[::1]]", "http://[::1]:", "http://[::1]:0", "http://[::1]:80:80",
      "http://h:", "http://h:65536", "http://:80", "http://h:1:1", "http://::1",
    ] {
      #expect(!isTaken(url), "\(url)")
    }
  }

  @Test func `an inner path stays inside`() {
    for path in ["keys/mirror.vkey", "a"] { #expect(TextRule.innerPath.allows(path)) }
    for path in ["/etc/passwd", "../x", "a/../b", "a//b", "", "./a"] {
      #expect(!TextRule.innerPath.allows(path), "\(path)")
    }
  }
}
