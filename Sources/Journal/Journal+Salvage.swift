import HAL
import Metering
import TransparencyLog

/// A whole frame, wherever it stands.
public struct FoundFrame: Sendable, BitwiseCopyable {
  /// Index of its first entry.
  public var firstIndex: UInt64
  /// Index after its last entry that is part of the log.
  public var endIndex: UInt64
  /// The segment that it stands in.
  public var sequence: UInt64
  /// Where in it, and the segment's size.
  var offset: Int
  var byteCount: Int
}

// What can still be read of a log that cannot be recovered. A frame counts if it is whole and belongs to this
// epoch and segment; what stands before and after it need not. Frames may stand in another order than their
// indices: a write that went astray, or was given up and repeated. So its owner gathers them, sorts them, and
// reads them then. A segment ends where a later one begins: what stands behind was never committed, as in `recover`.
// Nothing is changed, and the journal is good for nothing else.
extension Journal where Storage: ~Copyable {
  /// Where the entries of a segment end: the index at which the next one begins that says so; `nil` if none up to `last` does.
  ///
  /// - Throws: `unreadable`.
  public mutating func firstIndex(
    behindSegment sequence: UInt64, through last: UInt64
  ) throws(JournalError) -> UInt64? {
    try nextSegment(from: sequence &+ 1, through: last)?.header.firstIndex
  }

  /// Calls `body` with each whole frame, those of the last segment first.
  ///
  /// - Throws: `unreadable` when the segments cannot even be listed.
  public mutating func forEachWholeFrame(
    _ body: (FoundFrame) -> Void
  ) throws(JournalError) {
    guard let range = try segmentRange() else { return }
    var bound = UInt64.max
    var sequence = range.upperBound &+ 1
    while sequence > range.lowerBound {
      sequence &-= 1
      let byteCount: Int?
      do throws(JournalError) { byteCount = try segmentByteCount(sequence) } catch {
        // A segment whose size cannot be asked has that of a new one.
        byteCount = configuration.segmentByteCount
      }
      guard let byteCount else { continue }
      let first = forEachWholeFrame(sequence, byteCount: byteCount, below: bound, body)
      if first < bound { bound = first }
      if let header = (try? segment(sequence))?.header, header.firstIndex < bound {
        bound = header.firstIndex
      }
    }
  }

  /// The same of one segment, as far as it goes below `bound`. Returns the lowest index that a frame of it begins with.
  private mutating func forEachWholeFrame(
    _ sequence: UInt64, byteCount: Int, below bound: UInt64, _ body: (FoundFrame) -> Void
  ) -> UInt64 {
    var first = UInt64.max
    var offset = blockByteCount
    while byteCount &- offset >= blockByteCount {
      guard let header = wholeFrame(sequence, at: offset, limit: byteCount)?.header,
        let endIndex = header.endIndex
      else {
        offset &+= blockByteCount
        continue
      }
      if header.firstIndex < first { first = header.firstIndex }
      if header.firstIndex < bound {
        body(
          FoundFrame(
            firstIndex: header.firstIndex, endIndex: endIndex < bound ? endIndex : bound,
            sequence: sequence, offset: offset, byteCount: byteCount))
      }
      offset &+= header.strideByteCount ?? blockByteCount
    }
    return first
  }

  /// Calls `visitor` with the index and the bytes of each entry of a frame; `false` if it is not whole any
  /// more.
  public mutating func visit(
    _ frame: FoundFrame, _ visitor: (UInt64, Span<UInt8>) -> Void
  ) -> Bool {
    guard let found = wholeFrame(frame.sequence, at: frame.offset, limit: frame.byteCount) else {
      return false
    }
    let payload = payload(of: found.bytes, found.header)
    let first = found.header.firstIndex
    return forEachEntry(of: payload.span, count: found.header.count) { number, entry in
      visitor(first &+ wide(number), payload.span.extracting(entry))
    }
  }

  /// The frame that begins at a place, if it is whole.
  mutating func wholeFrame(
    _ sequence: UInt64, at offset: Int, limit: Int
  ) -> (header: FrameHeader, bytes: UnsafeBufferPointer<UInt8>)? {
    guard
      let block = try? load(sequence, at: offset, byteCount: blockByteCount, limit: limit),
      let header = FrameHeader(block.span), header.epoch == configuration.epoch,
      wide(header.sequence) == sequence, header.endIndex != nil, header.count > 0,
      let frameByteCount = header.frameByteCount, frameByteCount <= limit &- offset,
      frameByteCount <= scratch.count,
      let bytes = try? load(sequence, at: offset, byteCount: frameByteCount, limit: limit)
    else { return nil }
    let payload = payload(of: bytes, header)
    guard CRC32C.checksum(payload.span) == header.payloadChecksum,
      forEachEntry(of: payload.span, count: header.count, { _, _ in })
    else { return nil }
    return (header, bytes)
  }
}
