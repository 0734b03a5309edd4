import HAL

/// A Modbus request as a server finds it: whole and with a good CRC, perhaps not answerable.
public struct ModbusQuery: Equatable, Sendable, BitwiseCopyable {
  /// The unit that is asked; 0 = all, and nobody answers.
  public let unit: UInt8
  /// The function code as sent.
  public let function: UInt8
  /// The first address as sent.
  public let address: UInt16
  /// The count as sent (function 5, 6: the value).
  public let count: UInt16

  /// The request, or the exception that is due: 1 for a function that does not read, 3 for a count
  /// out of range, 2 for a range past 65535 (Modbus Application Protocol V1.1b3, state diagrams of
  /// 6.1 to 6.4).
  public var request: Result<ModbusRequest, ModbusException> {
    guard let function = ModbusFunction(rawValue: function) else {
      return .failure(.illegalFunction)
    }
    guard count > 0, count <= function.countMax else { return .failure(.illegalDataValue) }
    guard
      let request = ModbusRequest(unit: unit, function: function, address: address, count: count)
    else { return .failure(.illegalDataAddress) }
    return .success(request)
  }
}

/// What a server finds in the bytes it has received.
public enum ModbusQueryScan: Equatable, Sendable {
  /// No whole request yet. Forget what was received after a silence of 3.5 characters.
  case incomplete
  /// A request stands at this range.
  case query(Range<Int>, ModbusQuery)
}

/// The server's side of Modbus RTU, for emulated meters.
public enum ModbusServer {
  /// Finds the first whole request, for whichever unit, past any garbage.
  public static func scan(_ received: Span<UInt8>) -> ModbusQueryScan {
    var i = 0
    while received.count &- i >= ModbusRequest.byteCount {
      let length = queryByteCount(at: i, in: received)
      if ModbusRTU.hasGoodCRC(received, in: i..<i &+ length) {
        return .query(
          i..<i &+ length,
          ModbusQuery(
            unit: received[i], function: received[i &+ 1],
            address: ModbusRTU.word(received, at: i &+ 2),
            count: ModbusRTU.word(received, at: i &+ 4)))
      }
      i &+= 1
    }
    return .incomplete
  }

  /// Functions 15 and 16 carry a byte count and data; every other is taken to have 8 bytes.
  private static func queryByteCount(at i: Int, in received: Span<UInt8>) -> Int {
    received[i &+ 1] == 15 || received[i &+ 1] == 16
      ? Int(truncatingIfNeeded: received[i &+ 6]) &+ 9 : ModbusRequest.byteCount
  }

  /// Writes a reply; `data` holds registers, high byte first, or bits, the first one in bit 0.
  ///
  /// Traps if `data` has not `request.replyDataByteCount` bytes.
  public static func writeReply(
    to request: ModbusRequest, data: Span<UInt8>, into writer: inout ByteWriter
  ) {
    precondition(data.count == request.replyDataByteCount, "reply of another length")
    let start = writer.count
    writer.append(request.unit)
    writer.append(request.function.rawValue)
    writer.append(UInt8(truncatingIfNeeded: data.count))
    writer.append(data)
    ModbusRTU.appendCRC(from: start, into: &writer)
  }

  /// Writes an exception.
  public static func writeException(
    _ exception: ModbusException, to query: ModbusQuery, into writer: inout ByteWriter
  ) {
    let start = writer.count
    writer.append(query.unit)
    writer.append(query.function | 0x80)
    writer.append(exception.rawValue)
    ModbusRTU.appendCRC(from: start, into: &writer)
  }
}
