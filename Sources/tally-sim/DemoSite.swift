import HostHAL

/// The site of a run: the board's site file with the address and key of the run's own collector.
///
/// Edited as text, line by line, so that comments and numbers stay as they are: only `url`, `vkey` and
/// `vkey_file` directly under `mirror:` change.
enum DemoSite {
  /// Where the gateway finds the mirror's key, relative to its data directory.
  static let keyFile = "keys/mirror.vkey"

  /// `text` with another mirror; `nil` when it has no `mirror:` block with a `url:`.
  static func pointing(_ text: String, at url: String) -> String? {
    var result: [String] = []
    var indentation: Int?
    var inMirror = false
    var found = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let content = line.drop { $0 == " " }
      let depth = line.count - content.count
      if depth == 0, !content.isEmpty, !content.hasPrefix("#") {
        inMirror = content.hasPrefix("mirror:")
        indentation = nil
      }
      guard inMirror, depth > 0, !content.isEmpty, !content.hasPrefix("#") else {
        result.append(String(line))
        continue
      }
      if indentation == nil { indentation = depth }
      let space = String(repeating: " ", count: depth)
      if depth == indentation, content.hasPrefix("url:") {
        result.append(space + "url: " + url)
        result.append(space + "vkey_file: " + keyFile)
        found = true
      } else if depth == indentation, content.hasPrefix("vkey:") || content.hasPrefix("vkey_file:")
      {
        continue
      } else {
        result.append(String(line))
      }
    }
    return found ? result.joined(separator: "\n") : nil
  }

  /// Writes the site of this run, if it differs from what is there.
  static func write(from source: String, to target: String, url: String) throws(DemoFailure) {
    let text = try DemoFailure.file { () throws(FileError) in
      String(decoding: try Files.read(source), as: UTF8.self)
    }
    guard let changed = pointing(text, at: url) else { throw .site(path: source) }
    let bytes = Array(changed.utf8)
    try DemoFailure.file { () throws(FileError) in
      if Files.exists(target), try Files.read(target) == bytes { return }
      try Files.replace(target, with: bytes)
    }
  }
}
