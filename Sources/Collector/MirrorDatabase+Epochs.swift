import GRDB

extension EnrolledLog {
  /// Type and key of `verifierKey`, whose name and key ID differ in each epoch (C2SP signed-note).
  private var key: Substring? {
    let parts = verifierKey.split(separator: "+", maxSplits: 2)
    return parts.count == 3 ? parts[2] : nil
  }

  /// Both have the same public key. Base64 is canonical in a valid vkey, so equal texts are equal keys.
  func hasKey(of other: EnrolledLog) -> Bool {
    guard let key else { return false }
    return key == other.key
  }
}

extension MirrorDatabase {
  /// The enrolled epochs of a gateway, the newest last.
  func epochs(of identity: String) throws -> [EnrolledLog] {
    try queue.read { database in try Self.epochs(database, of: identity) }
  }

  static func epochs(_ database: Database, of identity: String) throws -> [EnrolledLog] {
    // "0" is the character after "/": the range holds what begins with the identity and a slash.
    try Row.fetchAll(
      database,
      sql: "SELECT origin, vkey, live_token FROM log WHERE origin > ? AND origin < ?",
      arguments: [identity + "/", identity + "0"]
    ).map(enrolled).compactMap { log -> (epoch: UInt64, log: EnrolledLog)? in
      guard let name = EpochName(log.origin), name.identity == identity else { return nil }
      return (name.epoch, log)
    }.sorted { $0.epoch < $1.epoch }.map(\.log)
  }

  /// Admits an epoch with key and token of `newest`, if that is still the newest of its gateway; `nil` if
  /// another came between.
  func admit(
    _ log: EnrolledLog, after newest: EnrolledLog, of identity: String
  ) throws -> Admitted? {
    try queue.write { database in
      if try Self.log(database, "origin = ?", log.origin) != nil { return .before }
      guard try Self.epochs(database, of: identity).last == newest else { return nil }
      try Self.insert(log, in: database)
      return .now
    }
  }

  /// When an epoch was admitted.
  enum Admitted { case now, before }

  /// The epoch before that of `log`, if both have one key: the gateway went on by itself.
  func predecessor(of log: EnrolledLog) throws -> EnrolledLog? {
    guard let name = EpochName(log.origin),
      let before = try epochs(of: name.identity).last(where: { other in
        (EpochName(other.origin)?.epoch).map { $0 < name.epoch } ?? false
      })
    else { return nil }
    return before.hasKey(of: log) ? before : nil
  }

  /// The token for live values of the gateway that `origin` is a log of: that of its newest epoch.
  func liveToken(for origin: String) throws -> String? {
    let newest = try EpochName(origin).flatMap { try epochs(of: $0.identity).last }
    return try (newest ?? log(hash: originHash(origin)))?.liveToken
  }
}
