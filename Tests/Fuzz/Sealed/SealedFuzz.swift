import FuzzKit
import HAL
import Journal

// An input is
//
//     kind        bit 0: the edits are of the columns of chunk 0, else of the whole object
//     edits       offset (2), byte
//
// over the sealed form of a segment of 128 KiB. Afterwards the checksums are made good, so that what is read is the
// table and the columns and not a checksum alone.

/// What reading makes of any sealed form: it gives all bytes of a segment, or says that there is none.
public func fuzzSealed(_ bytes: UnsafeRawBufferPointer) {
  var input = FuzzInput(bytes)
  let image = SealedImage.shared
  image.reset()
  let isOfColumns = input.byte() & 1 == 1
  while !input.isAtEnd {
    let offset = Int(input.word())
    image.edit(at: isOfColumns ? SealedImage.columnsOffset + offset : offset, input.byte())
  }
  image.mend()
  let storage = SealedReader.shared
  guard let byteCount = storage.open(image.bytes) else { return }
  mustHold(byteCount % 4096 == 0 && byteCount >= 8192, "a segment has whole blocks")
  guard byteCount <= SealedReader.readByteCount else { return }
  mustHold(storage.read(byteCount, into: 0), "a segment that is there can be read")
  mustHold(storage.open(image.bytes) == byteCount, "it stays what it is")
  mustHold(storage.read(byteCount, into: 1), "and can be read again")
  mustHold(storage.readsAreEqual(byteCount), "with the same bytes")
}

/// The sealed form that inputs change, made once by sealing a segment.
private final class SealedImage {
  nonisolated(unsafe) static let shared = SealedImage()
  /// Behind the one block of its table.
  static let columnsOffset = 4096
  private let original: [UInt8]
  private(set) var bytes: [UInt8]

  init() {
    let disk = SealingDisk(segment: SealedImage.segment())
    let storage = SealingStorage(base: disk, codec: StoringCodec())
    original = SealedImage.seal(storage)
    bytes = original
    mustHold(!original.isEmpty, "the sample is sealed")
  }

  private static func seal(_ storage: consuming SealingStorage<SealingDisk, StoringCodec>)
    -> [UInt8]
  {
    var storage = storage
    while case .some(.working) = try? storage.seal(segment: 3) {}
    return storage.base.sealed
  }

  /// Frames of a block each with entries of three shapes.
  private static func segment() -> [UInt8] {
    var segment = [UInt8](repeating: 0, count: 128 << 10)
    segment.withUnsafeMutableBufferPointer { all in
      SegmentHeader(epoch: 1, sequence: 3, firstIndex: 9, previousChecksum: 7).write(into: all)
      var (previous, index) = (UInt32(7), UInt64(9))
      for start in stride(from: 4096, to: 120 << 10, by: 4096) {
        let payload = UnsafeMutableBufferPointer(rebasing: all[(start + 44)..<(start + 44 + 90)])
        for (number, at) in stride(from: 0, to: 90, by: 30).enumerated() {
          payload[at + 1] = 28
          payload[at + 2] = 0x8c
          payload[at + 3] = UInt8(number)
          payload[at + 4] = UInt8(truncatingIfNeeded: index)
        }
        let header = FrameHeader(
          epoch: 1, sequence: 3, firstIndex: index, count: 3, payloadByteCount: 90,
          previousChecksum: previous, payloadChecksum: CRC32C.checksum(payload.span))
        previous = header.write(into: UnsafeMutableBufferPointer(rebasing: all[start...]))
        index += 3
      }
    }
    return segment
  }

  func reset() { bytes = original }

  func edit(at offset: Int, _ byte: UInt8) { bytes[offset % bytes.count] = byte }

  /// Makes good the checksums of the chunks that lie within the object, and of both blocks of the table.
  func mend() {
    for at in [64, 88] {
      let (start, count) = (number(at + 8), number(at + 12))
      guard count <= bytes.count, start <= bytes.count - count else { continue }
      store(CRC32C.checksum(bytes[start..<start + count].span), at: at + 20)
    }
    for block in [0, bytes.count - 4096] {
      store(CRC32C.checksum(bytes[block..<block + 4092].span), at: block + 4092)
    }
  }

  private func number(_ at: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
  }

  private func store(_ value: UInt32, at offset: Int) {
    for i in 0..<4 { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> UInt32(8 * i)) }
  }
}

/// Reads sealed forms, each twice.
private final class SealedReader {
  nonisolated(unsafe) static let shared = SealedReader()
  static let readByteCount = 1 << 20
  private var storage = SealingStorage(base: SealedObject(), codec: StoringCodec())
  private let buffers = (0..<2).map { _ in
    UnsafeMutableRawBufferPointer.allocate(byteCount: readByteCount, alignment: 4096)
  }

  func open(_ bytes: [UInt8]) -> Int? {
    // The array lives in the image until the next input.
    bytes.withUnsafeBytes { storage.open(sealed: $0, sequence: 3) }
  }

  func read(_ byteCount: Int, into place: Int) -> Bool {
    let buffer = UnsafeMutableRawBufferPointer(rebasing: buffers[place][..<byteCount])
    buffer.initializeMemory(as: UInt8.self, repeating: UInt8(place + 1))
    return storage.unseal(3, into: buffer)
  }

  func readsAreEqual(_ byteCount: Int) -> Bool {
    buffers[0][..<byteCount].elementsEqual(buffers[1][..<byteCount])
  }
}
