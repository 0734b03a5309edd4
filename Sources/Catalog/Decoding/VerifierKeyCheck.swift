import TransparencyLog

extension VerifierKey {
  /// Reads a vkey of one type, or tells what is wrong with it, because "not a key" helps nobody who
  /// copied half of one.
  ///
  /// Source: C2SP signed-note, "verifier keys", and tlog-cosignature (type 4).
  public init(_ text: String, expecting type: KeyType) throws(VerifierKeyFault) {
    // Base64 may hold plus signs, so only the first two separate.
    let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .parts }
    guard KeyName.isValid(Array(parts[0].utf8).span) else { throw .name }
    let isKeyID =
      parts[1].utf8.count == 8
      && parts[1].utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    guard isKeyID else { throw .keyID }
    guard let key = Base64.bytes(Array(parts[2].utf8).span), key.count == 33 else { throw .key }
    guard key[0] == type.rawValue else { throw .type(key[0]) }
    guard let whole = VerifierKey(text) else { throw .hash }
    self = whole
  }
}
