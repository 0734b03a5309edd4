import HostCrypto
import TransparencyLog

/// What the mirror sends in the third line of 202 and 409, and asks back for a past checkpoint.
///
/// This collector keeps its past checkpoints itself, so it needs none. The others exist so that the
/// gateway's echo can be tested, and the vectors replayed.
public enum TicketScheme: Sendable {
  /// An empty ticket; a past checkpoint is recognised without one.
  case none
  /// Always these bytes; a past checkpoint is recognised without them.
  case fixed([UInt8])
  /// `HMAC-SHA-256(key, origin ‖ 0x0A ‖ u64be size ‖ root) ‖ u64be size ‖ root`, 72 bytes; a past
  /// checkpoint is recognised only with it.
  case authenticated(key: [UInt8])

  /// The ticket for a checkpoint.
  func ticket(for checkpoint: StoredCheckpoint, origin: String) -> [UInt8] {
    switch self {
    case .none: return []
    case .fixed(let bytes): return bytes
    case .authenticated(let key):
      let size = (0..<8).map { UInt8(truncatingIfNeeded: checkpoint.size >> UInt64(56 - 8 * $0)) }
      let content = size + checkpoint.root.array
      return Self.hmac(key, Array(origin.utf8) + [0x0A] + content).array + content
    }
  }

  /// Whether an upload with `ticket` may aim at a past checkpoint.
  func admits(_ past: StoredCheckpoint, origin: String, ticket: [UInt8]) -> Bool {
    switch self {
    case .none, .fixed: true
    case .authenticated: equalInConstantTime(ticket, self.ticket(for: past, origin: origin))
    }
  }

  /// RFC 2104 with SHA-256.
  static func hmac(_ key: [UInt8], _ message: [UInt8]) -> Digest {
    var block = key.count > 64 ? SHA256.hash(key.span).array : key
    block += [UInt8](repeating: 0, count: 64 - block.count)
    let inner = SHA256.hash((block.map { $0 ^ 0x36 } + message).span)
    return SHA256.hash((block.map { $0 ^ 0x5C } + inner.array).span)
  }
}
