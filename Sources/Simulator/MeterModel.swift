import MeterProtocols

/// What an emulated meter is: its address, its manners, and what it has to say.
public struct MeterModel: Sendable {
  /// What it speaks.
  public var meterProtocol: MeterProtocol
  /// Its address: 1 byte for Modbus; for DL/T 645 the twelve digits of the nameplate in 6 bytes.
  public var address: [UInt8]
  /// From the end of a request to the beginning of the reply, µs. DL/T 645-2007, 5.2: 20 to 500 ms;
  /// a Modbus meter waits at least for 3.5 characters, because only then it knows that the request ended.
  public var turnaroundMicroseconds: UInt32
  /// Wake-up bytes FE before a DL/T 645 reply, 0 to 4.
  public var preambleCount: Int
  /// The most data bytes in one DL/T 645 reply, the identifier not counted; what is longer comes in
  /// follow-up frames. 5.3 allows L up to 200.
  public var frameDataMax: Int
  /// What can be asked.
  public var blocks: [MeterBlock]

  /// A meter.
  public init(
    meterProtocol: MeterProtocol, address: [UInt8], turnaroundMicroseconds: UInt32,
    preambleCount: Int = 4, frameDataMax: Int = 195, blocks: [MeterBlock]
  ) {
    switch meterProtocol {
    case .modbusRTU: precondition(address.count == 1, "an address of one byte")
    case .dlt645:
      precondition(
        address.count == 6 && address.allSatisfy { $0 & 15 <= 9 && $0 >> 4 <= 9 },
        "an address of twelve digits")
    }
    precondition((1...195).contains(frameDataMax), "frame data out of range")
    self.meterProtocol = meterProtocol
    self.address = address
    self.turnaroundMicroseconds = turnaroundMicroseconds
    self.preambleCount = preambleCount
    self.frameDataMax = frameDataMax
    self.blocks = blocks
  }
}

/// Registers, or the data of one identifier, with the values in them.
public struct MeterBlock: Sendable {
  /// Where the block stands.
  public enum Place: Equatable, Sendable {
    /// Function code 1 to 4, first register or bit as in the PDU, count.
    case modbus(function: UInt8, address: UInt16, count: UInt16)
    /// Identifier DI3 DI2 DI1 DI0, count of data bytes after it.
    case dlt645(identifier: UInt32, byteCount: Int)
  }

  /// Where the block stands.
  public var place: Place
  /// The values in it.
  public var points: [MeterPoint]

  /// A block.
  public init(place: Place, points: [MeterPoint]) {
    self.place = place
    self.points = points
  }
}

/// One value of a block: how it is written, and where it comes from.
public struct MeterPoint: Sendable {
  /// How a reader finds and scales it; the meter writes it so that the reader gets the signal back.
  public var rule: ValueRule
  /// Its value in the unit of the rule.
  public var signal: Signal

  /// A value.
  public init(rule: ValueRule, signal: Signal) {
    self.rule = rule
    self.signal = signal
  }
}
