import HAL

/// The medium as an agent sees it: the log of one epoch.
struct SimulatedStorage: BlockStorage {
  /// The medium.
  let disk: SimulatedDisk
  /// The epoch.
  let epoch: UInt32

  /// Opens the log of an epoch, which may be refused.
  init(opening epoch: UInt32, on disk: SimulatedDisk) throws(StorageError) {
    if disk.isDead || disk.strikes(.readError, nil) { throw .io }
    self.init(disk: disk, epoch: epoch)
  }

  init(disk: SimulatedDisk, epoch: UInt32) {
    self.disk = disk
    self.epoch = epoch
    disk.called(epoch, .open)
    disk.forgetPrepared()
  }

  mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    disk.called(epoch, .size(object))
    try disk.look()
    return disk.byteCount(epoch, object)
  }

  mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    disk.called(epoch, .segmentRange)
    try disk.look()
    return disk.segmentRange(epoch)
  }

  mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    disk.called(epoch, .create(object, byteCount: byteCount))
    try disk.whole(epoch, object, [UInt8](repeating: 0, count: byteCount))
  }

  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    disk.called(epoch, .read(object, offset: offset, byteCount: buffer.count))
    try disk.read(epoch, object, at: offset, into: buffer)
  }

  mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    disk.called(epoch, .write(object, offset: offset, buffer))
    try disk.write(epoch, object, at: offset, from: buffer)
  }

  mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    disk.called(epoch, .publish(object, buffer))
    try disk.whole(epoch, object, [UInt8](buffer))
  }

  mutating func remove(_ object: StorageObject) throws(StorageError) {
    disk.called(epoch, .remove(object))
    try disk.remove(epoch, object)
  }

  mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) {
    disk.called(epoch, .recycle(segment: old, as: new))
    try disk.recycle(epoch, old, as: new)
  }

  mutating func freeByteCount() -> UInt64? {
    disk.strikes(.readError, nil) ? nil : disk.freeByteCount
  }

  mutating func prepare(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    disk.called(epoch, .prepare(object, offset: offset, buffer))
    try disk.prepare(epoch, object, at: offset, from: buffer)
  }

  mutating func publish(
    prepared object: StorageObject, byteCount: Int
  ) throws(StorageError) {
    disk.called(epoch, .publishPrepared(object, byteCount: byteCount))
    try disk.publishPrepared(epoch, object, byteCount: byteCount)
  }
}
