import ArgumentParser
import Collector
import CommandLineFrame
import HostHAL

/// `import`: takes packages of gateways that may call nobody.
struct Import: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: """
      Take packages that a courier or a data diode brought; also while the collector serves. 导入数据包。
      """,
    discussion: """
      In any order and any number of times: what is here already is passed over, what lacks entries before it waits. \
      Ends with 1 when a package was refused or entries are missing.

      次序与次数不限：已有的略过，缺少前面条目的留存等待。有数据包被拒绝或有条目缺失时退出码为 1。
      """)

  @Argument(help: "Packages, or directories that hold them. 数据包，或存放数据包的目录。")
  var paths: [String]

  @Option(
    help: """
      Where to write the acknowledgement that the courier takes back: a directory (the stick), or a file if all \
      packages are of one log. 确认文件写入何处：目录（U 盘），或单个日志时的文件。
      """)
  var ack: String?

  @OptionGroup var options: SharedOptions

  func run() async throws {
    try await options.reporting {
      let directory = options.directory
      try directory.requireInitialised()
      if let ack { try Import.requirePlace(ack) }
      let files = try paths.flatMap(Import.packages)
      let report = try await directory.importPackages(
        files, clock: .wall(HostClock(), requiresSynchronisation: false),
        alarm: { [language = options.texts.language] in
          writeStandardError($0.text(language) + "\n")
        })
      if files.isEmpty { print(options.text(.noPackages)) }
      for package in report.packages { print(options.text(.package(package))) }
      for log in report.logs { print(options.text(.imported(log))) }
      if let ack { try acknowledge(report.logs, to: ack) }
      if files.isEmpty || report.needsAPerson { throw ExitCode(1) }
    }
  }

  /// The packages that a path names: itself, or those of a directory in the order of their names.
  private static func packages(_ path: String) throws -> [String] {
    guard let status = try Files.status(of: path) else { throw FileError.notFound(path: path) }
    guard status.kind == .directory else { return [path] }
    return try Files.names(in: path).filter { $0.hasSuffix(".package") }.map { "\(path)/\($0)" }
  }

  /// The place of the acknowledgement is there: told before anything is imported.
  private static func requirePlace(_ path: String) throws {
    if try Files.status(of: path)?.kind == .directory { return }
    let directory = Files.parent(of: path)
    guard try Files.status(of: directory)?.kind == .directory else {
      throw CollectorFailure.noAcknowledgementPlace(path: path, directory: directory)
    }
  }

  /// Writes what goes back to the gateways.
  private func acknowledge(_ logs: [ImportedLog], to path: String) throws {
    let isDirectory = try Files.status(of: path)?.kind == .directory
    guard isDirectory || logs.count <= 1 else {
      throw CollectorFailure.acknowledgementsNeedDirectory(path: path, count: logs.count)
    }
    for log in logs {
      if let note = log.acknowledgement {
        let place = isDirectory ? "\(path)/\(log.acknowledgementName)" : path
        try Files.replace(place, with: note)
        print(options.text(.acknowledgement(log, path: place)))
      }
      if isDirectory, let gap = log.gaps.first {
        let place = "\(path)/\(log.againName)"
        try Files.replace(place, with: Array("\(gap.lowerBound)\n".utf8))
        print(options.text(.again(log, path: place)))
      }
    }
  }
}
