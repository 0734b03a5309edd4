import HAL

/// The Modbus functions that read. Functions that write are not among them, so that no request can
/// carry one. Source: Modbus Application Protocol V1.1b3, section 6.
public enum ModbusFunction: UInt8, Sendable, BitwiseCopyable {
  case readCoils = 1
  case readDiscreteInputs = 2
  case readHoldingRegisters = 3
  case readInputRegisters = 4

  /// The function reads single bits, not registers.
  public var readsBits: Bool { rawValue <= 2 }

  /// How many bits or registers one request may ask for (Modbus Application Protocol V1.1b3, 6.1
  /// to 6.4).
  public var countMax: UInt16 { readsBits ? 2000 : 125 }
}

/// A request to read from a Modbus device.
///
/// On the wire: `unit function address(2) count(2) crc(2)`, 8 bytes, numbers high byte first, CRC low
/// byte first. Addresses count from 0, as in the protocol; manuals that say 40001 mean 0.
///
/// Worked example: unit 17, holding registers, address 124, count 2 is `11 03 00 7C 00 02 07 43`.
public struct ModbusRequest: Equatable, Sendable, BitwiseCopyable {
  /// The unit identifier: 1–247, and 248–255 with the few devices that use them. 0, broadcast, gets
  /// no answer, but some devices on a line of their own answer it.
  public let unit: UInt8
  /// What is read.
  public let function: ModbusFunction
  /// The first bit or register, from 0.
  public let address: UInt16
  /// How many.
  public let count: UInt16

  /// How many bytes a request has.
  public static let byteCount = 8

  /// Makes a request; `nil` if `count` is 0 or above the function's limit, or if the last address
  /// would be above 65535.
  public init?(unit: UInt8, function: ModbusFunction, address: UInt16, count: UInt16) {
    guard count > 0, count <= function.countMax, address <= 65535 &- (count &- 1) else {
      return nil
    }
    self.unit = unit
    self.function = function
    self.address = address
    self.count = count
  }

  /// Reads a request as it was sent; `nil` if `bytes` is not exactly one with a good CRC.
  public init?(parsing bytes: Span<UInt8>) {
    guard bytes.count == 8, ModbusRTU.hasGoodCRC(bytes, in: 0..<8),
      let function = ModbusFunction(rawValue: bytes[1])
    else { return nil }
    self.init(
      unit: bytes[0], function: function, address: ModbusRTU.word(bytes, at: 2),
      count: ModbusRTU.word(bytes, at: 4))
  }

  /// How many bytes of data a reply has.
  public var replyDataByteCount: Int {
    let n = Int(truncatingIfNeeded: count)
    return function.readsBits ? (n &+ 7) / 8 : n &* 2
  }

  /// Writes the request.
  public func write(into writer: inout ByteWriter) {
    let start = writer.count
    writer.append(unit)
    writer.append(function.rawValue)
    writer.append(UInt8(truncatingIfNeeded: address &>> 8))
    writer.append(UInt8(truncatingIfNeeded: address))
    writer.append(UInt8(truncatingIfNeeded: count &>> 8))
    writer.append(UInt8(truncatingIfNeeded: count))
    ModbusRTU.appendCRC(from: start, into: &writer)
  }
}

/// What a Modbus exception says. Source: Modbus Application Protocol V1.1b3, section 7.
public enum ModbusException: UInt8, Error, Sendable, BitwiseCopyable {
  case illegalFunction = 1
  case illegalDataAddress = 2
  case illegalDataValue = 3
  case serverDeviceFailure = 4
  case acknowledge = 5
  case serverDeviceBusy = 6
  case negativeAcknowledge = 7
  case memoryParityError = 8
  case gatewayPathUnavailable = 0x0A
  case gatewayTargetFailedToRespond = 0x0B
}
