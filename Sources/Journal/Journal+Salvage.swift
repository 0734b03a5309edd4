import HAL
import Metering
import TransparencyLog

extension Journal where Storage: ~Copyable {
  /// Reads what can still be read of a log that cannot be recovered, in the order of its indices, and calls
  /// `visitor` with each entry from `first` on. What is damaged or missing is passed over.
  ///
  /// A frame counts if it is whole and belongs to this epoch and segment; what stands before and after it
  /// need not. Nothing is changed, and the journal is good for nothing else afterwards.
  /// - Throws: `unreadable` when the segments cannot even be listed.
  public mutating func salvage(
    from first: UInt64, _ visitor: (UInt64, Span<UInt8>) -> Void
  ) throws(JournalError) {
    let range: ClosedRange<UInt64>?
    do throws(StorageError) { range = try storage.segmentRange() } catch {
      throw .unreadable(.segment(sequence: 0), offset: 0, error)
    }
    guard let range else { return }
    var next = first
    var sequence = range.lowerBound
    while sequence <= range.upperBound {
      let byteCount: Int?
      do throws(JournalError) { byteCount = try segmentByteCount(sequence) } catch {
        // A segment whose size cannot be asked has that of a new one.
        byteCount = configuration.segmentByteCount
      }
      if let byteCount { salvage(sequence, byteCount: byteCount, from: &next, visitor) }
      sequence &+= 1
    }
  }

  private mutating func salvage(
    _ sequence: UInt64, byteCount: Int, from next: inout UInt64,
    _ visitor: (UInt64, Span<UInt8>) -> Void
  ) {
    var offset = blockByteCount
    while byteCount &- offset >= blockByteCount {
      guard let frame = wholeFrame(sequence, at: offset, limit: byteCount) else {
        offset &+= blockByteCount
        continue
      }
      let payload = payload(of: frame.bytes, frame.header)
      let begin = frame.header.firstIndex
      let from = next
      forEachEntry(of: payload.span, count: frame.header.count) { number, entry in
        let index = begin &+ wide(number)
        if index >= from { visitor(index, payload.span.extracting(entry)) }
      }
      if let end = frame.header.endIndex, end > next { next = end }
      offset &+= frame.header.frameByteCount ?? blockByteCount
    }
  }

  /// The frame that begins at a place, if it is whole.
  private mutating func wholeFrame(
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
