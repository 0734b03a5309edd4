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
    let path = path(of: object)
    do throws(StorageError) {
      try FileBlockStorage.check(clinux_truncate(file.descriptor, Int64(byteCount)))
      try FileBlockStorage.check(clinux_fsync(file.descriptor))
    } catch {
      discardPrepared()
      throw error
    }
    prepared = nil
    do throws(StorageError) {
      // A close may report what fsync did not.
      try FileBlockStorage.check(clinux_close(file.descriptor))
      try FileBlockStorage.check(clinux_rename("\(path).tmp", path))
    } catch {
      _ = clinux_unlink("\(path).tmp")
      throw error
    }
    try syncDirectory(of: path)
  }

  private static func check(_ result: Int32) throws(StorageError) {
    guard result >= 0 else { throw error(Int(result)) }
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
    let flags = CLINUX_OPEN_WRITE | CLINUX_OPEN_CREATE | CLINUX_OPEN_TRUNCATE
    let descriptor = clinux_open("\(path(of: object)).tmp", flags, 0o644)
    guard descriptor >= 0 else { throw FileBlockStorage.error(Int(descriptor)) }
    prepared = OpenFile(object: object, descriptor: descriptor)
    return descriptor
  }
}
