import HAL
import Journal

// What stands on the medium, for whoever looks at it from outside.
extension SimulatedDisk {
  /// Bytes that are free now.
  var freeByteCount: UInt64 {
    if isFull, !isCalm { return 0 }
    return UInt64(max(0, capacity - usedByteCount))
  }

  /// What can be read now of the segments of an epoch: an area that refuses is zeros, of a sealed form with one the header is
  /// left. That may still be read, and says where the segment before it ends.
  func readableSegments(_ epoch: UInt32) -> [(sequence: UInt64, bytes: [UInt8])] {
    var segments = segments(epoch)
    for area in unreadable where area.epoch == epoch && area.until > now && !isCalm {
      switch area.object {
      case .segment(let sequence):
        guard let at = segments.firstIndex(where: { $0.sequence == sequence }) else { continue }
        // Who reads directly from the medium reads whole blocks.
        let blocks =
          area.bytes.lowerBound / 4_096 * 4_096..<(area.bytes.upperBound + 4_095) / 4_096 * 4_096
        for byte in blocks.clamped(to: 0..<segments[at].bytes.count) {
          segments[at].bytes[byte] = 0
        }
      case .sealed(let sequence):
        guard volumes[Int(epoch) - 1].position(of: sequence) == nil,
          let at = segments.firstIndex(where: { $0.sequence == sequence })
        else { continue }
        segments[at].bytes = Array(segments[at].bytes.prefix(4_096))
      case .superblock, .tile, .documents, .summary: break
      }
    }
    return segments
  }

  /// The copy of the documents beside the log of an epoch can be read.
  func holdsDocuments(_ epoch: UInt32) -> Bool {
    guard let bytes = volumes[Int(epoch) - 1].documents else { return false }
    return !refuses(epoch, .documents, 0..<bytes.count)
  }

  /// The segments of an epoch, each in the form that counts, as its plain bytes.
  func segments(_ epoch: UInt32) -> [(sequence: UInt64, bytes: [UInt8])] {
    let volume = volumes[Int(epoch) - 1]
    var segments = volume.segments.map { (sequence: $0.sequence, bytes: $0.bytes) }
    guard !volume.sealed.isEmpty else { return segments }
    var storage = SealingStorage(
      base: SealedObject(), codec: RunLengthCodec(memoryByteCount: SealingMemory.byteCount))
    for segment in volume.sealed where volume.position(of: segment.sequence) == nil {
      segment.bytes.withUnsafeBytes { bytes in
        guard let count = storage.open(sealed: bytes, sequence: segment.sequence) else { return }
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4_096)
        defer { plain.deallocate() }
        if storage.unseal(segment.sequence, into: plain) {
          segments.append((segment.sequence, [UInt8](plain)))
        }
      }
    }
    return segments.sorted { $0.sequence < $1.sequence }
  }

  /// The objects, in a fixed order, for writing them out.
  func forEachObject(_ body: (UInt32, StorageObject, [UInt8]) -> Void) {
    for (number, volume) in volumes.enumerated() {
      let epoch = UInt32(number + 1)
      for slot in 0..<2 {
        if let bytes = volume.superblocks[slot] {
          body(epoch, .superblock(slot: UInt8(slot)), bytes)
        }
      }
      for segment in volume.segments {
        body(epoch, .segment(sequence: segment.sequence), segment.bytes)
      }
      for segment in volume.sealed {
        body(epoch, .sealed(sequence: segment.sequence), segment.bytes)
      }
      let keys = volume.tiles.keys.sorted { ($0.level, $0.index) < ($1.level, $1.index) }
      for key in keys {
        body(epoch, .tile(level: key.level, index: key.index), volume.tiles[key] ?? [])
      }
      if let bytes = volume.documents { body(epoch, .documents, bytes) }
      for slot in 0..<2 {
        if let bytes = volume.summaries[slot] { body(epoch, .summary(slot: UInt8(slot)), bytes) }
      }
    }
  }

  /// Bytes of the segments of an epoch that hold entries from `index` on, of each the form that counts; and of all segments of
  /// earlier epochs.
  func byteCount(_ epoch: UInt32, from index: UInt64) -> (kept: Int, earlier: Int) {
    let volume = volumes[Int(epoch) - 1]
    var kept = 0
    var end = UInt64.max
    for (sequence, bytes) in segments(epoch).reversed() {
      guard !Segment(sequence: sequence, bytes: bytes).frames.isEmpty else { continue }
      if end > index {
        let isPlain = volume.position(of: sequence) != nil
        kept +=
          isPlain
          ? bytes.count : volume.sealed.first { $0.sequence == sequence }?.bytes.count ?? 0
      }
      end = min(end, LogOracle.firstIndex(ofSegment: sequence, bytes) ?? end)
    }
    return (kept, volumes[..<(Int(epoch) - 1)].reduce(0) { $0 + $1.usedByteCount })
  }

  func segmentRange(_ epoch: UInt32) -> ClosedRange<UInt64>? {
    let volume = volumes[Int(epoch) - 1]
    let ends = [
      volume.segments.first, volume.segments.last, volume.sealed.first, volume.sealed.last,
    ]
    let sequences = ends.compactMap { $0?.sequence }
    guard let first = sequences.min(), let last = sequences.max() else { return nil }
    return first...last
  }
}
