import HAL
import Journal
import TransparencyLog

/// The documents that the channels of a log rest on, with the indices of their entries: a copy beside the log.
///
/// The entries themselves stand in a few blocks at the beginning of an epoch. Were those damaged, nobody could
/// say what the readings behind them mean, and a new epoch could not take them over. So the agent writes
/// this copy at each start, whole. It is no evidence and is never relied on where the log can be read.
///
///     "TSDC" ‖ [ idx u64 ‖ kind u8 ‖ name count u16 ‖ name ‖ body count u32 ‖ body ]* ‖ CRC-32C u32
///
/// Numbers are little-endian; the checksum covers all bytes before it. The object holds this twice, for what rots in one
/// copy would be missed when the log's own documents were given up, or are damaged.
enum KnownDocuments {
  private static let magic: [UInt8] = Array("TSDC".utf8)

  /// The bytes of the object.
  static func encode(_ documents: [(index: UInt64, document: Document)]) -> [UInt8] {
    var bytes = magic
    for (index, document) in documents {
      append(index, 8, to: &bytes)
      append(UInt64(document.kind.rawValue), 1, to: &bytes)
      append(UInt64(document.name.count), 2, to: &bytes)
      bytes += document.name
      append(UInt64(document.body.count), 4, to: &bytes)
      bytes += document.body
    }
    append(UInt64(CRC32C.checksum(bytes.span)), 4, to: &bytes)
    return bytes + bytes
  }

  /// The documents in the bytes of the object, of the first of the two copies that is right; none unless one is.
  static func decode(_ bytes: [UInt8]) -> [(index: UInt64, document: Document)] {
    let half = bytes.count / 2
    return documents(in: Array(bytes[..<half])) ?? documents(in: Array(bytes[half...])) ?? []
  }

  private static func documents(in bytes: [UInt8]) -> [(index: UInt64, document: Document)]? {
    guard bytes.count >= 8, bytes.starts(with: magic) else { return nil }
    let end = bytes.count - 4
    guard UInt64(CRC32C.checksum(bytes.span.extracting(0..<end))) == number(bytes, end, 4) else {
      return nil
    }
    var documents: [(index: UInt64, document: Document)] = []
    var at = magic.count
    while at < end {
      guard let name = counted(bytes, at + 9, 2, end),
        let body = counted(bytes, name.upperBound, 4, end),
        let kind = ConfigEntry.Kind(rawValue: bytes[at + 8])
      else { return nil }
      documents.append(
        (
          number(bytes, at, 8),
          Document(kind: kind, name: Array(bytes[name]), body: Array(bytes[body]))
        ))
      at = body.upperBound
    }
    return documents
  }

  private static func append(_ value: UInt64, _ count: Int, to bytes: inout [UInt8]) {
    for i in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * i))) }
  }

  private static func number(_ bytes: [UInt8], _ at: Int, _ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for i in 0..<count { value |= UInt64(bytes[at + i]) << UInt64(8 * i) }
    return value
  }

  /// Where the bytes lie whose count stands at `at`.
  private static func counted(
    _ bytes: [UInt8], _ at: Int, _ width: Int, _ end: Int
  ) -> Range<Int>? {
    guard at + width <= end else { return nil }
    let start = at + width
    let count = number(bytes, at, width)
    guard count <= UInt64(end - start) else { return nil }
    return start..<(start + Int(count))
  }
}
