import HAL
import Journal
import MemoryStorage
import Testing

/// Damaged stretches of a log are found, named and mended from the entries that stood there.
@Suite struct MendingTests {
  /// All but the last frame, behind which nothing says that it was ever there.
  private func inner(_ bench: MendingBench) -> Range<Int> { 0..<(bench.frames.count - 1) }

  @Test func `a frame that was damaged alone is made anew byte for byte`() throws {
    let bench = try MendingBench()
    for number in inner(bench) {
      let frame = bench.frames[number]
      let length = 44 + frame.entries.reduce(0) { $0 + 2 + bench.entries[$1].count }
      for at in [0, 5, 17, 30, 41, 44, 45, length - 1]
        + Array(stride(from: 50, to: length, by: 911))
      {
        bench.restore()
        bench.flip(frame.segment, at: frame.bytes.lowerBound + at)
        let gaps = try bench.mend()
        #expect(gaps.count == 1)
        #expect(gaps.first.map { Int($0.firstIndex)..<Int($0.endIndex) } == frame.entries)
        #expect(
          bench.disk.bytes(frame.segment) == bench.image[frame.segment],
          "frame \(number) byte \(at)")
      }
      let problem = bench.problem()
      #expect(problem == nil, "frame \(number)")
    }
  }

  @Test
  func `any run of frames that is gone comes back, and a mended frame that is damaged does too`()
    throws
  {
    let bench = try MendingBench()
    for first in inner(bench) {
      for last in first..<(bench.frames.count - 1) {
        bench.restore()
        for frame in bench.frames[first...last] { bench.fill(frame.segment, frame.bytes) }
        let gaps = try bench.mend()
        let missing = gaps.filter { !$0.isHeader }.reduce(0) { $0 + $1.endIndex - $1.firstIndex }
        let lost = bench.frames[first...last].reduce(0) { $0 + $1.entries.count }
        #expect(Int(missing) == lost, "frames \(first) to \(last)")
        // What stands there now is damaged again: its first byte, then its payload.
        for gap in gaps where !gap.isHeader {
          for at in [0, 46] {
            bench.flip("segment.\(gap.sequence)", at: gap.offset + at)
            let again = try bench.mend()
            #expect(again.count == 1, "frames \(first) to \(last)")
          }
        }
        if let problem = bench.problem() { Issue.record("frames \(first) to \(last): \(problem)") }
      }
    }
  }

  @Test func `the header of a segment, alone or with frames around it`() throws {
    let bench = try MendingBench()
    for name in bench.image.keys.sorted() {
      let inside = bench.frames.indices.filter {
        bench.frames[$0].segment == name && $0 + 1 < bench.frames.count
      }
      guard let first = inside.first else { continue }
      // Not those that nobody can divide: of a segment without any whole frame, and on both sides of a lost header.
      for around in [[], [first], [first - 1], Array(inside.dropLast())]
      where around.count < inside.count || around.contains(first - 1) {
        bench.restore()
        bench.flip(name, at: 20)
        for number in around where number >= 0 {
          bench.fill(bench.frames[number].segment, bench.frames[number].bytes)
        }
        let gaps = try bench.mend()
        #expect(gaps.contains { $0.isHeader && "segment.\($0.sequence)" == name })
        if let problem = bench.problem() { Issue.record("\(name) with \(around): \(problem)") }
        #expect(bench.disk.bytes(name)[..<4096] == bench.image[name]?[..<4096])
      }
    }
  }

  @Test func `any two frames`() throws {
    let bench = try MendingBench()
    for first in inner(bench) {
      for second in (first + 1)..<(bench.frames.count - 1) {
        bench.restore()
        for number in [first, second] {
          bench.flip(
            bench.frames[number].segment, at: bench.frames[number].bytes.upperBound - 4096 + 6
          )
        }
        try bench.mend()
        if let problem = bench.problem() { Issue.record("\(first) and \(second): \(problem)") }
      }
    }
  }

  @Test func `a later frame that was written over an earlier one is no neighbour`() throws {
    // Frames of one segment: one block, two blocks with the stray one on the second, one block.
    let bench = try MendingBench(commits: [[10], [3900, 3900], [11], [5], [1]])
    let later = try #require(bench.frames.first { $0.segment == "segment.1" })
    let two = bench.frames[1]
    try #require(two.bytes.count == 8192 && two.segment == "segment.0")
    for at in [bench.frames[0].bytes.lowerBound, two.bytes.lowerBound, two.bytes.lowerBound + 4096]
    {
      bench.restore()
      try stray(later, in: bench, to: at)
      try bench.mend()
      let problem = bench.problem()
      #expect(problem == nil, "at \(at)")
      #expect(bench.disk.bytes("segment.0") == bench.image["segment.0"])
    }
  }

  @Test func `a stray frame that hides two others is no neighbour of them`() throws {
    let bench = try MendingBench(commits: [[10], [11], [12], [5], [1]])
    let later = try #require(bench.frames.first { $0.segment == "segment.1" })
    try expectTwoHidden(by: later, in: bench)
  }

  @Test func `a frame that stands twice in its segment counts where the ones after it say`() throws
  {
    // The stray one leaves one block for the two before it, which do not fit there.
    let bench = try MendingBench(commits: [[3900], [3901], [12], [13], [5], [1]])
    let third = bench.frames[2]
    try #require(third.segment == "segment.0")
    try expectTwoHidden(by: third, in: bench)
  }

  /// The first frame is damaged and a stray one stands on the second: both are missing, and come back.
  private func expectTwoHidden(by frame: MendingBench.Frame, in bench: MendingBench) throws {
    bench.flip("segment.0", at: bench.frames[0].bytes.lowerBound + 20)
    try stray(frame, in: bench, to: bench.frames[1].bytes.lowerBound)
    let gaps = try bench.mend()
    #expect(gaps.count == 1 && gaps.first?.endIndex == 2)
    let problem = bench.problem()
    #expect(problem == nil)
  }

  /// Writes a frame of one block, as one of segment 0, to another place there.
  private func stray(_ frame: MendingBench.Frame, in bench: MendingBench, to at: Int) throws {
    var block = Array(bench.disk.bytes(frame.segment)[frame.bytes])
    let found = FrameHeader(block.span)
    var moved = try #require(found)
    moved.sequence = 0
    block.withUnsafeMutableBufferPointer { _ = moved.write(into: $0) }
    var bytes = bench.disk.bytes("segment.0")
    bytes.replaceSubrange(at..<(at + 4096), with: block)
    bench.disk.replace("segment.0", with: bytes)
  }

  @Test
  func `a power cut in any operation while a gap is mended leaves one that the next start mends`()
    throws
  {
    let bench = try MendingBench()
    for (first, last) in [(1, 1), (0, 1), (3, 5), (4, 8), (2, 6)] {
      var operation = 1
      var isOver = false
      while !isOver {
        for tear in [MemoryDisk.Tear.first(0), .first(1), .first(8), .first(9), .last(1), .last(8)]
        {
          bench.restore()
          for frame in bench.frames[first...last] { bench.fill(frame.segment, frame.bytes) }
          bench.disk.cut = (bench.disk.operationCount + operation, tear)
          do throws(JournalError) {
            try bench.mend()
            isOver = true
          } catch {}
          bench.disk.restorePower()
          do throws(JournalError) { try bench.mend() } catch {
            Issue.record("\(first) to \(last), cut in \(operation), \(tear): \(error)")
          }
          if let problem = bench.problem() {
            Issue.record("\(first) to \(last), cut in \(operation), \(tear): \(problem)")
          }
        }
        operation += 1
      }
      #expect(operation > 20)
    }
  }

  @Test func `a write that fails while a gap is mended leaves the gap`() throws {
    let bench = try MendingBench()
    for fault in [MemoryDisk.Fault.refused, .half, .silent, .doneButReported] {
      for operation in 1...80 {
        bench.restore()
        for frame in bench.frames[4...6] { bench.fill(frame.segment, frame.bytes) }
        bench.disk.faults = [bench.disk.operationCount + operation: fault]
        _ = try? bench.mend()
        bench.disk.restorePower()
        do throws(JournalError) { try bench.mend() } catch {
          Issue.record("\(fault) in \(operation): \(error)")
        }
        if let problem = bench.problem() { Issue.record("\(fault) in \(operation): \(problem)") }
      }
    }
  }

  @Test func `what the mirror has not acknowledged is no gap`() throws {
    for acknowledged in UInt64(0)...17 {
      let bench = try MendingBench(acknowledged: acknowledged)
      for number in inner(bench) {
        bench.restore()
        let frame = bench.frames[number]
        bench.flip(frame.segment, at: frame.bytes.lowerBound + 46)
        do throws(JournalError) {
          try bench.mend()
          #expect(frame.entries.upperBound <= acknowledged)
        } catch {
          #expect(frame.entries.upperBound > acknowledged)
          if case .gap = error { Issue.record("a gap of entries that nobody has") }
        }
      }
    }
  }

  @Test func `the last frame is a torn one`() throws {
    let bench = try MendingBench(acknowledged: 0)
    let last = try #require(bench.frames.last)
    bench.flip(last.segment, at: last.bytes.lowerBound + 46)
    #expect(throws: JournalError.signedEntriesMissing(signed: 17, recovered: 16)) {
      try bench.mend()
    }
  }
}
