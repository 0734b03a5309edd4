import CLinux
import HAL

// An object that is written piece by piece, under another name until it is whole. What a killed agent left of one goes
// when the next one starts, as every `.tmp` does.
extension FileBlockStorage {
  /// Puts bytes of a prepared object at `offset`; they are in the cache only until it is published.
  public mutating func prepare(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    let descriptor = try openPrepared(object)
    do throws(StorageError) {
      try FileBlockStorage.writeAll(buffer, to: descriptor, at: offset)
    } catch {
      discardPrepared()
      throw error
    }
  }

  /// Cuts or extends the prepared object to `byteCount`, syncs it and gives it its name, durably.
  public mutating func publish(
    prepared object: StorageObject, byteCount: Int
  ) throws(StorageError) {
    guard let file = prepared, file.object == object else { throw .notFound }
    close(object)
    prepared = nil
    try complete(file.descriptor, as: path(of: object)) { descriptor throws(StorageError) in
      try FileBlockStorage.check(clinux_truncate(descriptor, Int64(byteCount)))
    }
  }

  /// Forgets what was prepared.
  mutating func discardPrepared() {
    guard let file = prepared else { return }
    prepared = nil
    _ = clinux_close(file.descriptor)
    _ = clinux_unlink("\(path(of: file.object)).tmp")
  }

  private mutating func openPrepared(_ object: StorageObject) throws(StorageError) -> Int32 {
    if let prepared, prepared.object == object { return prepared.descriptor }
    discardPrepared()
    let descriptor = try FileBlockStorage.openTemporary(path(of: object))
    prepared = OpenFile(object: object, descriptor: descriptor)
    return descriptor
  }
}
