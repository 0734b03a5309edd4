import HAL
import MeterProtocols

extension ProfileRequest {
  /// The request exactly as it is sent to a device, checksum included.
  ///
  /// - Parameter address: as in `Device.address`: for Modbus the unit identifier, for DL/T 645 six
  ///   bytes in the order of the nameplate.
  /// - Returns: the bytes; none when the address is none of this protocol's.
  public func requestBytes(address: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: MeterProtocol.requestByteCountMax) { buffer, count in
      var writer = ByteWriter(buffer)
      switch query {
      case .modbus(let function, let first, let quantity):
        guard address.count == 1, let function = ModbusFunction(rawValue: function),
          let request = ModbusRequest(
            unit: address[0], function: function, address: first, count: quantity)
        else { return }
        request.write(into: &writer)
      case .dlt645(let identifier, _):
        guard let meter = DLT645Address(address.span) else { return }
        DLT645Request.read(meter, identifier: identifier).write(into: &writer)
      }
      count = writer.count
    }
  }
}
