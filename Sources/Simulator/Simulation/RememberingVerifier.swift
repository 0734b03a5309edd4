import HAL

/// A verifier that remembers what it found valid last, and what its signers made: the gateway, the mirror and the
/// checkers of a simulation each look at the same note, and whether a signature over the same bytes was made with
/// the same key does not change meanwhile.
///
/// Anything else is computed, and what is not valid each time.
public final class RememberingVerifier<Verifier: SignatureVerifier>: SignatureVerifier {
  private struct Valid {
    var signature: Signature
    var message: [UInt8]
    var key: PublicKey
  }

  /// The log's note and the mirror's answer to it, of the newest checkpoint and of copies that come late.
  private static var capacity: Int { 8 }

  private let verifier: Verifier
  private var valid: [Valid] = []
  private var oldest = 0

  /// Asks `verifier` for what it does not remember.
  public init(_ verifier: Verifier) { self.verifier = verifier }

  /// `true` if and only if `signature` over `message` was made with `key`.
  public func verify(
    _ signature: borrowing Signature, over message: UnsafeBufferPointer<UInt8>,
    with key: borrowing PublicKey
  ) -> Bool {
    for known in valid {
      guard isEqual(known.signature, signature), isEqual(known.key, key) else { continue }
      if known.message.elementsEqual(message) { return true }
    }
    guard verifier.verify(signature, over: message, with: key) else { return false }
    remember(signature, over: message, of: key)
    return true
  }

  fileprivate func remember(
    _ signature: borrowing Signature, over message: UnsafeBufferPointer<UInt8>,
    of key: borrowing PublicKey
  ) {
    let found = Valid(signature: copy signature, message: Array(message), key: copy key)
    if valid.count < RememberingVerifier.capacity {
      valid.append(found)
    } else {
      valid[oldest] = found
      oldest = (oldest + 1) % RememberingVerifier.capacity
    }
  }

  private func isEqual<let count: Int>(
    _ left: borrowing InlineArray<count, UInt8>, _ right: borrowing InlineArray<count, UInt8>
  ) -> Bool {
    for i in 0..<count where left[i] != right[i] { return false }
    return true
  }
}

/// A key of a simulation, whose signatures its verifier need not compute again.
public struct RememberingSigner<Key: Signer & ~Copyable, Verifier: SignatureVerifier>: Signer,
  ~Copyable
{
  private var key: Key
  private let verifier: RememberingVerifier<Verifier>

  /// Signs with `key`, and tells `verifier` what it signed.
  public init(_ key: consuming Key, _ verifier: RememberingVerifier<Verifier>) {
    self.key = key
    self.verifier = verifier
  }

  /// The public half of the key.
  public var publicKey: PublicKey { key.publicKey }

  /// Signs `message`.
  public mutating func sign(_ message: UnsafeBufferPointer<UInt8>) -> Signature? {
    guard let signature = key.sign(message) else { return nil }
    verifier.remember(signature, over: message, of: key.publicKey)
    return signature
  }
}
