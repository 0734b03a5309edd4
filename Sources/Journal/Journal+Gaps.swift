import HAL
import Metering
import TransparencyLog

/// A place in the log where bytes are damaged, between frames that are whole: what stood there is known by its
/// indices and by the checksums on both sides, and only the entries themselves are missing.
public struct JournalGap: Equatable, Sendable, BitwiseCopyable {
  /// The segment.
  public internal(set) var sequence: UInt64
  /// Where in it the first damaged frame stood; 0 when it is the segment's header, and then no entry is missing.
  public internal(set) var offset: Int
  /// Bytes up to the next whole frame, or to the end of the segment; a multiple of 4,096.
  public internal(set) var byteCount: Int
  /// Index of the first entry that is missing.
  public internal(set) var firstIndex: UInt64
  /// Index after the last one.
  public internal(set) var endIndex: UInt64
  /// Checksum of the frame before.
  var previousChecksum: UInt32
  /// Checksum that the frame or segment behind names as the one before it.
  var nextChecksum: UInt32
  /// The next frame stands right behind these bytes: a mended frame must reach there.
  var isFollowed: Bool

  /// The segment's header is what is damaged.
  public var isHeader: Bool { offset == 0 }
}

/// A segment of the log, with the header that it has or must have had.
private struct Entrance {
  var segment: FoundSegment
  var hasHeader: Bool
  /// What the header says is known: by itself, or by the first frame behind it.
  var isCertain: Bool
}

// How a log with damaged places is read. `recover` takes frames only as they follow each other from the front, and
// stops at the first that does not; here the log is followed beyond it, for as long as what was lost in between can
// be named. Nothing is changed.
extension Journal where Storage: ~Copyable {
  /// The first gap, and the size of the log when all are mended; `nil` unless gaps are all that is wrong: the mirror
  /// has acknowledged what is missing, and nothing that was signed is missing behind them.
  mutating func findGap() throws(JournalError) -> (first: JournalGap, size: UInt64)? {
    var first: JournalGap?
    var end: UInt64 = 0
    let size = try walk { gap in
      if first == nil { first = gap }
      if !gap.isHeader { end = gap.endIndex }
    } visitor: { _, _ in
    }
    guard let first, let size, size >= superblock.signedSize, end <= superblock.acknowledgedSize
    else { return nil }
    return (first, size)
  }

  /// Goes through a log of which `recover` said that it has a gap: calls `gap` with each one and `visitor` with the
  /// entries that are there, in the order of the log.
  ///
  /// Returns how many entries the log has with those that are missing; `nil` if the parts do not fit together.
  /// - Throws: `unreadable`.
  public mutating func walk(
    _ gap: (JournalGap) -> Void, visitor: (UInt64, Span<UInt8>) -> Void
  ) throws(JournalError) -> UInt64? {
    precondition(!isRecovered, "a log that was recovered has no gap")
    guard let range = try segmentRange(),
      var current = try entrance(from: firstKept, through: range.upperBound),
      current.isCertain || superblock.minimumIndex == 0
    else { return nil }
    var index: UInt64 = 0
    var previous: UInt32 = 0
    if superblock.minimumIndex > 0 {
      index = current.segment.header.firstIndex
      previous = current.segment.header.previousChecksum
      guard index <= superblock.minimumIndex else { return nil }
    }
    while true {
      if !current.isCertain {
        current.segment.header.firstIndex = index
        current.segment.header.previousChecksum = previous
      }
      guard current.segment.header.firstIndex == index,
        current.segment.header.previousChecksum == previous
      else { return nil }
      if !current.hasHeader { gap(JournalGap(headerOf: current.segment)) }
      let next = try entrance(from: current.segment.sequence &+ 1, through: range.upperBound)
      var place = FramePlace(current.segment)
      try cross(&place, to: next, gap, visitor)
      index = place.index
      previous = place.previousChecksum
      guard let next else { return index }
      current = next
    }
  }

  /// The first segment from `sequence` to `last` that is part of the log, whether its header is whole or not.
  private mutating func entrance(
    from sequence: UInt64, through last: UInt64
  ) throws(JournalError) -> Entrance? {
    var candidate = sequence
    while candidate <= last {
      if let found = try segment(candidate) {
        return Entrance(segment: found, hasHeader: true, isCertain: true)
      }
      if let byteCount = try segmentByteCount(candidate), byteCount >= 2 &* blockByteCount,
        try holdsFrames(candidate)
      {
        let first = wholeFrame(candidate, at: blockByteCount, limit: byteCount)?.header
        let header = SegmentHeader(
          epoch: configuration.epoch, sequence: low32(candidate),
          firstIndex: first?.firstIndex ?? 0, previousChecksum: first?.previousChecksum ?? 0)
        return Entrance(
          segment: FoundSegment(sequence: candidate, byteCount: byteCount, header: header),
          hasHeader: false, isCertain: first != nil)
      }
      candidate &+= 1
    }
    return nil
  }

  /// Goes through the frames of a segment and over its gaps, up to where the next one begins.
  private mutating func cross(
    _ place: inout FramePlace, to next: Entrance?, _ gap: (JournalGap) -> Void,
    _ visitor: (UInt64, Span<UInt8>) -> Void
  ) throws(JournalError) {
    let bound = next?.isCertain == true ? next?.segment.header : nil
    while place.index < bound?.firstIndex ?? UInt64.max {
      if let frame = wholeFrame(place.sequence, at: place.offset, limit: place.byteCount),
        isNext(frame.header, at: place)
      {
        let payload = payload(of: frame.bytes, frame.header)
        let first = frame.header.firstIndex
        forEachEntry(of: payload.span, count: frame.header.count) { number, entry in
          visitor(first &+ wide(number), payload.span.extracting(entry))
        }
        place.advance(
          over: frame.header, checksum: FrameHeader.checksum(of: frame.bytes.span))
        continue
      }
      guard let found = try findGap(at: place, bound, isLast: next == nil) else { return }
      gap(found)
      place.offset &+= found.byteCount
      place.index = found.endIndex
      place.previousChecksum = found.nextChecksum
    }
  }

  private func isNext(_ header: FrameHeader, at place: FramePlace) -> Bool {
    guard let stride = header.strideByteCount, stride <= place.byteCount &- place.offset else {
      return false
    }
    return header.continues(
      epoch: configuration.epoch, sequence: low32(place.sequence), index: place.index,
      previous: place.previousChecksum)
  }

  /// The gap that begins at a place where no whole frame continues the log; `nil` if the log ends there.
  private mutating func findGap(
    at place: FramePlace, _ bound: SegmentHeader?, isLast: Bool
  ) throws(JournalError) -> JournalGap? {
    guard place.byteCount &- place.offset >= blockByteCount else { return nil }
    if let gap = try gapOfOneFrame(at: place, bound, isLast: isLast) { return gap }
    var offset = place.offset &+ blockByteCount
    while place.byteCount &- offset >= blockByteCount {
      if let frame = wholeFrame(place.sequence, at: offset, limit: place.byteCount)?.header,
        frame.firstIndex > place.index,
        frame.endIndex ?? .max <= bound?.firstIndex ?? .max,
        try !isContradicted(frame, at: offset, in: place)
      {
        return JournalGap(
          at: place, byteCount: offset &- place.offset, endIndex: frame.firstIndex,
          nextChecksum: frame.previousChecksum, isFollowed: true)
      }
      offset &+= blockByteCount
    }
    guard let bound else { return nil }
    return JournalGap(
      at: place, byteCount: place.byteCount &- place.offset, endIndex: bound.firstIndex,
      nextChecksum: bound.previousChecksum, isFollowed: false)
  }

  /// The gap of a frame whose header is whole and whose payload is not: the header says what is missing. At the end
  /// of the log that is a torn frame and no gap.
  private mutating func gapOfOneFrame(
    at place: FramePlace, _ bound: SegmentHeader?, isLast: Bool
  ) throws(JournalError) -> JournalGap? {
    guard let header = try frameHeader(at: place), let stride = header.strideByteCount,
      let end = header.endIndex, end <= bound?.firstIndex ?? .max
    else { return nil }
    let block = try load(
      place.sequence, at: place.offset, byteCount: blockByteCount, limit: place.byteCount)
    let checksum = FrameHeader.checksum(of: block.span)
    if isLast {
      guard
        try hasFrame(
          place.sequence, byteCount: place.byteCount, from: place.offset &+ stride,
          beyond: place.index)
      else { return nil }
    }
    return JournalGap(
      at: place, byteCount: stride, endIndex: end, nextChecksum: checksum, isFollowed: true)
  }

  /// A frame stands behind this one that must stand before it: a write that went astray put this one here.
  private mutating func isContradicted(
    _ frame: FrameHeader, at offset: Int, in place: FramePlace
  ) throws(JournalError) -> Bool {
    guard let stride = frame.strideByteCount, let end = frame.endIndex else { return true }
    var offset = offset &+ stride
    while place.byteCount &- offset >= blockByteCount {
      let block = try load(
        place.sequence, at: offset, byteCount: blockByteCount, limit: place.byteCount)
      if let other = FrameHeader(block.span), other.epoch == configuration.epoch,
        wide(other.sequence) == place.sequence, other.firstIndex < end
      {
        return true
      }
      offset &+= blockByteCount
    }
    return false
  }
}

extension JournalGap {
  /// What is missing from a place on.
  fileprivate init(
    at place: FramePlace, byteCount: Int, endIndex: UInt64, nextChecksum: UInt32, isFollowed: Bool
  ) {
    sequence = place.sequence
    offset = place.offset
    self.byteCount = byteCount
    firstIndex = place.index
    self.endIndex = endIndex
    previousChecksum = place.previousChecksum
    self.nextChecksum = nextChecksum
    self.isFollowed = isFollowed
  }

  /// The header of a segment.
  fileprivate init(headerOf segment: FoundSegment) {
    sequence = segment.sequence
    offset = 0
    byteCount = blockByteCount
    firstIndex = segment.header.firstIndex
    endIndex = segment.header.firstIndex
    previousChecksum = segment.header.previousChecksum
    nextChecksum = segment.header.previousChecksum
    isFollowed = true
  }
}
