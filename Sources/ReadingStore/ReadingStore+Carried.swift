import GRDB

// A new epoch logs anew what the old one could not deliver, but a gateway may not know all that was
// delivered. So one reading may stand in two logs, and is counted once: the row of the log that it was
// logged in first stays, whichever of the two is decoded first.
//
// Place and times must agree: where a medium was set back, the old log may have delivered another reading
// at the place that this one had.

extension ReadingStore {
  /// Inserts the rows of a batch, but not those of carried entries whose reading is there already, and
  /// removes the copies of what now came from the log of its first place.
  static func insert(readingsOf batch: DecodedBatch, log: Int64, in database: Database) throws {
    let carried = Set(batch.carried.map(\.index))
    var stored = batch.readings.filter { !carried.contains($0.index) }
    try insert(readings: stored, log: log, in: database)
    if !carried.isEmpty {
      let rows = Dictionary(grouping: batch.readings, by: \.index)
      for entry in batch.carried {
        guard let rows = rows[entry.index], let first = rows.first else { continue }
        let isDuplicate = try isPresent(entry, like: first, in: database)
        if !isDuplicate {
          try insert(readings: rows, log: log, in: database)
          stored += rows
        }
        try database.execute(
          sql: "INSERT INTO carried VALUES (?, ?, ?, ?, ?)",
          arguments: [
            log, Int64(clamping: entry.index), entry.origin, Int64(clamping: entry.oldIndex),
            isDuplicate,
          ])
      }
    }
    try removeCopies(of: stored, origin: batch.origin, log: log, in: database)
  }

  /// The reading is there: as a row of its first place, or of an entry that was carried from there too.
  private static func isPresent(
    _ entry: CarriedEntry, like reading: StoredReading, in database: Database
  ) throws -> Bool {
    try Bool.fetchOne(
      database,
      sql: """
        SELECT EXISTS (SELECT 1 FROM reading r WHERE r.utc = :utc AND r.mono = :mono AND (
          (r.idx = :index AND r.log = (SELECT id FROM log WHERE origin = :origin))
          OR EXISTS (SELECT 1 FROM carried c WHERE c.log = r.log AND c.idx = r.idx
            AND c.origin = :origin AND c.old_idx = :index)))
        """,
      arguments: [
        "utc": Int64(clamping: reading.utc), "mono": Int64(clamping: reading.mono),
        "origin": entry.origin, "index": Int64(clamping: entry.oldIndex),
      ]) ?? false
  }

  /// Removes the rows of entries that were carried from the places of `readings`, which came later.
  private static func removeCopies(
    of readings: [StoredReading], origin: String, log: Int64, in database: Database
  ) throws {
    guard let first = readings.map(\.index).min(), let last = readings.map(\.index).max() else {
      return
    }
    let copies = try Row.fetchAll(
      database,
      sql: """
        SELECT DISTINCT c.log, c.idx FROM carried c
          JOIN reading copy ON copy.log = c.log AND copy.idx = c.idx
          JOIN reading r ON r.log = :log AND r.idx = c.old_idx
            AND r.utc = copy.utc AND r.mono = copy.mono
        WHERE c.origin = :origin AND c.old_idx BETWEEN :first AND :last AND NOT c.is_duplicate
        """,
      arguments: [
        "log": log, "origin": origin, "first": Int64(clamping: first),
        "last": Int64(clamping: last),
      ])
    for copy in copies {
      let place: StatementArguments = [copy["log"] as Int64, copy["idx"] as Int64]
      try database.execute(sql: "DELETE FROM reading WHERE log = ? AND idx = ?", arguments: place)
      try database.execute(
        sql: "UPDATE carried SET is_duplicate = 1 WHERE log = ? AND idx = ?", arguments: place)
    }
  }

  /// How many carried entries of `origin` have no rows, because their readings came from elsewhere.
  public func duplicateCount(of origin: String) throws -> Int {
    try queue.read { database in
      try Int.fetchOne(
        database,
        sql: """
          SELECT count(*) FROM carried c JOIN log ON log.id = c.log
          WHERE log.origin = ? AND c.is_duplicate
          """, arguments: [origin]) ?? 0
    }
  }
}
