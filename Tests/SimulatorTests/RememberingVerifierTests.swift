import HAL
import Simulator
import Testing

/// Takes for valid what has the message's first byte in each place, and counts how often it was asked.
private final class CountingVerifier: SignatureVerifier {
  var count = 0

  func verify(
    _ signature: borrowing Signature, over message: UnsafeBufferPointer<UInt8>,
    with key: borrowing PublicKey
  ) -> Bool {
    count += 1
    for i in 0..<64 where signature[i] != message[0] ^ key[0] { return false }
    return true
  }
}

private struct FirstByteSigner: Signer, ~Copyable {
  let publicKey: PublicKey

  mutating func sign(_ message: UnsafeBufferPointer<UInt8>) -> Signature? {
    message[0] == 0 ? nil : Signature(repeating: message[0] ^ publicKey[0])
  }
}

@Suite struct RememberingVerifierTests {
  private let below = CountingVerifier()

  private func verify(
    _ verifier: RememberingVerifier<CountingVerifier>, _ byte: UInt8, over message: [UInt8],
    key: UInt8 = 1
  ) -> Bool {
    message.withUnsafeBufferPointer {
      verifier.verify(Signature(repeating: byte), over: $0, with: PublicKey(repeating: key))
    }
  }

  @Test func `what was found valid is not computed again, and what was not is`() {
    let verifier = RememberingVerifier(below)
    for count in 1...3 {
      #expect(verify(verifier, 6, over: [7, 8]))
      #expect(!verify(verifier, 5, over: [7, 8]))
      #expect(below.count == 1 + count)
    }
  }

  @Test func `what a signer made is not computed, and nothing else passes for it`() {
    let verifier = RememberingVerifier(below)
    var signer = RememberingSigner(FirstByteSigner(publicKey: PublicKey(repeating: 1)), verifier)
    let message: [UInt8] = [9, 4, 4]
    let signature = message.withUnsafeBufferPointer { signer.sign($0) }
    #expect(signature?[63] == 8)
    #expect(signer.publicKey[0] == 1)
    #expect(verify(verifier, 8, over: message))
    #expect(below.count == 0)
    // Another signature, key or message.
    #expect(!verify(verifier, 7, over: message))
    #expect(!verify(verifier, 8, over: message, key: 2))
    #expect(!verify(verifier, 8, over: [8, 4, 4]))
    #expect(below.count == 3)
  }

  @Test func `a key that cannot sign leaves nothing to remember`() {
    let verifier = RememberingVerifier(below)
    var signer = RememberingSigner(FirstByteSigner(publicKey: PublicKey(repeating: 1)), verifier)
    let signature = [0, 1].withUnsafeBufferPointer { signer.sign($0) }
    #expect(signature == nil)
    #expect(verify(verifier, 1, over: [0, 1]))
    #expect(below.count == 1)
  }
}
