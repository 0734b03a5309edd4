import HAL
import MeterProtocols
import Metering
import TransparencyLog

// A request on the control socket: one deterministic CBOR array, whose first element names it.
//
//     ["status"]
//     ["lease", line, protocol, request, timeout]
//     ["reload"]
//
//     line      text: the name of a line in the site
//     protocol  1 Modbus RTU, 2 DL/T 645-2007 (`MeterProtocol`)
//     request   byte string: exactly what goes out, checksum included, 1 to 64 bytes
//     timeout   ms that the meter may take to begin its answer, 20 to 10,000
//
// It is valid if and only if nothing follows it and each element is of its type and in its range.
// The answer to "status" is in `Status.swift`, the one to "lease" in `LeaseDesk.swift`, the one to
// "reload" in `ReloadAnswer.swift`. What cannot be done is answered with a refusal (`ControlRefusal`);
// the connection stays.
//
// Worked example, 27 bytes: on "line-a", ask Modbus unit 17 for registers 124 and 125 and give it half
// a second.
//
//     85                                   array of 5
//     65 6c65617365                        "lease"
//     66 6c696e652d61                      "line-a"
//     01                                   Modbus RTU
//     48 11 03 00 7c 00 02 07 43           the request
//     19 01f4                              500

/// What a tool may ask of the agent over the control socket.
public enum ControlRequest: Equatable, Sendable {
  /// What the agent knows about itself.
  case status
  /// One transaction on one line, between polls.
  case lease(Lease)
  /// Read the site anew.
  case reload

  /// A transaction that a tool asks for. Strings are ranges of the request they were read from.
  public struct Lease: Equatable, Sendable {
    /// The line's name, UTF-8.
    public var line: Range<Int>
    /// What the request is written in.
    public var meterProtocol: MeterProtocol
    /// Exactly what goes out.
    public var request: Range<Int>
    /// µs from the last byte sent to the first received, 20,000 to 10,000,000.
    public var timeout: UInt32

    /// Takes the fields.
    public init(
      line: Range<Int>, meterProtocol: MeterProtocol, request: Range<Int>, timeout: UInt32
    ) {
      self.line = line
      self.meterProtocol = meterProtocol
      self.request = request
      self.timeout = timeout
    }
  }

  /// What a timeout may be, in ms: the limits of a device in a site.
  public static var leaseTimeouts: ClosedRange<UInt64> { 20...10_000 }

  /// Reads a request.
  public init(decoding bytes: Span<UInt8>) throws(ControlRefusal) {
    var reader = CBORReader(bytes)
    let name: Range<Int>
    let count: Int
    do throws(CBORError) {
      count = try reader.array()
      name = try reader.text()
    } catch {
      throw .malformed
    }
    if ControlRequest.says("status", bytes, name), count == 1 {
      self = .status
    } else if ControlRequest.says("reload", bytes, name), count == 1 {
      self = .reload
    } else if ControlRequest.says("lease", bytes, name), count == 5 {
      self = .lease(try ControlRequest.lease(&reader))
    } else {
      throw .unknownRequest
    }
    guard reader.isAtEnd else { throw .malformed }
  }

  private static func lease(_ reader: inout CBORReader) throws(ControlRefusal) -> Lease {
    let line: Range<Int>
    let spoken: UInt64
    let request: Range<Int>
    let timeout: UInt64
    do throws(CBORError) {
      line = try reader.text()
      spoken = try reader.unsigned()
      request = try reader.byteString()
      timeout = try reader.unsigned()
    } catch {
      throw .malformed
    }
    guard spoken <= 255, let known = MeterProtocol(rawValue: UInt8(truncatingIfNeeded: spoken))
    else { throw .unknownProtocol }
    guard leaseTimeouts.contains(timeout) else { throw .badTimeout }
    return Lease(
      line: line, meterProtocol: known, request: request,
      timeout: UInt32(truncatingIfNeeded: timeout) &* 1_000)
  }

  private static func says(_ name: StaticString, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool
  {
    guard range.count == name.utf8CodeUnitCount else { return false }
    for i in 0..<range.count where bytes[range.lowerBound + i] != name.utf8Start[i] { return false }
    return true
  }

  // MARK: the asking side

  /// Writes the request for the status.
  public static func writeStatus(to writer: inout ByteWriter) {
    writer.cbor(arrayOf: 1)
    writer.cbor(text: "status")
  }

  /// Writes the request to read the site anew.
  public static func writeReload(to writer: inout ByteWriter) {
    writer.cbor(arrayOf: 1)
    writer.cbor(text: "reload")
  }

  /// Writes the request for one transaction; `line` is UTF-8, `timeout` in ms.
  public static func writeLease(
    line: Span<UInt8>, meterProtocol: MeterProtocol, request: Span<UInt8>, timeout: UInt64,
    to writer: inout ByteWriter
  ) {
    writer.cbor(arrayOf: 5)
    writer.cbor(text: "lease")
    writer.cbor(text: line)
    writer.cbor(wide(UInt32(meterProtocol.rawValue)))
    writer.cbor(bytes: request)
    writer.cbor(timeout)
  }
}

/// Why the agent did not do what it was asked.
///
/// Its answer is then the map `{"refused": number}`. Keys may be added to it, numbers are never reused:
/// 3 was "not available", before every agent could do all of it.
/// Worked example, 10 bytes, "unknown request": `a1 67 72656675736564 02`.
public enum ControlRefusal: UInt8, Error, Equatable, Sendable, CaseIterable {
  /// The request is no deterministic CBOR, or an element is of another type than is due there.
  case malformed = 1
  /// There is no request of that name with that many elements.
  case unknownRequest = 2
  /// The site has no line of that name.
  case unknownLine = 4
  /// There is no meter protocol of that number.
  case unknownProtocol = 5
  /// The timeout is out of range.
  case badTimeout = 6
  /// The bytes are not exactly one read request of the protocol. The gateway never writes to a meter
  /// unless a technician asks it to, and this is no way to ask.
  case notARead = 7
  /// The port of the line is gone.
  case portClosed = 8
  /// Another tool waits for this line or uses it.
  case lineLeased = 9
  /// The line did not come free in time.
  case lineBusy = 10

  /// Writes the answer.
  public func write(to writer: inout ByteWriter) {
    writer.cbor(mapOf: 1)
    writer.cbor(text: "refused")
    writer.cbor(wide(UInt32(rawValue)))
  }
}
