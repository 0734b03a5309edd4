import HAL
import MeterProtocols
import Metering
import Sampling
import TransparencyLog

// The answer to ["lease", …] on the control socket: one deterministic CBOR map.
//
//     { "raw": byte string, "rtt_us": µs / null, "status": number }
//
// "raw" is the accepted or the refusing frame with status 0 or 3, else everything that came, perhaps
// nothing; "rtt_us" runs from the last byte sent to the last received; "status" is a `ReadingStatus`.
// A request that did not go out is answered with a refusal (`ControlRefusal`).
//
// Worked example, 33 bytes: registers 124 and 125 of Modbus unit 17 after 5 ms.
//
//     a3                                            map of 3
//     63 726177  49 11 03 04 00 8d 00 8e fb bd      "raw"
//     66 7274745f7573  19 1388                      "rtt_us": 5000
//     66 737461747573  00                           "status": good

/// Where tools wait for their transactions: one place for each line, in memory made at set-up.
///
/// It outlives a change of the site. Nothing is waited for then, so a place that is still taken holds an
/// answer only, and the line's next tool is refused until that is told.
public struct LeaseDesk: ~Copyable {
  private let places: UnsafeMutableBufferPointer<Place>
  private let bytes: UnsafeMutableBufferPointer<UInt8>

  private enum State: UInt8, BitwiseCopyable {
    case free
    case waiting
    case ended
    case refused
  }

  private struct Place: BitwiseCopyable {
    var state = State.free
    var ticket: UInt64 = 0
    var status = ReadingStatus.other
    var roundTrip: UInt64 = 0
    var hasRoundTrip = false
    var refusal = LeaseRefusal.lineBusy
    var byteCount = 0
  }

  /// All places free.
  public init(lineCount: Int) {
    places = .allocate(capacity: lineCount)
    places.initialize(repeating: Place())
    bytes = .allocate(capacity: lineCount &* Sampler.receiveByteCount)
    bytes.initialize(repeating: 0)
  }

  deinit {
    places.deallocate()
    bytes.deallocate()
  }

  /// How many places there are; as many as a site may have lines.
  public var placeCount: Int { places.count }

  /// The number that the line's tool is known by; `nil` if none waits.
  public func ticket(line: Int) -> UInt64? {
    places[line].state == .free ? nil : places[line].ticket
  }

  /// There is something to tell the line's tool.
  public func isAnswered(line: Int) -> Bool {
    places[line].state == .ended || places[line].state == .refused
  }

  /// A tool waits for this line from now on.
  public mutating func wait(line: Int, ticket: UInt64) {
    places[line] = Place()
    places[line].state = .waiting
    places[line].ticket = ticket
  }

  /// The line's tool was told, or is gone.
  public mutating func clear(line: Int) { places[line].state = .free }

  /// The line's transaction ended.
  public mutating func end(_ outcome: LeaseOutcome, raw: UnsafeBufferPointer<UInt8>) {
    guard places[outcome.line].state == .waiting else { return }
    places[outcome.line].state = .ended
    places[outcome.line].status = outcome.status
    places[outcome.line].hasRoundTrip = outcome.roundTrip != nil
    places[outcome.line].roundTrip = outcome.roundTrip ?? 0
    let start = outcome.line &* Sampler.receiveByteCount
    var i = 0
    while i < raw.count, i < Sampler.receiveByteCount {
      bytes[start &+ i] = raw[i]
      i &+= 1
    }
    places[outcome.line].byteCount = i
  }

  /// The line's transaction will not begin.
  public mutating func refuse(line: Int, _ refusal: LeaseRefusal) {
    guard places[line].state == .waiting else { return }
    places[line].state = .refused
    places[line].refusal = refusal
  }

  /// Writes what the line's tool is told.
  public func writeAnswer(line: Int, to writer: inout ByteWriter) {
    let place = places[line]
    guard place.state == .ended else {
      ControlRefusal(place.refusal).write(to: &writer)
      return
    }
    let start = line &* Sampler.receiveByteCount
    let raw = UnsafeBufferPointer(rebasing: bytes[start..<start &+ place.byteCount])
    writer.cbor(mapOf: 3)
    writer.cbor(text: "raw")
    writer.cbor(bytes: raw)
    writer.cbor(text: "rtt_us")
    writer.cbor(orNull: place.hasRoundTrip ? place.roundTrip : nil)
    writer.cbor(text: "status")
    writer.cbor(wide(UInt32(place.status.rawValue)))
  }
}

extension ControlRefusal {
  /// What a tool is told when its lease does not begin.
  init(_ refusal: LeaseRefusal) {
    switch refusal {
    case .portClosed: self = .portClosed
    case .lineLeased: self = .lineLeased
    case .lineBusy: self = .lineBusy
    }
  }
}

extension Acquisition {
  /// Asks for one transaction for a tool, which is known by its `ticket`.
  ///
  /// - Parameters:
  ///   - lease: what is asked, as ranges of `bytes`.
  ///   - bytes: the control request.
  ///   - ticket: what the tool is known by from now on.
  ///   - now: when it was asked.
  public mutating func lease(
    _ lease: ControlRequest.Lease, in bytes: Span<UInt8>, ticket: UInt64, at now: Instant
  ) throws(ControlRefusal) {
    guard let line = line(named: bytes.extracting(lease.line)) else { throw .unknownLine }
    let request = bytes.extracting(lease.request)
    guard request.count <= Sampler.requestByteCountMax, lease.meterProtocol.isReadRequest(request)
    else { throw .notARead }
    guard writer.leases.ticket(line: line) == nil else { throw .lineLeased }
    do throws(LeaseRefusal) {
      try sampler.lease(
        line: line, meterProtocol: lease.meterProtocol, request: request, timeout: lease.timeout,
        at: now)
    } catch {
      throw ControlRefusal(error)
    }
    writer.leases.wait(line: line, ticket: ticket)
  }

  /// The line's tool is gone: takes its transaction back, if it has not begun.
  public mutating func abandonLease(line: Int) {
    sampler.cancelLease(line: line)
    writer.leases.clear(line: line)
  }

  private borrowing func line(named name: Span<UInt8>) -> Int? {
    for line in names.lines.indices {
      let known = names.lines[line].name
      guard known.count == name.count else { continue }
      var i = 0
      while i < known.count, known[i] == name[i] { i &+= 1 }
      if i == known.count { return line }
    }
    return nil
  }
}
