import HAL
import HostCrypto
import Synchronization
import TransparencyLog

/// The key that cosigns, shared by the mirrors of all logs.
///
/// It has no other role: the signed message does not contain its name, so the same public key as a
/// witness would say what the mirror never said (C2SP tlog-cosignature).
public final class MirrorKey: Sendable {
  /// Name and public key, as gateways and auditors configure it.
  public let verifierKey: VerifierKey
  private let signer: Mutex<FileKeySigner>

  /// Takes over a signer.
  public init(name: KeyName, signer: consuming sending FileKeySigner) {
    verifierKey = signer.verifierKey(name: name, type: .cosigner)
    self.signer = Mutex(signer)
  }

  /// The signature line over the text of a checkpoint; `nil` if the key cannot be used now.
  func cosign(_ text: [UInt8], time: UInt64) -> [UInt8]? {
    signer.withLock { signer in
      var made = false
      let line = ByteWriter.bytes(limit: Checkpoint.cosignedByteLimit) { writer in
        made = Cosignature.sign(
          text: text.span, time: time, name: verifierKey.name, with: &signer, to: &writer)
      }
      return made ? line : nil
    }
  }
}
