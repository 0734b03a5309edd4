import HAL
import MeterProtocols

/// How much of a serial line's time a poll plan takes.
///
/// A poll occupies the line for the request's bytes, the device's turnaround, the reply's bytes and the
/// silence that must pass before the next request. A character is counted as 11 bits
/// (`UARTConfiguration.characterMicroseconds`). Retries are not in the figure: they need the rest.
public struct LineLoad: Sendable, Equatable {
  /// One request of one device, polled with one period.
  public struct Poll: Sendable, Equatable {
    /// The device.
    public var device: Label
    /// The name of its request.
    public var request: String
    /// Bytes of request and reply together.
    public var byteCount: Int
    /// The device's turnaround, in µs.
    public var turnaroundMicroseconds: Int
    /// The silence after the reply, in µs.
    public var silenceMicroseconds: Int
    /// All that one poll occupies the line, in µs.
    public var microseconds: Int
    /// Milliseconds between polls.
    public var periodMilliseconds: Int
  }

  /// The line's name.
  public var line: String
  /// Bits a second.
  public var baudRate: Int
  /// What is polled.
  public var polls: [Poll]

  /// The plan of a line's devices.
  public init(line: String, uart: UARTConfiguration, devices: [Device]) {
    self.line = line
    baudRate = Int(uart.baudRate)
    polls = []
    for device in devices {
      let kind = device.profile.meterProtocol
      let silence = Int(kind.silenceMicroseconds(baudRate: uart.baudRate))
      let turnaround = device.profile.turnaroundMilliseconds * 1000
      for stream in device.streams {
        for index in stream.requests {
          let request = device.profile.requests[index]
          let count =
            request.requestBytes(address: device.address).count
            + Self.replyByteCount(request, address: device.address)
          polls.append(
            Poll(
              device: device.label, request: request.name, byteCount: count,
              turnaroundMicroseconds: turnaround, silenceMicroseconds: silence,
              microseconds: count * Int(uart.characterMicroseconds) + turnaround + silence,
              periodMilliseconds: stream.periodMilliseconds))
        }
      }
    }
  }

  /// Share of the line's time in thousandths, rounded up; 1000 is all of it.
  public var permille: Int {
    var perSecond = 0
    for poll in polls where poll.periodMilliseconds > 0 {
      // µs of line time in a second, rounded up so that the sum is never below the truth.
      perSecond +=
        (poll.microseconds * 1000 + poll.periodMilliseconds - 1) / poll.periodMilliseconds
    }
    return (perSecond + 999) / 1000
  }

  /// Bytes of a good reply, with the wake-up bytes that DL/T 645 meters may send before it.
  static func replyByteCount(_ request: ProfileRequest, address: [UInt8]) -> Int {
    switch request.query {
    case .modbus(let function, _, let count):
      // Modbus application protocol V1.1b3, 6.1 to 6.4: unit, function, byte count, data, CRC.
      function <= 2 ? 5 + (Int(count) + 7) / 8 : 5 + 2 * Int(count)
    case .dlt645(_, let byteCount):
      // DL/T 645-2007, 5.2: up to 4 × FE, then 12 bytes of frame around the identifier and the data.
      4 + 12 + 4 + byteCount
    }
  }
}
