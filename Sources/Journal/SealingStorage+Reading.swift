import HAL
import Metering

// How a sealed segment is read. What is not valid reads as zeros, as a block does that a medium has lost: the journal
// above finds that its frames are missing, and says so. Only what the medium refuses is an error.
extension SealingStorage where Base: ~Copyable, Codec: ~Copyable {
  /// The header of a sealed segment; `nil` if there is none, or none that is valid.
  mutating func open(_ sequence: UInt64) throws(StorageError) -> SealedHeader? {
    if let opened, opened.sequence == sequence { return opened.header }
    guard let size = try base.size(of: .sealed(sequence: sequence)),
      try loadBlock(0, of: sequence, objectByteCount: size),
      let header = SealedHeader(block.span, epoch: nil, sequence: sequence),
      header.byteCount == size
    else { return nil }
    opened = (sequence, header)
    return header
  }

  /// Brings a block of a table into `block`: the first one of its two places that is valid. `false` if none is.
  private mutating func loadBlock(
    _ number: Int, of sequence: UInt64, objectByteCount: Int
  ) throws(StorageError) -> Bool {
    if let cachedBlock, cachedBlock.sequence == sequence, cachedBlock.number == number {
      return true
    }
    cachedBlock = nil
    let start = number &* blockByteCount
    let end = objectByteCount &- start &- blockByteCount
    guard start < objectByteCount, end >= 0, objectByteCount & 4095 == 0 else { return false }
    var place = start
    while true {
      try base.read(
        .sealed(sequence: sequence), at: place, into: UnsafeMutableRawBufferPointer(block))
      if SealedTable.isValid(block.span, number: number, epoch: nil, sequence: sequence) {
        cachedBlock = (sequence, number)
        return true
      }
      guard place == start, end != start else { return false }
      place = end
    }
  }

  /// Fills `buffer` with bytes of a sealed segment.
  mutating func read(
    _ sequence: UInt64, _ header: SealedHeader, at offset: Int,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    guard offset >= 0, buffer.count <= header.segmentByteCount &- offset else { throw .short }
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
        .bindMemory(to: UInt8.self)
      let at = offset &+ done
      if at < blockByteCount {
        done &+= try readPage(sequence, header, from: at, into: rest)
        continue
      }
      let range = try loadChunk(at: at, of: sequence, header)
      let left = range.upperBound &- at
      let count = left < rest.count ? left : rest.count
      if cachedChunk == nil {
        rest.clear(0..<count)
      } else {
        let from = at &- range.lowerBound
        rest.put(plain.span.extracting(from..<(from &+ count)), at: 0)
      }
      done &+= count
    }
  }

  /// Puts page 0, or the rest of it, at the start of `buffer`; returns how much.
  private mutating func readPage(
    _ sequence: UInt64, _ header: SealedHeader, from offset: Int,
    into buffer: UnsafeMutableBufferPointer<UInt8>
  ) throws(StorageError) -> Int {
    let left = blockByteCount &- offset
    let count = left < buffer.count ? left : buffer.count
    buffer.clear(0..<count)
    if offset == 0, count >= SegmentHeader.byteCount,
      try loadBlock(0, of: sequence, objectByteCount: header.byteCount)
    {
      buffer.put(block.span.extracting(SealedHeader.page), at: 0)
    }
    return count
  }

  /// Brings the chunk that holds byte `offset` of the segment into `plain`; returns where it stands there. If it is not
  /// valid, `cachedChunk` is `nil` and the range is as far as it is known.
  mutating func loadChunk(
    at offset: Int, of sequence: UInt64, _ header: SealedHeader
  ) throws(StorageError) -> Range<Int> {
    if let cachedChunk, cachedChunk.sequence == sequence, cachedChunk.range.contains(offset) {
      return cachedChunk.range
    }
    cachedChunk = nil
    let cell = offset / SealedTable.cellByteCount
    let cellEnd = (cell &+ 1) &* SealedTable.cellByteCount
    let unknown = offset..<(cellEnd < header.segmentByteCount ? cellEnd : header.segmentByteCount)
    var number = cell
    while number >= 0, cell &- number < 2 {
      guard let chunk = try chunk(number, of: sequence, header) else { return unknown }
      let range = chunk.start..<(chunk.start &+ chunk.plainByteCount)
      // A cell's first bytes may belong to a frame that begins in the one before.
      if range.contains(offset) {
        if try unseal(chunk, of: sequence) { cachedChunk = (sequence, range) }
        return range
      }
      number &-= 1
    }
    return unknown
  }

  /// The chunk of a number, as the table says it; `nil` if that is not valid there.
  mutating func chunk(
    _ number: Int, of sequence: UInt64, _ header: SealedHeader
  ) throws(StorageError) -> SealedChunk? {
    let isThere = try loadBlock(
      SealedTable.block(of: number), of: sequence, objectByteCount: header.byteCount)
    guard isThere else { return nil }
    let chunk = SealedChunk(block.span, at: SealedTable.offset(of: number))
    return chunk.fits(header) ? chunk : nil
  }

  /// Puts a chunk together in `plain`; `false` if it is not valid.
  mutating func unseal(
    _ chunk: SealedChunk, of sequence: UInt64
  ) throws(StorageError) -> Bool {
    cachedChunk = nil
    guard chunk.plainByteCount > 0 else { return chunk.storedByteCount == 0 }
    let first = chunk.storedOffset & ~4095
    let from = chunk.storedOffset &- first
    let end = from &+ chunk.storedByteCount
    let blocks = stored.slice(0..<roundedToBlocks(end))
    try base.read(
      .sealed(sequence: sequence), at: first, into: UnsafeMutableRawBufferPointer(blocks))
    let bytes = stored.slice(from..<end)
    guard CRC32C.checksum(bytes.span) == chunk.checksum else { return false }
    let taken = columns.slice(0..<chunk.columnsByteCount)
    return codec.decompress(
      UnsafeRawBufferPointer(bytes), into: UnsafeMutableRawBufferPointer(taken))
      && shapes.give(taken.span, into: plain.slice(0..<chunk.plainByteCount))
  }
}
