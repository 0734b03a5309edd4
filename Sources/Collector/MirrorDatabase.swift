import Foundation
import GRDB
import TransparencyLog

/// A gateway log that the collector was told to accept.
public struct EnrolledLog: Equatable, Sendable {
  /// Origin, which is also the name of the log's key.
  public var origin: String
  /// Verifier key, as `enroll` was given it.
  public var verifierKey: String
  /// The token that the gateway presents with its live values.
  public var liveToken: String
}

/// A checkpoint that is kept: its size and root, and the note with the signature it came with.
public struct StoredCheckpoint: Equatable, Sendable {
  /// Number of entries.
  public var size: UInt64
  /// Root hash.
  public var root: Digest
  /// The signed bytes, to and with the LF before the blank line.
  public var text: [UInt8]
  /// Signature lines of enrolled keys.
  public var signatureLines: [UInt8]
  /// Line of the mirror's cosignature; empty while the checkpoint is only pending.
  public var cosignatureLine: [UInt8] = []

  /// The note as it is served.
  public var note: [UInt8] { text + [0x0A] + signatureLines + cosignatureLine }
}

/// What `status` shows of one log.
public struct MirrorState: Equatable, Sendable {
  /// The newest checkpoint that the log showed; `nil` before the first.
  public var pending: StoredCheckpoint?
  /// Earlier ones that an upload may still aim at, oldest first.
  public var past: [StoredCheckpoint] = []
  /// The checkpoint whose entries are all stored, with the cosignature.
  public var mirror: StoredCheckpoint?
  /// POSIX seconds of the last cosignature; 0 before the first.
  public var cosignatureTime: UInt64 = 0
}

/// Why the database refused.
public enum MirrorDatabaseError: Error, Equatable, Sendable {
  /// The origin is enrolled with another key.
  case otherKey(origin: String, enrolled: String)
  /// Another process moved the state on: two collectors run on one directory.
  case stateMoved(origin: String)
  /// The file was written by a newer Tallystick.
  case newerSchema(Int)
}

/// `DIR/collector.sqlite`: who is enrolled, what each log showed, what was cosigned.
///
/// One connection for each process, a rollback journal and `synchronous=FULL`: a transaction that
/// returned has survived a power cut. Not a WAL, because `enroll` writes while `serve` runs and
/// Debian's SQLite 3.40.1 corrupts a WAL that two connections write (WAL-reset bug).
public final class MirrorDatabase: Sendable {
  let queue: DatabaseQueue
  /// The file; `:memory:` where there is none.
  var path: String { queue.path }

  /// Past checkpoints that are kept for each log.
  public static let maximumPastCount = 64
  /// Refused notes that are kept for each log and reason: a thousand are no better proof than one.
  static let maximumForkCount = 1_000
  private static let schemaVersion = 1

  /// Opens or creates the database at `path`; `nil` keeps it in memory, for tests.
  public init(path: String?) throws {
    var configuration = Configuration()
    configuration.busyMode = .timeout(10)
    configuration.prepareDatabase { database in
      try database.execute(
        sql: "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
    }
    if let path {
      queue = try DatabaseQueue(path: path, configuration: configuration)
    } else {
      queue = try DatabaseQueue(configuration: configuration)
    }
    try queue.write { database in try Self.createTables(in: database) }
  }

  /// Changes whenever another connection, of this process or another, has written (SQLite's `data_version`).
  func version() throws -> Int64 {
    try queue.read { try Int64.fetchOne($0, sql: "PRAGMA data_version") ?? 0 }
  }

  /// Closes the connection; the database cannot be used afterwards.
  public func close() throws { try queue.close() }

  private static func createTables(in database: Database) throws {
    let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    guard found <= schemaVersion else { throw MirrorDatabaseError.newerSchema(found) }
    guard found == 0 else { return }
    try database.execute(
      sql: """
        CREATE TABLE log (
          origin TEXT NOT NULL PRIMARY KEY, hash TEXT NOT NULL UNIQUE, vkey TEXT NOT NULL,
          live_token TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE pending (
          origin TEXT NOT NULL REFERENCES log(origin), size INTEGER NOT NULL, root BLOB NOT NULL,
          text BLOB NOT NULL, signatures BLOB NOT NULL, PRIMARY KEY (origin, size)) WITHOUT ROWID;
        CREATE TABLE mirror (
          origin TEXT NOT NULL PRIMARY KEY REFERENCES log(origin), size INTEGER NOT NULL,
          root BLOB NOT NULL, text BLOB NOT NULL, signatures BLOB NOT NULL,
          cosignature BLOB NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE fork (
          origin TEXT NOT NULL REFERENCES log(origin), digest BLOB NOT NULL, old INTEGER NOT NULL,
          note BLOB NOT NULL, reason TEXT NOT NULL, time INTEGER NOT NULL,
          PRIMARY KEY (origin, digest)) WITHOUT ROWID;
        PRAGMA user_version = \(schemaVersion);
        """)
  }

  // MARK: enrolled logs

  /// Admits a log; a second time with the same key it gives back what is there. A further epoch of a gateway
  /// whose newest one has the same key keeps its live token: there is one for a gateway and a key.
  public func enroll(
    origin: String, verifierKey: String, newToken: String
  ) throws -> EnrolledLog {
    try queue.write { database in
      if let found = try Self.log(database, "origin = ?", origin) {
        guard found.verifierKey == verifierKey else {
          throw MirrorDatabaseError.otherKey(origin: origin, enrolled: found.verifierKey)
        }
        return found
      }
      var log = EnrolledLog(origin: origin, verifierKey: verifierKey, liveToken: newToken)
      if let name = EpochName(origin),
        let newest = try Self.epochs(database, of: name.identity).last,
        newest.hasKey(of: log)
      {
        log.liveToken = newest.liveToken
      }
      try Self.insert(log, in: database)
      return log
    }
  }

  static func insert(_ log: EnrolledLog, in database: Database) throws {
    try database.execute(
      sql: "INSERT INTO log (origin, hash, vkey, live_token) VALUES (?, ?, ?, ?)",
      arguments: [log.origin, originHash(log.origin), log.verifierKey, log.liveToken])
  }

  /// The log whose origin has this SHA-256 (lowercase hexadecimal).
  public func log(hash: String) throws -> EnrolledLog? {
    try queue.read { database in try Self.log(database, "hash = ?", hash) }
  }

  /// All enrolled logs by origin.
  public func logs() throws -> [EnrolledLog] {
    try queue.read { database in
      try Row.fetchAll(database, sql: "SELECT origin, vkey, live_token FROM log ORDER BY origin")
        .map(Self.enrolled)
    }
  }

  static func log(
    _ database: Database, _ condition: String, _ value: String
  ) throws -> EnrolledLog? {
    try Row.fetchOne(
      database, sql: "SELECT origin, vkey, live_token FROM log WHERE \(condition)",
      arguments: [value]
    ).map(enrolled)
  }

  static func enrolled(_ row: Row) -> EnrolledLog {
    EnrolledLog(origin: row["origin"], verifierKey: row["vkey"], liveToken: row["live_token"])
  }

  // MARK: checkpoints

  /// What is known of a log.
  public func state(of origin: String) throws -> MirrorState {
    try queue.read { database in
      var state = MirrorState()
      var pending = try Row.fetchAll(
        database, sql: "SELECT * FROM pending WHERE origin = ? ORDER BY size", arguments: [origin]
      ).map(Self.checkpoint)
      state.pending = pending.popLast()
      state.past = pending
      let row = try Row.fetchOne(
        database, sql: "SELECT * FROM mirror WHERE origin = ?", arguments: [origin])
      if let row {
        var mirror = Self.checkpoint(row)
        mirror.cosignatureLine = Self.bytes(row, "cosignature")
        state.mirror = mirror
        state.cosignatureTime = UInt64(clamping: row["time"] as Int64)
      }
      return state
    }
  }

  private static func checkpoint(_ row: Row) -> StoredCheckpoint {
    StoredCheckpoint(
      size: UInt64(clamping: row["size"] as Int64),
      root: Digest(bytes(row, "root").span) ?? .zero, text: bytes(row, "text"),
      signatureLines: bytes(row, "signatures"))
  }

  private static func bytes(_ row: Row, _ column: String) -> [UInt8] {
    [UInt8](row[column] as Data)
  }

  /// Keeps a pending checkpoint if the one before it is still of size `old` (`nil`: there is none);
  /// forgets past ones below `mirrored` and all but the newest 64.
  public func keepPending(
    _ checkpoint: StoredCheckpoint, of origin: String, after old: UInt64?, mirrored: UInt64
  ) throws {
    try queue.write { database in
      let stored = try Int64.fetchOne(
        database, sql: "SELECT max(size) FROM pending WHERE origin = ?", arguments: [origin])
      guard stored == old.map({ Int64(clamping: $0) }) else {
        throw MirrorDatabaseError.stateMoved(origin: origin)
      }
      try database.execute(
        sql: "INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?, ?)",
        arguments: [
          origin, Int64(clamping: checkpoint.size), Data(checkpoint.root.array),
          Data(checkpoint.text), Data(checkpoint.signatureLines),
        ])
      try database.execute(
        sql: """
          DELETE FROM pending WHERE origin = :origin AND size < (SELECT max(size) FROM pending
            WHERE origin = :origin) AND (size < :mirrored OR size NOT IN (
              SELECT size FROM pending WHERE origin = :origin ORDER BY size DESC LIMIT :count))
          """,
        arguments: [
          "origin": origin, "mirrored": Int64(clamping: mirrored),
          "count": maximumPastCountAndNewest,
        ])
    }
  }

  private var maximumPastCountAndNewest: Int { Self.maximumPastCount + 1 }

  /// Keeps the cosigned checkpoint and its time, if the mirror did not move past it meanwhile.
  public func keepMirror(
    _ checkpoint: StoredCheckpoint, time: UInt64, of origin: String
  ) throws {
    try queue.write { database in
      let stored = try Int64.fetchOne(
        database, sql: "SELECT size FROM mirror WHERE origin = ?", arguments: [origin])
      guard (stored ?? 0) <= Int64(clamping: checkpoint.size) else {
        throw MirrorDatabaseError.stateMoved(origin: origin)
      }
      try database.execute(
        sql: "INSERT OR REPLACE INTO mirror VALUES (?, ?, ?, ?, ?, ?, ?)",
        arguments: [
          origin, Int64(clamping: checkpoint.size), Data(checkpoint.root.array),
          Data(checkpoint.text), Data(checkpoint.signatureLines), Data(checkpoint.cosignatureLine),
          Int64(clamping: time),
        ])
    }
  }

  /// Keeps a well-signed note that was refused. `false` when as many are kept for that reason as may be.
  func keepRefused(
    note: [UInt8], old: UInt64, reason: CheckpointContradiction, time: UInt64, of origin: String
  ) throws -> Bool {
    try queue.write { database in
      let count = try Int.fetchOne(
        database, sql: "SELECT count(*) FROM fork WHERE origin = ? AND reason = ?",
        arguments: [origin, reason.english])
      guard (count ?? 0) < Self.maximumForkCount else { return false }
      // What was only suspected may be proven by the same note later.
      let replacing = reason.isProof ? "REPLACE" : "IGNORE"
      try database.execute(
        sql: "INSERT OR \(replacing) INTO fork VALUES (?, ?, ?, ?, ?, ?)",
        arguments: [
          origin, Data(SHA256.hash(note.span).array), Int64(clamping: old), Data(note),
          reason.english, Int64(clamping: time),
        ])
      return true
    }
  }

  /// The kept notes of `origin` that prove that it signed two histories.
  public func forks(of origin: String) throws -> [[UInt8]] {
    try refused(of: origin) { $0.isProof }
  }

  /// The kept notes of `origin` that were refused for a reason that `isWanted`.
  public func refused(
    of origin: String, _ isWanted: (CheckpointContradiction) -> Bool = { _ in true }
  ) throws -> [[UInt8]] {
    let reasons = CheckpointContradiction.allCases.filter(isWanted).map(\.english)
    return try queue.read { database in
      try Row.fetchAll(
        database, sql: "SELECT note, reason FROM fork WHERE origin = ? ORDER BY time",
        arguments: [origin]
      ).filter { reasons.contains($0["reason"]) }.map { [UInt8]($0["note"] as Data) }
    }
  }
}

/// Lowercase hexadecimal SHA-256 of an origin, without a newline: its directory and URL.
public func originHash(_ origin: String) -> String { SHA256.hash(Array(origin.utf8).span).hex }
