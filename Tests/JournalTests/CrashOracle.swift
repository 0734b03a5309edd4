import Journal

/// What a log should be found to be, by comparing what stands on the medium with what was written: no
/// checksum is computed and no chain is followed, so that it errs in other ways than recovery.
struct CrashOracle {
  private struct Frame {
    var segment: UInt64
    var offset: Int
    var bytes: [UInt8]
    var firstIndex: UInt64
    var count: UInt64

    /// Padding is never read: what stood there before may be there still.
    var usedByteCount: Int { 44 + Int(bytes.number(28, 4)) }
  }
  private var frames: [Frame] = []
  private var headers: [UInt64: [UInt8]] = [:]
  private var superblocks: Set<[UInt8]> = []
  private var summaries: Set<[UInt8]> = []
  /// Segments that were renamed to these numbers.
  private var recycled: Set<UInt64> = []

  /// What should be found.
  struct Finding {
    var decision: RecoveryCase
    /// The first entry that is there.
    var firstIndex: UInt64
    /// Entries of frames that are whole and follow each other from the first, and those before it.
    var size: UInt64
    /// Of the newest superblock that is whole.
    var signedSize: UInt64
    var acknowledgedSize: UInt64
    var minimumIndex: UInt64
    var bootCounter: UInt32
    /// Of the newest summary that is whole; it counts tiles.
    var summaryIndex: UInt64
    /// Segments before the one that the log begins in.
    var freeSegmentCount: UInt64
    var standingByteCount: UInt64
    /// The end is in a segment that was taken anew: what stands behind it may be of its earlier use.
    var isTailRecycled: Bool
  }

  /// Learns what the operations of a run wrote.
  mutating func learn(_ operations: [CrashMedium.Operation]) {
    for operation in operations {
      switch operation.change {
      case .nothing: break
      case .whole(let name, let bytes?): learnWhole(name, bytes)
      case .whole: break
      case .rename(_, let name): recycled.formUnion([name.segmentSequence].compactMap { $0 })
      case .write(let name, let offset, let bytes): learn(name, offset, bytes)
      }
    }
  }

  private mutating func learn(_ name: String, _ offset: Int, _ bytes: [UInt8]) {
    guard let segment = name.segmentSequence else { return learnWhole(name, bytes) }
    if offset == 0 {
      headers[segment] = bytes
    } else if bytes.starts(with: "TSJF".utf8) {
      frames.append(
        Frame(
          segment: segment, offset: offset, bytes: bytes, firstIndex: bytes.number(16, 8),
          count: bytes.number(24, 4)))
    }
  }

  private mutating func learnWhole(_ name: String, _ bytes: [UInt8]) {
    if name.hasPrefix("super.") { superblocks.insert(bytes) }
    if name.hasPrefix("summary."), bytes.starts(with: "TSSM".utf8) {
      // So many hashes, so many bytes of history, and a checksum; then padding.
      summaries.insert(Array(bytes[..<Int(68 + 32 * bytes.number(20, 4) + bytes.number(56, 4))]))
    }
  }

  /// What recovery of this medium should come to.
  func finding(_ image: Image) -> Finding {
    let slots = ["super.0", "super.1"].compactMap { image[$0] }
    let valid = slots.filter { superblocks.contains($0) }
    let newest = valid.max { $0.number(8, 8) < $1.number(8, 8) }
    let found: SuperblockFinding =
      switch (valid.count, slots.count) {
      case (2, _): .both
      case (1, _): .one
      case (_, 0): .missing
      default: .noneValid
      }
    let signedSize = newest?.number(56, 8) ?? 0
    let minimumIndex = newest?.number(104, 8) ?? 0
    let log = log(image, from: minimumIndex)
    let inputs = RecoveryInputs(
      superblocks: found, segments: log.segments,
      size: log.size >= signedSize ? .coversSigned : .lessThanSigned)
    let standing = image.filter { $0.key.segmentSequence != nil }
    return Finding(
      decision: RecoveryTable.decide(inputs), firstIndex: log.firstIndex, size: log.size,
      signedSize: signedSize, acknowledgedSize: newest?.number(96, 8) ?? 0,
      minimumIndex: minimumIndex, bootCounter: UInt32(newest?.number(20, 4) ?? 0),
      summaryIndex: summaryIndex(image),
      freeSegmentCount: UInt64(
        standing.keys.count { $0.segmentSequence ?? 0 < log.firstSegment ?? 0 }),
      standingByteCount: UInt64(standing.values.reduce(0) { $0 + $1.count }),
      isTailRecycled: log.lastSegment.map(recycled.contains) ?? false)
  }

  private func summaryIndex(_ image: Image) -> UInt64 {
    let slots = ["summary.0", "summary.1"].compactMap { image[$0] }
    let whole = summaries.filter { summary in slots.contains { $0.starts(with: summary) } }
    return (whole.map { $0.number(8, 8) }.max() ?? 0) / 256
  }

  /// The log as it should be followed.
  private struct Log {
    var segments = SegmentFinding.damaged
    var firstSegment: UInt64?
    var lastSegment: UInt64?
    var firstIndex: UInt64 = 0
    var size: UInt64 = 0
  }

  private func log(_ image: Image, from minimumIndex: UInt64) -> Log {
    var log = Log()
    var segments = image.keys.compactMap(\.segmentSequence).sorted().filter {
      hasHeader($0, image)
    }
    if minimumIndex > 0 {
      // It begins where the first entry is that is kept.
      guard let start = segments.lastIndex(where: { firstIndex($0) <= minimumIndex }) else {
        return log
      }
      segments.removeFirst(start)
      log.firstSegment = segments[0]
      log.firstIndex = firstIndex(segments[0])
    }
    (log.segments, log.size, log.lastSegment) = follow(segments, from: log.firstIndex, image)
    return log
  }

  private func follow(
    _ segments: [UInt64], from firstIndex: UInt64, _ image: Image
  ) -> (SegmentFinding, size: UInt64, last: UInt64?) {
    var size = firstIndex
    var end: (segment: UInt64, offset: Int)?
    for (place, segment) in segments.enumerated() {
      // One that begins elsewhere is behind a gap.
      guard self.firstIndex(segment) == size else { return (.damaged, size, end?.segment) }
      end = (segment, 4096)
      // What stands behind the place where the next one begins was given up after a write error.
      let bound = segments.dropFirst(place + 1).first.map(self.firstIndex) ?? UInt64.max
      while size < bound,
        let next = frames.first(where: {
          $0.segment == segment && $0.firstIndex == size && $0.offset == end?.offset
            && isThere($0, $0.usedByteCount, image)
        })
      {
        size += next.count
        end?.offset += next.bytes.count
      }
    }
    // A frame that can be told as one behind the end, or in a segment that cannot.
    let isBroken = frames.contains {
      isThere($0, 44, image)
        && ($0.firstIndex > size || ($0.firstIndex == size && !hasHeader($0.segment, image)))
    }
    if isBroken { return (.damaged, size, end?.segment) }
    guard let end else { return (.absent, size, nil) }
    let rest = image["segment.\(end.segment)"]?[end.offset...] ?? []
    // The beginning of a frame that the segment held under another number is no part of a torn one.
    let isStale = frames.contains {
      $0.segment != end.segment && $0.offset == end.offset && rest.starts(with: $0.bytes[..<44])
    }
    let isClean = isStale || rest.allSatisfy { $0 == 0 }
    return (isClean ? .clean : .torn, size, end.segment)
  }

  private func firstIndex(_ segment: UInt64) -> UInt64 { headers[segment]?.number(16, 8) ?? 0 }

  private func hasHeader(_ segment: UInt64, _ image: Image) -> Bool {
    guard let header = headers[segment] else { return false }
    return image["segment.\(segment)"]?.starts(with: header) == true
  }

  /// The first bytes of a frame stand where they were written.
  private func isThere(_ frame: Frame, _ byteCount: Int, _ image: Image) -> Bool {
    guard let bytes = image["segment.\(frame.segment)"] else { return false }
    return bytes[frame.offset..<frame.offset + byteCount] == frame.bytes[..<byteCount]
  }
}

extension [UInt8] {
  /// The little-endian number at a place.
  fileprivate func number(_ offset: Int, _ count: Int) -> UInt64 {
    (0..<count).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64(8 * $1) }
  }
}
