import CLinux

extension Files {
  /// Reads a file of any size in pieces of 64 KiB, in fixed memory.
  public static func readChunks(
    _ path: String, _ body: (UnsafeBufferPointer<UInt8>) -> Void
  ) throws(FileError) {
    let file = try openToRead(path)
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 64 << 10)
    defer { buffer.deallocate() }
    while true {
      let n = clinux_read(file.number, buffer.baseAddress, buffer.count)
      guard n >= 0 else { throw FileError(Int32(-n), .read, path) }
      guard n > 0 else { return }
      body(UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[0..<n]))
    }
  }
}
