import HAL
import Metering

/// A segment on its way into its sealed form.
struct SealingJob {
  /// What is done next.
  enum Phase {
    /// Chunk number so and so is taken apart and compressed.
    case packing(Int)
    /// The sealed form is on the medium; chunk number so and so is compared.
    case comparing(Int)
  }

  var sequence: UInt64
  var segmentByteCount: Int
  var phase: Phase
  /// Where the next chunk begins in the segment.
  var start = blockByteCount
  /// Where its stored bytes begin in the object.
  var storedOffset: Int

  var chunkCount: Int { SealedTable.chunkCount(segmentByteCount: segmentByteCount) }
  var tableByteCount: Int { SealedTable.byteCount(segmentByteCount: segmentByteCount) }
}

// A segment is sealed in steps of one chunk, so that a commit waits for one of them at most. Each step may fail or be
// cut: what is prepared is forgotten then, and what is published does not count while the plain form stands.
extension SealingStorage where Base: ~Copyable, Codec: ~Copyable {
  /// Does the next step of sealing a segment. What failed begins anew with the next call, and so does a segment that
  /// another one came between.
  ///
  /// - Throws: what the medium refuses; `io` when what was read back differs.
  public mutating func seal(
    segment sequence: UInt64
  ) throws(StorageError) -> SealingStep {
    do throws(StorageError) {
      guard let current = job, current.sequence == sequence else {
        return try begin(sequence)
      }
      switch current.phase {
      case .packing(let number) where number < current.chunkCount:
        return try pack(number, current)
      case .packing: return try publish(current)
      case .comparing(let number) where number < current.chunkCount:
        return try compare(number, current)
      case .comparing: return try finish(current)
      }
    } catch {
      job = nil
      throw error
    }
  }

  /// Looks whether the segment can be sealed. Where a sealed form stands already it is compared.
  private mutating func begin(_ sequence: UInt64) throws(StorageError) -> SealingStep {
    job = nil
    guard let byteCount = try base.size(of: .segment(sequence: sequence)),
      byteCount >= 2 &* blockByteCount, byteCount & 4095 == 0,
      byteCount <= SealedHeader.segmentByteCountMax
    else { return .declined }
    if try base.size(of: .sealed(sequence: sequence)) != nil {
      if let header = try open(sequence), header.segmentByteCount == byteCount {
        job = SealingJob(
          sequence: sequence, segmentByteCount: byteCount, phase: .comparing(0), storedOffset: 0)
        return .published(byteCount: 0, writtenByteCount: 0)
      }
      // Nobody relies on it.
      try remove(.sealed(sequence: sequence))
    }
    cachedChunk = nil
    let page = plain.slice(0..<blockByteCount)
    try base.read(.segment(sequence: sequence), at: 0, into: UnsafeMutableRawBufferPointer(page))
    guard let header = SegmentHeader(page.span), wide(header.sequence) == sequence,
      isZero(page.span.extracting(SegmentHeader.byteCount..<blockByteCount))
    else { return .declined }
    let tableByteCount = SealedTable.byteCount(segmentByteCount: byteCount)
    table.clear(0..<tableByteCount)
    table.put(page.span.extracting(0..<SegmentHeader.byteCount), at: SealedHeader.pageOffset)
    job = SealingJob(
      sequence: sequence, segmentByteCount: byteCount, phase: .packing(0),
      storedOffset: tableByteCount)
    return .working(writtenByteCount: 0)
  }

  /// Takes a chunk apart, compresses it and prepares it.
  private mutating func pack(
    _ number: Int, _ current: SealingJob
  ) throws(StorageError) -> SealingStep {
    var current = current
    var chunk = SealedChunk()
    chunk.start = current.start
    chunk.storedOffset = current.storedOffset
    chunk.plainByteCount = try loadPlain(number, current)
    if chunk.plainByteCount > 0 {
      guard
        let columnsByteCount = shapes.take(
          plain.slice(0..<chunk.plainByteCount).span, into: columns),
        let storedByteCount = codec.compress(
          UnsafeRawBufferPointer(columns.slice(0..<columnsByteCount)),
          into: UnsafeMutableRawBufferPointer(stored.slice(0..<SealingMemory.compressedByteCount)))
      else { return try decline(current) }
      chunk.columnsByteCount = columnsByteCount
      chunk.storedByteCount = storedByteCount
      let bytes = stored.slice(0..<storedByteCount)
      chunk.checksum = CRC32C.checksum(bytes.span)
      current.storedOffset &+= storedByteCount
      guard current.objectByteCount <= current.segmentByteCount / 2 else {
        return try decline(current)
      }
      try base.prepare(
        .sealed(sequence: current.sequence), at: chunk.storedOffset,
        from: UnsafeRawBufferPointer(bytes))
    }
    let block = SealedTable.block(of: number) &* blockByteCount
    chunk.write(into: table, at: block &+ SealedTable.offset(of: number))
    current.start &+= chunk.plainByteCount
    current.phase = .packing(number &+ 1)
    job = current
    return .working(writtenByteCount: chunk.storedByteCount)
  }

  /// Brings the chunk of a cell into `plain`; returns its length.
  private mutating func loadPlain(
    _ number: Int, _ current: SealingJob
  ) throws(StorageError) -> Int {
    cachedChunk = nil
    let object = StorageObject.segment(sequence: current.sequence)
    let line = (number &+ 1) &* SealedTable.cellByteCount
    let cellEnd = line < current.segmentByteCount ? line : current.segmentByteCount
    guard current.start < cellEnd else { return 0 }
    let cell = plain.slice(0..<(cellEnd &- current.start))
    try base.read(object, at: current.start, into: UnsafeMutableRawBufferPointer(cell))
    let room = current.segmentByteCount &- current.start
    let end = SealedColumns.end(of: cell.span)
    let byteCount = end < room ? end : room
    if byteCount > cell.count {
      try base.read(
        object, at: cellEnd,
        into: UnsafeMutableRawBufferPointer(plain.slice(cell.count..<byteCount)))
    }
    return byteCount
  }

  /// The segment stays plain; what was prepared of it is forgotten.
  private mutating func decline(_ current: SealingJob) throws(StorageError) -> SealingStep {
    job = nil
    try remove(.sealed(sequence: current.sequence))
    return .declined
  }

  /// Writes the table at both places and publishes the object.
  private mutating func publish(_ current: SealingJob) throws(StorageError) -> SealingStep {
    let object = StorageObject.sealed(sequence: current.sequence)
    let byteCount = current.objectByteCount
    SealedHeader(segmentByteCount: current.segmentByteCount, byteCount: byteCount)
      .write(into: table)
    guard let header = SegmentHeader(table.span.extracting(SealedHeader.page)) else {
      return try decline(current)
    }
    let padding = columns.slice(0..<(byteCount &- current.tableByteCount &- current.storedOffset))
    padding.clear(0..<padding.count)
    try base.prepare(object, at: current.storedOffset, from: UnsafeRawBufferPointer(padding))
    var number = 0
    while number &* blockByteCount < current.tableByteCount {
      let start = number &* blockByteCount
      let block = table.slice(start..<(start &+ blockByteCount))
      SealedTable.seal(block, number: number, epoch: header.epoch, sequence: current.sequence)
      let bytes = UnsafeRawBufferPointer(block)
      try base.prepare(object, at: start, from: bytes)
      try base.prepare(object, at: byteCount &- start &- blockByteCount, from: bytes)
      number &+= 1
    }
    forget(current.sequence)
    try base.publish(prepared: object, byteCount: byteCount)
    var next = current
    next.phase = .comparing(0)
    next.start = blockByteCount
    job = next
    return .published(
      byteCount: byteCount, writtenByteCount: 2 &* current.tableByteCount &+ padding.count)
  }

  /// Reads a chunk back from the medium, puts it together and compares it with the segment.
  private mutating func compare(
    _ number: Int, _ current: SealingJob
  ) throws(StorageError) -> SealingStep {
    var current = current
    // Each block of the table is read from the medium, not from what was read before.
    if number == 0 { forgetTable(current.sequence) }
    guard let header = try open(current.sequence),
      header.segmentByteCount == current.segmentByteCount,
      let chunk = try chunk(number, of: current.sequence, header),
      chunk.start == current.start, try unseal(chunk, of: current.sequence)
    else { return try reject(current) }
    // The columns are done with: their place takes what stands in the segment.
    let expected = columns.slice(0..<chunk.plainByteCount)
    try base.read(
      .segment(sequence: current.sequence), at: chunk.start,
      into: UnsafeMutableRawBufferPointer(expected))
    guard isEqual(expected.span, plain.slice(0..<chunk.plainByteCount).span) else {
      return try reject(current)
    }
    current.start &+= chunk.plainByteCount
    current.phase = .comparing(number &+ 1)
    job = current
    return .working(writtenByteCount: 0)
  }

  /// Compares page 0; the sealed form counts then.
  private mutating func finish(_ current: SealingJob) throws(StorageError) -> SealingStep {
    cachedChunk = nil
    guard current.start == current.segmentByteCount, let header = try open(current.sequence)
    else { return try reject(current) }
    let page = plain.slice(0..<blockByteCount)
    let expected = columns.slice(0..<blockByteCount)
    try read(current.sequence, header, at: 0, into: UnsafeMutableRawBufferPointer(page))
    try base.read(
      .segment(sequence: current.sequence), at: 0, into: UnsafeMutableRawBufferPointer(expected))
    guard isEqual(page.span, expected.span) else { return try reject(current) }
    job = nil
    if let last = compared.last { compared.earlier = last }
    compared.last = current.sequence
    return .sealed(byteCount: header.byteCount)
  }

  /// What stands in the sealed form is not what stands in the segment: it goes.
  private mutating func reject(_ current: SealingJob) throws(StorageError) -> SealingStep {
    try remove(.sealed(sequence: current.sequence))
    throw .io
  }

  private mutating func forgetTable(_ sequence: UInt64) {
    if cachedBlock?.sequence == sequence { cachedBlock = nil }
    if opened?.sequence == sequence { opened = nil }
  }
}

extension SealingJob {
  /// Bytes of the object, should nothing be added any more.
  var objectByteCount: Int { roundedToBlocks(storedOffset) &+ tableByteCount }
}
