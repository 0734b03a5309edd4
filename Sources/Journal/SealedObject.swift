import HAL

/// One sealed segment in memory, to be read through `SealingStorage`: for whoever has the bytes and no medium.
public struct SealedObject: BlockStorage {
  private var sequence: UInt64?
  private var bytes = UnsafeRawBufferPointer(start: nil, count: 0)

  /// None yet.
  public init() {}

  /// The bytes of the sealed form, valid as long as they are read.
  init(sequence: UInt64, bytes: UnsafeRawBufferPointer) {
    self.sequence = sequence
    self.bytes = bytes
  }

  /// Size of the sealed form.
  public mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    guard case .sealed(let number) = object, number == sequence else { return nil }
    return bytes.count
  }

  /// The segment.
  public mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    guard let sequence else { return nil }
    return sequence...sequence
  }

  /// Fills `buffer` from `offset` of the sealed form.
  public mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    guard let size = try size(of: object) else { throw .notFound }
    guard buffer.count <= size &- offset else { throw .short }
    buffer.copyMemory(
      from: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset &+ buffer.count)]))
  }

  /// Refuses.
  public mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    throw .denied
  }

  /// Refuses.
  public mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { throw .denied }

  /// Refuses.
  public mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { throw .denied }

  /// Refuses.
  public mutating func remove(_ object: StorageObject) throws(StorageError) { throw .denied }

  /// Refuses.
  public mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) {
    throw .denied
  }

  /// Nobody knows.
  public mutating func freeByteCount() -> UInt64? { nil }
}

extension SealingStorage where Base == SealedObject, Codec: ~Copyable {
  /// Takes the sealed form of a segment in place of the one before; returns how many bytes the segment has, or `nil` if
  /// nothing tells it.
  public mutating func open(sealed bytes: UnsafeRawBufferPointer, sequence: UInt64) -> Int? {
    forget(sequence)
    base = SealedObject(sequence: sequence, bytes: bytes)
    return (try? size(of: .segment(sequence: sequence))) ?? nil
  }

  /// Fills `buffer` with the segment that was opened, all of it; what is not valid is zeros.
  public mutating func unseal(
    _ sequence: UInt64, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    do throws(StorageError) {
      try read(.segment(sequence: sequence), at: 0, into: buffer)
      return true
    } catch { return false }
  }
}
