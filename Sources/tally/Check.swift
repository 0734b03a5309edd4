import ArgumentParser
import Catalog
import CommandLineFrame

/// Reads a site with everything that it names, or a profile or a board, and tells all that is wrong.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Check a site's configuration and tell all that is wrong with it. 检查站点配置并指出所有问题。",
    discussion: """
      A device profile or a board is checked by itself; its first keys say that it is one.

      Ends with 0 when the site can be used (warnings included), with 1 when something is wrong, and \
      with 2 when the file cannot be read.

      设备档案或板卡可单独检查。退出码：0 可用（含警告），1 有错误，2 文件无法读取。
      """)

  @Argument(
    help: """
      The site file or a directory that holds site.yaml; a profile; a board.yaml. \
      站点文件或含 site.yaml 的目录；设备档案；board.yaml。
      """)
  var site: String

  @Option(help: "The directory that holds profiles/ and boards/. 含 profiles/ 和 boards/ 的目录。")
  var share: String?

  @OptionGroup var texts: LanguageOption

  func run() throws {
    let language = texts.language
    let file: ConfigurationFile
    switch ConfigurationFile.read(site) {
    case .success(let read): file = read
    case .failure(let findings): return try end(nil, findings.list, language)
    }
    switch file.kind {
    case .site: try checkSite(file, language)
    case .plant:
      let kind = FindingKind.plant(.needsSite)
      try end(nil, [Finding(file: file.path, place: .start, kind: kind)], language)
    case .profile:
      let (profile, findings) = DeviceProfile.check(yaml: file.yaml, file: file.path)
      try end(profile?.summary(language), findings, language)
    case .board:
      let (board, findings) = Board.parse(yaml: file.yaml, file: file.path)
      try end(board?.summary(language), findings, language)
    }
  }

  private func checkSite(_ file: ConfigurationFile, _ language: Language) throws {
    var tried: [String] = []
    guard let share = Share.locate(option: share, tried: &tried) else {
      let kind = FindingKind.file(.shareNotFound(tried))
      report([Finding(file: file.path, place: .start, kind: kind)], language)
      throw ExitCode(2)
    }
    let (loaded, findings) = Site.check(
      yaml: file.yaml, path: file.path, share: share, deviceDirectory: Share.deviceDirectory)
    try end(loaded.map { SiteSummary($0).text(language) }, findings, language)
  }

  /// The findings, then the summary of what can be used.
  private func end(_ summary: String?, _ findings: [Finding], _ language: Language) throws {
    report(findings, language)
    guard let summary else { throw ExitCode(Findings(list: findings).isUnreadable ? 2 : 1) }
    print(summary, terminator: "")
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
