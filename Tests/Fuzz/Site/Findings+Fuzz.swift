import Catalog
import FuzzKit

/// Whatever is refused is explained, in both languages and with a line of the file.
public func checkFindings(
  _ findings: [Finding], of file: String, lineCount: Int, isUsable: Bool
) {
  mustHold(
    isUsable == findings.allSatisfy(\.isWarning), "what is refused has a finding, and only that")
  for (number, finding) in findings.enumerated() {
    mustHold(finding.line >= 1 && finding.column >= 1, "a finding has a place")
    // What is missing at the end of a text without a last LF, libyaml misses on the line after it.
    mustHold(finding.file != file || finding.line <= lineCount + 1, "the place is in the file")
    guard number < 8 else { continue }
    for (language, wording) in [
      (Language.english, finding.kind.english), (.chinese, finding.kind.chinese),
    ] {
      mustHold(
        !wording.found.isEmpty && !wording.expected.isEmpty && !wording.advice.isEmpty,
        "a finding says what was found, what was expected and what to do")
      mustHold(
        finding.text(language).hasPrefix("\(finding.file):\(finding.line):\(finding.column): "),
        "its text begins with the place")
    }
  }
}

/// Lines of a text, at most: libyaml counts a carriage return, NEL and the Unicode separators as line
/// ends too, of which the last bytes are told apart from others here only roughly.
public func lineCountMax(_ text: [UInt8]) -> Int {
  1 + text.count { $0 == 0x0A || $0 == 0x0D || $0 == 0x85 || $0 == 0xA8 || $0 == 0xA9 }
}
