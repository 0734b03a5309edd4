import HAL
import Synchronization
import TransparencyLog

/// The key that cosigns. It has no other role: the signed message does not contain its name, so the
/// same public key as a witness would say what the mirror never said (C2SP tlog-cosignature).
public struct MirrorKey: Sendable {
  /// Name and public key, as gateways and auditors configure it.
  public let verifierKey: VerifierKey
  private let sign: @Sendable (_ text: [UInt8], _ time: UInt64) -> [UInt8]?

  /// Takes over a signer.
  public init<Key: Signer & ~Copyable>(name: KeyName, signer: consuming sending Key) {
    verifierKey = VerifierKey(name: name, type: .cosigner, publicKey: signer.publicKey)
    let box = SignerBox(signer)
    sign = { text, time in box.cosign(text, time: time, name: name) }
  }

  /// The vkey, without a line feed.
  public var vkey: String {
    String(decoding: ByteWriter.bytes { verifierKey.writeVKey(to: &$0) }, as: UTF8.self)
  }

  /// The signature line over the text of a checkpoint; `nil` if the key cannot be used now.
  func cosign(_ text: [UInt8], time: UInt64) -> [UInt8]? { sign(text, time) }
}

/// Lets one signer serve the mirrors of all logs.
private final class SignerBox<Key: Signer & ~Copyable>: Sendable {
  private let signer: Mutex<Key>

  init(_ signer: consuming sending Key) { self.signer = Mutex(signer) }

  func cosign(_ text: [UInt8], time: UInt64, name: KeyName) -> [UInt8]? {
    signer.withLock { signer in
      var made = false
      let line = ByteWriter.bytes(limit: Checkpoint.cosignedByteLimit) { writer in
        made = Cosignature.sign(
          text: text.span, time: time, name: name, with: &signer, to: &writer)
      }
      return made ? line : nil
    }
  }
}
