import Journal
import MemoryStorage
import Testing

@testable import Gateway

@Suite struct GapPackingTests {
  private typealias Packing = GapPacking<MemoryBlockStorage>
  private let most = 16_384 - 44

  private func blocks(_ lengths: ArraySlice<Int>) -> Int {
    (44 + lengths.reduce(0) { $0 + $1 + 2 } + 4_095) / 4_096
  }

  @Test func `the entries of any frames fit where those frames stood`() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var lengths: [Int] = []
      var room = 0
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        var frame: [Int] = []
        let goal = Int.random(in: 1...most, using: &generator)
        while true {
          let next = Int.random(in: 1...4_000, using: &generator)
          guard frame.reduce(0, { $0 + $1 + 2 }) + next + 2 <= goal else { break }
          frame.append(next)
        }
        if frame.isEmpty { frame = [goal % 4_000 + 1] }
        lengths += frame
        room += blocks(frame[...]) * 4_096
      }
      guard let runs = Packing.runs(lengths: lengths, into: room, payloadByteCountMax: most) else {
        Issue.record("\(lengths) do not fit into \(room)")
        continue
      }
      #expect(runs.flatMap { Array($0) } == Array(lengths.indices))
      #expect(runs.reduce(0) { $0 + blocks(lengths[$1]) } * 4_096 <= room)
      #expect(runs.allSatisfy { lengths[$0].reduce(0) { $0 + $1 + 2 } <= most })
    }
  }

  @Test func `filling each frame to the brim would not fit`() throws {
    // One block and four: 4,050 bytes and 16,338 bytes with lengths.
    let lengths = [4_000, 46, 4_000, 4_000, 4_000, 4_000, 328]
    #expect(blocks(lengths[..<2]) + blocks(lengths[2...]) == 5)
    let runs = Packing.runs(lengths: lengths, into: 5 * 4_096, payloadByteCountMax: most)
    #expect(runs?.reduce(0) { $0 + blocks(lengths[$1]) } == 5)
    #expect(Packing.runs(lengths: lengths, into: 4 * 4_096, payloadByteCountMax: most) == nil)
  }

  @Test func `one frame is one frame`() {
    #expect(Packing.runs(lengths: [10, 20], into: 4_096, payloadByteCountMax: most) == [0..<2])
    #expect(Packing.runs(lengths: [], into: 4_096, payloadByteCountMax: most) == [])
  }
}
