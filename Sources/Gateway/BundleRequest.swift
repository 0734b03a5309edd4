import HAL
import TransparencyLog

/// What an agent asks its mirror for to mend its log: a GET, as C2SP tlog-tiles lays the copy of a log out.
///
///     GET <mirror>/<SHA-256 of the origin, hex>/checkpoint
///     GET <mirror>/<SHA-256 of the origin, hex>/tile/entries/000
public struct BundleRequest: Equatable, Sendable {
  /// The longest answer, bytes: a bundle of 256 entries of 4,000, each behind its length.
  public static var answerByteCountMax: Int { 256 * (Limits.entryByteCountMax + 2) }

  /// What lies there.
  public enum Object: Equatable, Sendable {
    /// The mirror's newest checkpoint. Only its size is read, which says how wide the last bundle is.
    case checkpoint
    /// A bundle of entries.
    case bundle(index: UInt64, width: Int)
  }
  /// Origin of the log.
  public var origin: KeyName
  /// What is asked for.
  public var object: Object
  /// µs that the answer may take.
  public var patience: UInt64

  /// Takes the fields.
  public init(origin: KeyName, object: Object, patience: UInt64) {
    self.origin = origin
    self.object = object
    self.patience = patience
  }

  /// Where it lies below the mirror's URL, from "/" on.
  public var path: [UInt8] {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { memory in
      var writer = ByteWriter(memory)
      writer.append("/")
      origin.hash.writeHex(to: &writer)
      writer.append("/")
      switch object {
      case .checkpoint: writer.append("checkpoint")
      case .bundle(let index, let width):
        TilePath(.entries, index: index, width: width).write(to: &writer)
      }
      return Array(writer.written)
    }
  }
}

/// What came of it.
public enum BundleAnswer: Equatable, Sendable {
  /// The bytes of what was asked for, as the mirror has them. They prove nothing by themselves.
  case taken([UInt8])
  /// It cannot be had: no way there, not admitted, not there, too late.
  case refused
}
