import HAL

extension SimulatedDisk {
  struct Segment {
    var sequence: UInt64
    var bytes: [UInt8]

    /// Where a frame of this segment begins, whole or not; one of an earlier use of its bytes names another segment.
    var frames: [Int] {
      stride(from: 4_096, to: bytes.count, by: 4_096).filter { frame in
        bytes[frame..<frame + 4].elementsEqual("TSJF".utf8)
          && (0..<4).allSatisfy {
            bytes[frame + 12 + $0] == UInt8(truncatingIfNeeded: sequence >> ($0 * 8))
          }
      }
    }
  }

  /// A segment in one of its forms, and what stands whole in it.
  struct TakenApart {
    var object: StorageObject
    var bytes: [UInt8]
    var whole: WholeSegment
  }

  struct TileKey: Hashable {
    var level: UInt8
    var index: UInt64
  }
  /// The log of one epoch.
  struct Volume {
    var superblocks: [[UInt8]?] = [nil, nil]
    var segments: [Segment] = []
    /// Sealed forms, in the order of their numbers.
    var sealed: [Segment] = []
    var tiles: [TileKey: [UInt8]] = [:]
    var documents: [UInt8]?
    var summaries: [[UInt8]?] = [nil, nil]

    var isEmpty: Bool {
      segments.isEmpty && sealed.isEmpty && superblocks[0] == nil && superblocks[1] == nil
    }
    var byteCount: Int {
      segmentByteCount + tiles.count * 8_192
        + superblocks.reduce(0) { $0 + ($1?.count ?? 0) }
    }
    /// Bytes of the segments, plain and sealed.
    var segmentByteCount: Int {
      segments.reduce(0) { $0 + $1.bytes.count } + sealed.reduce(0) { $0 + $1.bytes.count }
    }
    /// The objects that are no segments.
    var others: [StorageObject] {
      var objects = tiles.keys.sorted { ($0.level, $0.index) < ($1.level, $1.index) }
        .map { StorageObject.tile(level: $0.level, index: $0.index) }
      for slot in 0..<2 {
        if superblocks[slot] != nil { objects.append(.superblock(slot: UInt8(slot))) }
        if summaries[slot] != nil { objects.append(.summary(slot: UInt8(slot))) }
      }
      if documents != nil { objects.append(.documents) }
      return objects
    }
    func position(of sequence: UInt64) -> Int? {
      segments.lastIndex { $0.sequence == sequence }
    }
  }
}
