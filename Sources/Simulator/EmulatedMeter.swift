import HAL
import MeterProtocols

/// A meter that answers requests as a real one does: whole frames in, whole frames out.
///
/// It answers its own address alone, shows the plant of the moment, and keeps nothing but the long reply
/// that a client may be fetching in parts. The line brings time and pace.
public struct EmulatedMeter: Sendable {
  /// What it is.
  public let model: MeterModel
  /// The data of the long DL/T 645 reply that a client fetches in parts: read at one moment, so that no
  /// value is torn.
  var longReply: (identifier: UInt32, data: [UInt8])?

  /// Its address, if it has the six bytes of DL/T 645.
  private let ownAddress: DLT645Address?

  /// A meter of a model.
  public init(model: MeterModel) {
    self.model = model
    ownAddress = DLT645Address(model.address.span)
  }

  /// The reply to a whole frame; `nil`, silence, to what is damaged or meant for another.
  ///
  /// `values` is asked only by who answers.
  public mutating func reply(to frame: [UInt8], values: () -> PlantMoment) -> [UInt8]? {
    guard let query = MeterQuery(frame, of: model.meterProtocol), isAsked(by: query) else {
      return nil
    }
    return reply(to: query, values: values())
  }

  /// A query of its protocol is meant for it.
  func isAsked(by query: MeterQuery) -> Bool {
    switch model.meterProtocol {
    // Unit 0 speaks to all, and nobody answers.
    case .modbusRTU: query.modbusRTU?.unit == model.address[0]
    case .dlt645: query.dlt645?.address.matches(dlt645Address) ?? false
    }
  }

  /// Its address; the model was checked to have six bytes.
  var dlt645Address: DLT645Address {
    guard let ownAddress else { preconditionFailure("an address of decimal digits") }
    return ownAddress
  }

  /// The reply to a query that is meant for it.
  mutating func reply(to query: MeterQuery, values: PlantMoment) -> [UInt8]? {
    switch model.meterProtocol {
    case .modbusRTU: return query.modbusRTU.map { modbusReply(to: $0, values: values) }
    case .dlt645:
      guard let query = query.dlt645 else { return nil }
      return dlt645Reply(to: query, values: values)
    }
  }

  /// Where a request ends by itself in the bytes heard, for whichever meter; `nil` while none does.
  func queryRange(in bytes: [UInt8]) -> Range<Int>? {
    switch model.meterProtocol {
    case .modbusRTU: return nil
    case .dlt645:
      guard case .query(let range, _) = DLT645Server.scan(bytes.span) else { return nil }
      return range
    }
  }

  /// A request that ends by itself may have this as its last byte.
  func mayEndQuery(_ byte: UInt8) -> Bool {
    switch model.meterProtocol {
    case .modbusRTU: false
    // DL/T 645-2007, 7.2.7: the end mark.
    case .dlt645: byte == 0x16
    }
  }

  /// The bytes that `body` writes; no frame is longer than 256.
  func written(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
      var writer = ByteWriter(buffer)
      body(&writer)
      precondition(!writer.overflowed, "a frame longer than its protocol allows")
      return Array(writer.written)
    }
  }
}

/// What a frame asks, of whichever meter: found once for all that hear it. One of these is there.
struct MeterQuery {
  private(set) var modbusRTU: ModbusQuery?
  private(set) var dlt645: DLT645Query?

  /// Reads a whole frame; `nil` for what is damaged.
  init?(_ frame: [UInt8], of meterProtocol: MeterProtocol) {
    switch meterProtocol {
    case .modbusRTU:
      // A frame is one only as a whole, for it began and ended with silence.
      guard case .query(let range, let query) = ModbusServer.scan(frame.span),
        range == frame.indices
      else { return nil }
      modbusRTU = query
    case .dlt645:
      guard case .query(_, let query) = DLT645Server.scan(frame.span) else { return nil }
      dlt645 = query
    }
  }
}

extension MeterProtocol {
  /// A request ends with silence, not with its last byte.
  var requestsEndWithSilence: Bool {
    switch self {
    case .modbusRTU: true
    case .dlt645: false
    }
  }
}

extension MeterBlock {
  /// The block's data bytes at one moment.
  func bytes(count: Int, values: PlantMoment) -> [UInt8] {
    var data = [UInt8](repeating: 0, count: count)
    var noise = NoiseMoment(time: values.time)
    for point in points {
      let value = point.signal.value(in: values, &noise)
      point.rule.write(value, counter: point.signal.isCounter, &data)
    }
    return data
  }
}
