import HAL
import Metering

/// A request to read from a DL/T 645-2007 meter: data (11H), the rest of an answer (12H) or the
/// address (13H). There is no way to make any other.
///
/// On the wire it stands after four bytes FE that wake the receiver (DL/T 645-2007, 5.2.1).
///
/// Worked example: the L1 voltage of meter 003411001043 is asked for by
/// `FE FE FE FE 68 43 10 00 11 34 00 68 11 04 33 34 34 35 4D 16`.
public struct DLT645Request: Equatable, Sendable, BitwiseCopyable {
  /// The longest request in bytes, with its preamble.
  public static let byteCountMax = DLT645.preambleByteCountMax + DLT645.overhead + 5

  /// The meter asked, perhaps with wildcards.
  public let address: DLT645Address
  let function: DLT645.Function
  private let rawIdentifier: UInt32
  private let rawPart: UInt8

  private init(
    _ address: DLT645Address, _ function: DLT645.Function, identifier: UInt32 = 0, part: UInt8 = 0
  ) {
    self.address = address
    self.function = function
    rawIdentifier = identifier
    rawPart = part
  }

  /// Asks for the data with an identifier, DI3 first: `0x0201_0100` is the L1 voltage.
  public static func read(_ address: DLT645Address, identifier: UInt32) -> DLT645Request {
    DLT645Request(address, .read, identifier: identifier)
  }

  /// Asks for part `part`, from 1, of an answer that said there is more.
  public static func followUp(
    _ address: DLT645Address, identifier: UInt32, part: UInt8
  ) -> DLT645Request {
    DLT645Request(address, .readFollowUp, identifier: identifier, part: part)
  }

  /// Asks the meters that match for their address.
  public static func readAddress(_ address: DLT645Address = .any) -> DLT645Request {
    DLT645Request(address, .readAddress)
  }

  /// The data identifier; `nil` in a request for the address.
  public var identifier: UInt32? { function == .readAddress ? nil : rawIdentifier }
  /// The part asked for; `nil` except in a follow-up request.
  public var part: UInt8? { function == .readFollowUp ? rawPart : nil }

  /// Reads a request as it was sent; `nil` if `bytes` is not exactly one, with or without preamble.
  public init?(parsing bytes: Span<UInt8>) {
    var start = 0
    while start < bytes.count, start < DLT645.preambleByteCountMax, bytes[start] == 0xFE {
      start &+= 1
    }
    guard start < bytes.count, case .whole(let range) = DLT645.frame(at: start, in: bytes),
      range.upperBound == bytes.count,
      let query = DLT645Query(bytes, range), let request = query.request
    else { return nil }
    self = request
  }

  /// Writes the request, four bytes FE first.
  public func write(into writer: inout ByteWriter) {
    let dataByteCount =
      switch function {
      case .read: 4
      case .readFollowUp: 5
      case .readAddress: 0
      }
    let start = DLT645.beginFrame(
      address, control: function.rawValue, dataByteCount: dataByteCount,
      preamble: DLT645.preambleByteCountMax, into: &writer)
    if dataByteCount >= 4 { DLT645.append(identifier: rawIdentifier, into: &writer) }
    if dataByteCount == 5 { writer.append(rawPart &+ DLT645.offset) }
    DLT645.endFrame(from: start, into: &writer)
  }
}

/// The error byte of an abnormal answer (control D1H, D2H), bit by bit. Source: DL/T 645-2007, 6.
public struct DLT645ErrorByte: Equatable, Sendable, BitwiseCopyable {
  /// The byte, after 33H was taken off.
  public let rawValue: UInt8

  /// Takes the byte, after 33H was taken off.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Some other error.
  public var isOther: Bool { rawValue & 1 != 0 }
  /// The meter has no such data.
  public var hasNoData: Bool { rawValue & 2 != 0 }
  /// The password is wrong or the right is missing.
  public var isUnauthorized: Bool { rawValue & 4 != 0 }
}
