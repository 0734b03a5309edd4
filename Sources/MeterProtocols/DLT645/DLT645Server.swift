import HAL
import Metering

/// A request as a meter finds it: a valid frame with D7 = 0.
public struct DLT645Query: Equatable, Sendable, BitwiseCopyable {
  /// The address asked for, perhaps with wildcards (or 999999999999, everybody).
  public let address: DLT645Address
  /// The control code as sent.
  public let control: UInt8
  /// How many bytes of data came with it.
  public let dataByteCount: Int
  private let rawIdentifier: UInt32
  private let rawPart: UInt8

  /// Reads the frame that stands at `range`; `nil` if it comes from a meter.
  init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    let start = range.lowerBound
    control = bytes[start &+ 8]
    guard control & DLT645.fromMeter == 0 else { return nil }
    address = DLT645Address(wire: bytes, at: start &+ 1)
    dataByteCount = range.count &- DLT645.overhead
    rawIdentifier = dataByteCount >= 4 ? DLT645.identifier(bytes, frameAt: start) : 0
    rawPart = dataByteCount >= 5 ? bytes[start &+ 14] &- DLT645.offset : 0
  }

  /// The read request that this is; `nil` for anything that does not read.
  public var request: DLT645Request? {
    switch (DLT645.Function(rawValue: control), dataByteCount) {
    case (.read, 4): .read(address, identifier: rawIdentifier)
    case (.readFollowUp, 5): .followUp(address, identifier: rawIdentifier, part: rawPart)
    case (.readAddress, 0): .readAddress(address)
    default: nil
    }
  }
}

/// What a meter finds in the bytes it has received.
public enum DLT645QueryScan: Equatable, Sendable {
  /// No whole request yet. Forget what was received after half a second of silence.
  case incomplete
  /// A request stands at this range.
  case query(Range<Int>, DLT645Query)
}

/// The meter's side of DL/T 645-2007, for emulated meters. Every frame it writes has D7 set.
public enum DLT645Server {
  /// Finds the first whole request, for whichever meter, past any garbage and past replies of others.
  public static func scan(_ received: Span<UInt8>) -> DLT645QueryScan {
    var i = 0
    while i < received.count {
      guard case .whole(let range) = DLT645.frame(at: i, in: received) else {
        i &+= 1
        continue
      }
      if let query = DLT645Query(received, range) { return .query(range, query) }
      i = range.upperBound
    }
    return .incomplete
  }

  /// Writes the answer of the meter `address` to a read or a follow-up request, four bytes FE first.
  ///
  /// `data` follows the identifier, lowest byte first, without 33H; `more` announces another part. The
  /// part number of a follow-up is added. Traps if `data` has more than 195 bytes, or where the
  /// request asks for an address.
  public static func writeReply(
    to request: DLT645Request, from address: DLT645Address, data: Span<UInt8>, more: Bool = false,
    into writer: inout ByteWriter
  ) {
    guard let identifier = request.identifier else {
      preconditionFailure("the answer to a request for the address is the address")
    }
    let control = request.function.rawValue | DLT645.fromMeter | (more ? DLT645.more : 0)
    let start = DLT645.beginFrame(
      address, control: control, dataByteCount: data.count &+ (request.part == nil ? 4 : 5),
      preamble: DLT645.preambleByteCountMax, into: &writer)
    DLT645.append(identifier: identifier, into: &writer)
    var i = 0
    while i < data.count {
      writer.append(data[i] &+ DLT645.offset)
      i &+= 1
    }
    if let part = request.part { writer.append(part &+ DLT645.offset) }
    DLT645.endFrame(from: start, into: &writer)
  }

  /// Writes the answer to a request for the address.
  public static func writeAddressReply(
    from address: DLT645Address, into writer: inout ByteWriter
  ) {
    let start = DLT645.beginFrame(
      address, control: DLT645.Function.readAddress.rawValue | DLT645.fromMeter, dataByteCount: 6,
      preamble: DLT645.preambleByteCountMax, into: &writer)
    var i = 0
    while i < 6 {
      writer.append(address.wireByte(i) &+ DLT645.offset)
      i &+= 1
    }
    DLT645.endFrame(from: start, into: &writer)
  }

  /// Writes the abnormal answer to a request of any kind.
  public static func writeRefusal(
    of query: DLT645Query, from address: DLT645Address, error: DLT645ErrorByte,
    into writer: inout ByteWriter
  ) {
    let start = DLT645.beginFrame(
      address, control: query.control | DLT645.fromMeter | DLT645.abnormal, dataByteCount: 1,
      preamble: DLT645.preambleByteCountMax, into: &writer)
    writer.append(error.rawValue &+ DLT645.offset)
    DLT645.endFrame(from: start, into: &writer)
  }
}
