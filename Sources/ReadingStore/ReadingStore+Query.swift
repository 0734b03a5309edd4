import GRDB
import Metering

extension ReadingStore {
  /// The readings that `query` asks for, ordered by time, then origin, index and quantity.
  public func readings(_ query: ReadingQuery) throws -> [StoredReading] {
    var conditions: [String] = []
    var arguments = StatementArguments()
    func restrict<Value: DatabaseValueConvertible>(_ condition: String, _ value: Value?) {
      guard let value else { return }
      conditions.append(condition)
      arguments += [value]
    }
    restrict("log.origin = ?", query.origin)
    if let gateway = query.gateway {
      // Not one pattern: an identity may hold characters that mean something to GLOB.
      let epoch = "substr(log.origin, length(?) + 1)"
      conditions.append(
        "substr(log.origin, 1, length(?)) = ? AND \(epoch) GLOB '[1-9]*' AND \(epoch) NOT GLOB '*[^0-9]*'"
      )
      arguments += StatementArguments(repeatElement(gateway + "/", count: 4))
    }
    switch query.device {
    case .number(let number): restrict("r.device = ?", Int64(clamping: number))
    case .label(let label): restrict("r.label = ?", label)
    case nil: break
    }
    restrict("r.quantity = ?", query.quantity.map { Int64($0) })
    restrict("r.idx >= ?", query.fromIndex.map { Int64(clamping: $0) })
    restrict("r.utc >= ?", query.from.map { Int64(clamping: $0) })
    restrict("r.utc < ?", query.to.map { Int64(clamping: $0) })
    let direction = query.newestFirst ? "DESC" : "ASC"
    let condition = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
    let sql = """
      SELECT log.origin, r.* FROM reading r JOIN log ON log.id = r.log \(condition)
      ORDER BY r.utc \(direction), r.log, r.idx \(direction), r.quantity LIMIT ?
      """
    arguments += [min(max(query.limit, 1), ReadingQuery.maximumLimit)]
    return try queue.read { database in
      try Row.fetchAll(database, sql: sql, arguments: arguments).map(Self.reading)
    }
  }

  private static func reading(_ row: Row) -> StoredReading {
    var value: Result<Decimal, NoData> = .failure(.malformed)
    if let mantissa = row["mantissa"] as Int64?, let exponent = row["exponent"] as Int64? {
      value = .success(Decimal(mantissa: mantissa, exponent: Int8(clamping: exponent)))
    } else if let reason = (row["no_data"] as Int64?).flatMap({ UInt8(exactly: $0) }) {
      value = .failure(NoData(rawValue: reason) ?? .malformed)
    }
    return StoredReading(
      origin: row["origin"], index: UInt64(clamping: row["idx"] as Int64),
      quantity: UInt16(clamping: row["quantity"] as Int64), value: value, unit: row["unit"],
      utc: UInt64(clamping: row["utc"] as Int64), mono: UInt64(clamping: row["mono"] as Int64),
      boot: UInt64(clamping: row["boot"] as Int64),
      clockQuality: ClockQuality(rawValue: UInt16(clamping: row["clock_quality"] as Int64)),
      status: UInt8(clamping: row["status"] as Int64),
      slot: (row["slot"] as Int64?).map { UInt64(clamping: $0) },
      channel: UInt64(clamping: row["channel"] as Int64),
      device: UInt64(clamping: row["device"] as Int64), label: row["label"],
      decodeVersion: row["decode_version"])
  }
}
