#if canImport(Glibc)
  import Glibc
#endif

/// The installed data: `profiles/<name>.yaml` and `boards/<vendor>/<board>/board.yaml`.
public struct Share: Sendable, Equatable {
  /// The directory that holds `profiles` and `boards`.
  public let path: String

  /// Takes the directory as given.
  public init(path: String) { self.path = path }

  /// Looks in the order `--share`, `TALLYSTICK_SHARE`, then for the first ancestor of the executable's
  /// directory that holds `share/tallystick`.
  ///
  /// - Returns: `nil` when none of them has a `profiles` directory; what was tried is in `tried`.
  public static func locate(option: String?, tried: inout [String]) -> Share? {
    if let option { return check(option, &tried) }
    if let value = getenv("TALLYSTICK_SHARE") {
      let path = String(cString: value)
      if !path.isEmpty { return check(path, &tried) }
    }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let size = buffer.count
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        characters.baseAddress.map { readlink("/proc/self/exe", $0, size) } ?? -1
      }
    }
    guard count > 0 else { return nil }
    var directory = String(decoding: buffer[0..<count], as: UTF8.self)
    while let slash = directory.lastIndex(of: "/") {
      directory = String(directory[..<slash])
      let candidate = directory + "/share/tallystick"
      if TextFile.exists(candidate + "/profiles") { return Share(path: candidate) }
    }
    tried.append("share/tallystick above the executable")
    return nil
  }

  /// The directory that relative device files of a board lie in: `TALLYSTICK_DEV`, else `/dev`.
  public static var deviceDirectory: String {
    getenv("TALLYSTICK_DEV").map { String(cString: $0) } ?? "/dev"
  }

  private static func check(_ path: String, _ tried: inout [String]) -> Share? {
    if TextFile.exists(path + "/profiles") { return Share(path: path) }
    tried.append(path)
    return nil
  }

  /// The names of all profiles, sorted.
  public var profileNames: [String] {
    TextFile.names(in: path + "/profiles").compactMap {
      $0.hasSuffix(".yaml") ? String($0.dropLast(5)) : nil
    }
  }

  /// The names of all boards as `vendor/board`, sorted.
  public var boardNames: [String] {
    let boards = path + "/boards"
    return TextFile.names(in: boards).flatMap { vendor in
      TextFile.names(in: boards + "/" + vendor)
        .filter { TextFile.exists("\(boards)/\(vendor)/\($0)/board.yaml") }
        .map { vendor + "/" + $0 }
    }
  }

  /// Where a profile lies.
  public func profilePath(_ name: String) -> String { "\(path)/profiles/\(name).yaml" }

  /// Where a board lies.
  public func boardPath(_ name: String) -> String { "\(path)/boards/\(name)/board.yaml" }
}
