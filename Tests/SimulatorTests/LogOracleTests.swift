import Testing
import TransparencyLog

@testable import Simulator

@Suite struct LogOracleTests {
  /// A frame as article DataOnDisk has it, as far as the oracle reads it.
  private func frame(first: Int, _ entries: [[UInt8]]) -> [UInt8] {
    var bytes = Array("TSJF".utf8) + [UInt8](repeating: 0, count: 40)
    bytes[16] = UInt8(first)
    bytes[24] = UInt8(entries.count)
    for entry in entries { bytes += [0, UInt8(entry.count)] + entry }
    return bytes
  }

  private func write(_ frame: [UInt8], to oracle: inout LogOracle) {
    let first = frame.withUnsafeBytes { oracle.take($0, at: 4_096) }
    #expect(first == Int(frame[16]))
  }

  /// The tree of RFC 6962, 2.1, computed anew each time.
  private func naiveRoot(_ leaves: ArraySlice<Digest>) -> Digest {
    guard leaves.count > 1 else { return leaves.first ?? Tree.empty }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    let middle = leaves.startIndex + split
    return Tree.node(naiveRoot(leaves[..<middle]), naiveRoot(leaves[middle...]))
  }

  @Test func `a root that was asked for before follows entries that are replaced`() {
    var oracle = LogOracle()
    write(frame(first: 0, (0..<9).map { [UInt8($0)] }), to: &oracle)
    let sizes = [9, 3, 7, 0, 5, 8]
    for size in sizes + sizes {
      #expect(oracle.root(size: size) == naiveRoot(oracle.leaves[..<size]))
    }
    #expect(oracle.root(size: 10) == nil)
    let (before, kept) = (oracle.root(size: 7), oracle.root(size: 5))
    write(frame(first: 5, [[50], [60], [70]]), to: &oracle)
    #expect(oracle.root(size: 7) != before && oracle.root(size: 5) == kept)
    #expect(oracle.root(size: 9) == nil)
    for size in 0...8 { #expect(oracle.root(size: size) == naiveRoot(oracle.leaves[..<size])) }
  }

  @Test func `a medium that was set back says what stands there, not what was written since`() {
    let first = (0..<5).map { [UInt8($0)] }
    var oracle = LogOracle()
    write(frame(first: 0, first), to: &oracle)
    // It lost entries 2 to 4, and others were written in their place.
    write(frame(first: 2, [[20], [30], [40], [50]]), to: &oracle)
    _ = oracle.root(size: 6)
    let kept = (1..<5).map { WholeEntry(first[$0], epoch: 1, index: $0) }
    oracle.setBack(to: kept.reversed())
    #expect(oracle.leaves == first.map { Tree.leaf($0.span) })
    #expect(oracle.root(size: 5) == naiveRoot(oracle.leaves[...]))
    // What stands there as it was written last changes nothing, nor what lies behind a hole.
    oracle.setBack(to: [kept[1], WholeEntry([9], epoch: 1, index: 9)])
    #expect(oracle.leaves.count == 5)
  }
}
