import Journal
import Testing

@Suite struct CRC32CTests {
  /// RFC 3720 appendix B.4; the bytes there are in the order of the wire, lowest first.
  @Test func `the vectors of RFC 3720 come out`() {
    let zeros = [UInt8](repeating: 0, count: 32)
    let ones = [UInt8](repeating: 0xff, count: 32)
    let rising = (0..<32).map { UInt8($0) }
    let falling = Array(rising.reversed())
    let command: [UInt8] = [
      0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00,
      0x00, 0x18, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00,
    ]
    #expect(CRC32C.checksum(zeros.span) == 0x8a91_36aa)
    #expect(CRC32C.checksum(ones.span) == 0x62a8_ab43)
    #expect(CRC32C.checksum(rising.span) == 0x46dd_794e)
    #expect(CRC32C.checksum(falling.span) == 0x113f_db5c)
    #expect(CRC32C.checksum(command.span) == 0xd996_3a56)
  }

  @Test func `the check value of the catalogue comes out, in one piece and in two`() {
    let text = Array("123456789".utf8)
    #expect(CRC32C.checksum(text.span) == 0xe306_9283)
    var crc = CRC32C()
    crc.update(text.span.extracting(0..<4))
    crc.update(text.span.extracting(4..<9))
    #expect(crc.value == 0xe306_9283)
  }

  @Test func `every single damaged byte is located`() {
    let good = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 5) }
    let stored = CRC32C.checksum(good.span)
    for offset in 0..<good.count {
      for change: UInt8 in [0x01, 0x80, 0x5a, 0xff] {
        var damaged = good
        damaged[offset] ^= change
        var candidates: [(Int, UInt8)] = []
        CRC32C.locateSingleByte(
          difference: stored ^ CRC32C.checksum(damaged.span), byteCount: damaged.count
        ) {
          candidates.append(($0, $1))
          return false
        }
        #expect(candidates.count == 1)
        #expect(candidates.first?.0 == offset && candidates.first?.1 == change)
      }
    }
  }
}
