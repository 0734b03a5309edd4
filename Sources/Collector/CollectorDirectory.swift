/// Where the collector keeps what, below its data directory.
public struct CollectorDirectory: Sendable {
  /// The data directory.
  public let path: String

  /// Names a data directory; nothing is read or made.
  public init(_ path: String) { self.path = path }

  /// Keys and tokens, mode 0700.
  public var keys: String { "\(path)/keys" }
  /// Seed of the mirror key, mode 0600.
  public var mirrorKey: String { "\(keys)/mirror.key" }
  /// The mirror's vkey and a line feed: what gateways and auditors are given.
  public var mirrorVKey: String { "\(keys)/mirror.vkey" }
  /// The token that opens the read paths, and a line feed; mode 0600.
  public var readToken: String { "\(keys)/read.token" }
  /// One directory for each log, in the layout of C2SP tlog-tiles.
  public var logs: String { "\(path)/logs" }
  /// Packages that wait for entries before them; one directory for each log.
  public var waiting: String { "\(path)/waiting" }
  /// Packages that waited there and turned out to be none that can ever be taken, in the same way.
  public var refused: String { "\(path)/refused" }
  /// Who is enrolled, what was shown, what was cosigned.
  public var database: String { "\(path)/collector.sqlite" }
  /// Decoded readings; can be made anew.
  public var readings: String { "\(path)/readings.sqlite" }
  /// Held while the collector serves or rebuilds.
  public var lock: String { "\(path)/lock" }
}
