import Metering

/// The bytes of a chunk, taken apart so that they compress: frame headers and padding are made anew, and entries of one
/// shape are turned by a quarter, so that the first bytes of all of them stand together, then the second ones, and so on.
///
/// | bytes | field, little-endian |
/// |---|---|
/// | 0–1 | number of frames F |
/// | 2–3 | number of their entries E |
/// | 4 | number of shapes S, at most 64 |
/// | 5–7 | zeros |
/// | 8–11 | bytes of the rest R |
/// | 12– | the frames: 24 planes of F bytes |
/// | then | for each entry in its order the number of its shape, 255 for an entry by itself: E bytes |
/// | then | the length of the entries of each shape: S times 2 bytes |
/// | then | the length of each entry by itself, 2 bytes each |
/// | then | for each shape, of length l and with n entries: l planes of n bytes |
/// | then | the bytes of the entries by themselves, one behind the other |
/// | then | the rest: R bytes that stand behind the frames as they are |
///
/// A plane is byte p of all members, in their order. A frame is 24 bytes: what its epoch, sequence, first index (8 bytes),
/// number of entries and previous checksum (`FrameHeader`) exceed those that are expected, modulo 2³² or 2⁶⁴. Expected
/// are: epoch, sequence and number of entries of the frame before; its first index and number of entries together; its
/// checksum. Before the first frame of a chunk all of them are 0. The length of the payload follows from the entries, both
/// checksums from the bytes; padding is zero.
///
/// A shape is a length with the first two bytes of an entry: the array of so many elements, and its type. Shapes are
/// numbered as they come, from 0; the entries of a 65th one stand by themselves.
///
/// Valid if and only if everything that is counted is there and nothing else, shape numbers are below S or 255, and the
/// frames and the rest fill the chunk exactly.
struct SealedColumns {
  static let headByteCount = 12
  static let frameByteCount = 24
  static let shapeCountMax = 64
  /// The number of an entry that has no shape.
  static let single: UInt8 = 255

  /// Entries that look alike.
  struct Shape: BitwiseCopyable {
    /// Its length, and its first two bytes above.
    var key: UInt32 = 0
    var length = 0
    var count = 0
    /// Where its planes begin.
    var start = 0
    /// How many entries were taken.
    var taken = 0
  }

  /// Place for `shapeCountMax` shapes.
  let shapes: UnsafeMutableBufferPointer<Shape>

  /// Works in memory of `SealingMemory.shapesByteCount` bytes.
  init(_ memory: UnsafeMutableRawBufferPointer) {
    shapes = memory.bindMemory(to: Shape.self)
    precondition(shapes.count >= SealedColumns.shapeCountMax, "every shape has its place")
  }

  /// Where everything stands.
  struct Layout {
    var frameCount = 0
    var entryCount = 0
    var shapeCount = 0
    var singleCount = 0
    var singleByteCount = 0
    var restByteCount = 0

    var order: Int { SealedColumns.headByteCount &+ frameCount &* SealedColumns.frameByteCount }
    var lengths: Int { order &+ entryCount }
    var singleLengths: Int { lengths &+ 2 &* shapeCount }
    var planes: Int { singleLengths &+ 2 &* singleCount }
  }

  /// What a frame is expected to be after those before it.
  struct Expected {
    var epoch: UInt32 = 0
    var sequence: UInt32 = 0
    var index: UInt64 = 0
    var count: UInt32 = 0
    var checksum: UInt32 = 0

    init() {}

    /// After a frame.
    init(after header: FrameHeader, checksum: UInt32) {
      epoch = header.epoch
      sequence = header.sequence
      index = header.firstIndex &+ wide(header.count)
      count = header.count
      self.checksum = checksum
    }
  }

  /// Gives each shape its place, from `planes` on; returns where the last one ends.
  func place(_ layout: Layout) -> Int {
    var at = layout.planes
    var shape = 0
    while shape < layout.shapeCount {
      shapes[shape].start = at
      shapes[shape].taken = 0
      at &+= shapes[shape].length &* shapes[shape].count
      shape &+= 1
    }
    return at
  }

  // MARK: Cutting

  /// Where a chunk ends whose bytes up to the end of its cell are `bytes`: behind the last frame that begins there.
  static func end(of bytes: Span<UInt8>) -> Int {
    var offset = 0
    while offset < bytes.count {
      guard let header = FrameHeader(bytes.extracting(offset..<(offset &+ blockByteCount))),
        let byteCount = header.frameByteCount, byteCount <= SealingMemory.frameByteCountMax
      else {
        // Whatever this is, frames may follow.
        offset &+= blockByteCount
        continue
      }
      offset &+= byteCount
    }
    return offset
  }

  /// A frame that can be made anew from its entries. One that was mended says what these do not.
  static func frame(_ bytes: Span<UInt8>, at offset: Int) -> (header: FrameHeader, end: Int)? {
    guard bytes.count &- offset >= blockByteCount,
      let header = FrameHeader(bytes.extracting(offset..<(offset &+ blockByteCount))),
      header.mending == nil, let byteCount = header.frameByteCount,
      byteCount <= bytes.count &- offset
    else { return nil }
    let start = offset &+ FrameHeader.byteCount
    let payload = bytes.extracting(start..<(start &+ narrow(wide(header.payloadByteCount))))
    guard CRC32C.checksum(payload) == header.payloadChecksum,
      forEachEntry(of: payload, count: header.count, { _, _ in })
    else { return nil }
    let end = offset &+ byteCount
    var at = start &+ payload.count
    while at < end {
      guard bytes[at] == 0 else { return nil }
      at &+= 1
    }
    return (header, end)
  }
}
