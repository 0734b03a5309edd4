import CLinux
import HAL
import HostHAL
import Synchronization
import Testing

/// A directory that goes away with the value.
final class Scratch: Sendable {
  private static let number = Atomic<Int>(0)
  let path: String

  init() throws {
    let count = Scratch.number.wrappingAdd(1, ordering: .relaxed).newValue
    path = "/tmp/tallystick-test-\(ProcessEnvironment.processID)-\(count)"
    try Files.removeTree(path)
    try Files.makeDirectory(path)
  }

  deinit { try? Files.removeTree(path) }

  func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

/// Time enough for anything that happens at once, on a machine busy with other tests.
func soon(seconds: UInt64 = 20) -> UInt64 { clinux_boot_us() + seconds * 1_000_000 }

/// Waits until `descriptor` is ready; `.none` at the deadline.
func ready(_ descriptor: Int32, _ interest: PollInterest = .read) -> Readiness {
  var loop = PollLoop(capacity: 1)
  let place = loop.watch(descriptor, interest)
  _ = loop.wait(until: soon())
  return loop.readiness(place)
}

extension PseudoTerminal {
  /// Sends all bytes.
  func send(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBufferPointer { write($0) } == bytes.count
  }

  /// What arrives, up to `count` bytes, or fewer at the deadline.
  func receive(_ count: Int) -> [UInt8] {
    let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4096)
    defer { room.deallocate() }
    var bytes: [UInt8] = []
    while bytes.count < count, ready(descriptor).isReadable {
      let n = read(into: room)
      bytes += room[..<n]
    }
    return bytes
  }
}

extension SerialPort {
  mutating func send(_ bytes: [UInt8]) throws(UARTError) -> Int {
    let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
    defer { room.deallocate() }
    _ = room.initialize(from: bytes)
    return try write(UnsafeBufferPointer(room))
  }

  /// What arrives, up to `count` bytes, or fewer at the deadline.
  mutating func receive(_ count: Int) throws(UARTError) -> [UInt8] {
    let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 256)
    defer { room.deallocate() }
    var bytes: [UInt8] = []
    while bytes.count < count, ready(descriptor).isAny {
      let n = try read(into: room)
      bytes += room[..<n]
    }
    return bytes
  }

  /// One read, without waiting.
  mutating func readNow() throws(UARTError) -> [UInt8] {
    let room = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 256)
    defer { room.deallocate() }
    let n = try read(into: room)
    return Array(room[..<n])
  }
}

/// `#expect` for conditions on values that cannot be copied, which the macro would.
func expect(_ condition: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(condition, sourceLocation: sourceLocation)
}
