import HAL
import Metering
import TransparencyLog

// The answer to `["reload"]` on the control socket: one deterministic CBOR map, keys in CBOR's order.
//
//     "kept"      channels that are polled on without a break
//     "begun"     channels that are polled from now on
//     "ended"     channels that are not polled any more
//     "entries"   config entries that were written, parts not counted
//     "omitted"   findings that did not fit
//     "outcome"   1 reloaded, 2 nothing changed, 3 not reloaded: the old site stays in force
//     "findings"  [* [English, Chinese]], paragraphs for people, at most 64 KiB in all
//
// Worked example, 58 bytes, nothing changed with nine channels:
//
//     a7                                   map of 7
//     64 6b657074 09  65 626567756e 00     "kept" 9, "begun" 0
//     65 656e646564 00                     "ended" 0
//     67 656e7472696573 00                 "entries" 0
//     67 6f6d6974746564 00                 "omitted" 0
//     67 6f7574636f6d65 02                 "outcome" 2
//     68 66696e64696e6773 80               "findings" []

/// What came of loading the site anew.
public struct ReloadAnswer: Equatable, Sendable {
  /// How it ended.
  public enum Outcome: UInt8, Sendable {
    /// The new site is in force.
    case reloaded = 1
    /// The site says what it said before; nothing was done and nothing is logged.
    case unchanged = 2
    /// Something is wrong with it; the old site stays in force.
    case refused = 3
  }

  /// A paragraph for people in both languages, UTF-8.
  public struct Finding: Equatable, Sendable {
    /// In English.
    public var english: [UInt8]
    /// In Chinese.
    public var chinese: [UInt8]

    /// Takes the texts.
    public init(english: [UInt8], chinese: [UInt8]) {
      self.english = english
      self.chinese = chinese
    }
  }

  /// Bytes of all findings, at most.
  public static var findingByteCountMax: Int { 65_536 }

  /// How it ended.
  public var outcome: Outcome
  /// What changed.
  public var report: SiteChangeReport
  /// What is wrong.
  public private(set) var findings: [Finding] = []
  /// Findings that did not fit.
  public private(set) var omittedCount: UInt64 = 0

  /// An answer with as many of the findings as fit.
  public init(
    _ outcome: Outcome, report: SiteChangeReport = SiteChangeReport(), findings: [Finding] = []
  ) {
    self.outcome = outcome
    self.report = report
    var byteCount = 0
    for finding in findings {
      byteCount += finding.english.count + finding.chinese.count
      if byteCount > ReloadAnswer.findingByteCountMax { break }
      self.findings.append(finding)
    }
    omittedCount = UInt64(findings.count - self.findings.count)
  }

  /// Writes the answer.
  public func write(to writer: inout ByteWriter) {
    writer.cbor(mapOf: 7)
    writer.cbor(text: "kept")
    writer.cbor(UInt64(report.kept))
    writer.cbor(text: "begun")
    writer.cbor(UInt64(report.begun))
    writer.cbor(text: "ended")
    writer.cbor(UInt64(report.ended))
    writer.cbor(text: "entries")
    writer.cbor(UInt64(report.entries))
    writer.cbor(text: "omitted")
    writer.cbor(omittedCount)
    writer.cbor(text: "outcome")
    writer.cbor(UInt64(outcome.rawValue))
    writer.cbor(text: "findings")
    writer.cbor(arrayOf: findings.count)
    for finding in findings {
      writer.cbor(arrayOf: 2)
      writer.cbor(text: finding.english.span)
      writer.cbor(text: finding.chinese.span)
    }
  }

  /// Reads an answer. Keys that are not known are skipped: a newer agent may say more.
  public init(decoding bytes: Span<UInt8>) throws(CBORError) {
    var reader = CBORReader(bytes)
    var outcome: Outcome?
    var report = SiteChangeReport()
    var findings: [Finding] = []
    var omitted: UInt64 = 0
    for _ in 0..<(try reader.map()) {
      let key = ReloadAnswer.copy(bytes, try reader.text())
      switch key {
      case ReloadAnswer.key("kept"): report.kept = try ReloadAnswer.count(&reader)
      case ReloadAnswer.key("begun"): report.begun = try ReloadAnswer.count(&reader)
      case ReloadAnswer.key("ended"): report.ended = try ReloadAnswer.count(&reader)
      case ReloadAnswer.key("entries"): report.entries = try ReloadAnswer.count(&reader)
      case ReloadAnswer.key("omitted"): omitted = try reader.unsigned()
      case ReloadAnswer.key("outcome"):
        outcome = Outcome(rawValue: UInt8(truncatingIfNeeded: try ReloadAnswer.count(&reader)))
      case ReloadAnswer.key("findings"):
        for _ in 0..<(try reader.array()) {
          guard try reader.array() == 2 else { throw .unexpectedType }
          let english = ReloadAnswer.copy(bytes, try reader.text())
          let chinese = ReloadAnswer.copy(bytes, try reader.text())
          findings.append(Finding(english: english, chinese: chinese))
        }
      default: _ = try reader.skip()
      }
    }
    try reader.finish()
    guard let outcome else { throw .unexpectedType }
    self.init(outcome, report: report, findings: findings)
    omittedCount += omitted
  }

  private static func key(_ name: StaticString) -> [UInt8] {
    Array(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  private static func count(_ reader: inout CBORReader) throws(CBORError) -> Int {
    let value = try reader.unsigned()
    guard value <= 0xFFFF_FFFF else { throw .unexpectedType }
    return Int(truncatingIfNeeded: value)
  }

  private static func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    bytes.extracting(range).withUnsafeBufferPointer { Array($0) }
  }
}
