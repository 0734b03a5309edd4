import HAL

/// The medium as an agent sees it: the log of one epoch.
struct SimulatedStorage: BlockStorage {
  /// The medium.
  let disk: SimulatedDisk
  /// The epoch.
  let epoch: UInt32

  mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    try disk.begin()
    if disk.isDead { throw .io }
    return disk.byteCount(epoch, object)
  }

  mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    try disk.begin()
    if disk.isDead { throw .io }
    return disk.segmentRange(epoch)
  }

  mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    try disk.whole(epoch, object, [UInt8](repeating: 0, count: byteCount))
  }

  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) { try disk.read(epoch, object, at: offset, into: buffer) }

  mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { try disk.write(epoch, object, at: offset, from: buffer) }

  mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { try disk.whole(epoch, object, [UInt8](buffer)) }

  mutating func remove(_ object: StorageObject) throws(StorageError) {
    try disk.remove(epoch, object)
  }

  mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) {
    try disk.recycle(epoch, old, as: new)
  }

  mutating func freeByteCount() -> UInt64? { disk.freeByteCount }
}
