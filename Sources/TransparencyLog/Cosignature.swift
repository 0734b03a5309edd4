import HAL
import Metering

/// What a mirror or a witness says about a checkpoint (C2SP tlog-cosignature, `cosignature/v1`).
///
///     signed    "cosignature/v1" LF "time " seconds since 1970 LF ‖ text of the checkpoint
///     in a note base64(key ID (4) ‖ u64be time ‖ Ed25519 signature (64)), 76 bytes
///
/// Valid if and only if the signature verifies and 0 < time < 2^63. Example, for the checkpoint of
/// `Checkpoint` at time 1,785,000,400, key `collector.example/m1+6e25293f+…`: 6e25293f
/// 000000006a64f1d0 265ee8ed…, in all
/// `— collector.example/m1 biUpPwAAAABqZPHQJl7o7diNGI7lvZhuKIc8REeLIUOrKmiJdJqHfsG3Qb1Z…DPVAw==`.
public enum Cosignature {
  /// The longest text that is signed or checked here; one of three lines has at most 321 bytes.
  public static var textByteLimit: Int { 4_000 }

  /// Writes what is signed.
  public static func writeMessage(
    time: UInt64, text: Span<UInt8>, to writer: inout ByteWriter
  ) {
    writer.append("cosignature/v1\ntime ")
    UnsignedText.write(time, to: &writer)
    writer.append("\n")
    writer.append(text)
  }

  /// Checks a cosignature over the text of a checkpoint.
  public static func verify<Verifier: SignatureVerifier>(
    _ signature: Signature, time: UInt64, over text: Span<UInt8>, key: VerifierKey,
    with verifier: Verifier
  ) throws(NoteError) {
    guard text.count <= textByteLimit else { throw .tooLong }
    guard time > 0, time < 0x8000_0000_0000_0000 else { throw .badSignature }
    let good = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4_096) { memory in
      var writer = ByteWriter(memory)
      writeMessage(time: time, text: text, to: &writer)
      return !writer.overflowed
        && verifier.verify(signature, over: writer.written, with: key.publicKey)
    }
    guard good else { throw .badSignature }
  }

  /// Signs the text of a checkpoint and writes the line; `false`, with nothing written, when the key
  /// cannot be used now, the text is too long, or there is too little room.
  public static func sign<Key: Signer & ~Copyable>(
    text: Span<UInt8>, time: UInt64, name: KeyName, with signer: inout Key,
    to writer: inout ByteWriter
  ) -> Bool {
    guard text.count <= textByteLimit, time > 0, time < 0x8000_0000_0000_0000 else { return false }
    let made = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4_096) {
      memory -> Signature? in
      var message = ByteWriter(memory)
      writeMessage(time: time, text: text, to: &message)
      return message.overflowed ? nil : signer.sign(message.written)
    }
    guard let made else { return false }
    var blob = InlineArray<72, UInt8>(repeating: 0)
    for i in 0..<8 { blob[i] = low8(time &>> wideShift(56 &- i &* 8)) }
    for i in 0..<64 { blob[i &+ 8] = made[i] }
    let id = VerifierKey.keyID(name: name, type: .cosigner, publicKey: signer.publicKey)
    let start = writer.count
    NoteLines.write(name: name, keyID: id, signature: blob.span, to: &writer)
    guard !writer.overflowed else {
      writer.truncate(to: start)
      return false
    }
    return true
  }
}
