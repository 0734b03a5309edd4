import CLinux
import CSerialPort
import HAL

/// A serial port of the Linux host: libserialport for real ports, termios for pseudo-terminals.
///
/// libserialport 0.1.1 refuses pseudo-terminals (it wants an entry in /sys/class/tty and modem lines),
/// and reads 0 for ever from a device that is gone; so the device's major number chooses, and a read of
/// nothing is checked with poll(2). The port is held with flock(2), which every program that asks for
/// exclusive use respects, and a real one with TIOCEXCL as well; on a pseudo-terminal that mark would
/// outlive a killed process for as long as the controlling end is open.
public struct SerialPort: UART, ~Copyable {
  /// For `PollLoop.watch`.
  public let descriptor: Int32
  /// What it was opened as.
  public let path: String
  /// The simulator's kind of port.
  public let isPseudoTerminal: Bool
  /// What the driver lacks.
  public let warnings: SerialWarnings
  // Null for a pseudo-terminal, which owns its descriptor itself.
  private let port: OpaquePointer?

  /// Which of the two ways drives the device.
  enum Driver: Sendable { case libserialport, termios }

  /// Opens and sets a port; nothing is received before this.
  public init(opening path: String, _ configuration: UARTConfiguration) throws(SerialError) {
    try self.init(opening: path, configuration, driver: SerialPort.driver(for: path))
  }

  init(
    opening path: String, _ configuration: UARTConfiguration, driver: Driver
  ) throws(SerialError) {
    let opened =
      switch driver {
      case .libserialport: try SerialPort.openPort(path, configuration)
      case .termios: try SerialPort.openTerminal(path, configuration)
      }
    self.path = path
    isPseudoTerminal = driver == .termios
    port = opened.port
    descriptor = opened.descriptor
    warnings = opened.warnings
  }

  deinit {
    clinux_unlock(descriptor)
    if let port {
      _ = sp_close(port)
      sp_free_port(port)
    } else {
      _ = clinux_close(descriptor)
    }
  }

  /// Majors 136 to 143 are Unix98 pseudo-terminals (Documentation/admin-guide/devices.txt).
  private static func driver(for path: String) throws(SerialError) -> Driver {
    var status = clinux_status()
    let result = clinux_status(path, 1, &status)
    guard result >= 0 else { throw SerialError(-result, path) }
    guard status.kind == CLINUX_KIND_CHARACTER_DEVICE else { throw .notASerialPort(path: path) }
    return (136...143).contains(status.device_major) ? .termios : .libserialport
  }

  private struct Opened {
    var port: OpaquePointer?
    var descriptor: Int32
    var warnings: SerialWarnings
  }

  private static func openTerminal(
    _ path: String, _ configuration: UARTConfiguration
  ) throws(SerialError) -> Opened {
    let flags = CLINUX_OPEN_READ | CLINUX_OPEN_WRITE | CLINUX_OPEN_NONBLOCK
    let opened = clinux_open(path, flags, 0)
    guard opened >= 0 else { throw SerialError(-opened, path) }
    let file = Descriptor(owning: opened)
    let locked = clinux_lock(file.number)
    guard locked >= 0 else { throw SerialError(-locked, path) }
    var line = clinux_line(configuration)
    let set = clinux_line_set(file.number, &line)
    if set == -clinux_error_invalid() {
      throw .refused(path: path, configuration: configuration)
    }
    guard set >= 0 else { throw SerialError(-set, path) }
    var warnings = SerialWarnings()
    warnings.formatDropped = !line.hasFormat(of: configuration)
    warnings.rs485Missing = configuration.rs485 && clinux_line_rs485(file.number) < 0
    guard line.baud_rate == configuration.baudRate else {
      throw .refused(path: path, configuration: configuration)
    }
    _ = clinux_line_flush(file.number)
    return Opened(port: nil, descriptor: file.release(), warnings: warnings)
  }

  private static func openPort(
    _ path: String, _ configuration: UARTConfiguration
  ) throws(SerialError) -> Opened {
    // libserialport finds a port by its name in /sys/class/tty, so links are followed here.
    let device = (try? Files.resolve(path)) ?? path
    var found: OpaquePointer?
    guard sp_get_port_by_name(device, &found) == SP_OK, let port = found else {
      throw .notASerialPort(path: path)
    }
    var keep = false
    defer { if !keep { sp_free_port(port) } }
    guard sp_open(port, SP_MODE_READ_WRITE) == SP_OK else {
      throw SerialError(sp_last_error_code(), path)
    }
    defer { if !keep { _ = sp_close(port) } }
    var descriptor: Int32 = -1
    guard sp_get_port_handle(port, &descriptor) == SP_OK else {
      throw SerialError(sp_last_error_code(), path)
    }
    let locked = clinux_lock(descriptor)
    guard locked >= 0 else { throw SerialError(-locked, path) }
    _ = clinux_line_exclusive(descriptor)
    try configure(port, path, configuration)
    // Asked of the kernel, because a driver may drop what it cannot do.
    var line = clinux_line()
    var warnings = SerialWarnings()
    if clinux_line_get(descriptor, &line) >= 0 {
      warnings.formatDropped = !line.hasFormat(of: configuration)
    }
    warnings.rs485Missing = configuration.rs485 && clinux_line_rs485(descriptor) < 0
    _ = sp_flush(port, SP_BUF_BOTH)
    keep = true
    return Opened(port: port, descriptor: descriptor, warnings: warnings)
  }

  private static func configure(
    _ port: OpaquePointer, _ path: String, _ configuration: UARTConfiguration
  ) throws(SerialError) {
    let parity =
      switch configuration.parity {
      case .none: SP_PARITY_NONE
      case .even: SP_PARITY_EVEN
      case .odd: SP_PARITY_ODD
      }
    var made: OpaquePointer?
    guard sp_new_config(&made) == SP_OK, let config = made else {
      throw .system(path: path, errno: sp_last_error_code())
    }
    defer { sp_free_config(config) }
    // All at once: some drivers refuse states between two settings.
    guard sp_set_config_baudrate(config, Int32(clamping: configuration.baudRate)) == SP_OK,
      sp_set_config_bits(config, Int32(configuration.dataBits)) == SP_OK,
      sp_set_config_parity(config, parity) == SP_OK,
      sp_set_config_stopbits(config, Int32(configuration.stopBits)) == SP_OK,
      sp_set_config_flowcontrol(config, SP_FLOWCONTROL_NONE) == SP_OK,
      sp_set_config(port, config) == SP_OK
    else { throw .refused(path: path, configuration: configuration) }
  }

  /// What poll(2) says about the port now, without waiting.
  private func look() -> Readiness {
    var entry = clinux_pollfd(fd: descriptor, events: Int16(CLINUX_POLL_IN), revents: 0)
    return clinux_poll(&entry, 1, 0) >= 0 ? Readiness(events: entry.revents) : .none
  }

  private func readOnce(_ buffer: UnsafeMutableBufferPointer<UInt8>) throws(UARTError) -> Int {
    let n: Int
    if let port {
      let result = sp_nonblocking_read(port, buffer.baseAddress, buffer.count).rawValue
      n = result >= 0 ? Int(result) : -Int(sp_last_error_code())
    } else {
      n = clinux_read(descriptor, buffer.baseAddress, buffer.count)
    }
    if n >= 0 { return n }
    if n == -Int(clinux_error_again()) { return 0 }
    throw n == -Int(clinux_error_io()) || n == -Int(clinux_error_no_device()) ? .lost : .io
  }

  /// Copies what has arrived; throws `.lost` on a hang-up, which must never look like silence.
  public mutating func read(
    into buffer: UnsafeMutableBufferPointer<UInt8>
  ) throws(UARTError) -> Int {
    guard buffer.count > 0 else { return 0 }
    let n = try readOnce(buffer)
    if n > 0 { return n }
    let readiness = look()
    if readiness.isLost { throw .lost }
    guard readiness.isReadable else { return 0 }
    // A byte came between the two calls, or the device is gone and reads as an endless nothing.
    let again = try readOnce(buffer)
    guard again > 0 else { throw .lost }
    return again
  }

  /// Hands bytes to the driver's queue (4 KiB) and returns how many were taken.
  public mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(UARTError) -> Int {
    guard bytes.count > 0 else { return 0 }
    let n: Int
    if let port {
      let result = sp_nonblocking_write(port, bytes.baseAddress, bytes.count).rawValue
      n = result >= 0 ? Int(result) : -Int(sp_last_error_code())
    } else {
      n = clinux_write(descriptor, bytes.baseAddress, bytes.count)
    }
    if n >= 0 { return n }
    if n == -Int(clinux_error_again()) { return 0 }
    throw n == -Int(clinux_error_io()) || n == -Int(clinux_error_no_device()) ? .lost : .io
  }

  /// Errors that the driver counted since the machine started; `nil` where it does not count.
  public func errorCounters() -> UARTErrorCounters? {
    var errors = clinux_line_errors()
    guard clinux_line_errors(descriptor, &errors) >= 0 else { return nil }
    return UARTErrorCounters(
      parity: errors.parity, framing: errors.framing,
      overrun: errors.overrun &+ errors.buffer_overrun, breaks: errors.breaks)
  }
}

extension clinux_line {
  init(_ configuration: UARTConfiguration) {
    self.init(
      baud_rate: configuration.baudRate, data_bits: configuration.dataBits,
      parity: configuration.parity.rawValue, stop_bits: configuration.stopBits)
  }

  func hasFormat(of configuration: UARTConfiguration) -> Bool {
    parity == configuration.parity.rawValue && data_bits == configuration.dataBits
  }
}

/// A serial port that the machine has now.
public struct SerialPortDescription: Equatable, Sendable {
  /// Its device, such as /dev/ttyUSB0.
  public var path: String
  /// What the driver calls it; "" when it does not say.
  public var name: String
  /// Set for USB adapters.
  public var usb: USBIdentity?
}

/// Finding ports.
public enum SerialPorts {
  /// All ports that libserialport finds, in its order; empty when it fails. Allocates.
  public static func all() -> [SerialPortDescription] {
    var made: UnsafeMutablePointer<OpaquePointer?>?
    guard sp_list_ports(&made) == SP_OK, let list = made else { return [] }
    defer { sp_free_port_list(list) }
    var result: [SerialPortDescription] = []
    var i = 0
    while let port = list[i] {
      i += 1
      guard let path = sp_get_port_name(port) else { continue }
      let name = sp_get_port_description(port).map { String(cString: $0) } ?? ""
      result.append(
        SerialPortDescription(path: String(cString: path), name: name, usb: usbIdentity(port)))
    }
    return result
  }

  private static func usbIdentity(_ port: OpaquePointer) -> USBIdentity? {
    var vendor: Int32 = 0
    var product: Int32 = 0
    guard sp_get_port_transport(port) == SP_TRANSPORT_USB,
      sp_get_port_usb_vid_pid(port, &vendor, &product) == SP_OK
    else { return nil }
    let serial = sp_get_port_usb_serial(port).map { String(cString: $0) } ?? ""
    return USBIdentity(
      vendor: UInt16(truncatingIfNeeded: vendor), product: UInt16(truncatingIfNeeded: product),
      serial: serial)
  }

  /// The device of the adapter with this identity. Asked anew at each reopening, because the number in
  /// /dev/ttyUSB0 changes when it is plugged in again.
  public static func path(of identity: USBIdentity) throws(SerialError) -> String {
    try path(of: identity, among: all())
  }

  static func path(
    of identity: USBIdentity, among ports: [SerialPortDescription]
  ) throws(SerialError) -> String {
    let fitting = ports.filter { $0.usb == identity }.map(\.path)
    guard let first = fitting.first else { throw .usbMissing(identity) }
    guard fitting.count == 1 else { throw .usbAmbiguous(identity, paths: fitting) }
    return first
  }
}
