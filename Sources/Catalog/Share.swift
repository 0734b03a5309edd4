import HostHAL

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
    if let path = ProcessEnvironment.value(of: "TALLYSTICK_SHARE"), !path.isEmpty {
      return check(path, &tried)
    }
    guard var directory = ProcessEnvironment.executablePath else { return nil }
    while let slash = directory.lastIndex(of: "/") {
      directory = String(directory[..<slash])
      let candidate = directory + "/share/tallystick"
      if Files.exists(candidate + "/profiles") { return Share(path: candidate) }
    }
    tried.append("share/tallystick above the executable")
    return nil
  }

  /// The directory that relative device files of a board lie in: `TALLYSTICK_DEV`, else `/dev`.
  public static var deviceDirectory: String {
    ProcessEnvironment.value(of: "TALLYSTICK_DEV") ?? "/dev"
  }

  private static func check(_ path: String, _ tried: inout [String]) -> Share? {
    if Files.exists(path + "/profiles") { return Share(path: path) }
    tried.append(path)
    return nil
  }

  /// The names of all profiles, sorted.
  public var profileNames: [String] {
    Self.names(in: path + "/profiles").compactMap {
      $0.hasSuffix(".yaml") ? String($0.dropLast(5)) : nil
    }
  }

  /// The names of all boards as `vendor/board`, sorted.
  public var boardNames: [String] {
    let boards = path + "/boards"
    return Self.names(in: boards).flatMap { vendor in
      Self.names(in: boards + "/" + vendor)
        .filter { Files.exists("\(boards)/\(vendor)/\($0)/board.yaml") }
        .map { vendor + "/" + $0 }
    }
  }

  /// Names in a directory, sorted; those that begin with a dot are none of ours, and a directory that
  /// is not there or cannot be read has none.
  static func names(in directory: String) -> [String] {
    ((try? Files.names(in: directory)) ?? []).filter { !$0.hasPrefix(".") }
  }

  /// Where a profile lies.
  public func profilePath(_ name: String) -> String { "\(path)/profiles/\(name).yaml" }

  /// Where a board lies.
  public func boardPath(_ name: String) -> String { "\(path)/boards/\(name)/board.yaml" }
}
