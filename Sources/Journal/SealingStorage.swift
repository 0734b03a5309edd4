import HAL
import Metering

/// Storage whose full segments take less room: below a journal, which reads the same bytes as before.
///
/// A segment is sealed in steps (`SealingStorage+Sealing.swift`): taken apart chunk by chunk, compressed, published as an
/// object of its own, read back from the medium, put together again and compared byte for byte. Only then its plain form
/// may go. What is read of a sealed segment comes from its chunks, of which the last one is kept.
///
/// One thread owns it. Nothing allocates; the memory is the codec's.
public struct SealingStorage<Base: BlockStorage & ~Copyable, Codec: ChunkCodec & ~Copyable>:
  BlockStorage, ~Copyable
{
  /// The medium.
  public var base: Base
  var codec: Codec

  /// The bytes of one chunk, as they stand in the segment.
  let plain: UnsafeMutableBufferPointer<UInt8>
  /// Its columns.
  let columns: UnsafeMutableBufferPointer<UInt8>
  /// Its compressed columns, or the blocks of the object that hold them.
  let stored: UnsafeMutableBufferPointer<UInt8>
  /// The table that is being made.
  let table: UnsafeMutableBufferPointer<UInt8>
  /// The block of a table that was read last.
  let block: UnsafeMutableBufferPointer<UInt8>
  let shapes: SealedColumns

  /// What `block` holds.
  var cachedBlock: (sequence: UInt64, number: Int)?
  /// What `plain` holds of which segment.
  var cachedChunk: (sequence: UInt64, range: Range<Int>)?
  /// The sealed segment that was read last, with its lengths.
  var opened: (sequence: UInt64, header: SealedHeader)?
  /// The segment that was found to have no plain form when it was read last.
  var sealedOnly: UInt64?
  /// The segments whose sealed form was compared and whose plain form still stands: the last one, and one before it
  /// whose plain form waits to become another segment.
  var compared: (last: UInt64?, earlier: UInt64?)
  /// What is being sealed.
  var job: SealingJob?

  /// Storage over `base`.
  public init(base: consuming Base, codec: consuming Codec) {
    let memory = codec.memory
    precondition(
      memory.count >= SealingMemory.byteCount
        && UInt(bitPattern: memory.baseAddress) & 4095 == 0,
      "the codec's memory is too small or not aligned")
    var start = 0
    func take(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
      defer { start &+= byteCount }
      return UnsafeMutableRawBufferPointer(rebasing: memory[start..<(start &+ byteCount)])
    }
    plain = take(SealingMemory.plainByteCount).bindMemory(to: UInt8.self)
    columns = take(SealingMemory.columnsByteCount).bindMemory(to: UInt8.self)
    stored = take(SealingMemory.storedByteCount).bindMemory(to: UInt8.self)
    table = take(SealedTable.byteCountMax).bindMemory(to: UInt8.self)
    block = take(blockByteCount).bindMemory(to: UInt8.self)
    shapes = SealedColumns(take(SealingMemory.shapesByteCount))
    self.base = base
    self.codec = codec
  }

  // MARK: BlockStorage

  /// Size of an object; that of a segment is the same whatever form it has.
  public mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    switch object {
    case .segment(let sequence):
      if let size = try base.size(of: object) { return size }
      return try open(sequence)?.segmentByteCount
    case .superblock, .tile, .documents, .summary, .sealed: return try base.size(of: object)
    }
  }

  /// A sealed form counts where no plain one stands; that of this run which was compared does, too.
  public mutating func isSealed(segment sequence: UInt64) throws(StorageError) -> Bool {
    if isCompared(sequence) { return true }
    guard try base.size(of: .sealed(sequence: sequence)) != nil else { return false }
    return try base.size(of: .segment(sequence: sequence)) == nil
  }

  /// Sequence numbers of the segments that exist, whatever form they have.
  public mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    try base.segmentRange()
  }

  /// Makes an object of zeros.
  public mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    try base.create(object, byteCount: byteCount)
  }

  /// Fills `buffer` from `offset`, from whichever form of a segment stands.
  public mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    guard case .segment(let sequence) = object else {
      return try base.read(object, at: offset, into: buffer)
    }
    if sealedOnly != sequence {
      do throws(StorageError) { return try base.read(object, at: offset, into: buffer) } catch {
        guard error == .notFound else { throw error }
      }
    }
    guard let header = try open(sequence) else { throw .notFound }
    sealedOnly = sequence
    try read(sequence, header, at: offset, into: buffer)
  }

  /// Writes at `offset` of an existing object. Of a segment that is sealed the plain form comes back first: who mends a
  /// frame writes where it stood.
  public mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    do throws(StorageError) { try base.write(object, at: offset, from: buffer) } catch {
      guard error == .notFound, case .segment(let sequence) = object else { throw error }
      try restore(sequence)
      try base.write(object, at: offset, from: buffer)
    }
  }

  /// Makes the plain form of a sealed segment, as it reads. It appears whole, counts from then on, and may be sealed
  /// again later.
  private mutating func restore(_ sequence: UInt64) throws(StorageError) {
    guard let header = try open(sequence) else { throw .notFound }
    // The table is free where nothing is being sealed.
    job = nil
    let object = StorageObject.segment(sequence: sequence)
    var done = 0
    while done < header.segmentByteCount {
      let left = header.segmentByteCount &- done
      let piece = table.slice(0..<(left < table.count ? left : table.count))
      try read(sequence, header, at: done, into: UnsafeMutableRawBufferPointer(piece))
      try base.prepare(object, at: done, from: UnsafeRawBufferPointer(piece))
      done &+= piece.count
    }
    try base.publish(prepared: object, byteCount: header.segmentByteCount)
    try remove(.sealed(sequence: sequence))
  }

  /// Makes or replaces an object whole.
  public mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    try base.publish(object, from: buffer)
  }

  /// Removes an object, a segment in both forms: the sealed one first, so that what is left is the one that counts.
  public mutating func remove(_ object: StorageObject) throws(StorageError) {
    if case .segment(let sequence) = object {
      try remove(.sealed(sequence: sequence))
    }
    if case .sealed(let sequence) = object { forget(sequence) }
    try base.remove(object)
  }

  /// Gives the plain form of a segment another number. Its sealed form stays, and counts then.
  public mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) {
    // Where it fails the plain form may still stand, and counts then.
    forgetCompared(old)
    try base.recycle(segment: old, as: new)
  }

  /// What the medium has free.
  public mutating func freeByteCount() -> UInt64? { base.freeByteCount() }

  /// Removes the plain form of a segment whose sealed form counts.
  public mutating func removePlain(segment sequence: UInt64) throws(StorageError) {
    guard isCompared(sequence) else { throw .notFound }
    forgetCompared(sequence)
    try base.remove(.segment(sequence: sequence))
  }

  /// Prepares an object of the medium.
  public mutating func prepare(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { try base.prepare(object, at: offset, from: buffer) }

  /// Publishes a prepared object of the medium.
  public mutating func publish(
    prepared object: StorageObject, byteCount: Int
  ) throws(StorageError) { try base.publish(prepared: object, byteCount: byteCount) }

  /// Forgets what was read of the sealed form of a segment.
  mutating func forget(_ sequence: UInt64) {
    if cachedBlock?.sequence == sequence { cachedBlock = nil }
    if cachedChunk?.sequence == sequence { cachedChunk = nil }
    if opened?.sequence == sequence { opened = nil }
    if sealedOnly == sequence { sealedOnly = nil }
    forgetCompared(sequence)
    if job?.sequence == sequence { job = nil }
  }

  private func isCompared(_ sequence: UInt64) -> Bool {
    compared.last == sequence || compared.earlier == sequence
  }

  private mutating func forgetCompared(_ sequence: UInt64) {
    if compared.last == sequence { compared.last = nil }
    if compared.earlier == sequence { compared.earlier = nil }
  }
}
