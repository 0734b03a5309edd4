import HAL
import Metering

/// The body of a config entry of kind *channel*: how one stream of one device is polled.
///
///     [device, label, serial / null, mode, port, address, profile, [* request], period / null,
///      offset, [* [quantity, num, den]], ext]
///
///     device   number of the device, unique in the site
///     label    what people call it
///     serial   the maker's serial number, or null
///     mode     0 polled 1 heard 2 unsolicited 3 local input
///     port     name of the line
///     address  bytes of the device's address on it
///     profile  idx of the profile's config entry in this log
///     request  the exact bytes as sent, wake-up bytes included
///     period, offset   ms; a slot is floor((utc − offset) / period)
///     quantity, num, den   current and voltage transformer ratios, if any
///     ext      a map, empty so far
///
/// Valid if and only if it is exactly this array, deterministic; elements after `ext` are ignored.
/// Example: device 7 "M", no serial, polled, port "a", address 01, profile at idx 3, one request
/// 01 03, each 1,000 ms, offset 0, no ratios (21 bytes):
///
///     8c 07 61 4d f6 00 61 61 41 01 03 81 42 0103 19 03e8 00 80 a0
public struct Channel: Equatable, Sendable {
  /// Number of the device, unique in the site.
  public var device: UInt64
  /// What people call it, a text of the body.
  public var label: Range<Int>
  /// The maker's serial number, a text of the body.
  public var serial: Range<Int>?
  /// How values come, as encoded.
  public var modeCode: UInt64
  /// Name of the line, a text of the body.
  public var port: Range<Int>
  /// Address on it, bytes of the body.
  public var address: Range<Int>
  /// Index of the profile's config entry in the log.
  public var profile: UInt64
  /// How many requests there are.
  public var requestCount: Int
  /// Period in ms; `nil` without a schedule.
  public var periodMilliseconds: UInt64?
  /// Offset of the slots in ms.
  public var offsetMilliseconds: UInt64
  /// How many ratios there are.
  public var ratioCount: Int
  private var firstRequest: Int
  private var firstRatio: Int

  /// How values come.
  public enum Mode: UInt8, Sendable {
    case polled = 0
    case heard = 1
    case unsolicited = 2
    case localInput = 3
  }

  /// A ratio by which a quantity is multiplied.
  public struct Ratio: Equatable, Sendable, BitwiseCopyable {
    /// Code of the quantity.
    public var quantity: UInt64
    /// Numerator.
    public var numerator: UInt64
    /// Denominator, not 0.
    public var denominator: UInt64

    /// Takes the fields.
    public init(quantity: UInt64, numerator: UInt64, denominator: UInt64) {
      self.quantity = quantity
      self.numerator = numerator
      self.denominator = denominator
    }
  }

  /// The mode; `nil` for a number that this version does not know.
  public var mode: Mode? { modeCode > 255 ? nil : Mode(rawValue: low8(modeCode)) }

  /// Decodes a body.
  public static func decode(_ body: Span<UInt8>) throws(CBORError) -> Channel {
    var reader = CBORReader(body)
    let count = try reader.array()
    guard count >= 12 else { throw .tooFewElements }
    let device = try reader.unsigned()
    let label = try reader.text()
    let serial = try reader.textOrNull()
    let mode = try reader.unsigned()
    let port = try reader.text()
    let address = try reader.byteString()
    let profile = try reader.unsigned()
    let requestCount = try reader.array()
    let firstRequest = reader.position
    for _ in 0..<requestCount { _ = try reader.byteString() }
    let period = try reader.unsignedOrNull()
    guard period != 0 else { throw .outOfRange }
    let offset = try reader.unsigned()
    let ratioCount = try reader.array()
    let firstRatio = reader.position
    for _ in 0..<ratioCount { _ = try readRatio(&reader) }
    guard reader.nextMajorType == 5 else { throw .unexpectedType }
    var left = count &- 11
    while left > 0 {
      _ = try reader.skip()
      left &-= 1
    }
    try reader.finish()
    return Channel(
      device: device, label: label, serial: serial, modeCode: mode, port: port, address: address,
      profile: profile, requestCount: requestCount, periodMilliseconds: period,
      offsetMilliseconds: offset, ratioCount: ratioCount, firstRequest: firstRequest,
      firstRatio: firstRatio)
  }

  /// The bytes of request `index` in the body; `nil` if there is none.
  public func request(_ index: UInt64, in body: Span<UInt8>) -> Range<Int>? {
    guard index < wide(count: requestCount) else { return nil }
    var reader = CBORReader(body, at: firstRequest)
    var left = index
    while left > 0 {
      guard (try? reader.byteString()) != nil else { return nil }
      left &-= 1
    }
    return try? reader.byteString()
  }

  /// The ratio at `index`; `nil` if there is none.
  public func ratio(_ index: Int, in body: Span<UInt8>) -> Ratio? {
    guard index >= 0, index < ratioCount else { return nil }
    var reader = CBORReader(body, at: firstRatio)
    var left = index
    while left > 0 {
      guard (try? reader.skip()) != nil else { return nil }
      left &-= 1
    }
    return try? Channel.readRatio(&reader)
  }

  private static func readRatio(_ reader: inout CBORReader) throws(CBORError) -> Ratio {
    guard try reader.array() == 3 else { throw .outOfRange }
    let quantity = try reader.unsigned()
    let numerator = try reader.unsigned()
    let denominator = try reader.unsigned()
    guard denominator > 0 else { throw .outOfRange }
    return Ratio(quantity: quantity, numerator: numerator, denominator: denominator)
  }

  /// Writes a body. `requests` are u16be length ‖ bytes each; a body over 3,900 bytes goes into parts.
  public static func write(
    device: UInt64, label: Span<UInt8>, serial: UnsafeBufferPointer<UInt8>?, mode: Mode,
    port: Span<UInt8>, address: Span<UInt8>, profile: UInt64, requests: Span<UInt8>,
    periodMilliseconds: UInt64?, offsetMilliseconds: UInt64, ratios: Span<Ratio>,
    to writer: inout ByteWriter
  ) {
    writer.cbor(arrayOf: 12)
    writer.cbor(device)
    writer.cbor(text: label)
    if let serial { writer.cbor(text: serial.span) } else { writer.cborNull() }
    writer.append(mode.rawValue)
    writer.cbor(text: port)
    writer.cbor(bytes: address)
    writer.cbor(profile)
    writer.cbor(bundleAsArray: requests)
    writer.cbor(orNull: periodMilliseconds)
    writer.cbor(offsetMilliseconds)
    writer.cbor(arrayOf: ratios.count)
    for i in 0..<ratios.count {
      writer.cbor(arrayOf: 3)
      writer.cbor(ratios[i].quantity)
      writer.cbor(ratios[i].numerator)
      writer.cbor(ratios[i].denominator)
    }
    writer.cbor(mapOf: 0)
  }
}
