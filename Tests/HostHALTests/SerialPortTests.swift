import CLinux
import CSerialOnTerminal
import HAL
import Testing

@testable import HostHAL

private let line9600 = UARTConfiguration(baudRate: 9600)

@Suite struct SerialPortTests {
  @Test func `bytes of every value go both ways unchanged`() throws {
    let line = try PseudoTerminal()
    var port = try SerialPort(opening: line.linePath, line9600)
    expect(port.isPseudoTerminal)
    let all = (0...255).map { UInt8($0) }
    expect(try port.send(all) == 256)
    expect(line.receive(256) == all)
    expect(line.send(all))
    expect(try port.receive(256) == all)
  }

  @Test func `an empty line reads as nothing and not as lost`() throws {
    let line = try PseudoTerminal()
    var port = try SerialPort(opening: line.linePath, line9600)
    expect(try port.readNow() == [])
    expect(try port.readNow() == [])
    expect(line.descriptor >= 0)
  }

  @Test func `a hang-up is lost, in every call and at once`() throws {
    var line: PseudoTerminal? = try PseudoTerminal()
    var port = try SerialPort(opening: line?.linePath ?? "", line9600)
    line = nil
    expect(ready(port.descriptor).isLost)
    #expect(throws: UARTError.lost) { try port.readNow() }
    #expect(throws: UARTError.lost) { try port.send([1]) }
    #expect(throws: UARTError.lost) { try port.readNow() }
    _ = consume line
  }

  @Test func `a line that comes back under its name is opened again`() throws {
    let scratch = try Scratch()
    let name = scratch("line-a")
    var line: PseudoTerminal? = try PseudoTerminal(link: name)
    var port: SerialPort? = try SerialPort(opening: name, line9600)
    let descriptor = port?.descriptor ?? -1
    line = nil
    expect(ready(descriptor).isLost)
    #expect(throws: UARTError.lost) { try port?.readNow() }
    port = nil
    #expect(throws: SerialError.missing(path: name)) { _ = try SerialPort(opening: name, line9600) }
    line = try PseudoTerminal(link: name)
    port = try SerialPort(opening: name, line9600)
    expect(line?.send([0x68, 0x16]) == true)
    expect(try port?.receive(2) == [0x68, 0x16])
    _ = consume line
    _ = consume port
  }

  @Test func `bytes sent before the port was opened are not a reply`() throws {
    let line = try PseudoTerminal()
    expect(line.send([1, 2, 3]))
    var port = try SerialPort(opening: line.linePath, line9600)
    expect(try port.readNow() == [])
    expect(line.send([4]))
    expect(try port.receive(1) == [4])
  }

  @Test func `a second program is refused, and admitted once the first has closed`() throws {
    let line = try PseudoTerminal()
    var first: SerialPort? = try SerialPort(opening: line.linePath, line9600)
    #expect(throws: SerialError.busy(path: line.linePath)) {
      _ = try SerialPort(opening: line.linePath, line9600)
    }
    expect(first?.descriptor != nil)
    first = nil
    _ = consume first
    _ = try SerialPort(opening: line.linePath, line9600)
  }

  @Test(arguments: [300, 2400, 12_345, 921_600] as [UInt32])
  func `any baud rate is set`(rate: UInt32) throws {
    let line = try PseudoTerminal()
    let port = try SerialPort(opening: line.linePath, UARTConfiguration(baudRate: rate))
    expect(line.baudRate == rate)
    expect(port.warnings == SerialWarnings())
  }

  @Test func `parity and RS-485 that a driver lacks are warnings`() throws {
    let line = try PseudoTerminal()
    let port = try SerialPort(
      opening: line.linePath, UARTConfiguration(baudRate: 2400, parity: .even, rs485: true))
    expect(port.warnings.formatDropped)
    expect(port.warnings.rs485Missing)
    expect(port.errorCounters() == nil)
  }

  @Test func `what is no serial port is refused with its path`() throws {
    let scratch = try Scratch()
    try Files.replace(scratch("file"), with: [1])
    for path in [scratch("file"), scratch.path, "/dev/null"] {
      #expect(throws: SerialError.notASerialPort(path: path)) {
        _ = try SerialPort(opening: path, line9600)
      }
    }
    #expect(throws: SerialError.missing(path: scratch("none"))) {
      _ = try SerialPort(opening: scratch("none"), line9600)
    }
  }

  @Test func `a refusal for want of permission names the group to join`() {
    let error = SerialError(clinux_error_not_permitted(), "/dev/ttyS1")
    expect(error == .notPermitted(path: "/dev/ttyS1"))
    expect(error.english.contains("group dialout"))
    expect(error.chinese.contains("dialout"))
  }

  @Test func `settings are written as engineers write them`() {
    let c = UARTConfiguration(baudRate: 2400, dataBits: 7, parity: .odd, stopBits: 2)
    expect(c.shortText == "2400 7O2")
  }
}

/// libserialport on a pseudo-terminal that passes for a real port.
@Suite(.serialized) struct SerialPortOnLibserialportTests {
  private func number(_ path: String) -> Int32 {
    Int32(path.split(separator: "/").last.map(String.init) ?? "") ?? -1
  }

  @Test func `bytes go both ways, errors are counted, RS-485 is switched on`() throws {
    let line = try PseudoTerminal()
    serial_on_terminal(number(line.linePath))
    defer { serial_on_terminal(-1) }
    let set = UARTConfiguration(baudRate: 19_200, rs485: true)
    var port = try SerialPort(opening: line.linePath, set, driver: .libserialport)
    expect(!port.isPseudoTerminal)
    expect(port.warnings == SerialWarnings())
    expect(serial_on_terminal_rs485() == 1)
    expect(line.baudRate == 19_200)
    expect(port.errorCounters()?.framing == 7)
    expect(try port.readNow() == [])
    expect(try port.send([0, 0xFF, 3]) == 3)
    expect(line.receive(3) == [0, 0xFF, 3])
    expect(line.send([0x13, 0x11, 0x0D]))
    expect(try port.receive(3) == [0x13, 0x11, 0x0D])
    expect(try port.readNow() == [])
  }

  @Test func `a hang-up is lost although libserialport reads nothing for ever`() throws {
    var line: PseudoTerminal? = try PseudoTerminal()
    let path = line?.linePath ?? ""
    serial_on_terminal(number(path))
    defer { serial_on_terminal(-1) }
    var port = try SerialPort(opening: path, line9600, driver: .libserialport)
    line = nil
    expect(ready(port.descriptor).isLost)
    #expect(throws: UARTError.lost) { try port.readNow() }
    #expect(throws: UARTError.lost) { try port.send([1]) }
    _ = consume line
  }

  @Test func `a device that libserialport does not know is refused`() throws {
    let line = try PseudoTerminal()
    #expect(throws: SerialError.notASerialPort(path: line.linePath)) {
      _ = try SerialPort(opening: line.linePath, line9600, driver: .libserialport)
    }
  }
}

@Suite struct USBIdentityTests {
  @Test func `an identity is read and written as board files have it`() {
    let identity = USBIdentity("1a86:55D3:5436:A1")
    expect(identity == USBIdentity(vendor: 0x1A86, product: 0x55D3, serial: "5436:A1"))
    expect(identity?.text == "1a86:55d3:5436:A1")
    expect(USBIdentity("0403:6001") == USBIdentity(vendor: 0x403, product: 0x6001, serial: ""))
    for text in ["", "0403", "403:6001:", "0403:60g1:", "+403:6001:", "0403:-001:"] {
      expect(USBIdentity(text) == nil)
    }
  }

  @Test func `an identity finds its port, none, or says that it is ambiguous`() throws {
    let a = USBIdentity(vendor: 1, product: 2, serial: "A")
    let b = USBIdentity(vendor: 1, product: 2, serial: "")
    func port(_ path: String, _ usb: USBIdentity?) -> SerialPortDescription {
      SerialPortDescription(path: path, name: "", usb: usb)
    }
    let ports = [port("/dev/ttyS0", nil), port("u0", b), port("u1", a), port("u2", b)]
    expect(try SerialPorts.path(of: a, among: ports) == "u1")
    #expect(throws: SerialError.usbAmbiguous(b, paths: ["u0", "u2"])) {
      try SerialPorts.path(of: b, among: ports)
    }
    #expect(throws: SerialError.usbMissing(a)) { try SerialPorts.path(of: a, among: []) }
  }

  @Test func `every port that is listed is a serial device of the kernel`() throws {
    // Without /sys there are none.
    let kernel = ((try? Files.names(in: "/sys/class/tty")) ?? []).filter {
      Files.exists("/sys/class/tty/\($0)/device")
    }
    let paths = SerialPorts.all().map(\.path)
    expect(Set(paths).isSubset(of: kernel.map { "/dev/" + $0 }))
    expect(Set(paths).count == paths.count)
  }
}

@Suite struct PseudoTerminalTests {
  @Test func `this end outlives programs that open and close the line`() throws {
    let line = try PseudoTerminal()
    for byte in 1...3 as ClosedRange<UInt8> {
      var port = try SerialPort(opening: line.linePath, line9600)
      expect(try port.send([byte]) == 1)
      expect(line.receive(1) == [byte])
    }
    var loop = PollLoop(capacity: 1)
    let place = loop.watch(line.descriptor, .read)
    expect(loop.wait(until: 0) == 0)
    expect(!loop.readiness(place).isLost)
  }

  @Test func `the link goes with the line, and one taken over stays`() throws {
    let scratch = try Scratch()
    let name = scratch("line-b")
    do { _ = try PseudoTerminal(link: name) }
    expect(try Files.status(of: name, followingLinks: false) == nil)
    var old: PseudoTerminal? = try PseudoTerminal(link: name)
    let new = try PseudoTerminal(link: name)
    expect(old != nil)
    old = nil
    _ = consume old
    expect(try Files.target(ofLink: name) == new.linePath)
  }
}
