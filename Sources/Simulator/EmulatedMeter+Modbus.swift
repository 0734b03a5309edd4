import HAL
import MeterProtocols

extension EmulatedMeter {
  /// The query in a frame; a frame is one only as a whole, for it began and ended with silence.
  func modbusQuery(_ frame: [UInt8]) -> ModbusQuery? {
    guard case .query(let range, let query) = ModbusServer.scan(frame.span),
      range == frame.indices
    else { return nil }
    return query
  }

  /// Answers a read (function codes 1 to 4) or refuses.
  ///
  /// Checked in the order of the standard's diagrams (Modbus Application Protocol V1.1b3, 6.1 to 6.4):
  /// function, count, address.
  func modbusReply(to query: ModbusQuery, values: PlantMoment) -> [UInt8] {
    let spaces = blocks(query.function)
    guard !spaces.isEmpty else { return refusal(of: query, .illegalFunction) }
    let request: ModbusRequest
    switch query.request {
    case .success(let valid): request = valid
    case .failure(let exception): return refusal(of: query, exception)
    }
    let (first, count) = (Int(request.address), Int(request.count))
    let data =
      request.function.readsBits
      ? bits(spaces, first: first, count: count, values: values)
      : registers(spaces, first: first, count: count, values: values)
    guard let data else { return refusal(of: query, .illegalDataAddress) }
    return written { ModbusServer.writeReply(to: request, data: data.span, into: &$0) }
  }

  private func refusal(of query: ModbusQuery, _ exception: ModbusException) -> [UInt8] {
    written { ModbusServer.writeException(exception, to: query, into: &$0) }
  }

  private typealias Space = (first: Int, count: Int, block: MeterBlock)

  private func blocks(_ function: UInt8) -> [Space] {
    model.blocks.compactMap {
      guard case .modbus(function, let address, let count) = $0.place else { return nil }
      return (Int(address), Int(count), $0)
    }
  }

  /// The bytes of `count` registers from `first`; `nil` when one of them does not exist.
  private func registers(
    _ spaces: [Space], first: Int, count: Int, values: PlantMoment
  ) -> [UInt8]? {
    let pairs = collect(spaces, first: first, count: count) { space in
      let bytes = space.block.bytes(count: space.count * 2, values: values)
      return (0..<space.count).map { [bytes[2 * $0], bytes[2 * $0 + 1]] }
    }
    return pairs?.flatMap(\.self)
  }

  /// `count` bits from `first`, eight to a byte, the first in bit 0; `nil` when one does not exist.
  private func bits(
    _ spaces: [Space], first: Int, count: Int, values: PlantMoment
  ) -> [UInt8]? {
    let bits = collect(spaces, first: first, count: count) { space in
      let bytes = space.block.bytes(count: (space.count + 7) / 8, values: values)
      return (0..<space.count).map { (bytes[$0 / 8] >> UInt8($0 % 8)) & 1 }
    }
    guard let bits else { return nil }
    var bytes = [UInt8](repeating: 0, count: (count + 7) / 8)
    for (index, bit) in bits.enumerated() { bytes[index / 8] |= bit << UInt8(index % 8) }
    return bytes
  }

  /// Picks elements `first ..< first + count` from the blocks that hold them.
  private func collect<Element>(
    _ spaces: [Space], first: Int, count: Int, elements: (Space) -> [Element]
  ) -> [Element]? {
    var found = [Element?](repeating: nil, count: count)
    for space in spaces where space.first < first + count && first < space.first + space.count {
      for (index, element) in elements(space).enumerated() {
        let place = space.first + index - first
        if found.indices.contains(place) { found[place] = element }
      }
    }
    let whole = found.compactMap(\.self)
    return whole.count == count ? whole : nil
  }
}
