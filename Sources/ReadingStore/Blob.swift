import Foundation
public import GRDB

extension [UInt8] {
  /// The bytes as an SQLite BLOB; an array of numbers would otherwise be no database value at all.
  public var databaseBlob: DatabaseValue { Data(self).databaseValue }

  /// The bytes of a BLOB column; empty for NULL.
  public init(blob row: Row, column: String) {
    self = (row[column] as Data?).map { [UInt8]($0) } ?? []
  }
}
