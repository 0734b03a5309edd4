/// Writes bytes into memory that its owner provides, and never past its end.
///
/// A write that does not fit leaves the buffer as it is and sets `overflowed`; the caller checks once
/// at the end instead of at every byte.
public struct ByteWriter: ~Copyable {
  /// The memory that is written to. Its owner keeps it alive for as long as the writer.
  public let buffer: UnsafeMutableBufferPointer<UInt8>
  /// How many bytes were written.
  public private(set) var count = 0
  /// Something did not fit: what was written is not whole.
  public private(set) var overflowed = false

  /// Starts at the beginning of `buffer`.
  public init(_ buffer: UnsafeMutableBufferPointer<UInt8>) { self.buffer = buffer }

  /// What was written so far.
  public var written: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[0..<count])
  }

  /// Room that is left.
  public var room: Int { buffer.count &- count }

  /// Forgets what was written.
  public mutating func reset() {
    count = 0
    overflowed = false
  }

  /// Takes back everything after the first `count` bytes; for undoing a partly written item.
  public mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count, "truncate past the end")
    self.count = count
    overflowed = false
  }

  /// Notes that something did not fit, for a caller that measured an item before it wrote any of it.
  public mutating func overflow() { overflowed = true }

  /// Writes one byte.
  public mutating func append(_ byte: UInt8) {
    guard count < buffer.count, !overflowed else {
      overflowed = true
      return
    }
    buffer[count] = byte
    count &+= 1
  }

  /// Writes all bytes or none.
  public mutating func append(_ bytes: Span<UInt8>) {
    bytes.withUnsafeBufferPointer { append($0) }
  }

  /// Writes all bytes or none.
  public mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard bytes.count <= room, !overflowed else {
      overflowed = true
      return
    }
    UnsafeMutableRawBufferPointer(
      rebasing: UnsafeMutableRawBufferPointer(buffer)[count..<(count &+ bytes.count)]
    ).copyMemory(from: UnsafeRawBufferPointer(bytes))
    count &+= bytes.count
  }

  /// Writes the UTF-8 of a literal.
  public mutating func append(_ text: StaticString) {
    append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
