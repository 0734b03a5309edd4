@testable import Simulator
import Testing

@testable import Journal

/// Chunks are taken apart and put together again.
@Suite struct SealedColumnsTests {
  private let memory = UnsafeMutableRawBufferPointer.allocate(
    byteCount: SealingMemory.shapesByteCount, alignment: 16)

  private func columns(_ plain: [UInt8]) -> [UInt8]? {
    memory.initializeMemory(as: UInt8.self, repeating: 0x77)
    var columns = [UInt8](repeating: 0xa5, count: SealingMemory.columnsByteCount)
    let count = columns.withUnsafeMutableBufferPointer {
      SealedColumns(memory).take(plain.span, into: $0)
    }
    return count.map { Array(columns[..<$0]) }
  }

  private func plain(_ columns: [UInt8], _ byteCount: Int) -> [UInt8]? {
    var plain = [UInt8](repeating: 0x5a, count: byteCount)
    let isValid = plain.withUnsafeMutableBufferPointer {
      SealedColumns(memory).give(columns.span, into: $0)
    }
    return isValid ? plain : nil
  }

  /// A frame of entries.
  private func frame(
    _ entries: [[UInt8]], index: UInt64, previous: UInt32, sequence: UInt32 = 3,
    mending: FrameHeader.Mending? = nil
  ) -> [UInt8] {
    let payload = entries.flatMap { [UInt8($0.count >> 8), UInt8($0.count & 255)] + $0 }
    var frame = [UInt8](repeating: 0, count: roundedToBlocks(44 + payload.count))
    frame.replaceSubrange(44..<(44 + payload.count), with: payload)
    let header = FrameHeader(
      epoch: 2, sequence: sequence, firstIndex: index, count: UInt32(entries.count),
      payloadByteCount: UInt32(payload.count), previousChecksum: previous,
      payloadChecksum: CRC32C.checksum(payload.span), mending: mending)
    frame.withUnsafeMutableBufferPointer { _ = header.write(into: $0) }
    return frame
  }

  @Test func `a mended frame and what follows it are kept as they are`() throws {
    let one = frame([[0x81, 1, 10]], index: 5, previous: 7)
    let mended = frame(
      [[0x81, 1, 20], [0x81, 1, 30]], index: 6, previous: FrameHeader.checksum(of: one.span),
      mending: FrameHeader.Mending(checksum: 0x1122_3344, blockCount: 2))
    let two = frame([[0x81, 1, 40]], index: 8, previous: 0x1122_3344)
    let all = one + mended + [UInt8](repeating: 0, count: 4096) + two
    let taken = columns(all)
    let columns = try #require(taken)
    #expect(plain(columns, all.count) == all)
  }

  @Test func `columns stand as the format says`() throws {
    let entries: [[UInt8]] = [
      [0x81, 1, 10, 11], [0x81, 1, 20, 21], [0x82, 1, 30], [0x81, 1, 40, 41],
    ]
    let one = frame(Array(entries[..<3]), index: 5, previous: 0x0403_0201)
    let two = frame(Array(entries[3...]), index: 8, previous: FrameHeader.checksum(of: one.span))
    let plain = one + two + [UInt8](repeating: 9, count: 4096)
    let taken = columns(plain)
    let columns = try #require(taken)
    var expected: [UInt8] = [2, 0, 4, 0, 2, 0, 0, 0, 0, 16, 0, 0]
    // Epoch 2, sequence 3, first index 5, three entries, the checksum; then only the count differs, by −2.
    expected += [2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
    expected += [5, 0] + [UInt8](repeating: 0, count: 14)
    expected += [3, 0xfe, 0, 0xff, 0, 0xff, 0, 0xff]
    expected += [1, 0, 2, 0, 3, 0, 4, 0]
    expected += [0, 0, 1, 0]
    expected += [4, 0, 3, 0]
    expected += [0x81, 0x81, 0x81, 1, 1, 1, 10, 20, 40, 11, 21, 41]
    expected += [0x82, 1, 30]
    expected += [UInt8](repeating: 9, count: 4096)
    #expect(columns == expected)
    #expect(self.plain(columns, plain.count) == plain)
  }

  @Test func `every chunk comes back as it was`() throws {
    var random = SeededEntropy(seed: 61)
    var frameCount = 0
    for _ in 0..<150 {
      var plain: [UInt8] = []
      var index = random.next() >> random.below(64)
      var previous = UInt32(truncatingIfNeeded: random.next())
      let kinds = Int(random.below(90)) + 1
      while plain.count < 60_000, !random.chance(20_000) {
        let entries = (0..<Int(random.below(40))).map { _ in
          let kind = Int(random.below(UInt64(kinds)))
          return (0..<(kind * 7 % 300)).map { at in
            at < 2 ? UInt8(kind % 3) : UInt8(truncatingIfNeeded: random.below(4) + UInt64(kind))
          }
        }
        var frame = frame(entries, index: index, previous: previous)
        index &+= random.chance(900_000) ? UInt64(entries.count) : random.next()
        previous =
          random.chance(900_000)
          ? FrameHeader.checksum(of: frame.span) : UInt32(truncatingIfNeeded: random.next())
        // A frame that was torn, padding that is not zero, and what an earlier use left.
        if random.chance(30_000) { frame[Int(random.below(UInt64(frame.count)))] ^= 0x40 }
        plain += frame
        frameCount += 1
      }
      plain += [UInt8](repeating: 0, count: 4096 * Int(random.below(3)))
      guard plain.count <= SealingMemory.plainByteCount else { continue }
      let taken = columns(plain)
      let columns = try #require(taken)
      #expect(self.plain(columns, plain.count) == plain)
      #expect(self.plain(columns, plain.count + 4096) == nil)
      if plain.count >= 4096 { #expect(self.plain(columns, plain.count - 4096) == nil) }
      #expect(self.plain(Array(columns.dropLast()), plain.count) == nil)
      #expect(self.plain(columns + [0], plain.count) == nil)
    }
    #expect(frameCount > 500)
  }

  @Test func `columns that are not valid are refused, whatever they say`() throws {
    var random = SeededEntropy(seed: 62)
    let entries = (0..<70).map { kind in [UInt8](repeating: UInt8(kind), count: 3 + kind % 40) }
    let plain = frame(entries, index: 1, previous: 2) + frame(entries, index: 71, previous: 3)
    let taken = columns(plain)
    let columns = try #require(taken)
    #expect(columns[4] == 64, "the rest stand by themselves")
    for _ in 0..<20_000 {
      var damaged = columns
      for _ in 0...random.below(3) {
        damaged[Int(random.below(UInt64(min(damaged.count, 400))))] =
          UInt8(truncatingIfNeeded: random.next())
      }
      if let found = self.plain(damaged, plain.count) { #expect(found.count == plain.count) }
    }
  }

  private func end(of bytes: some Collection<UInt8>) -> Int {
    let bytes = Array(bytes)
    return SealedColumns.end(of: bytes.span)
  }

  @Test func `a chunk ends behind the last frame that begins in its cell`() {
    let one = frame([[UInt8](repeating: 1, count: 5000)], index: 0, previous: 0)
    #expect(one.count == 8192)
    #expect(end(of: one[..<4096]) == 8192)
    #expect(end(of: one) == 8192)
    #expect(end(of: (one + one[..<4096])) == 16_384)
    let long = frame((0..<9).map { _ in [UInt8](repeating: 2, count: 4000) }, index: 0, previous: 0)
    #expect(long.count > SealingMemory.frameByteCountMax)
    #expect(end(of: long[..<8192]) == 8192)
    #expect(end(of: [UInt8](repeating: 0, count: 8192)) == 8192)
  }
}
