import HAL
import Metering

// How what a gap has lost is put back, in place. A frame that was lost alone is made anew byte for byte: the same
// entries behind the same header have the same checksum, and the frame behind it says that it is right. Of several
// that were lost together nobody knows where one ended and the next began; then the last one that is written says
// what it stands for (`FrameHeader.Mending`).
//
// Each write ends in one of two states. It is whole, and the gap that is left is shorter; or it is not, and the gap
// is what it was. So a loss of power while a gap is mended leaves one that the next start finds.
extension Journal where Storage: ~Copyable {
  /// The most bytes of entries, lengths included, that one frame of a gap takes.
  public var mendedByteCountMax: Int {
    let room = frame.count &- FrameHeader.byteCount
    return room < 0xffff ? room : 0xffff
  }

  /// Blocks that a frame with so many bytes of entries takes.
  public static func blockCount(payloadByteCount: Int) -> Int {
    roundedToBlocks(FrameHeader.byteCount &+ payloadByteCount) / blockByteCount
  }

  /// Writes the header of a segment anew, durably.
  ///
  /// - Throws: `unwritable`; the header is as damaged then as it was.
  public mutating func mendHeader(_ gap: JournalGap) throws(JournalError) {
    precondition(gap.isHeader, "no header is damaged there")
    let page = nextSuperblockPage
    page.clear(0..<blockByteCount)
    SegmentHeader(
      epoch: configuration.epoch, sequence: low32(gap.sequence), firstIndex: gap.firstIndex,
      previousChecksum: gap.previousChecksum
    ).write(into: page)
    try put(page, at: gap)
  }

  /// Writes the next `count` entries of a gap as one frame, durably, and makes the gap shorter by them.
  ///
  /// `payload` holds them, each behind its length (u16be): 1 to `mendedByteCountMax` bytes, in no more blocks than
  /// the gap has left. The last call brings exactly those that are left.
  /// - Throws: `unwritable`; the gap is as it was then.
  public mutating func mend(
    _ gap: inout JournalGap, with payload: Span<UInt8>, count: UInt32
  ) throws(JournalError) {
    let used = FrameHeader.byteCount &+ payload.count
    let frameByteCount = roundedToBlocks(used)
    let end = gap.firstIndex &+ wide(count)
    precondition(!isRecovered && !gap.isHeader, "mended is what was not recovered")
    precondition(
      count > 0 && count <= 0xffff && end <= gap.endIndex && payload.count <= mendedByteCountMax
        && frameByteCount <= gap.byteCount, "a gap takes what it has lost")
    frame.clear(used..<frameByteCount)
    frame.put(payload, at: FrameHeader.byteCount)
    var header = FrameHeader(
      epoch: configuration.epoch, sequence: low32(gap.sequence), firstIndex: gap.firstIndex,
      count: count, payloadByteCount: UInt32(truncatingIfNeeded: payload.count),
      previousChecksum: gap.previousChecksum, payloadChecksum: CRC32C.checksum(payload))
    var checksum = header.write(into: frame)
    let stride = gap.isFollowed && end == gap.endIndex ? gap.byteCount : frameByteCount
    if end == gap.endIndex, checksum != gap.nextChecksum || stride != frameByteCount {
      header.mending = FrameHeader.Mending(
        checksum: gap.nextChecksum,
        blockCount: UInt32(truncatingIfNeeded: stride / blockByteCount))
      checksum = header.write(into: frame)
    }
    try put(frame.slice(0..<frameByteCount), at: gap)
    gap.offset &+= stride
    gap.byteCount &-= stride
    gap.firstIndex = end
    gap.previousChecksum = checksum
  }

  private mutating func put(
    _ bytes: UnsafeMutableBufferPointer<UInt8>, at gap: JournalGap
  ) throws(JournalError) {
    let object = StorageObject.segment(sequence: gap.sequence)
    if let failure = writeAndReadBack(object, at: gap.offset, bytes) {
      throw .unwritable(object, offset: gap.offset, failure.error)
    }
  }
}
