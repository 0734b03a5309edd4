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
  private(set) var origin = 0..<0
  private(set) var session: UInt64 = 0
  private(set) var change: UInt64 = 0
  private(set) var values: [Value] = []
  private var at = 0

  /// Reads a body; `nil` if it is no post.
  init?(_ body: [UInt8]) {
    self.body = body
    guard readObject({ $0.readMember($1) }), at == body.count else { return nil }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard at < body.count, body[at] == byte else { return false }
    at += 1
    return true
  }

  private mutating func readString() -> Range<Int>? {
    guard take(0x22) else { return nil }
    let start = at
    while at < body.count, body[at] != 0x22 { at += body[at] == 0x5C ? 2 : 1 }
    guard at < body.count else { return nil }
    at += 1
    return start..<at - 1
  }

  private mutating func readNumber() -> UInt64? {
    let start = at
    var value: UInt64 = 0
    while at < body.count, body[at] &- 48 < 10 {
      value = value &* 10 &+ UInt64(body[at] &- 48)
      at += 1
    }
    return at > start ? value : nil
  }

  private mutating func readObject(_ member: (inout LivePostReader, Range<Int>) -> Bool) -> Bool {
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
      values.append(Value())
      guard readObject({ $0.readValueMember($1) }) else { return false }
    } while take(0x2C)
    return take(0x5D)
  }

  private mutating func readValueMember(_ key: Range<Int>) -> Bool {
    let last = values.count - 1
    if at < body.count, body[at] == 0x22 {
      guard let text = readString() else { return false }
      if isKey(key, "quantity") { values[last].quantity = text }
      return true
    }
    if let number = readNumber() {
      if isKey(key, "device") { values[last].device = number }
      if isKey(key, "utc") { values[last].utc = number }
      return true
    }
    guard body.count - at >= 4, body[at..<at + 4].elementsEqual("null".utf8) else { return false }
    at += 4
    return true
  }
}
