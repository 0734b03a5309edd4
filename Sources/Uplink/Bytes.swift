import HAL
import TransparencyLog

// Growing bodies: the formats themselves are TransparencyLog's.
extension [UInt8] {
  package mutating func append(_ text: StaticString) {
    self += UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }

  package mutating func append(decimal value: UInt64) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { memory in
      var writer = ByteWriter(memory)
      UnsignedText.write(value, to: &writer)
      self += writer.written
    }
  }

  mutating func append(base64 digest: Digest) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { memory in
      var writer = ByteWriter(memory)
      Base64.write(digest.span, to: &writer)
      for i in 0..<writer.count { append(memory[i]) }
    }
  }

  mutating func append(bigEndian value: UInt64, byteCount: Int) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 8) { memory in
      var writer = ByteWriter(memory)
      writer.appendBigEndian(value, byteCount: byteCount)
      for i in 0..<writer.count { append(memory[i]) }
    }
  }

  func equals(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    for i in 0..<count where self[i] != text.utf8Start[i] { return false }
    return true
  }
}
