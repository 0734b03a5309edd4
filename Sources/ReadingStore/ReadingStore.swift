import GRDB
import Metering

/// Why the readings database refused.
public enum ReadingStoreError: Error, Equatable, Sendable {
  /// The batch does not begin where the cursor stands: somebody else decoded meanwhile.
  case cursorMoved(stored: UInt64, expected: UInt64)
  /// The file was written by a newer Tallystick.
  case newerSchema(Int)
}

/// Decoded readings in SQLite: a view of the logs that can be made anew from them at any time.
///
/// One connection and a rollback journal. Debian's SQLite 3.40.1 corrupts a WAL that two connections
/// write (WAL-reset bug), and a command such as `status` may look in while the collector runs.
/// `synchronous=NORMAL` is enough: a power cut may lose the last batches, and then it loses their
/// cursor with them, since both are one transaction.
public final class ReadingStore: Sendable {
  let queue: DatabaseQueue
  /// The file; `:memory:` where there is none.
  public var path: String { queue.path }

  /// Version of the tables below; a database of another version is made anew by `rebuild`.
  static let schemaVersion = 3

  /// Opens or creates the database at `path`; `nil` keeps it in memory, for tests.
  public init(path: String?) throws {
    var configuration = Configuration()
    configuration.busyMode = .timeout(5)
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA journal_mode = DELETE; PRAGMA synchronous = NORMAL")
    }
    if let path {
      queue = try DatabaseQueue(path: path, configuration: configuration)
    } else {
      queue = try DatabaseQueue(configuration: configuration)
    }
    try queue.write { database in try Self.createTables(in: database) }
  }

  /// Closes the connection; the store cannot be used afterwards.
  public func close() throws { try queue.close() }

  private static func createTables(in database: Database) throws {
    let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    guard found <= schemaVersion else { throw ReadingStoreError.newerSchema(found) }
    if found < 1 { try createFirstTables(in: database) }
    if found < 2 {
      try database.execute(
        sql: """
          CREATE TABLE open_frame (
            log INTEGER NOT NULL REFERENCES log(id), idx INTEGER NOT NULL, entry BLOB NOT NULL,
            PRIMARY KEY (log, idx)) WITHOUT ROWID;
          """)
    }
    guard found < 3 else { return }
    try database.execute(
      sql: """
        CREATE TABLE carried (
          log INTEGER NOT NULL REFERENCES log(id), idx INTEGER NOT NULL, origin TEXT NOT NULL,
          old_idx INTEGER NOT NULL, is_duplicate INTEGER NOT NULL,
          PRIMARY KEY (log, idx)) WITHOUT ROWID;
        CREATE INDEX carried_place ON carried (origin, old_idx);
        PRAGMA user_version = \(schemaVersion);
        """)
  }

  private static func createFirstTables(in database: Database) throws {
    try database.execute(
      sql: """
        CREATE TABLE log (
          id INTEGER PRIMARY KEY, origin TEXT NOT NULL UNIQUE, cursor INTEGER NOT NULL);
        CREATE TABLE reading (
          log INTEGER NOT NULL REFERENCES log(id), idx INTEGER NOT NULL, quantity INTEGER NOT NULL,
          mantissa INTEGER, exponent INTEGER, no_data INTEGER, unit TEXT NOT NULL,
          utc INTEGER NOT NULL, mono INTEGER NOT NULL, boot INTEGER NOT NULL,
          clock_quality INTEGER NOT NULL, status INTEGER NOT NULL, slot INTEGER,
          channel INTEGER NOT NULL, device INTEGER NOT NULL, label TEXT NOT NULL,
          decode_version INTEGER NOT NULL,
          PRIMARY KEY (log, idx, quantity),
          CHECK ((mantissa IS NULL) = (exponent IS NULL)),
          CHECK ((mantissa IS NULL) = (no_data IS NOT NULL))
        ) WITHOUT ROWID;
        CREATE INDEX reading_time ON reading (utc);
        CREATE INDEX reading_device ON reading (log, device, quantity, utc);
        CREATE TABLE configuration (
          log INTEGER NOT NULL REFERENCES log(id), idx INTEGER NOT NULL, kind INTEGER NOT NULL,
          name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (log, idx)) WITHOUT ROWID;
        CREATE TABLE part (
          log INTEGER NOT NULL REFERENCES log(id), whole BLOB NOT NULL, number INTEGER NOT NULL,
          body BLOB NOT NULL, PRIMARY KEY (log, whole, number)) WITHOUT ROWID;
        CREATE TABLE problem (
          log INTEGER NOT NULL REFERENCES log(id), idx INTEGER NOT NULL, kind INTEGER NOT NULL,
          detail TEXT NOT NULL, PRIMARY KEY (log, idx, kind)) WITHOUT ROWID;
        """)
  }

  // MARK: the decoder's side

  /// Index of the first entry of `origin` that was not decoded yet.
  public func cursor(of origin: String) throws -> UInt64 {
    try queue.read { database in
      try Int64.fetchOne(
        database, sql: "SELECT cursor FROM log WHERE origin = ?", arguments: [origin])
    }.map { UInt64(clamping: $0) } ?? 0
  }

  /// Writes a batch and moves the cursor, in one transaction.
  ///
  /// - Throws: also when two readings are of one quantity and entry: no value is lost in silence. A part
  ///   of a document may come again, with the same bytes or others; the hash of the whole decides.
  public func apply(_ batch: DecodedBatch) throws {
    try queue.write { database in
      let log = try Self.identifier(of: batch.origin, in: database)
      let stored = try Int64.fetchOne(
        database, sql: "SELECT cursor FROM log WHERE id = ?", arguments: [log])
      let cursor = UInt64(clamping: stored ?? 0)
      guard cursor == batch.range.lowerBound else {
        throw ReadingStoreError.cursorMoved(stored: cursor, expected: batch.range.lowerBound)
      }
      try Self.insert(readingsOf: batch, log: log, in: database)
      try Self.insert(configurationOf: batch, log: log, in: database)
      try Self.replace(openFramesOf: batch, log: log, in: database)
      for problem in batch.problems {
        try database.execute(
          sql: "INSERT OR REPLACE INTO problem VALUES (?, ?, ?, ?)",
          arguments: [log, Int64(clamping: problem.index), problem.kind, problem.detail])
      }
      try database.execute(
        sql: "UPDATE log SET cursor = ? WHERE id = ?",
        arguments: [Int64(clamping: batch.range.upperBound), log])
    }
  }

  private static func identifier(of origin: String, in database: Database) throws -> Int64 {
    let sql = "SELECT id FROM log WHERE origin = ?"
    if let found = try Int64.fetchOne(database, sql: sql, arguments: [origin]) { return found }
    try database.execute(
      sql: "INSERT INTO log (origin, cursor) VALUES (?, 0)", arguments: [origin])
    return database.lastInsertedRowID
  }

  static func insert(
    readings: [StoredReading], log: Int64, in database: Database
  ) throws {
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO reading (log, idx, quantity, mantissa, exponent, no_data, unit, utc,
          mono, boot, clock_quality, status, slot, channel, device, label, decode_version)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    for row in readings {
      var mantissa: Int64?
      var exponent: Int64?
      var noData: Int64?
      switch row.value {
      case .success(let decimal):
        mantissa = decimal.mantissa
        exponent = Int64(decimal.exponent)
      case .failure(let reason): noData = Int64(reason.rawValue)
      }
      // An index or a time above 2^63 can only be nonsense from outside: it is kept at the bound.
      try statement.execute(arguments: [
        log, Int64(clamping: row.index), Int64(row.quantity), mantissa, exponent, noData, row.unit,
        Int64(clamping: row.utc), Int64(clamping: row.mono), Int64(clamping: row.boot),
        Int64(row.clockQuality.rawValue), Int64(row.status), row.slot.map { Int64(clamping: $0) },
        Int64(clamping: row.channel), Int64(clamping: row.device), row.label, row.decodeVersion,
      ])
    }
  }

  private static func insert(
    configurationOf batch: DecodedBatch, log: Int64, in database: Database
  ) throws {
    for configuration in batch.configurations {
      try database.execute(
        sql: "INSERT INTO configuration VALUES (?, ?, ?, ?, ?)",
        arguments: [
          log, Int64(clamping: configuration.index), Int64(clamping: configuration.kind),
          configuration.name, configuration.body.databaseBlob,
        ])
    }
    for part in batch.parts {
      try database.execute(
        sql: "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?)",
        arguments: [
          log, part.wholeHash.databaseBlob, Int64(clamping: part.number), part.body.databaseBlob,
        ])
    }
  }

  private static func replace(
    openFramesOf batch: DecodedBatch, log: Int64, in database: Database
  ) throws {
    try database.execute(sql: "DELETE FROM open_frame WHERE log = ?", arguments: [log])
    for frame in batch.openFrames {
      try database.execute(
        sql: "INSERT INTO open_frame VALUES (?, ?, ?)",
        arguments: [log, Int64(clamping: frame.index), frame.entry.databaseBlob])
    }
  }

  /// The entries before the cursor whose answers go on beyond it, by index.
  public func openFrames(of origin: String) throws -> [StoredFrame] {
    try queue.read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT f.idx, f.entry FROM open_frame f JOIN log ON log.id = f.log
          WHERE log.origin = ? ORDER BY f.idx
          """, arguments: [origin])
      return rows.map { row in
        StoredFrame(
          index: UInt64(clamping: row["idx"] as Int64), entry: [UInt8](blob: row, column: "entry"))
      }
    }
  }

  /// The configuration body of the entry at `index`, if that entry carries one.
  public func configuration(of origin: String, at index: UInt64) throws -> StoredConfiguration? {
    try queue.read { database in
      let row = try Row.fetchOne(
        database,
        sql: """
          SELECT c.kind, c.name, c.body FROM configuration c JOIN log ON log.id = c.log
          WHERE log.origin = ? AND c.idx = ?
          """, arguments: [origin, Int64(clamping: index)])
      guard let row else { return nil }
      return StoredConfiguration(
        index: index, kind: UInt64(clamping: row["kind"] as Int64), name: row["name"],
        body: [UInt8](blob: row, column: "body"))
    }
  }

  /// The parts of the body whose SHA-256 is `wholeHash`, by number, from 0 without a gap.
  public func parts(of origin: String, wholeHash: [UInt8]) throws -> [StoredPart] {
    try queue.read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT p.number, p.body FROM part p JOIN log ON log.id = p.log
          WHERE log.origin = ? AND p.whole = ? ORDER BY p.number
          """, arguments: [origin, wholeHash.databaseBlob])
      return rows.map { row in
        StoredPart(
          wholeHash: wholeHash, number: UInt64(clamping: row["number"] as Int64),
          body: [UInt8](blob: row, column: "body"))
      }
    }
  }

  /// What could not be used of `origin`, oldest first, at most `limit`.
  public func problems(of origin: String, limit: Int = 1_000) throws -> [DecodeProblem] {
    try problems(of: origin, order: "p.idx, p.kind", limit: limit)
  }

  private func problems(
    of origin: String, order: String, limit: Int
  ) throws -> [DecodeProblem] {
    try queue.read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT p.idx, p.kind, p.detail FROM problem p JOIN log ON log.id = p.log
          WHERE log.origin = ? ORDER BY \(order) LIMIT ?
          """, arguments: [origin, limit])
      return rows.map { row in
        DecodeProblem(
          index: UInt64(clamping: row["idx"] as Int64), kind: row["kind"], detail: row["detail"])
      }
    }
  }

  /// What could not be used of `origin`, newest first, at most `limit`.
  public func newestProblems(of origin: String, limit: Int) throws -> [DecodeProblem] {
    try problems(of: origin, order: "p.idx DESC, p.kind", limit: limit)
  }

  /// How many rows and how many problems there are for `origin`.
  public func counts(of origin: String) throws -> (readings: Int, problems: Int) {
    try queue.read { database in
      func count(_ table: String) throws -> Int {
        try Int.fetchOne(
          database,
          sql: "SELECT count(*) FROM \(table) t JOIN log ON log.id = t.log WHERE log.origin = ?",
          arguments: [origin]) ?? 0
      }
      return (try count("reading"), try count("problem"))
    }
  }
}
