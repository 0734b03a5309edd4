/// Reads a post of live values as a collector would: any order of keys, no blanks, only what it must know of it.
/// It shares nothing with the code that writes it.
package struct LivePostReader {
  /// A value of the post.
  struct Value {
    var device: UInt64 = 0
    /// Where the key of the quantity stands.
    var quantity = 0..<0
    var utc: UInt64 = 0
  }

  let body: [UInt8]
  /// Where the origin stands.
  let origin: Range<Int>
  let session: UInt64
  let change: UInt64
  let values: [Value]

  /// Reads a body; `nil` if it is no post.
  init?(_ body: [UInt8]) {
    let text = body.withUnsafeBufferPointer { bytes -> LivePostText? in
      var text = LivePostText(bytes)
      return text.read() ? text : nil
    }
    guard let text else { return nil }
    self.body = body
    origin = text.origin
    session = text.session
    change = text.change
    values = text.values
  }
}

/// The text of a post, as far as it is read.
private struct LivePostText {
  private let body: UnsafeBufferPointer<UInt8>
  private(set) var origin = 0..<0
  private(set) var session: UInt64 = 0
  private(set) var change: UInt64 = 0
  private(set) var values: [LivePostReader.Value] = []
  private var at = 0

  init(_ body: UnsafeBufferPointer<UInt8>) { self.body = body }

  /// Reads all of it. `false` if it is no post.
  mutating func read() -> Bool {
    readObject { $0.readMember($1) } && at == body.count
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard at < body.count, body[at] == byte else { return false }
    at += 1
    return true
  }

  private mutating func readString() -> Range<Int>? {
    guard take(0x22) else { return nil }
    let start = at
    var end = at
    while end < body.count, body[end] != 0x22 { end += body[end] == 0x5C ? 2 : 1 }
    guard end < body.count else { return nil }
    at = end + 1
    return start..<end
  }

  private mutating func readNumber() -> UInt64? {
    let start = at
    var end = at
    var value: UInt64 = 0
    while end < body.count, body[end] &- 48 < 10 {
      value = value &* 10 &+ UInt64(body[end] &- 48)
      end += 1
    }
    at = end
    return end > start ? value : nil
  }

  private mutating func readObject(_ member: (inout LivePostText, Range<Int>) -> Bool) -> Bool {
    guard take(0x7B) else { return false }
    repeat {
      guard let key = readString(), take(0x3A), member(&self, key) else { return false }
    } while take(0x2C)
    return take(0x7D)
  }

  private func isKey(_ key: Range<Int>, _ word: StaticString) -> Bool {
    guard key.count == word.utf8CodeUnitCount else { return false }
    for i in 0..<key.count where body[key.lowerBound + i] != word.utf8Start[i] { return false }
    return true
  }

  private mutating func readMember(_ key: Range<Int>) -> Bool {
    if isKey(key, "origin") {
      guard let text = readString() else { return false }
      origin = text
      return true
    }
    if isKey(key, "session") || isKey(key, "change") {
      guard let number = readNumber() else { return false }
      if isKey(key, "session") { session = number } else { change = number }
      return true
    }
    guard isKey(key, "values"), take(0x5B) else { return false }
    if take(0x5D) { return true }
    repeat {
      var value = LivePostReader.Value()
      guard readObject({ $0.readMember($1, of: &value) }) else { return false }
      values.append(value)
    } while take(0x2C)
    return take(0x5D)
  }

  private mutating func readMember(
    _ key: Range<Int>, of value: inout LivePostReader.Value
  ) -> Bool {
    if at < body.count, body[at] == 0x22 {
      guard let text = readString() else { return false }
      if isKey(key, "quantity") { value.quantity = text }
      return true
    }
    if let number = readNumber() {
      if isKey(key, "device") { value.device = number }
      if isKey(key, "utc") { value.utc = number }
      return true
    }
    guard body.count - at >= 4, body[at..<at + 4].elementsEqual("null".utf8) else { return false }
    at += 4
    return true
  }
}
