import Foundation
import Testing

@testable import Catalog

/// Every folder of `Captures/Findings` holds a faulty file and the findings in both languages.
///
/// `TALLYSTICK_WRITE_GOLDENS=1 swift test --filter FindingsTests` writes the expected texts anew; read
/// the difference before you commit it.
@Suite struct FindingsTests {
  static let cases: [String] = names(in: "Findings")

  @Test func `there are cases`() { #expect(Self.cases.count >= 20) }

  @Test(arguments: cases)
  func `a faulty file gives the expected findings in both languages`(name: String) throws {
    let folder = capturesPath + "/Findings/" + name
    let share = try SharedFiles()
    let findings: [Finding]
    if FileManager.default.fileExists(atPath: folder + "/profile.yaml") {
      findings =
        DeviceProfile.check(yaml: try bytes(folder + "/profile.yaml"), file: "profile.yaml")
        .findings
    } else if FileManager.default.fileExists(atPath: folder + "/board.yaml") {
      findings = Board.parse(yaml: try bytes(folder + "/board.yaml"), file: "board.yaml").findings
    } else {
      findings = Site.check(path: folder + "/site.yaml", share: share.share).findings.map {
        var finding = $0
        finding.file = finding.file.replacingOccurrences(of: folder + "/", with: "")
        return finding
      }
    }
    #expect(!findings.isEmpty)
    for (language, suffix) in [(Language.english, "en"), (.chinese, "zh")] {
      let text = Findings(list: findings).text(language)
      let path = "\(folder)/expected.\(suffix).txt"
      if getenv("TALLYSTICK_WRITE_GOLDENS") != nil {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
      }
      #expect(text == (try? String(contentsOfFile: path, encoding: .utf8)), "\(name), \(suffix)")
    }
  }

  @Test func `a site file that is not there is told as that`() throws {
    let share = try SharedFiles()
    let (site, findings) = Site.check(path: "/nonexistent/site.yaml", share: share.share)
    #expect(site == nil)
    #expect(findings.map(\.kind) == [.file(.notFound("/nonexistent/site.yaml"))])
  }
}

/// The folder of captures and faulty files.
let capturesPath = URL(filePath: #filePath).deletingLastPathComponent().path + "/Captures"

/// The root of the repository.
let repositoryPath = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().path

/// The names in a folder below `Captures`, sorted.
func names(in folder: String) -> [String] {
  let path = folder.isEmpty ? capturesPath : capturesPath + "/" + folder
  return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
}

/// Neither file says anywhere what `scripts/new` writes where the example still speaks.
func expectFilledIn(_ paths: String...) throws {
  let mark = "FILL" + "-IN"
  for path in paths {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() where line.contains(mark) {
      Issue.record("\(path):\(index + 1): \(line.trimmingCharacters(in: .whitespaces))")
    }
  }
}

/// A whole file.
func bytes(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(filePath: path)))
}

/// A share directory made of links into the repository.
final class SharedFiles {
  let share: Share
  private let path: String

  init() throws {
    path = NSTemporaryDirectory() + "tallystick-share-" + UUID().uuidString
    let files = FileManager.default
    try files.createDirectory(atPath: path, withIntermediateDirectories: true)
    try files.createSymbolicLink(
      atPath: path + "/profiles", withDestinationPath: repositoryPath + "/Sources/Catalog/Profiles")
    try files.createSymbolicLink(
      atPath: path + "/boards", withDestinationPath: repositoryPath + "/boards")
    share = Share(path: path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
