import HAL
import MeterProtocols

extension EmulatedMeter {
  /// Answers read, follow-up and read address; refuses everything else that wants an answer.
  ///
  /// The reply carries the meter's own address, also where the request had wildcards.
  mutating func dlt645Reply(to query: DLT645Query, values: PlantMoment) -> [UInt8]? {
    guard let request = query.request else {
      // Broadcast time (C = 08) is for all and never answered.
      if query.control == 0x08 { return nil }
      // A read of another shape is an error of its own; anything else would write (annex B).
      return refusal(of: query, query.control == 0x11 ? .other : .noRight)
    }
    guard let identifier = request.identifier else {
      return preambled { DLT645Server.writeAddressReply(from: self.dlt645Address, into: &$0) }
    }
    if let part = request.part {
      return followUp(request, identifier, Int(part)) ?? refusal(of: query, .noData)
    }
    longReply = nil
    guard let data = dlt645Data(identifier, values: values) else {
      return refusal(of: query, .noData)
    }
    if data.count > model.frameDataMax { longReply = (identifier, data) }
    return reply(
      to: request, data: data.prefix(model.frameDataMax), more: data.count > model.frameDataMax)
  }

  /// Part `part` (from 1) of the long reply that was read last; `nil` if there is none.
  private func followUp(
    _ request: DLT645Request, _ identifier: UInt32, _ part: Int
  ) -> [UInt8]? {
    guard let longReply, longReply.identifier == identifier, part > 0,
      part * model.frameDataMax < longReply.data.count
    else { return nil }
    let rest = longReply.data.dropFirst(part * model.frameDataMax)
    return reply(
      to: request, data: rest.prefix(model.frameDataMax), more: rest.count > model.frameDataMax)
  }

  private func reply(
    to request: DLT645Request, data: ArraySlice<UInt8>, more: Bool
  ) -> [UInt8] {
    let bytes = Array(data)
    return preambled {
      DLT645Server.writeReply(
        to: request, from: self.dlt645Address, data: bytes.span, more: more, into: &$0)
    }
  }

  private func refusal(of query: DLT645Query, _ error: DLT645ErrorByte) -> [UInt8] {
    preambled {
      DLT645Server.writeRefusal(of: query, from: self.dlt645Address, error: error, into: &$0)
    }
  }

  /// The frame that `body` writes, with as many wake-up bytes as this meter sends.
  private func preambled(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    let frame = written(body).drop { $0 == 0xFE }
    return [UInt8](repeating: 0xFE, count: model.preambleCount) + frame
  }

  /// The data bytes of an identifier: a block, one element of a block, or the meter's own address.
  private func dlt645Data(_ identifier: UInt32, values: PlantMoment) -> [UInt8]? {
    if identifier == 0x0400_0401 || identifier == 0x0400_0402 {
      return model.address.reversed()
    }
    for block in model.blocks {
      guard case .dlt645(let place, let byteCount) = block.place else { continue }
      if place == identifier { return block.bytes(count: byteCount, values: values) }
      if let element = element(identifier, of: place) {
        let ranges = block.points.compactMap(\.rule.dlt645Range)
          .sorted { $0.lowerBound < $1.lowerBound }
        guard ranges.indices.contains(element), ranges[element].upperBound <= byteCount else {
          continue
        }
        return Array(block.bytes(count: byteCount, values: values)[ranges[element]])
      }
    }
    return nil
  }

  /// Which element of the block `place` (DI1 = FF) an identifier names, if any (annex A.1).
  ///
  /// Energies, powers and power factors begin with the total (DI1 = 00), voltages, currents and phase
  /// angles with phase A (DI1 = 01).
  private func element(_ identifier: UInt32, of place: UInt32) -> Int? {
    guard place & 0xFF00 == 0xFF00, (identifier ^ place) & 0xFFFF_00FF == 0 else { return nil }
    let number = Int(identifier >> 8 & 0xFF)
    let hasTotal = ![0x0201, 0x0202, 0x0207].contains(place >> 16)
    return number == 0xFF ? nil : hasTotal ? number : number - 1
  }
}

extension DLT645ErrorByte {
  /// Bit 0: other error (annex B).
  fileprivate static let other = DLT645ErrorByte(rawValue: 0x01)
  /// Bit 1: no such data.
  fileprivate static let noData = DLT645ErrorByte(rawValue: 0x02)
  /// Bit 2: wrong password, or no right.
  fileprivate static let noRight = DLT645ErrorByte(rawValue: 0x04)
}
