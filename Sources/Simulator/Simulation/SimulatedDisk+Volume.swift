import HAL

extension SimulatedDisk {
  struct Segment {
    var sequence: UInt64
    var bytes: [UInt8]
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
    func position(of sequence: UInt64) -> Int? {
      segments.lastIndex { $0.sequence == sequence }
    }
  }
}
