import CSodium
import HAL
import TransparencyLog

/// Readiness of libsodium. Its functions are safe to call from any thread after this.
enum Sodium {
  /// `sodium_init` was called, once; it fails only if the system gives no random numbers.
  static let ready: Bool = sodium_init() >= 0
}

/// Checks Ed25519 signatures with libsodium, which refuses keys of small order and signatures that are
/// not canonical (RFC 8032 §5.1.7).
public struct SodiumVerifier: SignatureVerifier, Sendable {
  /// A verifier; it has no state.
  public init() {}

  /// `true` if and only if `signature` over `message` was made with `key`.
  public func verify(
    _ signature: borrowing Signature, over message: UnsafeBufferPointer<UInt8>,
    with key: borrowing PublicKey
  ) -> Bool {
    guard Sodium.ready else { return false }
    let signature = copy signature
    let key = copy key
    return withUnsafeBytes(of: signature) { signatureBytes in
      withUnsafeBytes(of: key) { keyBytes in
        let signatureStart = signatureBytes.assumingMemoryBound(to: UInt8.self).baseAddress
        let keyStart = keyBytes.assumingMemoryBound(to: UInt8.self).baseAddress
        guard let signatureStart, let keyStart else { return false }
        return crypto_sign_verify_detached(
          signatureStart, message.baseAddress, UInt64(message.count), keyStart) == 0
      }
    }
  }
}

/// Random numbers of the operating system: for keys, identifiers and jitter.
public struct SecureRandom: EntropySource, Sendable {
  /// A source; it has no state.
  public init() {}

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    var value: UInt64 = 0
    withUnsafeMutableBytes(of: &value) { SecureRandom.fill($0) }
    return value
  }

  /// Fills memory with random bytes.
  public static func fill(_ memory: UnsafeMutableRawBufferPointer) {
    precondition(Sodium.ready, "the system gives no random numbers")
    guard let start = memory.baseAddress else { return }
    randombytes_buf(start, memory.count)
  }

  /// `byteCount` random bytes as lowercase hexadecimal: for tokens.
  public static func hexText(byteCount: Int) -> String {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    bytes.withUnsafeMutableBytes { fill($0) }
    return String(
      decoding: ByteWriter.bytes(limit: byteCount * 2) { Hex.write(bytes.span, to: &$0) },
      as: UTF8.self)
  }
}

/// Compares secrets in a time that depends on their length alone.
public func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
  guard left.count == right.count else { return false }
  return left.withUnsafeBytes { leftBytes in
    right.withUnsafeBytes { rightBytes in
      guard let a = leftBytes.baseAddress, let b = rightBytes.baseAddress else { return true }
      return sodium_memcmp(a, b, left.count) == 0
    }
  }
}
