import HostHAL

/// Where a run keeps its data and finds its programs.
struct DemoPaths {
  /// The run's own directory, absolute.
  let root: String
  /// The directory of this executable, where its siblings lie too.
  let programs: String

  /// Makes the directory and resolves both.
  init(directory: String) throws(FileError) {
    try Files.makeDirectory(directory)
    root = try Files.resolve(directory)
    guard let own = ProcessEnvironment.executablePath else {
      throw .notFound(path: "/proc/self/exe")
    }
    programs = Files.parent(of: own)
  }

  var lock: String { root + "/lock" }
  /// Data directory of the gateway.
  var gateway: String { root + "/gateway" }
  /// Data directory of the collector.
  var collector: String { root + "/collector" }
  /// Where the simulator makes its lines.
  var devices: String { root + "/dev" }
  /// The site of this run: the board's, with the collector's address of this run.
  var site: String { root + "/site.yaml" }

  /// The log of a child by its role.
  func log(of role: DemoRole) -> String { "\(root)/\(role.rawValue).log" }

  /// A sibling program.
  func program(_ name: String) -> String { programs + "/" + name }

  /// Forgets all runs before this one; the lock, which this run holds, stays.
  func removeData() throws(FileError) {
    for name in try Files.names(in: root) where name != "lock" {
      if try Files.status(of: root + "/" + name, followingLinks: false)?.kind == .directory {
        try Files.removeTree(root + "/" + name)
      } else {
        try Files.remove(root + "/" + name)
      }
    }
  }
}

/// The three programs of a run, in the order in which they start.
enum DemoRole: String, CaseIterable {
  case simulator
  case collector
  case gateway

  var program: String {
    switch self {
    case .simulator: "tally-sim"
    case .collector: "tally-collector"
    case .gateway: "tallyd"
    }
  }

  /// Seconds that starting may take.
  var startSeconds: UInt64 { 30 }

  /// The role as a word.
  var english: String { rawValue }

  /// 角色名称。
  var chinese: String {
    switch self {
    case .simulator: "仿真器"
    case .collector: "汇集端"
    case .gateway: "网关"
    }
  }
}
