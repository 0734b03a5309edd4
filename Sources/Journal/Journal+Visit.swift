import HAL
import Metering
import TransparencyLog

/// A place to go on reading from.
struct Cursor {
  var place: FramePlace
  /// First index of the next segment; `nil` while there was none.
  var bound: UInt64?
}

extension Journal where Storage: ~Copyable {
  /// Calls `body` with each committed entry of `range` in order, checking the frames anew.
  ///
  /// Ranges that follow each other cost one read for each buffer; a jump costs a search by halving
  /// over the segments' headers and a walk through the headers of one segment.
  /// - Throws: `notStored` if the range is not committed or no longer there, `unreadable`,
  ///   `damagedFrame`, `damagedSegment`.
  public mutating func visit(
    _ range: Range<UInt64>, _ body: (UInt64, Span<UInt8>) -> Void
  ) throws(JournalError) {
    precondition(isRecovered, "recover first")
    guard range.upperBound <= committedSize else { throw .notStored(index: committedSize) }
    guard !range.isEmpty else { return }
    var cursor = try start(for: range.lowerBound)
    // A read error leaves no cursor behind: the next visit searches anew.
    self.cursor = nil
    while cursor.place.index < range.upperBound {
      try enterSegment(&cursor)
      guard let header = try frameHeader(at: cursor.place), let end = header.endIndex else {
        throw damage(at: cursor.place)
      }
      if end > range.lowerBound {
        guard let bytes = try frameBytes(at: cursor.place, header) else {
          throw damage(at: cursor.place)
        }
        let payload = payload(of: bytes, header)
        let first = header.firstIndex
        forEachEntry(of: payload.span, count: header.count) { number, entry in
          let index = first &+ wide(number)
          if range.contains(index) { body(index, payload.span.extracting(entry)) }
        }
        // The next range may begin inside this frame.
        if end > range.upperBound { break }
      }
      let block = try load(
        cursor.place.sequence, at: cursor.place.offset, byteCount: blockByteCount,
        limit: cursor.place.byteCount)
      cursor.place.advance(over: header, checksum: FrameHeader.checksum(of: block.span))
    }
    self.cursor = cursor
  }

  private func damage(at place: FramePlace) -> JournalError {
    .damagedFrame(segment: place.sequence, offset: place.offset, index: place.index)
  }

  /// The last place at or before `index`: where the last visit stopped, or the segment that holds it.
  private mutating func start(for index: UInt64) throws(JournalError) -> Cursor {
    if let cursor, cursor.place.index <= index, index < cursor.bound ?? UInt64.max {
      return cursor
    }
    return try search(for: index)
  }

  /// Moves on to the next segment while the cursor stands at the end of its own.
  private mutating func enterSegment(_ cursor: inout Cursor) throws(JournalError) {
    if cursor.bound == nil, cursor.place.sequence &+ 1 < nextSequence {
      cursor.bound = try followingSegment(cursor.place.sequence)?.header.firstIndex
    }
    while let bound = cursor.bound, cursor.place.index >= bound {
      guard let next = try followingSegment(cursor.place.sequence),
        next.header.firstIndex == cursor.place.index,
        next.header.previousChecksum == cursor.place.previousChecksum
      else { throw .damagedSegment(cursor.place.sequence &+ 1, index: cursor.place.index) }
      cursor.place = FramePlace(next)
      cursor.bound = try followingSegment(next.sequence)?.header.firstIndex
    }
  }

  private mutating func followingSegment(
    _ sequence: UInt64
  ) throws(JournalError) -> FoundSegment? {
    guard nextSequence > 0 else { return nil }
    return try nextSegment(from: sequence &+ 1, through: nextSequence &- 1)
  }

  /// The last segment whose first index is at most `index`, by halving.
  mutating func search(for index: UInt64) throws(JournalError) -> Cursor {
    guard let range = try segmentRange() else { throw .notStored(index: index) }
    // What stands before is free, and may be under way to another number.
    var low = range.lowerBound > firstKept ? range.lowerBound : firstKept
    var end = range.upperBound &+ 1
    var best: FoundSegment?
    while low < end {
      let middle = low &+ (end &- low) / 2
      // Segments given up before they had a header say nothing: the next one decides for them.
      guard let found = try nextSegment(from: middle, through: end &- 1) else {
        end = middle
        continue
      }
      if found.header.firstIndex <= index {
        best = found
        low = found.sequence &+ 1
      } else {
        end = middle
      }
    }
    guard let best else { throw .notStored(index: index) }
    return Cursor(
      place: FramePlace(best),
      bound: try followingSegment(best.sequence)?.header.firstIndex)
  }
}
