import Foundation

/// The files of this repository, as text.
enum Repository {
  /// The top of the work tree, found from where this file stands.
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// What a program prints to both outputs, and how it ends. The first word is looked up in `PATH`.
  static func run(
    _ words: [String], in folder: URL = root
  ) throws -> (text: String, code: Int32) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = words
    process.currentDirectoryURL = folder
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: data, as: UTF8.self), process.terminationStatus)
  }

  /// A file and its lines.
  struct File: Sendable {
    /// Path from the top of the work tree.
    let path: String
    /// All of it.
    let text: String
    /// Its lines without their ends.
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    /// The code without comments and literals; scanned once for all tests.
    var code: SwiftSource { Repository.scanned[path] ?? SwiftSource(text) }
    /// The folder below `Sources/` or `Tests/`.
    var target: String {
      path.split(separator: "/").dropFirst().first.map(String.init) ?? ""
    }
  }

  /// Files below `folder` whose names end in one of `extensions` ("" for names without a dot).
  static func files(in folder: String, extensions: Set<String>) -> [File] {
    let top = root.appending(path: folder)
    guard
      let walk = FileManager.default.enumerator(
        at: top, includingPropertiesForKeys: [.isRegularFileKey])
    else { return [] }
    var found: [File] = []
    for case let url as URL in walk {
      guard extensions.contains(url.pathExtension),
        (try? url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true,
        let text = try? String(contentsOf: url, encoding: .utf8)
      else { continue }
      let path = url.path(percentEncoded: false)
      found.append(
        File(
          path: String(path.dropFirst(root.path(percentEncoded: false).count).drop { $0 == "/" }),
          text: text))
    }
    return found.sorted { $0.path < $1.path }
  }

  /// One file by its path from the top of the work tree.
  static func file(_ path: String) -> File? {
    (try? String(contentsOf: root.appending(path: path), encoding: .utf8)).map {
      File(path: path, text: $0)
    }
  }

  /// All Swift files of the products.
  static let sources = files(in: "Sources", extensions: ["swift"])
  /// All Swift files of the tests.
  static let tests = files(in: "Tests", extensions: ["swift"])
  private static let scanned = Dictionary(
    uniqueKeysWithValues: (sources + tests).map { ($0.path, SwiftSource($0.text)) })
  /// Everything that people read: code, scripts, profiles, boards, prose.
  static let prose: [File] =
    files(
      in: "Sources", extensions: ["swift", "c", "h", "yaml", "md"])
    + files(in: "Tests", extensions: ["swift", "c", "h", "py", "go", "md"])
    + files(in: "boards", extensions: ["yaml", "md"])
    + files(in: "scripts", extensions: ["", "sh"])
    + [file("README.md"), file("Package.swift")].compactMap(\.self)
}
