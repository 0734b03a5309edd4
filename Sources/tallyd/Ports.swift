import Catalog
import HAL
import HostHAL

/// The serial ports of the site, opened when they are there and opened anew when they come back.
final class Ports {
  /// One line's port.
  struct Slot {
    var line: Line
    let deviceDirectory: String
    /// Not before this time, µs since boot.
    var retryAt: UInt64 = 0
    /// Place in the poll loop in this turn.
    var place = -1
    /// The last problem that was said, so that it is said once.
    var lastProblem: SerialError?
  }

  /// µs between two attempts to open a port: a replugged line must work again within 2 s.
  static let retryPeriod: UInt64 = 500_000

  /// Holds a port; a class, because arrays cannot hold values that cannot be copied.
  private final class Holder { var port: SerialPort? }

  private(set) var slots: [Slot]
  private var holders: [Holder]
  private let deviceDirectory: String
  private let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1_024)
  private let say: (Text) -> Void

  /// Ports of these lines, all closed.
  init(lines: [Line], deviceDirectory: String, say: @escaping (Text) -> Void) {
    self.deviceDirectory = deviceDirectory
    slots = lines.map { Slot(line: $0, deviceDirectory: deviceDirectory) }
    holders = lines.map { _ in Holder() }
    self.say = say
  }

  deinit { buffer.deallocate() }

  // MARK: another site

  /// For each line of another site the one here whose port it keeps: the same port with the same
  /// settings, whatever the line is called; -1 for none.
  func kept(by lines: [Line]) -> [Int] {
    lines.map { line in
      slots.firstIndex {
        $0.line.identity == line.identity && $0.line.devicePath == line.devicePath
          && $0.line.uart == line.uart
      } ?? -1
    }
  }

  /// Goes over to the lines of another site: `kept` is what `kept(by:)` said. What is not kept is
  /// closed, and what is not open is opened with the next `openMissing`.
  func replace(with lines: [Line], kept: [Int]) {
    let oldSlots = slots
    let oldHolders = holders
    for line in oldSlots.indices where !kept.contains(line) {
      guard oldHolders[line].port != nil else { continue }
      oldHolders[line].port = nil
      say(.portClosed(line: oldSlots[line].line.name))
    }
    slots = lines.enumerated().map { number, line in
      guard kept[number] >= 0 else { return Slot(line: line, deviceDirectory: deviceDirectory) }
      var slot = oldSlots[kept[number]]
      slot.line = line
      return slot
    }
    holders = kept.map { $0 >= 0 ? oldHolders[$0] : Holder() }
  }

  /// When a closed port is tried next; `nil` if all are open.
  var nextRetry: UInt64? {
    var next: UInt64?
    for line in slots.indices where holders[line].port == nil {
      next = min(next ?? .max, slots[line].retryAt)
    }
    return next
  }

  /// Opens what is closed and due; calls `opened` for each line that is open now.
  func openMissing(now: UInt64, opened: (Int) -> Void) {
    for line in slots.indices where holders[line].port == nil && now >= slots[line].retryAt {
      slots[line].retryAt = now + Ports.retryPeriod
      let path: String
      do throws(SerialError) {
        path = try resolve(slots[line])
        holders[line].port = try SerialPort(opening: path, slots[line].line.uart)
      } catch {
        if error != slots[line].lastProblem {
          slots[line].lastProblem = error
          say(.portMissing(line: slots[line].line.name, error))
        }
        continue
      }
      slots[line].lastProblem = nil
      say(.portOpened(line: slots[line].line.name, path: path))
      opened(line)
    }
  }

  private func resolve(_ slot: Slot) throws(SerialError) -> String {
    switch slot.line.identity {
    case .device: slot.line.identity.path(in: slot.deviceDirectory) ?? ""
    case .usb(let vendor, let product, let serial):
      try SerialPorts.path(of: USBIdentity(vendor: vendor, product: product, serial: serial))
    }
  }

  /// Watches the open ports in this turn; those with something to send also for writing.
  func watch(in loop: inout PollLoop, wantsWrite: (Int) -> Bool) {
    for line in slots.indices {
      guard let descriptor = holders[line].port?.descriptor else {
        slots[line].place = -1
        continue
      }
      slots[line].place = loop.watch(descriptor, wantsWrite(line) ? .readWrite : .read)
    }
  }

  /// Hands waiting output of a line to its port. Returns how much was taken, or `nil` if it is lost.
  func write(_ line: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    do throws(UARTError) { return try holders[line].port?.write(bytes) ?? 0 } catch {
      close(line)
      return nil
    }
  }

  /// Reads what arrived on a line. Returns `false` if it is lost.
  func read(
    _ line: Int, after loop: borrowing PollLoop, _ body: (UnsafeBufferPointer<UInt8>) -> Void
  ) -> Bool {
    guard slots[line].place >= 0, holders[line].port != nil else { return true }
    let readiness = loop.readiness(slots[line].place)
    guard readiness.isReadable || readiness.isLost else { return true }
    do throws(UARTError) {
      while let count = try holders[line].port?.read(into: buffer), count > 0 {
        body(UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer)[0..<count]))
        if count < buffer.count { break }
      }
    } catch {
      close(line)
      return false
    }
    guard !readiness.isLost else {
      close(line)
      return false
    }
    return true
  }

  /// Receive errors that the driver of a line counted; `nil` where it does not, and while it is closed.
  func errorCounters(_ line: Int) -> UARTErrorCounters? { holders[line].port?.errorCounters() }

  private func close(_ line: Int) {
    holders[line].port = nil
    slots[line].retryAt = 0
    say(.portLost(line: slots[line].line.name))
  }
}
