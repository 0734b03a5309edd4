import CLinux

/// A file descriptor with one owner, closed when that goes away.
public struct Descriptor: ~Copyable {
  /// The number that system calls take. It is valid for as long as this value lives.
  public let number: Int32

  /// Takes over an open descriptor.
  public init(owning number: Int32) {
    precondition(number >= 0, "not an open descriptor")
    self.number = number
  }

  deinit { _ = clinux_close(number) }

  /// Gives the number away; whoever takes it closes it.
  public consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }
}

/// Writes all of `text` to standard error in one call, so that lines of two threads do not mix.
public func writeStandardError(_ text: String) { writeAll(text, to: 2) }

/// Writes all of `text` to standard output; what a closed pipe refuses is lost.
public func writeStandardOutput(_ text: String) { writeAll(text, to: 1) }

private func writeAll(_ text: String, to descriptor: Int32) {
  var text = text
  text.withUTF8 { bytes in
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let n = clinux_write(descriptor, base + done, bytes.count - done)
      if n <= 0 { return }
      done += n
    }
  }
}
