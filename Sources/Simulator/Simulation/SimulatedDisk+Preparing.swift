import HAL

// An object that is prepared piece by piece is in the cache of the machine, and on the medium when it appears.
extension SimulatedDisk {
  func prepare(
    _ epoch: UInt32, _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) {
    try begin()
    if isDead { throw .io }
    var bytes: [UInt8] = []
    if let prepared, prepared.epoch == epoch, prepared.object == object { bytes = prepared.bytes }
    forgetPrepared()
    let end = offset + buffer.count
    try lookIfWritable(nil)
    if UInt64(max(bytes.count, end)) > freeByteCount { throw .full }
    if strikes(.writeError, object) { throw .io }
    if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
    bytes.replaceSubrange(offset..<end, with: buffer)
    if strikes(.writeChanged, object), !buffer.isEmpty {
      bytes[offset + changedByte(of: buffer.count)] ^= 1
    }
    prepared = (epoch, object, bytes)
  }

  func publishPrepared(
    _ epoch: UInt32, _ object: StorageObject, byteCount: Int
  ) throws(StorageError) {
    guard let prepared, prepared.epoch == epoch, prepared.object == object else {
      throw isDead ? .io : .notFound
    }
    forgetPrepared()
    let bytes = prepared.bytes.prefix(byteCount)
    try whole(epoch, object, bytes + [UInt8](repeating: 0, count: byteCount - bytes.count))
  }

  /// What was prepared is gone: its process has ended, or it is to be begun anew.
  func forgetPrepared() { prepared = nil }
}
