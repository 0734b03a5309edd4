import FuzzKit
import Testing

@testable import Catalog

/// No text whatsoever traps: each mutant is read as site, profile and board in turn.
@Suite struct HostileTextTests {
  static let site = """
    tallystick: 1
    origin: {domain: a.b, serial: s}
    timezone: UTC
    board: native/sim
    mirror: {url: "http://h:1", vkey_file: k}
    lines:
      - {name: b, port: line-b, baud: 9600, format: 8N1, devices: [{number: 1, label: M,
         address: 1, profile: p, poll: [{requests: [x], period_ms: 500}]}]}
    """
  static let profile = """
    profile: 1
    vendor: v
    model: m
    label: {en: a, zh: b}
    protocol: modbus-rtu
    sources: [{id: d, document: e}]
    requests:
      - {name: r, function: 3, address: 0, count: 4, source: d, points: [
          {quantity: frequency, label: f, type: f32, offset: 0, unit: Hz, word_order: CDAB,
           scale: 1/10, not_available: FFFF}]}
    """
  static let meter = """
    profile: 1
    vendor: v
    model: m
    label: a
    protocol: dlt645-2007
    sources: [{id: d, document: e}]
    requests: [{name: r, identifier: "02800002", source: d, points: [
          {quantity: frequency, label: f, type: bcd, offset: 0, bytes: 2, decimals: 2, unit: Hz}]}]
    """
  static let splices = [
    "---\n", "\t", "&a ", "*a", "!x ", "? ", ": ", "- ", "[", "{", "]", "}", "'", "\"", "|\n",
    ">\n",
    "999999999999999999999", "-1", "0x", "1/0", "\u{FEFF}", "\u{0}", "null", "~", "\n\n  ", "#",
    "%YAML 2.0\n",
  ]

  static func mutant(of seed: [UInt8], _ random: inout FuzzRandom) -> [UInt8] {
    var bytes = seed
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let at = Int.random(in: 0...bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
      case 2:
        bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
      case 3:
        let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
        bytes.insert(
          contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
      case 4: bytes.removeLast(bytes.count - at)
      default:
        bytes.insert(contentsOf: Array((splices.randomElement(using: &random) ?? "").utf8), at: at)
      }
    }
    return bytes
  }

  @Test(arguments: 0..<8)
  func `a mutated text is accepted or gives findings, and never traps`(part: Int) {
    var random = FuzzRandom(state: UInt64(part))
    let seeds = [Self.site, Self.profile, Self.meter].map { Array($0.utf8) }
    let share = Share(path: "/nonexistent")
    for round in 0..<12_500 {
      let kind = round % 4
      let text = Self.mutant(of: seeds[min(kind, 2)], &random)
      switch kind {
      case 0:
        var loading = SiteLoading(path: "f", share: share, deviceDirectory: "/dev")
        let site = loading.site(text)
        #expect(site != nil || !loading.allFindings.isEmpty)
      case 3:
        let (board, findings) = Board.parse(yaml: text, file: "f")
        #expect(board != nil || !findings.isEmpty)
      default:
        let (profile, findings) = DeviceProfile.check(yaml: text, file: "f.yaml")
        #expect(profile != nil || !findings.isEmpty)
      }
    }
  }

  @Test func `random bytes give findings`() {
    var random = FuzzRandom(state: 99)
    for _ in 0..<2000 {
      let count = Int.random(in: 0...300, using: &random)
      let text = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(!DeviceProfile.check(yaml: text, file: "f").findings.isEmpty)
    }
  }
}
