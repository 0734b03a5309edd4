/// Parity of a serial line.
public enum Parity: UInt8, Sendable, BitwiseCopyable {
  case none = 0
  case even = 1
  case odd = 2
}

/// How a serial line is set.
public struct UARTConfiguration: Equatable, Sendable, BitwiseCopyable {
  /// Bits a second, 300 to 921,600.
  public var baudRate: UInt32
  /// Data bits of a character, 7 or 8.
  public var dataBits: UInt8
  /// Parity.
  public var parity: Parity
  /// Stop bits, 1 or 2.
  public var stopBits: UInt8
  /// The kernel drives the RS-485 driver enable line.
  public var rs485: Bool

  /// A configuration; 8 data bits, no parity, 1 stop bit unless said otherwise.
  public init(
    baudRate: UInt32, dataBits: UInt8 = 8, parity: Parity = .none, stopBits: UInt8 = 1,
    rs485: Bool = false
  ) {
    self.baudRate = baudRate
    self.dataBits = dataBits
    self.parity = parity
    self.stopBits = stopBits
    self.rs485 = rs485
  }

  /// Microseconds that one character occupies the line, counted as 11 bits.
  ///
  /// Modbus over serial line V1.02, 2.5.1.1 fixes 11 bits a character (8N1 is sent with a second stop
  /// bit there); for 8N1 proper the true figure is 10, so waits computed from this are never short.
  public var characterMicroseconds: UInt32 { (11_000_000 &+ baudRate &- 1) / baudRate }
}

#if !hasFeature(Embedded)
  extension UARTConfiguration {
    /// As engineers write it: "9600 8N1".
    public var shortText: String { "\(baudRate) \(formatText)" }

    /// Data bits, parity and stop bits as engineers write them: "8N1".
    public var formatText: String {
      let letter =
        switch parity {
        case .none: "N"
        case .even: "E"
        case .odd: "O"
        }
      return "\(dataBits)\(letter)\(stopBits)"
    }
  }
#endif

/// What can go wrong with an open port. Each case says what the caller does next.
public enum UARTError: UInt8, Error, Sendable {
  /// The device is gone (hang-up, unplugged): close the port and open it anew.
  case lost = 1
  /// The operating system refused; the port is closed and opened anew.
  case io = 2
}

/// Receive errors of a line, as its driver counts them since the machine started.
public struct UARTErrorCounters: Equatable, Sendable, BitwiseCopyable {
  /// Characters with bad parity.
  public var parity: UInt32
  /// Characters without a stop bit: most often a wrong baud rate.
  public var framing: UInt32
  /// Characters lost in the chip or the driver.
  public var overrun: UInt32
  /// Break conditions.
  public var breaks: UInt32

  /// Takes the counts.
  public init(parity: UInt32, framing: UInt32, overrun: UInt32, breaks: UInt32) {
    self.parity = parity
    self.framing = framing
    self.overrun = overrun
    self.breaks = breaks
  }
}

/// One serial port. No call blocks.
///
/// For drivers: `read` returns 0 when nothing has arrived, and throws `.lost` when the device is gone:
/// a hang-up must never look like silence. `write` takes what fits and returns how much that was.
/// For users: after an error the port is dead; drop it and open another.
public protocol UART: ~Copyable {
  /// Copies what has arrived into `buffer`, at most its size, and returns how many bytes that was.
  mutating func read(into buffer: UnsafeMutableBufferPointer<UInt8>) throws(UARTError) -> Int
  /// Hands bytes to the line and returns how many were taken.
  mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(UARTError) -> Int
}
