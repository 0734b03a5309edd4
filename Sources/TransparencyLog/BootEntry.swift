import HAL
import Metering

/// The first entry after each start of the agent.
///
///     [0, idx, boot, mono, utc, tq, boot_id, prev_size, prev_root, reason, sw_hash, origin, ? ext]
///
///     boot_id    16 bytes that the kernel made for this boot
///     prev_size  size and root that were signed last; those of the old epoch if idx is 0; 0 and
///     prev_root  32 zero bytes if there is none
///     reason     why the agent starts, see `Reason`
///     sw_hash    SHA-256 of the agent's executable
///     origin     name of this log, so that an entry set aside still says where it belongs
public struct BootEntry: Equatable, Sendable {
  /// What every entry begins with.
  public var head: EntryHead
  /// The kernel's boot identifier, 16 bytes of the entry.
  public var bootID: Range<Int>
  /// Size that was signed last.
  public var previousSize: UInt64
  /// Root that was signed last.
  public var previousRoot: Digest
  /// Why the agent started, as encoded.
  public var reasonCode: UInt64
  /// SHA-256 of the agent's executable.
  public var softwareHash: Digest
  /// Origin, a text of the entry.
  public var origin: Range<Int>
  /// Further fields.
  public var ext: EntryExtension

  /// Why the agent starts.
  public enum Reason: UInt8, Sendable {
    /// The machine was switched on, or restarted.
    case machineStart = 0
    /// The agent alone was started again.
    case agentStart = 1
    /// A new epoch begins.
    case newEpoch = 2
  }

  static func read(
    _ head: EntryHead, _ reader: inout CBORReader, hasExtension: Bool
  ) throws(CBORError) -> BootEntry {
    let bootID = try reader.byteString()
    guard bootID.count == 16 else { throw .outOfRange }
    let previousSize = try reader.unsigned()
    let previousRoot = try reader.digest()
    let reason = try reader.unsigned()
    let software = try reader.digest()
    let origin = try reader.text()
    let ext = try EntryExtension.read(&reader, present: hasExtension)
    return BootEntry(
      head: head, bootID: bootID, previousSize: previousSize, previousRoot: previousRoot,
      reasonCode: reason, softwareHash: software, origin: origin, ext: ext)
  }

  /// Writes a boot entry.
  public static func write(
    head: EntryHead, bootID: InlineArray<16, UInt8>, previousSize: UInt64, previousRoot: Digest,
    reason: Reason, softwareHash: Digest, origin: Span<UInt8>, to writer: inout ByteWriter
  ) {
    head.write(.boot, elements: 6, to: &writer)
    writer.cbor(bytes: bootID.span)
    writer.cbor(previousSize)
    writer.cbor(previousRoot)
    writer.append(reason.rawValue)
    writer.cbor(softwareHash)
    writer.cbor(text: origin)
  }
}
