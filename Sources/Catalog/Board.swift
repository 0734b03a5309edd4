/// A gateway's hardware: its serial ports, how much it takes, where it stores.
public struct Board: Sendable, Equatable {
  /// `vendor/board`, the folder under `boards`.
  public var name: String
  /// What it is, for people.
  public var label: Label
  /// The serial ports, in the order of the file.
  public var ports: [BoardPort]
  /// What the board can carry.
  public var limits: BoardLimits
  /// Where and how the journal is kept.
  public var storage: StorageSettings
  /// The file, verbatim.
  public var yaml: [UInt8]
}

/// A serial port of a board.
public struct BoardPort: Sendable, Equatable {
  /// The name that a site uses.
  public var name: String
  /// How the operating system finds it.
  public var identity: PortIdentity
  /// The kernel drives the RS-485 driver enable line.
  public var rs485: Bool
  /// The highest rate in bits a second.
  public var baudRateMax: Int
}

/// How a serial port is found; stable over restarts and replugging.
public enum PortIdentity: Sendable, Equatable {
  /// A device file: absolute, or relative to the device directory (`TALLYSTICK_DEV`, else `/dev`).
  case device(String)
  /// A USB adapter by vendor, product and serial number.
  case usb(vendor: UInt16, product: UInt16, serial: String)

  /// The device file; `nil` for a USB identity, which only the running system can resolve.
  public func path(in deviceDirectory: String) -> String? {
    switch self {
    case .device(let name): name.hasPrefix("/") ? name : deviceDirectory + "/" + name
    case .usb: nil
    }
  }
}

/// What a board can carry; the catalog refuses a site that asks for more.
public struct BoardLimits: Sendable, Equatable {
  /// Serial lines, 1 to 32.
  public var lines: Int
  /// Devices on one line, 1 to 247.
  public var devicesPerLine: Int
  /// Poll streams of the whole site, 1 to 4096.
  public var streams: Int
}

/// Where and how the journal is kept.
public struct StorageSettings: Sendable, Equatable {
  /// Bytes of a journal segment: a multiple of 4096, 20 KiB to 64 MiB.
  public var segmentByteCount: Int
  /// The most that all segments may take, in MiB.
  public var quotaMebibytes: Int
  /// What the medium endures; `nil` where nobody knows.
  public var endurance: Endurance?
}

/// What may be written to a medium before it is worn out.
public struct Endurance: Sendable, Equatable {
  /// In units of 10^12 bytes, as makers state it ("TBW").
  public var terabytes: Int
  /// Where the figure is from.
  public var source: String

  /// The same in bytes.
  public var byteCount: Int { terabytes * 1_000_000_000_000 }
}
