import Metering

extension SealedColumns {
  /// Takes a chunk apart; returns the length of its columns, or `nil` if they do not fit.
  func take(_ plain: Span<UInt8>, into columns: UnsafeMutableBufferPointer<UInt8>) -> Int? {
    var layout = Layout()
    var end = 0
    while let (header, next) = SealedColumns.frame(plain, at: end) {
      layout.frameCount &+= 1
      layout.entryCount &+= narrow(wide(header.count))
      end = next
    }
    layout.restByteCount = plain.count &- end
    guard layout.entryCount <= 0xffff, layout.planes <= columns.count else { return nil }
    let frames = plain.extracting(0..<end)
    findShapes(of: frames, &layout, columns)
    let singles = place(layout)
    let rest = singles &+ layout.singleByteCount
    guard rest &+ layout.restByteCount <= columns.count else { return nil }
    writeHead(layout, columns)
    scatter(frames, layout, singles: singles, columns)
    columns.put(plain.extracting(end..<plain.count), at: rest)
    return rest &+ layout.restByteCount
  }

  /// Calls `body` with each entry of whole frames.
  private func forEach(_ frames: Span<UInt8>, _ body: (Span<UInt8>) -> Void) {
    var offset = 0
    while offset < frames.count {
      guard let header = FrameHeader(frames.extracting(offset..<(offset &+ blockByteCount))),
        let byteCount = header.frameByteCount
      else { return }
      let start = offset &+ FrameHeader.byteCount
      let payload = frames.extracting(start..<(start &+ narrow(wide(header.payloadByteCount))))
      forEachEntry(of: payload, count: header.count) { _, entry in body(payload.extracting(entry)) }
      offset &+= byteCount
    }
  }

  /// Gives each entry its shape, and counts them.
  private func findShapes(
    of frames: Span<UInt8>, _ layout: inout Layout, _ columns: UnsafeMutableBufferPointer<UInt8>
  ) {
    var found = layout
    var at = layout.order
    forEach(frames) { entry in
      let key = SealedColumns.key(of: entry)
      var shape = 0
      while shape < found.shapeCount, shapes[shape].key != key { shape &+= 1 }
      if shape < found.shapeCount {
        shapes[shape].count &+= 1
        columns[at] = UInt8(truncatingIfNeeded: shape)
      } else if shape < SealedColumns.shapeCountMax {
        shapes[shape] = Shape(key: key, length: entry.count, count: 1)
        found.shapeCount &+= 1
        columns[at] = UInt8(truncatingIfNeeded: shape)
      } else {
        found.singleCount &+= 1
        found.singleByteCount &+= entry.count
        columns[at] = SealedColumns.single
      }
      at &+= 1
    }
    layout = found
  }

  private static func key(of entry: Span<UInt8>) -> UInt32 {
    var key = UInt32(truncatingIfNeeded: entry.count)
    if entry.count > 0 { key |= UInt32(entry[0]) &<< (16 as UInt32) }
    if entry.count > 1 { key |= UInt32(entry[1]) &<< (24 as UInt32) }
    return key
  }

  private func writeHead(_ layout: Layout, _ columns: UnsafeMutableBufferPointer<UInt8>) {
    columns.clear(0..<SealedColumns.headByteCount)
    columns.store16(layout.frameCount, at: 0)
    columns.store16(layout.entryCount, at: 2)
    columns[4] = UInt8(truncatingIfNeeded: layout.shapeCount)
    columns.store(UInt32(truncatingIfNeeded: layout.restByteCount), at: 8)
    var shape = 0
    while shape < layout.shapeCount {
      columns.store16(shapes[shape].length, at: layout.lengths &+ 2 &* shape)
      shape &+= 1
    }
  }

  /// Puts every byte of the frames into its plane.
  private func scatter(
    _ frames: Span<UInt8>, _ layout: Layout, singles: Int,
    _ columns: UnsafeMutableBufferPointer<UInt8>
  ) {
    scatterHeaders(frames, layout, columns)
    var order = layout.order
    var length = layout.singleLengths
    var single = singles
    forEach(frames) { entry in
      let number = columns[order]
      order &+= 1
      guard number != SealedColumns.single else {
        columns.store16(entry.count, at: length)
        length &+= 2
        columns.put(entry, at: single)
        single &+= entry.count
        return
      }
      let shape = shapes[Int(number)]
      shapes[Int(number)].taken &+= 1
      var at = shape.start &+ shape.taken
      var i = 0
      while i < entry.count {
        columns[at] = entry[i]
        at &+= shape.count
        i &+= 1
      }
    }
  }

  private func scatterHeaders(
    _ frames: Span<UInt8>, _ layout: Layout, _ columns: UnsafeMutableBufferPointer<UInt8>
  ) {
    var expected = Expected()
    var offset = 0
    var frame = 0
    while frame < layout.frameCount {
      let block = frames.extracting(offset..<(offset &+ blockByteCount))
      guard let header = FrameHeader(block) else { return }
      let index = header.firstIndex &- expected.index
      let at = SealedColumns.headByteCount &+ frame
      let step = layout.frameCount
      columns.scatter(header.epoch &- expected.epoch, at: at, step: step)
      columns.scatter(header.sequence &- expected.sequence, at: at &+ 4 &* step, step: step)
      columns.scatter(low32(index), at: at &+ 8 &* step, step: step)
      columns.scatter(high32(index), at: at &+ 12 &* step, step: step)
      columns.scatter(header.count &- expected.count, at: at &+ 16 &* step, step: step)
      columns.scatter(
        header.previousChecksum &- expected.checksum, at: at &+ 20 &* step, step: step)
      expected = Expected(after: header, checksum: FrameHeader.checksum(of: block))
      offset &+= header.frameByteCount ?? blockByteCount
      frame &+= 1
    }
  }
}

extension UnsafeMutableBufferPointer<UInt8> {
  /// Puts a 16-bit field at `offset`.
  fileprivate func store16(_ value: Int, at offset: Int) {
    self[offset] = UInt8(truncatingIfNeeded: value)
    self[offset &+ 1] = UInt8(truncatingIfNeeded: value &>> 8)
  }

  /// Puts the bytes of a 32-bit field `step` apart.
  fileprivate func scatter(_ value: UInt32, at offset: Int, step: Int) {
    self[offset] = UInt8(truncatingIfNeeded: value)
    self[offset &+ step] = UInt8(truncatingIfNeeded: value &>> (8 as UInt32))
    self[offset &+ 2 &* step] = UInt8(truncatingIfNeeded: value &>> (16 as UInt32))
    self[offset &+ 3 &* step] = UInt8(truncatingIfNeeded: value &>> (24 as UInt32))
  }
}
