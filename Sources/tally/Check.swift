import ArgumentParser
import Catalog

#if canImport(Glibc)
  import Glibc
#endif

/// Reads a site with everything that it names and tells all that is wrong with it.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Check a site's configuration and tell everything that is wrong with it.",
    discussion: """
      Ends with 0 when the site can be used (warnings included), with 1 when something is wrong, and \
      with 2 when the file cannot be read.
      """)

  @Argument(help: "The site file, or a directory that holds site.yaml.")
  var site: String

  @Option(help: "The directory that holds profiles/ and boards/.")
  var share: String?

  @Option(help: "en or zh; else as LANG says.")
  var lang: String?

  func run() throws {
    let language = Language(
      option: lang, environment: getenv("LANG").map { String(cString: $0) })
    var tried: [String] = []
    guard let share = Share.locate(option: share, tried: &tried) else {
      let kind = FindingKind.file(.shareNotFound(tried))
      report([Finding(file: site, place: .start, kind: kind)], language)
      throw ExitCode(2)
    }
    let devices = getenv("TALLYSTICK_DEV").map { String(cString: $0) } ?? "/dev"
    let (loaded, findings) = Site.check(path: path, share: share, deviceDirectory: devices)
    report(findings, language)
    if let loaded {
      print(SiteSummary(loaded).text(language), terminator: "")
      return
    }
    let isUnreadable = findings.contains {
      if case .file = $0.kind { $0.file == path && $0.place == .start } else { false }
    }
    throw ExitCode(isUnreadable ? 2 : 1)
  }

  private var path: String {
    var status = stat()
    guard stat(site, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return site }
    return site + "/site.yaml"
  }

  private func report(_ findings: [Finding], _ language: Language) {
    for finding in findings { print(finding.text(language)) }
    let errors = findings.count { !$0.isWarning }
    let warnings = findings.count - errors
    if findings.isEmpty { return }
    switch language {
    case .english: print("errors: \(errors), warnings: \(warnings)")
    case .chinese: print("错误：\(errors)，警告：\(warnings)")
    }
  }
}
