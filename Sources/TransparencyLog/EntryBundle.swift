import HAL
import Metering

/// Walks an entry bundle: u16be length ‖ entry, one after the other (C2SP tlog-tiles).
///
///     for [01 02 03] and an empty entry: 00 03 01 02 03 00 00
public struct EntryBundle: ~Escapable {
  /// The bundle.
  public let bytes: Span<UInt8>
  /// Where the next length stands.
  public private(set) var position = 0

  /// The bundle ends inside an entry.
  public struct Truncated: Error {}

  /// Starts at the first entry.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  /// The bytes of the next entry; `nil` at the end.
  public mutating func next() throws(Truncated) -> Range<Int>? {
    guard position < bytes.count else { return nil }
    guard bytes.count &- position >= 2 else { throw Truncated() }
    let count =
      Int(truncatingIfNeeded: bytes[position]) &<< 8
      | Int(truncatingIfNeeded: bytes[position &+ 1])
    let start = position &+ 2
    guard bytes.count &- start >= count else { throw Truncated() }
    position = start &+ count
    return start..<position
  }

  /// How many entries a bundle has; `nil` if it ends inside one.
  public static func count(_ bytes: Span<UInt8>) -> Int? {
    var bundle = EntryBundle(bytes)
    var count = 0
    do throws(Truncated) {
      while try bundle.next() != nil { count &+= 1 }
    } catch {
      return nil
    }
    return count
  }
}

extension ByteWriter {
  /// Writes an entry with its length, whole or not at all; at most 65,535 bytes.
  public mutating func append(bundled entry: Span<UInt8>) {
    precondition(entry.count <= 0xFFFF, "an entry has at most 65,535 bytes")
    guard !overflowed, room >= 2, entry.count <= room &- 2 else { return overflow() }
    appendBigEndian(wide(count: entry.count), byteCount: 2)
    append(entry)
  }

  /// Writes the items of a bundle as an array of byte strings; traps where the bundle ends inside one.
  mutating func cbor(bundleAsArray bytes: Span<UInt8>) {
    guard let count = EntryBundle.count(bytes) else {
      preconditionFailure("a bundle ends with an item's end")
    }
    cbor(arrayOf: count)
    var bundle = EntryBundle(bytes)
    while let item = try? bundle.next() { cbor(bytes: bytes.extracting(item)) }
  }
}
