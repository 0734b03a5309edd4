/// An Ed25519 signature (RFC 8032).
public typealias Signature = InlineArray<64, UInt8>
/// An Ed25519 public key.
public typealias PublicKey = InlineArray<32, UInt8>

/// Makes Ed25519 signatures with a key that never leaves it.
public protocol Signer: ~Copyable {
  /// The public half of the key.
  var publicKey: PublicKey { get }
  /// Signs `message`; `nil` when the key cannot be used now (a token unplugged).
  mutating func sign(_ message: UnsafeBufferPointer<UInt8>) -> Signature?
}

/// Checks Ed25519 signatures.
public protocol SignatureVerifier {
  /// `true` if and only if `signature` over `message` was made with `key`.
  func verify(
    _ signature: borrowing Signature, over message: UnsafeBufferPointer<UInt8>,
    with key: borrowing PublicKey
  ) -> Bool
}

/// Random numbers: keys and identifiers on a host, a seeded sequence in the simulator.
public protocol EntropySource: ~Copyable {
  /// The next 64 random bits.
  mutating func next() -> UInt64
}
