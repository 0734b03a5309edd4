import HAL
import MeterProtocols

extension EmulatedMeter {
  /// Answers a read (function codes 1 to 4) or refuses.
  ///
  /// Checked in the order of the standard's diagrams (Modbus Application Protocol V1.1b3, 6.1 to 6.4):
  /// function, count, address.
  func modbusReply(to query: ModbusQuery, values: PlantMoment) -> [UInt8] {
    guard model.blocks.contains(where: { $0.space(query.function) != nil }) else {
      return refusal(of: query, .illegalFunction)
    }
    let request: ModbusRequest
    switch query.request {
    case .success(let valid): request = valid
    case .failure(let exception): return refusal(of: query, exception)
    }
    let data = request.function.readsBits ? bits(request, values) : registers(request, values)
    guard let data else { return refusal(of: query, .illegalDataAddress) }
    return written { ModbusServer.writeReply(to: request, data: data.span, into: &$0) }
  }

  private func refusal(of query: ModbusQuery, _ exception: ModbusException) -> [UInt8] {
    written { ModbusServer.writeException(exception, to: query, into: &$0) }
  }

  /// The bytes of the registers asked for; `nil` when one of them does not exist.
  private func registers(_ request: ModbusRequest, _ values: PlantMoment) -> [UInt8]? {
    let count = Int(request.count)
    var data = [UInt8](repeating: 0, count: 2 * count)
    let isWhole = collect(request) { block, space, part, target in
      let bytes = block.bytes(count: space.count * 2, values: values)
      let source = 2 * (part.lowerBound - space.lowerBound)
      data.replaceSubrange(
        2 * target..<2 * (target + part.count), with: bytes[source..<source + 2 * part.count])
    }
    return isWhole ? data : nil
  }

  /// The bits asked for, eight to a byte, the first in bit 0; `nil` when one of them does not exist.
  private func bits(_ request: ModbusRequest, _ values: PlantMoment) -> [UInt8]? {
    var data = [UInt8](repeating: 0, count: (Int(request.count) + 7) / 8)
    let isWhole = collect(request) { block, space, part, target in
      let bytes = block.bytes(count: (space.count + 7) / 8, values: values)
      for (index, place) in part.enumerated() {
        let source = place - space.lowerBound
        let bit = UInt8(1) << UInt8((target + index) % 8)
        let isSet = bytes[source / 8] >> UInt8(source % 8) & 1 == 1
        if isSet { data[(target + index) / 8] |= bit } else { data[(target + index) / 8] &= ~bit }
      }
    }
    return isWhole ? data : nil
  }

  /// Calls `take` with each block that holds some of what is asked for: the block, where it lies, the part
  /// asked for and its position in the reply. Returns `false`, and calls nothing, unless all of it exists.
  private func collect(
    _ request: ModbusRequest, _ take: (MeterBlock, Range<Int>, Range<Int>, Int) -> Void
  ) -> Bool {
    let function = request.function.rawValue
    let first = Int(request.address)
    let asked = first..<first + Int(request.count)
    var next = first
    while next < asked.upperBound {
      let holder = model.blocks.first { $0.space(function)?.contains(next) == true }
      guard let end = holder?.space(function)?.upperBound else { return false }
      next = end
    }
    for block in model.blocks {
      guard let space = block.space(function) else { continue }
      let part = space.clamped(to: asked)
      if !part.isEmpty { take(block, space, part, part.lowerBound - first) }
    }
    return true
  }
}

extension MeterBlock {
  /// The registers or bits that a function of Modbus reads here; `nil` if it reads none.
  fileprivate func space(_ function: UInt8) -> Range<Int>? {
    guard case .modbus(function, let address, let count) = place else { return nil }
    return Int(address)..<Int(address) + Int(count)
  }
}
