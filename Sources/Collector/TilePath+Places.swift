import TransparencyLog

extension TilePath {
  /// An entry bundle.
  static func bundle(_ index: UInt64, width: Int = 256) -> TilePath {
    TilePath(.entries, index: index, width: width)
  }

  /// Tile or bundle of a level of hashes; levels above 63 do not exist.
  static func hashes(_ level: Int, _ index: UInt64, width: Int = 256) -> TilePath {
    TilePath(.hashes(level: UInt8(clamping: level)), index: index, width: width)
  }

  /// The full tile in the same place.
  var full: TilePath { TilePath(content, index: index) }

  /// The directory that holds the partial tiles of this place.
  var partialDirectory: String { full.text + ".p" }
}
