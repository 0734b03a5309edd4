import Gateway
import TransparencyLog

// What a gateway may read of its mirror's copy (C2SP tlog-tiles): the checkpoint and the bundles of entries.
extension SimulatedMirror where Key: ~Copyable {
  /// Answers a GET; `nil` for what is not there.
  func answer(_ request: BundleRequest) -> [UInt8]? {
    guard request.origin == origin, mirrored > 0 else { return nil }
    switch request.object {
    case .checkpoint:
      return mirroredNote
    case .bundle(let index, let width):
      // Of the last bundle there is the one width that goes with the checkpoint.
      let first = index * 256
      guard first < mirrored, width == Int(min(mirrored - first, 256)),
        bundles.count > Int(index)
      else { return nil }
      return Array(bundles[Int(index)].first(width))
    }
  }
}

/// The entries of a block of 256 as a bundle, and where each ends: without an array for each of millions.
struct StoredBundle {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  /// How many entries there are.
  var count: Int { ends.count }

  /// Adds an entry.
  mutating func append(_ entry: [UInt8]) {
    bytes.append(UInt8(truncatingIfNeeded: entry.count >> 8))
    bytes.append(UInt8(truncatingIfNeeded: entry.count))
    bytes += entry
    ends.append(bytes.count)
  }

  /// Entries from `count` on are gone.
  mutating func cut(to count: Int) {
    ends.removeLast(max(ends.count - count, 0))
    bytes.removeLast(bytes.count - (ends.last ?? 0))
  }

  /// The bytes of the first entries.
  func first(_ count: Int) -> ArraySlice<UInt8> { bytes[..<(count == 0 ? 0 : ends[count - 1])] }
}
