import CLinux

/// A pseudo-terminal pair in raw mode: what a meter simulator holds instead of a wire.
///
/// The far end is an ordinary terminal device, `linePath`, which a gateway opens like a serial port.
/// A descriptor of it stays open here, so that this end does not see errors while nobody has it open.
/// Dropping the value unplugs the line: whoever has it open sees a hang-up at once.
public struct PseudoTerminal: ~Copyable {
  private let controller: Descriptor
  private let line: Descriptor
  /// The far end's device, /dev/pts/N.
  public let linePath: String
  /// The symbolic link that names it, if one was asked for.
  public let link: String?

  /// Opens a pair; with `link`, a symbolic link of that name points to the line, replacing an old one.
  public init(link: String? = nil) throws(FileError) {
    var controllerNumber: Int32 = -1
    var lineNumber: Int32 = -1
    var result: Int32 = 0
    let path = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { name -> String in
      result = clinux_pseudo_terminal(
        &controllerNumber, &lineNumber, name.baseAddress, name.count)
      guard result >= 0, let base = name.baseAddress else { return "" }
      return String(cString: base)
    }
    guard result >= 0 else { throw FileError(-result, .open, "/dev/ptmx") }
    let controller = Descriptor(owning: controllerNumber)
    let line = Descriptor(owning: lineNumber)
    if let link { try Files.link(link, to: path) }
    self.controller = controller
    self.line = line
    self.linePath = path
    self.link = link
  }

  deinit {
    // Only a link that still points here: another simulator may have taken the name over.
    if let link, (try? Files.target(ofLink: link)) == linePath { try? Files.remove(link) }
  }

  /// This end, non-blocking, for `PollLoop.watch`.
  public var descriptor: Int32 { controller.number }

  /// The baud rate that the far end was set to last, bits a second.
  public var baudRate: UInt32 {
    var settings = clinux_line()
    return clinux_line_get(controller.number, &settings) >= 0 ? settings.baud_rate : 0
  }

  /// Copies what the far end has sent into `buffer`; 0 when there is nothing.
  public func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
    max(clinux_read(controller.number, buffer.baseAddress, buffer.count), 0)
  }

  /// Sends to the far end and returns how many bytes were taken: 0 when its queue (4 KiB) is full.
  public func write(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    max(clinux_write(controller.number, bytes.baseAddress, bytes.count), 0)
  }
}
