import FuzzKit
import Metering
import Testing

// The independent witness is the standard library's description, which is the shortest text that
// reads back as the same number (SwiftDtoa).
@Suite struct ShortestDecimalTests {
  private func check(_ value: Float32) -> Bool {
    Decimal(shortest: value) == Decimal(value.description)?.canonical
  }

  private func check(_ value: Float64) -> Bool {
    Decimal(shortest: value) == Decimal(value.description)?.canonical
  }

  @Test func `a million seeded Float32 agree with the standard library`() {
    var random = FuzzRandom(state: 2026)
    var tried = 0
    var wrong: [Float32] = []
    while tried < 1_000_000 {
      let value = Float32(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      guard value.isFinite else { continue }
      tried += 1
      if !check(value) { wrong.append(value) }
    }
    #expect(wrong.isEmpty)
  }

  @Test func `Float32 at the edges of every exponent agree`() {
    var wrong: [Float32] = []
    for exponent in 0..<255 as Range<UInt32> {
      for fraction in [0, 1, 2, 3, 0x3F_FFFF, 0x40_0000, 0x40_0001, 0x7F_FFFE, 0x7F_FFFF]
        as [UInt32]
      {
        for sign in [0, 1] as [UInt32] {
          let value = Float32(bitPattern: sign << 31 | exponent << 23 | fraction)
          if !check(value) { wrong.append(value) }
        }
      }
    }
    #expect(wrong.isEmpty)
  }

  @Test func `Float64 agree where the power of ten fits`() {
    var random = FuzzRandom(state: 64)
    var wrong: [Float64] = []
    for exponent in 0..<2047 as Range<UInt64> {
      for fraction in [0, 1, 0xF_FFFF_FFFF_FFFF, random.next() >> 12, random.next() >> 12]
        as [UInt64]
      {
        let value = Float64(bitPattern: exponent << 52 | fraction)
        if !check(value) { wrong.append(value) }
      }
    }
    for _ in 0..<50_000 {
      let value = Float64(Int64(bitPattern: random.next()) >> 20) / 10_000
      if !check(value) { wrong.append(value) }
    }
    #expect(wrong.isEmpty)
  }

  @Test(
    arguments: [
      (230.6, "230.6"), (0.1, "0.1"), (100, "100"), (16_777_216, "16777216"), (1e10, "10000000000"),
      (3.402_823_5e38, "34028235e31"), (Float32.leastNonzeroMagnitude, "1e-45"), (-0.05, "-0.05"),
      (0, "0"), (-0.0, "0"),
    ] as [(Float32, String)])
  func `a Float32 becomes the decimal that was meant`(value: Float32, text: String) {
    #expect(Decimal(shortest: value)?.description == text)
  }

  @Test func `neither NaN nor infinity is a decimal`() {
    #expect(Decimal(shortest: Float32.nan) == nil)
    #expect(Decimal(shortest: Float32.signalingNaN) == nil)
    #expect(Decimal(shortest: Float32.infinity) == nil)
    #expect(Decimal(shortest: -Float32.infinity) == nil)
    #expect(Decimal(shortest: Float64.nan) == nil)
    #expect(Decimal(shortest: Float64.infinity) == nil)
  }

  @Test func `a Float64 too small for the exponent is refused`() {
    #expect(Decimal(shortest: Float64.leastNonzeroMagnitude) == nil)
    #expect(Decimal(shortest: 1e-100)?.description == "1e-100")
  }
}
