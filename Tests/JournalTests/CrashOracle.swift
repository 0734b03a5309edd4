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
  }
  private var frames: [Frame] = []
  private var headers: [UInt64: [UInt8]] = [:]
  private var superblocks: Set<[UInt8]> = []

  /// What should be found.
  struct Finding {
    var decision: RecoveryCase
    /// Entries of frames that are whole and follow each other from the first.
    var size: UInt64
    /// Of the newest superblock that is whole.
    var signedSize: UInt64
    var acknowledgedSize: UInt64
    var bootCounter: UInt32
  }

  /// Learns what the operations of a run wrote.
  mutating func learn(_ operations: [CrashMedium.Operation]) {
    for operation in operations {
      switch operation.change {
      case .nothing: break
      case .whole(let name, let bytes?) where name.hasPrefix("super."): superblocks.insert(bytes)
      case .whole: break
      case .write(let name, let offset, let bytes): learn(name, offset, bytes)
      }
    }
  }

  private mutating func learn(_ name: String, _ offset: Int, _ bytes: [UInt8]) {
    guard let segment = name.segmentSequence else {
      superblocks.insert(bytes)
      return
    }
    if offset == 0 {
      headers[segment] = bytes
    } else if bytes.starts(with: "TSJF".utf8) {
      frames.append(
        Frame(
          segment: segment, offset: offset, bytes: bytes, firstIndex: bytes.number(16, 8),
          count: bytes.number(24, 4)))
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
    let (segments, size) = segments(image)
    let inputs = RecoveryInputs(
      superblocks: found, segments: segments,
      size: size >= signedSize ? .coversSigned : .lessThanSigned)
    return Finding(
      decision: RecoveryTable.decide(inputs), size: size, signedSize: signedSize,
      acknowledgedSize: newest?.number(96, 8) ?? 0,
      bootCounter: UInt32(newest?.number(20, 4) ?? 0))
  }

  private func segments(_ image: Image) -> (SegmentFinding, size: UInt64) {
    var size: UInt64 = 0
    var end: (segment: UInt64, offset: Int)?
    let segments = image.keys.compactMap(\.segmentSequence).sorted().filter {
      hasHeader($0, image)
    }
    for (place, segment) in segments.enumerated() {
      // One that begins elsewhere is behind a gap.
      guard firstIndex(segment) == size else { return (.damaged, size) }
      end = (segment, 4096)
      // What stands behind the place where the next one begins was given up after a write error.
      let bound = segments.dropFirst(place + 1).first.map(firstIndex) ?? UInt64.max
      while size < bound,
        let next = frames.first(where: {
          $0.segment == segment && $0.firstIndex == size && $0.offset == end?.offset
            && isThere($0, $0.bytes.count, image)
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
    if isBroken { return (.damaged, size) }
    guard let end else { return (.absent, size) }
    let rest = image["segment.\(end.segment)"]?[end.offset...] ?? []
    return (rest.allSatisfy { $0 == 0 } ? .clean : .torn, size)
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
