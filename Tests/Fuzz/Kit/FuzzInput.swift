import Glibc

/// Takes numbers and runs of bytes off the front of an input; what is missing at its end is zero.
public struct FuzzInput {
  /// What was not taken yet.
  public private(set) var rest: UnsafeBufferPointer<UInt8>

  /// Starts at the first byte.
  public init(_ bytes: UnsafeRawBufferPointer) { rest = bytes.bindMemory(to: UInt8.self) }

  /// Nothing is left.
  public var isAtEnd: Bool { rest.isEmpty }

  /// The next byte.
  public mutating func byte() -> UInt8 {
    guard let first = rest.first else { return 0 }
    rest = UnsafeBufferPointer(rebasing: rest.dropFirst())
    return first
  }

  /// The next two bytes, the high one first.
  public mutating func word() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

  /// The next eight bytes, the highest first.
  public mutating func number() -> UInt64 {
    (0..<8).reduce(0) { value, _ in value << 8 | UInt64(byte()) }
  }

  /// The next `count` bytes, or all that are left.
  public mutating func bytes(_ count: Int) -> UnsafeBufferPointer<UInt8> {
    let taken = UnsafeBufferPointer(rebasing: rest.prefix(count))
    rest = UnsafeBufferPointer(rebasing: rest.dropFirst(count))
    return taken
  }
}

/// A property that no input may break: says which one, and traps, in optimised builds too.
@inline(__always)
public func mustHold(
  _ condition: @autoclosure () -> Bool, _ what: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { broken(what(), file, line) }
}

@inline(never)
private func broken(_ what: String, _ file: StaticString, _ line: UInt) -> Never {
  fatalError("does not hold: \(what)", file: file, line: line)
}

/// Both have the same bytes.
public func areEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
  guard left.count == right.count else { return false }
  return left.withUnsafeBufferPointer { left in
    right.withUnsafeBufferPointer { right in
      guard let a = left.baseAddress, let b = right.baseAddress else { return true }
      return memcmp(a, b, left.count) == 0
    }
  }
}
