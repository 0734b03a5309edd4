import HAL
import Journal

// What stands on the medium, for whoever looks at it from outside.
extension SimulatedDisk {
  /// Bytes that are free now.
  var freeByteCount: UInt64 {
    if refuses(.mediumFull) { return 0 }
    return UInt64(max(0, capacity - usedByteCount))
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
    for segment in volume.sealed where volume.position(of: segment.sequence) == nil {
      if let plain = unsealed(segment) { segments.append((segment.sequence, plain)) }
    }
    return segments.sorted { $0.sequence < $1.sequence }
  }

  /// The plain bytes of a sealed form; `nil` if it is not whole.
  private func unsealed(_ segment: Segment) -> [UInt8]? {
    var storage = SealingStorage(
      base: SealedObject(), codec: RunLengthCodec(memoryByteCount: SealingMemory.byteCount))
    return segment.bytes.withUnsafeBytes { bytes in
      guard let count = storage.open(sealed: bytes, sequence: segment.sequence) else { return nil }
      let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4_096)
      defer { plain.deallocate() }
      return storage.unseal(segment.sequence, into: plain) ? [UInt8](plain) : nil
    }
  }

  /// What stands whole in the segments of an epoch, each in the form that counts.
  ///
  /// `isRead`: only what can be read now. An area that refuses is zeros then; of a sealed form with one the header is left,
  /// that may still be read, and says where the segment before it ends.
  func wholeSegments(_ epoch: UInt32, isRead: Bool) -> [WholeSegment] {
    let volume = volumes[Int(epoch) - 1]
    let sealed = volume.sealed.filter { volume.position(of: $0.sequence) == nil }
    let forms =
      volume.segments.map { (StorageObject.segment(sequence: $0.sequence), $0) }
      + sealed.map { (StorageObject.sealed(sequence: $0.sequence), $0) }
    // What is not there any more is forgotten.
    let known = takenApart.removeValue(forKey: epoch) ?? []
    var taken: [TakenApart] = []
    defer { takenApart[epoch] = taken }
    return forms.sorted { $0.1.sequence < $1.1.sequence }.compactMap { object, segment in
      let areas = isRead ? unreadableAreas(epoch, object) : []
      if areas.isEmpty,
        let known = known.first(where: { $0.object == object && $0.bytes == segment.bytes })
      {
        taken.append(known)
        return known.whole
      }
      guard let plain = plain(object, segment, without: areas) else { return nil }
      let whole = WholeSegment(sequence: segment.sequence, plain, epoch: epoch)
      if areas.isEmpty {
        taken.append(TakenApart(object: object, bytes: segment.bytes, whole: whole))
      }
      return whole
    }
  }

  /// The plain bytes of a segment without areas that refuse.
  private func plain(
    _ object: StorageObject, _ segment: Segment, without areas: [UnreadableArea]
  ) -> [UInt8]? {
    if case .sealed = object {
      return areas.isEmpty
        ? unsealed(segment) : unsealed(segment).map { Array($0.prefix(4_096)) }
    }
    var bytes = segment.bytes
    for area in areas {
      // Who reads directly from the medium reads whole blocks.
      let blocks =
        area.bytes.lowerBound / 4_096 * 4_096..<(area.bytes.upperBound + 4_095) / 4_096 * 4_096
      for byte in blocks.clamped(to: 0..<bytes.count) { bytes[byte] = 0 }
    }
    return bytes
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
      guard !WholeSegment(sequence: sequence, bytes, epoch: epoch).entries.isEmpty else { continue }
      if end > index {
        let isPlain = volume.position(of: sequence) != nil
        kept +=
          isPlain
          ? bytes.count : volume.sealed.first { $0.sequence == sequence }?.bytes.count ?? 0
      }
      end = min(end, WholeSegment.firstIndex(sequence, bytes) ?? end)
    }
    return (kept, volumes[..<(Int(epoch) - 1)].reduce(0) { $0 + $1.segmentByteCount })
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
