import HAL
import Metering

/// One poll, whether it was answered or not.
///
///     [1, idx, boot, mono, utc, tq, ch, req, st, slot / null, rtt / null, raw / null, ? ext]
///
///     ch    idx of the channel's config entry in this log: device, port, profile, requests
///     req   which of the channel's requests, from 0
///     st    outcome (Metering.ReadingStatus)
///     slot  (scheduled time − offset) / period; null for a reading without a schedule
///     rtt   µs from the last byte sent to the last byte received; null without an answer
///     raw   the accepted frame verbatim, checksum included; all bytes received, at most 1,000, when
///           none had a good checksum (st 2); null without an answer
///     ext   1 request heard · 2 attempts, if not 1 · 3 frames that were refused · 4 part of an answer
///           in several frames, from 1 after the first · 5 error number · 6 [offset, length] zeroed ·
///           7 [epoch, idx] where it was logged first (`CarriedFrom`) · 15 salt
///
/// Example, 54 bytes: a Modbus answer of 13 bytes, polled once.
///
///     8c                                       array of 12
///     01                                       reading
///     1a 00011173                              idx 70,003
///     11                                       boot 17
///     1b 00000014f46b0400                      mono 90,000,000,000 µs
///     1b 00065772b2ec9000                      utc 1,785,000,000,000,000 µs
///     18 6e                                    tq 110: error at most 2^14 µs, source NTS
///     18 29                                    ch 41
///     00                                       req 0
///     00                                       st 0, good
///     1a 01c5f2f0                              slot 29,750,000 (period 60 s)
///     19 3039                                  rtt 12,345 µs
///     4d 01030800047ea70004b82f9dcd            raw
public struct ReadingEntry: Equatable, Sendable {
  /// What every entry begins with; the time is that of the last byte, or of the deadline.
  public var head: EntryHead
  /// Index of the channel's config entry in this log.
  public var channel: UInt64
  /// Which of the channel's requests, from 0.
  public var request: UInt64
  /// Outcome as encoded: a later version may know more than `ReadingStatus`.
  public var statusCode: UInt64
  /// Slot of the schedule; `nil` for a reading without one.
  public var slot: UInt64?
  /// Microseconds from the last byte sent to the last byte received.
  public var roundTrip: UInt64?
  /// The frame in the entry's bytes.
  public var raw: Range<Int>?
  /// Further fields.
  public var ext: EntryExtension

  /// Keys of `ext`.
  public enum Key {
    /// The request that was heard on the line.
    public static var requestHeard: UInt64 { 1 }
    /// How often the request was sent.
    public static var attempts: UInt64 { 2 }
    /// Frames that were refused.
    public static var refusedFrames: UInt64 { 3 }
    /// Which further frame of one answer, from 1.
    public static var part: UInt64 { 4 }
    /// Error number that the device gave.
    public static var errorNumber: UInt64 { 5 }
    /// What was zeroed in the frame.
    public static var zeroed: UInt64 { 6 }
    /// Where a reading, or an event, was logged first: `CarriedFrom`.
    public static var carriedFrom: UInt64 { 7 }
    /// Random bytes against guessing a leaf.
    public static var salt: UInt64 { 15 }
  }

  /// The outcome; `nil` for a number that this version does not know.
  public var status: ReadingStatus? {
    statusCode > 255 ? nil : ReadingStatus(rawValue: low8(statusCode))
  }

  static func read(
    _ head: EntryHead, _ reader: inout CBORReader, hasExtension: Bool
  ) throws(CBORError) -> ReadingEntry {
    let channel = try reader.unsigned()
    let request = try reader.unsigned()
    let status = try reader.unsigned()
    let slot = try reader.unsignedOrNull()
    let roundTrip = try reader.unsignedOrNull()
    let raw = try reader.byteStringOrNull()
    let ext = try EntryExtension.read(&reader, present: hasExtension)
    return ReadingEntry(
      head: head, channel: channel, request: request, statusCode: status, slot: slot,
      roundTrip: roundTrip, raw: raw, ext: ext)
  }
}

/// The further fields of a reading that is written. Fields at their default are left out.
public struct ReadingDetail: BitwiseCopyable {
  /// How often the request was sent; 1 is left out.
  public var attempts: UInt32 = 1
  /// Frames that were refused before, each as u16be length ‖ bytes; empty is left out.
  public var refusedFrames = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// Which further frame of one answer; 0, the first, is left out.
  public var part: UInt32 = 0
  /// Error number that the device gave (Modbus exception code, DL/T 645 error byte).
  public var errorNumber: UInt32?

  /// Nothing to add.
  public init() {}

  private var count: Int {
    (attempts != 1 ? 1 : 0) &+ (refusedFrames.count > 0 ? 1 : 0) &+ (part > 0 ? 1 : 0)
      &+ (errorNumber != nil ? 1 : 0)
  }

  /// There is nothing to write.
  var isEmpty: Bool { count == 0 }

  func write(to writer: inout ByteWriter) {
    writer.cbor(mapOf: count)
    if attempts != 1 {
      writer.cbor(ReadingEntry.Key.attempts)
      writer.cbor(wide(attempts))
    }
    if refusedFrames.count > 0 {
      writer.cbor(ReadingEntry.Key.refusedFrames)
      writer.cbor(bundleAsArray: refusedFrames.span)
    }
    if part > 0 {
      writer.cbor(ReadingEntry.Key.part)
      writer.cbor(wide(part))
    }
    if let errorNumber {
      writer.cbor(ReadingEntry.Key.errorNumber)
      writer.cbor(wide(errorNumber))
    }
  }
}

extension ReadingEntry {
  /// Writes a reading. `raw` is the frame, or `nil` when nothing was accepted; an empty buffer is a
  /// byte string of no bytes, which is not the same.
  public static func write(
    head: EntryHead, channel: UInt64, request: UInt64, status: ReadingStatus, slot: UInt64?,
    roundTrip: UInt64?, raw: UnsafeBufferPointer<UInt8>?, detail: ReadingDetail = ReadingDetail(),
    to writer: inout ByteWriter
  ) {
    head.write(.reading, elements: detail.isEmpty ? 6 : 7, to: &writer)
    writer.cbor(channel)
    writer.cbor(request)
    writer.append(status.rawValue)
    writer.cbor(orNull: slot)
    writer.cbor(orNull: roundTrip)
    if let raw { writer.cbor(bytes: raw) } else { writer.cborNull() }
    if !detail.isEmpty { detail.write(to: &writer) }
  }
}
