import Articles
import MeterProtocols
import Testing

@testable import Catalog

/// What somebody who writes an exchange by hand gets wrong is told with its line.
@Suite struct CaptureTests {
  private let good: String
  private let profile: DeviceProfile

  init() throws {
    let article = try Article("AddingAMeter")
    good = try #require(article.blocks.first { $0.path?.hasSuffix(".hex") == true }).text
    let yaml = try #require(article.blocks.first { $0.path?.hasSuffix(".yaml") == true }).text
    profile = try DeviceProfile.parse(yaml: Array(yaml.utf8), file: "acme-m1.yaml").get()
  }

  private func slips(_ text: String) -> [Capture.Slip] {
    Capture(text: text, file: "acme-m1.hex", kind: .modbusRTU).slips(against: profile)
  }

  private func slip(replacing old: String, with new: String) throws -> Capture.Slip {
    #expect(good.contains(old))
    let slips = slips(good.replacing(old, with: new))
    #expect(slips.count == 1, "\(slips)")
    return try #require(slips.first)
  }

  @Test func `the example has none, with either end of a line`() {
    #expect(slips(good).isEmpty)
    let windows = good.replacing("\n", with: "\r\n")
    #expect(slips(windows).isEmpty)
    #expect(Capture(text: windows, file: "f", kind: .modbusRTU).exchanges.count == 1)
  }

  @Test func `a value needs its number`() throws {
    let slip = try slip(replacing: "voltage-l1 230.6", with: "voltage-l1")
    #expect(slip.line == 6 && slip.found == "value voltage-l1")
  }

  @Test func `a reply needs a request`() {
    let slips = slips(good.replacing("request 01 03 00 00 00 04 44 09\n", with: ""))
    #expect(slips.first?.line == 4 && slips.first?.found == "'reply' before any request")
    #expect(slips.last?.found == "no exchange")
  }

  @Test func `a request of another form is shown what the profile makes`() throws {
    let slip = try slip(replacing: "00 04 44 09", with: "00 05 85 C9")
    #expect(slip.line == 4)
    #expect(slip.expected.contains("request 01 03 00 00 00 04 44 09   (all)"))
  }

  @Test func `bytes are two digits each`() throws {
    let slip = try slip(replacing: "61 4E", with: "61 4O")
    #expect(slip.line == 5 && slip.found == "'4O'")
  }

  @Test func `a wrong checksum is shown the right one, a short reply its length`() throws {
    var slip = try slip(replacing: "1E 3D", with: "3D 1E")
    #expect(slip.line == 5 && slip.expected == "the checksum 1E 3D")
    slip = try self.slip(replacing: "61 4E 1E 3D", with: "61 4E")
    #expect(slip.expected == "13 bytes (here are 11)")
  }

  @Test func `the address is needed, and of the protocol`() throws {
    #expect(slips(good.replacing("address 1\n", with: "")).map(\.found) == ["no 'address' line"])
    let slip = try slip(replacing: "address 1", with: "address 300")
    #expect(slip.line == 2 && slip.found == "address '300'")
  }

  @Test func `what the profile reads otherwise is told at the value's line`() throws {
    let slip = try slip(replacing: "230.6", with: "2306")
    #expect(slip.line == 6 && slip.found == "value voltage-l1 2306")
    #expect(slip.expected == "value voltage-l1 230.6, by the profile")
    let missing = try self.slip(replacing: "value active-energy-import 123456.78\n", with: "")
    #expect(missing.line == 5 && missing.expected == "value active-energy-import 123456.78")
    let extra = try self.slip(replacing: "123456.78\n", with: "123456.78\nvalue frequency 50\n")
    #expect(extra.line == 8 && extra.expected == "2 values")
  }

  @Test func `a word that nobody reads is refused`() throws {
    let slips = slips(good.replacing("request 01", with: "requets 01"))
    #expect(slips.first?.line == 4 && slips.first?.found == "'requets'")
  }
}
