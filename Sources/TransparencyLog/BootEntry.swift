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
///
/// Example, 146 bytes, with the head of `ReadingEntry`'s example: boot_id sixteen times ab, prev_root
/// SHA-256(01), sw_hash SHA-256(02).
///
///     8c 00                                                        array of 12, boot
///     1a00011173 11 1b00000014f46b0400 1b00065772b2ec9000 186e     head
///     50 abababababababababababababababab  1a00011173              boot_id, prev_size 70,003
///     5820 4bf5122f 344554c5 3bde2ebb 8cd2b7e3 d1600ad6 31c385a5 d7cce23c 7785459a
///     01                                                           reason: the agent alone
///     5820 dbc1b4c9 00ffe48d 575b5da5 c6380401 25f65db0 fe3e2449 4b76ea98 6457d986
///     7819 6d72762e6578616d706c652f67772f37663361303163322f31      origin
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
