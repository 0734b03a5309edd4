import HAL

/// One call of `BlockStorage`, as the agent makes it on the medium of an epoch.
public enum StorageCall {
  /// The storage of the epoch was opened, and what was open of it before is closed.
  case open
  case size(StorageObject)
  case segmentRange
  case create(StorageObject, byteCount: Int)
  case read(StorageObject, offset: Int, byteCount: Int)
  case write(StorageObject, offset: Int, UnsafeRawBufferPointer)
  case publish(StorageObject, UnsafeRawBufferPointer)
  case remove(StorageObject)
  case recycle(segment: UInt64, as: UInt64)
  case prepare(StorageObject, offset: Int, UnsafeRawBufferPointer)
  case publishPrepared(StorageObject, byteCount: Int)
}
