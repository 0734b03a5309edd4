import HAL
import TransparencyLog

/// The three lines of `text/x.tlog.mirror-info`: where a mirror stands.
///
///     a valid pending size LF
///     next missing entry LF
///     base64(ticket) LF           possibly empty
struct MirrorPlace: Equatable, Sendable {
  var pending: UInt64
  var next: UInt64
  var ticket: [UInt8]

  /// Reads the body; `nil` unless it is exactly these lines.
  static func parse(_ body: [UInt8]) -> MirrorPlace? {
    let text = body.span
    guard let first = lineEnd(text, 0), let second = lineEnd(text, first + 1),
      let third = lineEnd(text, second + 1), third == text.count - 1,
      let pending = UnsignedText.read(text.extracting(0..<first)),
      let next = UnsignedText.read(text.extracting((first + 1)..<second)),
      pending <= Tree.sizeLimit, next <= Tree.sizeLimit
    else { return nil }
    let encoded = text.extracting((second + 1)..<third)
    guard let count = Base64.decodedCount(encoded), count <= 0xFFFF else { return nil }
    let ticket = [UInt8](unsafeUninitializedCapacity: count) { memory, filled in
      var writer = ByteWriter(memory)
      filled = Base64.decode(encoded, to: &writer) ? writer.count : 0
    }
    return MirrorPlace(pending: pending, next: next, ticket: ticket)
  }

  /// Reads `text/x.tlog.size`: a pending size and LF.
  static func size(_ body: [UInt8]) -> UInt64? {
    let text = body.span
    guard let end = lineEnd(text, 0), end == text.count - 1,
      let size = UnsignedText.read(text.extracting(0..<end)), size <= Tree.sizeLimit
    else { return nil }
    return size
  }

  private static func lineEnd(_ text: Span<UInt8>, _ start: Int) -> Int? {
    var i = start
    while i < text.count {
      if text[i] == 0x0A { return i }
      i += 1
    }
    return nil
  }
}

extension UplinkResponse {
  static var sizeType: StaticString { "text/x.tlog.size" }
  static var placeType: StaticString { "text/x.tlog.mirror-info" }

  /// The media type without parameters and trailing blanks is this one.
  func hasType(_ type: StaticString) -> Bool {
    var end = 0
    while end < contentType.count, contentType[end] != 0x3B { end += 1 }
    while end > 0, contentType[end - 1] == 0x20 { end -= 1 }
    return [UInt8](contentType[0..<end]).equals(type)
  }
}
