import Testing
import TransparencyLog

@testable import Simulator

@Suite struct TraceHashTests {
  private func digest(_ pieces: [[UInt8]]) -> Digest {
    var hash = TraceHash()
    for piece in pieces { piece.withUnsafeBytes { hash.update($0) } }
    return hash.digest
  }

  @Test func `a bit, an order and a boundary make another hash`() {
    for count in 0...40 {
      let piece = (0..<count).map { UInt8($0) }
      var seen = Set([digest([piece])])
      for bit in 0..<count * 8 {
        var other = piece
        other[bit / 8] ^= 1 << UInt8(bit % 8)
        seen.insert(digest([other]))
      }
      #expect(seen.count == count * 8 + 1)
      let halves = [Array(piece[..<(count / 2)]), Array(piece[(count / 2)...])]
      #expect(digest(halves) != digest([piece]))
      #expect(count == 0 || digest(halves) != digest(halves.reversed()))
      #expect(digest([piece]) != digest([piece + [0]]))
    }
  }

  @Test func `a difference does not go out again`() {
    let tail = [UInt8](repeating: 0xA5, count: 4_096)
    #expect(digest([[1], tail]) != digest([[2], tail]))
  }
}
