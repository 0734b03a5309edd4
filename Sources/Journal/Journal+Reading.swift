import HAL
import Metering
import TransparencyLog

/// The part of a segment that the scratch buffer holds; empty when `byteCount` is 0.
struct Window {
  var sequence: UInt64 = 0
  var offset = 0
  var byteCount = 0
}

/// A segment with a valid header.
struct FoundSegment {
  var sequence: UInt64
  var byteCount: Int
  var header: SegmentHeader
}

extension BlockStorage where Self: ~Copyable {
  /// Looks at the medium, which changes nothing: what it refuses once it may give the next time. It is asked three times,
  /// and more often as long as there is `spare`.
  public mutating func ask<Answer>(
    spare: inout Int, _ look: (inout Self) throws(StorageError) -> Answer
  ) throws(StorageError) -> Answer {
    var attempt = 1
    while true {
      do throws(StorageError) { return try look(&self) } catch {
        guard error == .io else { throw error }
        if attempt < 3 {
          attempt &+= 1
        } else {
          guard spare > 0 else { throw error }
          spare &-= 1
        }
      }
    }
  }
}

extension Journal where Storage: ~Copyable {
  /// Sequence numbers of the segments that stand, from the lowest to the highest; `nil` if none does.
  mutating func segmentRange() throws(JournalError) -> ClosedRange<UInt64>? {
    do throws(StorageError) {
      return try ask { medium throws(StorageError) in try medium.segmentRange() }
    } catch { throw .unreadable(.segment(sequence: 0), offset: 0, error) }
  }

  /// Size of a segment in whole blocks; `nil` if there is none. That of a sealed one stands in its table.
  mutating func segmentByteCount(_ sequence: UInt64) throws(JournalError) -> Int? {
    let object = StorageObject.segment(sequence: sequence)
    do throws(StorageError) {
      let size = try ask { medium throws(StorageError) in try medium.size(of: object) }
      guard let size else { return nil }
      return size & ~4095
    } catch { throw .unreadable(object, offset: 0, error) }
  }

  /// Looks at the medium, more often than three times out of what all looks share.
  public mutating func ask<Answer>(
    _ look: (inout Storage) throws(StorageError) -> Answer
  ) throws(StorageError) -> Answer {
    try storage.ask(spare: &spareReadCount, look)
  }

  /// Brings bytes of a segment into the scratch buffer, and as many behind them as fit.
  ///
  /// `byteCount` is at most `scratch.count`, and `offset + byteCount` at most `limit`, the size of the
  /// segment. `offset` is a multiple of 4,096.
  mutating func load(
    _ sequence: UInt64, at offset: Int, byteCount: Int, limit: Int
  ) throws(JournalError) -> UnsafeBufferPointer<UInt8> {
    if window.byteCount == 0 || window.sequence != sequence || offset < window.offset
      || offset &+ byteCount > window.offset &+ window.byteCount
    {
      let room = limit &- offset
      var wanted = room < scratch.count ? room : scratch.count
      let object = StorageObject.segment(sequence: sequence)
      window = Window()
      do throws(StorageError) {
        // A sector behind these bytes that cannot be read must not take them with it.
        if wanted > byteCount, !readAhead(object, at: offset, byteCount: wanted) {
          wanted = byteCount
        }
        if wanted == byteCount { try read(object, at: offset, into: scratch.slice(0..<wanted)) }
      } catch {
        throw .unreadable(object, offset: offset, error)
      }
      window = Window(sequence: sequence, offset: offset, byteCount: wanted)
    }
    let start = offset &- window.offset
    return UnsafeBufferPointer(scratch.slice(start..<(start &+ byteCount)))
  }

  /// Reads more than is needed now, if the medium shows it at once.
  private mutating func readAhead(
    _ object: StorageObject, at offset: Int, byteCount: Int
  ) -> Bool {
    do throws(StorageError) {
      try storage.read(
        object, at: offset,
        into: UnsafeMutableRawBufferPointer(scratch.slice(0..<byteCount)))
      return true
    } catch {
      return false
    }
  }

  /// Reads from the medium.
  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableBufferPointer<UInt8>
  ) throws(StorageError) {
    try ask { medium throws(StorageError) in
      try medium.read(object, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  /// The first segment from `sequence` to `last` that has a valid header.
  mutating func nextSegment(
    from sequence: UInt64, through last: UInt64
  ) throws(JournalError) -> FoundSegment? {
    var candidate = sequence
    while candidate <= last {
      if let found = try segment(candidate) { return found }
      candidate &+= 1
    }
    return nil
  }

  /// The segment, if it exists and its header is valid.
  mutating func segment(_ sequence: UInt64) throws(JournalError) -> FoundSegment? {
    guard let byteCount = try segmentByteCount(sequence), byteCount >= 2 &* blockByteCount else {
      return nil
    }
    // Page 0 alone: behind it a sealed segment would have to be put together again.
    let page = try load(sequence, at: 0, byteCount: blockByteCount, limit: blockByteCount)
    guard let header = SegmentHeader(page.span), header.epoch == configuration.epoch,
      wide(header.sequence) == sequence
    else { return nil }
    return FoundSegment(sequence: sequence, byteCount: byteCount, header: header)
  }

  /// Reads the header at a frame's place; `nil` unless it is valid and continues the log there.
  mutating func frameHeader(
    at place: FramePlace
  ) throws(JournalError) -> FrameHeader? {
    guard place.byteCount &- place.offset >= blockByteCount else { return nil }
    let block = try load(
      place.sequence, at: place.offset, byteCount: blockByteCount, limit: place.byteCount)
    guard let header = FrameHeader(block.span),
      header.continues(
        epoch: configuration.epoch, sequence: low32(place.sequence), index: place.index,
        previous: place.previousChecksum),
      let strideByteCount = header.strideByteCount,
      strideByteCount <= place.byteCount &- place.offset, header.endIndex != nil
    else { return nil }
    return header
  }

  /// The frame's bytes, if its payload is whole too.
  mutating func frameBytes(
    at place: FramePlace, _ header: FrameHeader
  ) throws(JournalError) -> UnsafeBufferPointer<UInt8>? {
    guard let frameByteCount = header.frameByteCount else { return nil }
    guard frameByteCount <= scratch.count else {
      throw .frameTooLong(segment: place.sequence, offset: place.offset, byteCount: frameByteCount)
    }
    let bytes = try load(
      place.sequence, at: place.offset, byteCount: frameByteCount, limit: place.byteCount)
    let payload = payload(of: bytes, header)
    guard CRC32C.checksum(payload.span) == header.payloadChecksum,
      forEachEntry(of: payload.span, count: header.count, { _, _ in })
    else { return nil }
    return bytes
  }

  /// The entries of a frame.
  func payload(
    of frame: UnsafeBufferPointer<UInt8>, _ header: FrameHeader
  ) -> UnsafeBufferPointer<UInt8> {
    let end = FrameHeader.byteCount &+ narrow(wide(header.payloadByteCount))
    return UnsafeBufferPointer(rebasing: frame[FrameHeader.byteCount..<end])
  }
}

/// A place where a frame of the log should stand.
struct FramePlace {
  /// The segment and its size.
  var sequence: UInt64
  var byteCount: Int
  /// Where in it.
  var offset: Int
  /// The index of the first entry.
  var index: UInt64
  /// Checksum of the frame before.
  var previousChecksum: UInt32

  /// The first place in a segment.
  init(_ segment: FoundSegment) {
    sequence = segment.sequence
    byteCount = segment.byteCount
    offset = blockByteCount
    index = segment.header.firstIndex
    previousChecksum = segment.header.previousChecksum
  }

  /// Moves behind a frame that was found here.
  mutating func advance(over header: FrameHeader, checksum: UInt32) {
    offset &+= header.strideByteCount ?? 0
    index = header.endIndex ?? index
    previousChecksum = checksum
  }
}
