/// What the kernel tells about this machine.
public enum HostIdentity {
  /// Where the kernel tells this boot.
  public static let bootIDPath = "/proc/sys/kernel/random/boot_id"

  /// The kernel's identifier of this boot: 16 bytes, new at each start of the machine; `nil` if the file
  /// holds something else than 32 hexadecimal digits.
  public static func bootID(path: String = bootIDPath) throws(FileError) -> InlineArray<16, UInt8>?
  {
    var id = InlineArray<16, UInt8>(repeating: 0)
    var digits = 0
    for character in try Files.read(path, limit: 64) {
      guard let value = Character(UnicodeScalar(character)).hexDigitValue else { continue }
      guard digits < 32 else { return nil }
      id[digits / 2] = id[digits / 2] << 4 | UInt8(value)
      digits += 1
    }
    return digits == 32 ? id : nil
  }
}
