import HostHAL
import Testing

@Suite struct HostIdentityTests {
  @Test func `the boot has an identifier that stays`() throws {
    let first = try #require(try HostIdentity.bootID())
    let second = try #require(try HostIdentity.bootID())
    var isZero = true
    for i in 0..<16 {
      #expect(first[i] == second[i])
      if first[i] != 0 { isZero = false }
    }
    #expect(!isZero)
  }

  @Test func `an identifier that cannot be read is no zero`() throws {
    let scratch = try Scratch()
    let path = scratch("boot_id")
    #expect(throws: FileError.notFound(path: path)) { try HostIdentity.bootID(path: path) }
    let digits = String(repeating: "0f", count: 16)
    for text in ["", "unknown\n", String(digits.dropLast()), digits + "0"] {
      try Files.replace(path, with: Array(text.utf8))
      #expect(try HostIdentity.bootID(path: path) == nil, "\(text)")
    }
    try Files.replace(path, with: Array((digits + "\n").utf8))
    #expect(try HostIdentity.bootID(path: path)?[15] == 0x0F)
  }
}
