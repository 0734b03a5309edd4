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
    base: SealedObject(), codec: ZstdCodec(memoryByteCount: SealingMemory.byteCount))

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
  /// A plain form that was sealed since it was listed is read in the form that it has now.
  func bytes(_ place: inout Place) throws(ReadFailure) -> [UInt8]? {
    if !place.isSealed {
      if let file = try files.read(place.path) { return file }
      place.path = FileBlockStorage.name(of: .sealed(sequence: place.sequence))
      place.isSealed = true
    }
    guard let file = try files.read(place.path) else { return nil }
    let sequence = place.sequence
    return file.withUnsafeBytes { bytes in
      guard let byteCount = sealed.open(sealed: bytes, sequence: sequence) else { return [] }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 4_096)
      defer { buffer.deallocate() }
      return sealed.unseal(sequence, into: buffer) ? [UInt8](buffer) : []
    }
  }
}
