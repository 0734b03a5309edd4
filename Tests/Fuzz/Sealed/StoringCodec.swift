import HAL
import Journal

/// Keeps bytes as they are, so that a mutation of what is stored is one of the columns.
struct StoringCodec: ChunkCodec, ~Copyable {
  let memory: UnsafeMutableRawBufferPointer

  init() {
    memory = .allocate(byteCount: SealingMemory.byteCount, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit { memory.deallocate() }

  mutating func compress(
    _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard bytes.count <= buffer.count else { return nil }
    buffer.copyMemory(from: bytes)
    return bytes.count
  }

  mutating func decompress(
    _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard bytes.count == buffer.count else { return false }
    buffer.copyMemory(from: bytes)
    return true
  }
}

/// One segment, plain, and what it is sealed to.
struct SealingDisk: BlockStorage {
  let segment: [UInt8]
  private(set) var sealed: [UInt8] = []
  private var prepared: [UInt8] = []

  init(segment: [UInt8]) { self.segment = segment }

  private func bytes(_ object: StorageObject) -> [UInt8] {
    switch object {
    case .segment: segment
    case .sealed: sealed
    case .superblock, .tile, .documents, .summary: []
    }
  }

  mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    let count = bytes(object).count
    return count > 0 ? count : nil
  }

  mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? { 3...3 }

  mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    throw .full
  }

  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    let bytes = bytes(object)
    guard offset + buffer.count <= bytes.count else { throw .short }
    buffer.copyBytes(from: bytes[offset..<offset + buffer.count])
  }

  mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { throw .denied }

  mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { throw .denied }

  mutating func prepare(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    let end = offset + buffer.count
    if prepared.count < end { prepared += [UInt8](repeating: 0, count: end - prepared.count) }
    prepared.replaceSubrange(offset..<end, with: buffer)
  }

  mutating func publish(
    prepared object: StorageObject, byteCount: Int
  ) throws(StorageError) { sealed = Array(prepared[..<byteCount]) }

  mutating func remove(_ object: StorageObject) throws(StorageError) {}

  mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) { throw .denied }

  mutating func freeByteCount() -> UInt64? { nil }
}
