import TransparencyLog

/// Tells what is wrong with a verifier key, because "not a key" helps nobody who copied half of one.
///
/// Source: C2SP signed-note, "verifier keys", and tlog-cosignature (type 4).
enum VerifierKeyCheck {
  /// `nil` when the text is a mirror's key.
  static func fault(in text: String) -> VerifierKeyFault? {
    // Base64 may hold plus signs, so only the first two separate.
    let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { return .parts }
    guard KeyName.isValid(Array(parts[0].utf8).span) else { return .name }
    let isKeyID =
      parts[1].utf8.count == 8
      && parts[1].utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
    guard isKeyID else { return .keyID }
    guard let key = Base64.bytes(Array(parts[2].utf8).span), key.count == 33 else { return .key }
    guard key[0] == KeyType.cosigner.rawValue else { return .type(key[0]) }
    return VerifierKey(text) == nil ? .hash : nil
  }
}
