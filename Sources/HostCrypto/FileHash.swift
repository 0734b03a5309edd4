import CSodium
import TransparencyLog

/// Hashes files of any size in fixed memory.
///
/// libsodium, because an executable of tens of megabytes is hashed before the first reading; the
/// entries themselves are hashed by the code that is proved to be the same on every target.
public struct FileHash: ~Copyable {
  private var state = crypto_hash_sha256_state()

  /// Nothing hashed yet.
  public init() { crypto_hash_sha256_init(&state) }

  /// Adds bytes.
  public mutating func update(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let base = bytes.baseAddress else { return }
    crypto_hash_sha256_update(&state, base, UInt64(bytes.count))
  }

  /// The SHA-256 of all bytes.
  public consuming func finalize() -> Digest {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var target = bytes.mutableSpan
    target.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { crypto_hash_sha256_final(&state, base) }
    }
    return Digest(bytes: bytes)
  }
}
