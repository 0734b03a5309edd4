import HAL
import HostHAL
import Simulator

/// A simulated line with the pseudo-terminal that stands for its cable.
final class LiveLine {
  /// Characters that are taken from a client before they have passed, as a UART's buffer takes them.
  private static let backlogMax = 1_024

  /// The port's name, which is the symbolic link's too.
  let name: String
  /// Path of the symbolic link.
  let link: String
  /// Pulled out and put back at these times.
  let unpluggings: [Unplugging]
  /// The line itself.
  var line: SimulatedLine

  private var terminal: PseudoTerminal?
  private var waiting: [UInt8] = []
  private var place: Int?

  init(name: String, directory: String, line: SimulatedLine, unpluggings: [Unplugging]) {
    self.name = name
    self.link = directory + "/" + name
    self.line = line
    self.unpluggings = unpluggings
  }

  /// Puts the cable in.
  func plugIn() throws(FileError) {
    if terminal == nil { terminal = try PseudoTerminal(link: link) }
  }

  /// Pulls the cable: whoever has the line open sees a hang-up, and what was in flight is lost.
  func unplug() {
    terminal = nil
    waiting = []
    line.reset()
  }

  /// The device behind the link; `nil` while unplugged.
  var linePath: String? { terminal?.linePath }

  /// Sets the cable as the plan says for `elapsed` µs after readiness; returns the next change.
  func followPlan(_ elapsed: UInt64) throws(FileError) -> UInt64? {
    let isOut = unpluggings.contains { $0.begin <= elapsed && elapsed < $0.end }
    if isOut, terminal != nil { unplug() }
    if !isOut { try plugIn() }
    return unpluggings.flatMap { [$0.begin, $0.end] }.filter { $0 > elapsed }.min()
  }

  func watch(in loop: inout PollLoop) {
    guard let descriptor = terminal?.descriptor else {
      place = nil
      return
    }
    // What is not read waits in the terminal, and then the client's write waits: as on a UART.
    let isFull = line.backlog >= LiveLine.backlogMax
    place = loop.watch(
      descriptor, isFull ? .hangUp : waiting.isEmpty ? .read : .readWrite)
  }

  /// Takes what clients sent, lets the line run until `now` and hands out what reached the client.
  func run(
    _ loop: borrowing PollLoop, now: UInt64, buffer: UnsafeMutableBufferPointer<UInt8>,
    values: (UInt64) -> PlantMoment
  ) {
    guard terminal != nil else { return }
    waiting += line.advance(to: now, values: values)
    if let place, loop.readiness(place).isReadable, let count = terminal?.read(into: buffer) {
      line.receive(buffer[0..<count], at: now)
    }
    guard !waiting.isEmpty else { return }
    let taken = waiting.withUnsafeBufferPointer { terminal?.write($0) ?? 0 }
    waiting.removeFirst(taken)
    // Nobody reads: on a real line the bytes are gone too.
    if waiting.count > 4_096 { waiting = [] }
  }
}

/// The running substation: one poll loop over all lines.
struct SiteSimulation {
  let lines: [LiveLine]
  let plant: Plant
  let clock: PlantClock
  let host = HostClock()

  /// Runs until SIGTERM or SIGINT. `ready` is called once when all lines are open.
  func run(wake: WakeHandle, ready: () -> Void) throws(FileError) {
    for line in lines { try line.plugIn() }
    ready()
    let begin = host.microseconds()
    var loop = PollLoop(capacity: lines.count + 1)
    let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4_096)
    defer { buffer.deallocate() }
    while !Signals.take().wantsEnd {
      let elapsed = host.microseconds() - begin
      var deadline: UInt64?
      func consider(_ time: UInt64?) {
        guard let time else { return }
        deadline = min(deadline ?? time, time)
      }
      loop.begin()
      let woken = loop.watch(wake.descriptor, .read)
      for line in lines {
        if let change = try line.followPlan(elapsed) { consider(begin + change) }
        line.watch(in: &loop)
        consider(line.line.wakeAt)
      }
      _ = loop.wait(until: deadline)
      if loop.readiness(woken).isReadable { wake.clear() }
      let now = host.microseconds()
      for line in lines {
        line.run(loop, now: now, buffer: buffer) {
          PlantMoment(plant: plant, time: clock.plantTime(at: $0))
        }
      }
    }
  }
}
