import CSodium
import HAL
import TransparencyLog

/// Signs with an Ed25519 key that lies in a file: 64 lowercase hexadecimal digits (the 32-byte seed of
/// RFC 8032) and a line feed, mode 0600.
///
/// The key lives in locked memory between guard pages (`sodium_malloc`), is never copied, and is
/// zeroed at the end. Signing takes about 16 µs and allocates nothing.
public struct FileKeySigner: Signer, ~Copyable, @unchecked Sendable {
  // Sendable: the memory is written once, in `init`, and never shared mutably.
  private let secret: UnsafeMutablePointer<UInt8>
  /// The public half of the key.
  public let publicKey: PublicKey

  /// Reads the key at `path`; refuses it if others than its owner may read or change it.
  public static func load(path: String) throws(KeyFileError) -> FileKeySigner {
    var text = try KeyFile.readSecret(path, limit: 256)
    defer { wipe(&text) }
    guard text.count == 65, text[64] == 0x0A else { throw .malformed(path: path) }
    var seed = InlineArray<32, UInt8>(repeating: 0)
    var target = seed.mutableSpan
    guard Hex.read(text.span.extracting(0..<64), into: &target) else {
      throw .malformed(path: path)
    }
    return try FileKeySigner(seed: seed)
  }

  /// Makes a new key and its file; `.exists` if there is one.
  public static func create(path: String) throws(KeyFileError) -> FileKeySigner {
    guard Sodium.ready else { throw .noEntropy }
    var seed = InlineArray<32, UInt8>(repeating: 0)
    var target = seed.mutableSpan
    target.withUnsafeMutableBytes { SecureRandom.fill($0) }
    var text = ByteWriter.bytes(limit: 65) {
      Hex.write(seed.span, to: &$0)
      $0.append("\n")
    }
    defer { wipe(&text) }
    try KeyFile.publish(path, text, mode: 0o600, replacing: false)
    return try FileKeySigner(seed: seed)
  }

  /// Reads the key at `path`, or makes it if there is none.
  public static func loadOrCreate(path: String) throws(KeyFileError) -> FileKeySigner {
    do {
      return try load(path: path)
    } catch {
      guard case .missing = error else { throw error }
      return try create(path: path)
    }
  }

  /// Takes a seed: for test vectors and simulations.
  public init(seed: InlineArray<32, UInt8>) throws(KeyFileError) {
    guard Sodium.ready, let memory = sodium_malloc(64) else { throw .noEntropy }
    let secret = memory.assumingMemoryBound(to: UInt8.self)
    var key = PublicKey(repeating: 0)
    let made = withUnsafeMutableBytes(of: &key) { keyBytes in
      withUnsafeBytes(of: seed) { seedBytes in
        let keyStart = keyBytes.assumingMemoryBound(to: UInt8.self).baseAddress
        let seedStart = seedBytes.assumingMemoryBound(to: UInt8.self).baseAddress
        guard let keyStart, let seedStart else { return false }
        return crypto_sign_seed_keypair(keyStart, secret, seedStart) == 0
      }
    }
    guard made else {
      sodium_free(memory)
      throw .noEntropy
    }
    _ = sodium_mprotect_readonly(memory)
    self.secret = secret
    publicKey = key
  }

  deinit { sodium_free(secret) }

  /// Signs `message`; never `nil`.
  public mutating func sign(_ message: UnsafeBufferPointer<UInt8>) -> Signature? {
    var signature = Signature(repeating: 0)
    var target = signature.mutableSpan
    let made = target.withUnsafeMutableBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return false }
      return crypto_sign_detached(
        start, nil, message.baseAddress, UInt64(message.count), secret) == 0
    }
    return made ? signature : nil
  }

  /// The vkey of this key under a name.
  public func verifierKey(name: KeyName, type: KeyType) -> VerifierKey {
    VerifierKey(name: name, type: type, publicKey: publicKey)
  }

  /// Writes the vkey and a line feed to `path`, mode 0644, unless the file says exactly that already.
  public func publishVKey(
    path: String, name: KeyName, type: KeyType
  ) throws(KeyFileError) {
    let line = Array("\(verifierKey(name: name, type: type))\n".utf8)
    guard try KeyFile.readPublic(path, limit: 4_096) != line else { return }
    try KeyFile.publish(path, line, mode: 0o644, replacing: true)
  }

  private static func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { memory in
      if let start = memory.baseAddress { sodium_memzero(start, memory.count) }
    }
  }
}
