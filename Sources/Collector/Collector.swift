import ReadingStore
import Synchronization
import TransparencyLog

/// All logs that this collector mirrors, with what is decoded from them.
public final class Collector: Sendable {
  /// What each mirror needs.
  public let setting: MirrorSetting
  /// Decoded readings.
  public let readings: ReadingStore
  /// Newest values of all gateways.
  public let live = LiveBoard()
  /// The token that opens the read paths.
  public let readToken: String
  /// Seconds that one upload may take before it is answered with what it brought.
  public let uploadTimeLimit: Duration
  /// Told, with its origin, whenever a log has new cosigned entries.
  public let onGrowth: @Sendable (String) -> Void

  private let mirrors = Mutex<[String: MirrorLog]>([:])

  /// Takes its parts.
  public init(
    setting: MirrorSetting, readings: ReadingStore, readToken: String,
    uploadTimeLimit: Duration = .seconds(300),
    onGrowth: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.setting = setting
    self.readings = readings
    self.readToken = readToken
    self.uploadTimeLimit = uploadTimeLimit
    self.onGrowth = onGrowth
  }

  /// The mirror of the log whose origin has this SHA-256; `nil` unless it is enrolled.
  ///
  /// Asked anew as long as it is not: `enroll` may add it while the collector serves.
  public func mirror(hash: String) throws -> MirrorLog? {
    if let known = mirrors.withLock({ $0[hash] }) { return known }
    guard let log = try setting.database.log(hash: hash) else { return nil }
    let made = try MirrorLog(log, setting: setting)
    return mirrors.withLock { mirrors in
      // Two requests may have come at once: there must be one actor for each log.
      if let known = mirrors[hash] { return known }
      mirrors[hash] = made
      return made
    }
  }

  /// The mirror of the log of this origin, given as bytes.
  func mirror(origin: [UInt8]) throws -> MirrorLog? {
    try mirror(hash: SHA256.hash(origin.span).hex)
  }

  /// The mirrors of all enrolled logs, by origin.
  public func allMirrors() throws -> [MirrorLog] {
    try setting.database.logs().compactMap { try mirror(hash: originHash($0.origin)) }
  }
}
