import Metering

extension SealedColumns {
  /// Puts a chunk together again: fills all of `plain`; `false` if the columns are not valid for so many bytes.
  func give(_ columns: Span<UInt8>, into plain: UnsafeMutableBufferPointer<UInt8>) -> Bool {
    guard let (layout, singles) = readHead(columns) else { return false }
    var giving = Giving(layout: layout, singles: singles)
    var expected = Expected()
    var offset = 0
    var frame = 0
    while frame < layout.frameCount {
      guard let end = giveFrame(frame, columns, &giving, &expected, into: plain, at: offset) else {
        return false
      }
      offset = end
      frame &+= 1
    }
    guard giving.order == layout.lengths, plain.count &- offset == layout.restByteCount else {
      return false
    }
    plain.put(
      columns.extracting((columns.count &- layout.restByteCount)..<columns.count), at: offset)
    return true
  }

  /// How far the entries were given.
  private struct Giving {
    var order: Int
    var length: Int
    var single: Int
    let end: Int
    let step: Int

    init(layout: Layout, singles: Int) {
      order = layout.order
      length = layout.singleLengths
      single = singles
      end = layout.lengths
      step = layout.frameCount
    }
  }

  /// Reads what is counted; `nil` unless it is exactly what is there.
  private func readHead(_ columns: Span<UInt8>) -> (Layout, singles: Int)? {
    guard columns.count >= SealedColumns.headByteCount else { return nil }
    var layout = Layout()
    layout.frameCount = columns.load16(0)
    layout.entryCount = columns.load16(2)
    layout.shapeCount = Int(columns[4])
    let rest = wide(columns.load32(8))
    guard layout.shapeCount <= SealedColumns.shapeCountMax, rest <= wide(count: columns.count),
      layout.singleLengths <= columns.count
    else { return nil }
    layout.restByteCount = narrow(rest)
    var shape = 0
    while shape < layout.shapeCount {
      shapes[shape] = Shape(length: columns.load16(layout.lengths &+ 2 &* shape))
      shape &+= 1
    }
    var at = layout.order
    while at < layout.lengths {
      let number = columns[at]
      if number == SealedColumns.single {
        layout.singleCount &+= 1
      } else if Int(number) < layout.shapeCount {
        shapes[Int(number)].count &+= 1
      } else {
        return nil
      }
      at &+= 1
    }
    guard layout.planes <= columns.count, isCounted(&layout, columns) else { return nil }
    let singles = place(layout)
    guard singles <= columns.count, layout.singleByteCount <= columns.count &- singles,
      layout.restByteCount == columns.count &- singles &- layout.singleByteCount
    else { return nil }
    return (layout, singles)
  }

  /// Adds up the entries by themselves; `false` if they, or those of a shape, are longer than all columns: so no sum
  /// overflows, on a machine of 32 bits either.
  private func isCounted(_ layout: inout Layout, _ columns: Span<UInt8>) -> Bool {
    var at = layout.singleLengths
    while at < layout.planes {
      layout.singleByteCount &+= columns.load16(at)
      guard layout.singleByteCount <= columns.count else { return false }
      at &+= 2
    }
    var shape = 0
    while shape < layout.shapeCount {
      let count = shapes[shape].count
      guard count == 0 || shapes[shape].length <= columns.count / count else { return false }
      shape &+= 1
    }
    return true
  }

  /// Puts one frame together; returns where it ends.
  private func giveFrame(
    _ frame: Int, _ columns: Span<UInt8>, _ giving: inout Giving, _ expected: inout Expected,
    into plain: UnsafeMutableBufferPointer<UInt8>, at offset: Int
  ) -> Int? {
    let at = SealedColumns.headByteCount &+ frame
    let step = giving.step
    let low = columns.gather(at &+ 8 &* step, step: step)
    let high = columns.gather(at &+ 12 &* step, step: step)
    var header = FrameHeader(
      epoch: columns.gather(at, step: step) &+ expected.epoch,
      sequence: columns.gather(at &+ 4 &* step, step: step) &+ expected.sequence,
      firstIndex: (wide(low) | (wide(high) &<< (32 as UInt64))) &+ expected.index,
      count: columns.gather(at &+ 16 &* step, step: step) &+ expected.count,
      payloadByteCount: 0,
      previousChecksum: columns.gather(at &+ 20 &* step, step: step) &+ expected.checksum,
      payloadChecksum: 0)
    guard plain.count &- offset >= blockByteCount else { return nil }
    let start = offset &+ FrameHeader.byteCount
    var cursor = start
    var left = header.count
    while left > 0 {
      guard let end = giveEntry(columns, &giving, into: plain, at: cursor) else { return nil }
      cursor = end
      left &-= 1
    }
    header.payloadByteCount = UInt32(truncatingIfNeeded: cursor &- start)
    header.payloadChecksum = CRC32C.checksum(plain.span.extracting(start..<cursor))
    let end = offset &+ roundedToBlocks(cursor &- offset)
    guard end <= plain.count else { return nil }
    plain.clear(cursor..<end)
    let checksum = header.write(into: plain.slice(offset..<end))
    expected = Expected(after: header, checksum: checksum)
    return end
  }

  /// Puts the next entry at its place; returns where it ends.
  private func giveEntry(
    _ columns: Span<UInt8>, _ giving: inout Giving,
    into plain: UnsafeMutableBufferPointer<UInt8>, at offset: Int
  ) -> Int? {
    guard giving.order < giving.end else { return nil }
    let number = columns[giving.order]
    giving.order &+= 1
    let isSingle = number == SealedColumns.single
    let length = isSingle ? columns.load16(giving.length) : shapes[Int(number)].length
    guard plain.count &- offset >= length &+ 2 else { return nil }
    plain[offset] = UInt8(truncatingIfNeeded: length &>> 8)
    plain[offset &+ 1] = UInt8(truncatingIfNeeded: length)
    let start = offset &+ 2
    if isSingle {
      giving.length &+= 2
      plain.put(columns.extracting(giving.single..<(giving.single &+ length)), at: start)
      giving.single &+= length
      return start &+ length
    }
    let shape = shapes[Int(number)]
    shapes[Int(number)].taken &+= 1
    var at = shape.start &+ shape.taken
    var i = 0
    while i < length {
      plain[start &+ i] = columns[at]
      at &+= shape.count
      i &+= 1
    }
    return start &+ length
  }
}

extension Span<UInt8> {
  /// The 16-bit field at `offset`.
  fileprivate func load16(_ offset: Int) -> Int {
    Int(self[offset]) | (Int(self[offset &+ 1]) &<< 8)
  }

  /// The 32-bit field whose bytes stand `step` apart.
  fileprivate func gather(_ offset: Int, step: Int) -> UInt32 {
    UInt32(self[offset])
      | (UInt32(self[offset &+ step]) &<< (8 as UInt32))
      | (UInt32(self[offset &+ 2 &* step]) &<< (16 as UInt32))
      | (UInt32(self[offset &+ 3 &* step]) &<< (24 as UInt32))
  }
}
