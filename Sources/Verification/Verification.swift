import HAL
import HostCrypto
import HostHAL
import TransparencyLog

/// The files of a log, wherever they lie. Paths are relative, as in C2SP tlog-tiles or in the journal.
public struct LogFiles {
  /// Reads a file whole; `nil` when there is none.
  public var read: (String) throws(ReadFailure) -> [UInt8]?
  /// Names in a directory, none if it does not exist; `nil` where directories cannot be listed (HTTP).
  public var list: ((String) throws(ReadFailure) -> [String])?

  /// Files that are read so.
  public init(
    read: @escaping (String) throws(ReadFailure) -> [UInt8]?,
    list: ((String) throws(ReadFailure) -> [String])?
  ) {
    self.read = read
    self.list = list
  }

  /// The files below a directory.
  public init(directory: String) {
    read = { path throws(ReadFailure) in
      do throws(FileError) {
        return try Files.read("\(directory)/\(path)", limit: 64 << 20)
      } catch {
        if case .notFound = error { return nil }
        throw ReadFailure(english: error.english, chinese: error.chinese)
      }
    }
    list = { path throws(ReadFailure) in
      do throws(FileError) {
        return try Files.names(in: "\(directory)/\(path)")
      } catch {
        if case .notFound = error { return [] }
        throw ReadFailure(english: error.english, chinese: error.chinese)
      }
    }
  }
}

/// The log could not be read, so nothing is known about it (exit code 2).
public struct ReadFailure: Error, Equatable, Sendable {
  /// What happened and what to do.
  public var english: String
  /// 发生了什么，应当怎么办。
  public var chinese: String

  /// A failure with both wordings.
  public init(english: String, chinese: String) {
    self.english = english
    self.chinese = chinese
  }
}

/// What the verifier brings along: keys, limits and the time.
public struct Policy {
  /// The log's key; its name is the origin.
  public var logKey: VerifierKey
  /// Keys of mirrors and witnesses that must have cosigned.
  public var cosigners: [VerifierKey] = []
  /// The largest share of entries from a clock that was never synchronised, percent; `nil`: no limit.
  public var unsynchronisedPercentMax: Double?
  /// The greatest age of the newest entry, seconds; `nil`: no limit.
  public var ageSecondsMax: UInt64?
  /// The time to compare with, µs since 1970.
  public var nowUTC: UInt64

  /// Keys and the time, without limits.
  public init(logKey: VerifierKey, nowUTC: UInt64) {
    self.logKey = logKey
    self.nowUTC = nowUTC
  }
}

/// Verifies logs.
public enum Verification {
  /// Verifies the log that lies in a directory: a gateway's data directory or one `log/<epoch>` of it,
  /// a collector's data directory or one `logs/<origin hash>` of it.
  ///
  /// - Throws: `ReadFailure` if there is no log or it cannot be read.
  public static func verify(
    directory: String, policy: Policy
  ) throws(ReadFailure) -> Report {
    for place in places(directory, policy.logKey) {
      if Files.exists("\(place)/checkpoint") {
        return try verifyCollectorLog(LogFiles(directory: place), policy)
      }
      if Files.exists("\(place)/super.a") || Files.exists("\(place)/super.b")
        || Files.exists("\(place)/seg")
      {
        return try verifyGatewayLog(LogFiles(directory: place), policy)
      }
      if Files.exists("\(place)/tile") { throw noCheckpoint(place) }
    }
    throw ReadFailure(
      english:
        "\(directory) holds no log of \(policy.logKey.name): give a gateway's or collector's "
        + "data directory, or the directory of one log, and the key of that log",
      chinese: "\(directory) 中没有 \(policy.logKey.name) 的日志：请指定网关或汇集端的数据目录（或单个日志目录）"
        + "以及该日志的公钥")
  }

  /// Tiles alone: what was signed is gone.
  private static func noCheckpoint(_ place: String) -> ReadFailure {
    ReadFailure(
      english:
        "\(place) has the tiles of a log, but the file \(place)/checkpoint is missing: without it nothing "
        + "says how many entries were signed, and by whom. It was deleted or not copied: bring it back "
        + "from a backup, or from the collector or auditor that has this log",
      chinese: "\(place) 中有日志的瓦片，但缺少文件 \(place)/checkpoint：没有它便无从得知签署了多少条目、由谁签署。"
        + "该文件被删除或未复制：请从备份，或从持有该日志的汇集端或核查方恢复")
  }

  /// Where the log of a key may lie below a directory.
  private static func places(_ directory: String, _ key: VerifierKey) -> [String] {
    let epoch = key.name.description.split(separator: "/").last.map(String.init) ?? "1"
    return [directory, "\(directory)/log/\(epoch)", "\(directory)/logs/\(key.name.hash.hex)"]
  }

  /// Verifies the journal of a gateway: superblocks, segments, tiles. The gateway may write while it is read.
  ///
  /// - Throws: `ReadFailure` if it cannot be read, or if it changed each time that it was looked at.
  public static func verifyGatewayLog(
    _ files: LogFiles, _ policy: Policy
  ) throws(ReadFailure) -> Report {
    try LogLooks(files: files, policy: policy).report()
  }

  /// Verifies a log in the C2SP layout: checkpoint, tiles, entry bundles.
  public static func verifyCollectorLog(
    _ files: LogFiles, _ policy: Policy
  ) throws(ReadFailure) -> Report {
    var verifier = CollectorVerifier(files: files, policy: policy)
    try verifier.run()
    return verifier.report
  }
}
