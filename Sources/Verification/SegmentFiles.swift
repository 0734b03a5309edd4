import HAL
import HostCodec
import HostHAL
import Journal

/// The segments of a log directory, each as its plain bytes, whatever form it stands in.
final class SegmentFiles {
  /// A segment that stands there.
  struct Place {
    var sequence: UInt64
    var path: String
    var isSealed: Bool
  }

  private let files: LogFiles
  private var sealed = SealingStorage(
    base: SealedFile(), codec: ZstdCodec(memoryByteCount: SealingMemory.byteCount))

  init(_ files: LogFiles) { self.files = files }

  /// The segments in the order of their numbers. A plain form counts as long as it stands.
  func places() throws(ReadFailure) -> [Place] {
    var places: [UInt64: Place] = [:]
    for name in try files.list?("seg") ?? [] {
      guard let sequence = UInt64(name.prefix { $0 != "." }, radix: 16) else { continue }
      let path = "seg/\(name)"
      switch path {
      case FileBlockStorage.name(of: .segment(sequence: sequence)):
        places[sequence] = Place(sequence: sequence, path: path, isSealed: false)
      case FileBlockStorage.name(of: .sealed(sequence: sequence)) where places[sequence] == nil:
        places[sequence] = Place(sequence: sequence, path: path, isSealed: true)
      default: continue
      }
    }
    return places.values.sorted { $0.sequence < $1.sequence }
  }

  /// The bytes of a segment; of a sealed one zeros where a chunk is not valid, and none where nothing tells its length.
  func bytes(_ place: Place) throws(ReadFailure) -> [UInt8]? {
    guard let file = try files.read(place.path), place.isSealed else {
      return try files.read(place.path)
    }
    let object = StorageObject.segment(sequence: place.sequence)
    do throws(StorageError) {
      // What is known of the file before is forgotten.
      try sealed.remove(object)
      sealed.base = SealedFile(sequence: place.sequence, bytes: file)
      guard let byteCount = try sealed.size(of: object) else { return [] }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4_096)
      defer { buffer.deallocate() }
      try sealed.read(object, at: 0, into: buffer)
      return [UInt8](buffer)
    } catch { return [] }
  }
}

/// One sealed segment in memory.
private struct SealedFile: BlockStorage {
  var sequence: UInt64?
  var bytes: [UInt8] = []

  mutating func size(of object: StorageObject) throws(StorageError) -> Int? {
    guard case .sealed(let number) = object, number == sequence else { return nil }
    return bytes.count
  }

  mutating func segmentRange() throws(StorageError) -> ClosedRange<UInt64>? {
    sequence.map { $0...$0 }
  }

  mutating func read(
    _ object: StorageObject, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    guard let size = try size(of: object) else { throw .notFound }
    guard buffer.count <= size - offset else { throw .short }
    buffer.copyBytes(from: bytes[offset..<(offset + buffer.count)])
  }

  mutating func create(_ object: StorageObject, byteCount: Int) throws(StorageError) {
    throw .denied
  }

  mutating func write(
    _ object: StorageObject, at offset: Int, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { throw .denied }

  mutating func publish(
    _ object: StorageObject, from buffer: UnsafeRawBufferPointer
  ) throws(StorageError) { throw .denied }

  /// The verifier's copy goes, not the file.
  mutating func remove(_ object: StorageObject) throws(StorageError) { sequence = nil }

  mutating func recycle(segment old: UInt64, as new: UInt64) throws(StorageError) { throw .denied }

  mutating func freeByteCount() -> UInt64? { nil }
}
