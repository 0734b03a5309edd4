import Catalog
import Gateway
import HAL
import HostCrypto
import HostHAL
import Sampling
import TransparencyLog
import Uplink

/// The sampling thread: one poll(2) loop over the serial ports and the control socket.
///
/// Nothing in its turn waits for the medium or the network: entries go into a queue, live values into
/// a mailbox of a thread of their own.
struct Agent: ~Copyable {
  var acquisition: Acquisition
  let ports: Ports
  var reload: Reload
  private var loop: PollLoop
  var control: ControlServer
  let clock: HostClock
  private let wake: WakeHandle
  private let recorder: RecorderWake
  private let live: LiveUplink?
  private let isOneWay: Bool
  private var said = LinkState.unknown
  private var saidAlarm: MirrorAlarm?
  private var saidUnchecked = false
  private var saidFailure: LinkFailure?
  private var saidStep = GivingWay.nothing
  let say: (Text) -> Void

  /// An agent over a recovered log, with all ports closed.
  init(
    acquisition: consuming Acquisition, ports: Ports, loader: SiteLoader,
    control: consuming ControlServer, clock: HostClock, wake: WakeHandle, recorder: RecorderWake,
    live: LiveUplink?, isOneWay: Bool,
    say: @escaping (Text) -> Void
  ) {
    self.acquisition = acquisition
    self.ports = ports
    reload = Reload(loader: loader)
    self.control = control
    self.clock = clock
    self.wake = wake
    self.recorder = recorder
    self.live = live
    self.isOneWay = isOneWay
    self.say = say
    loop = PollLoop(capacity: Limits.linesMax + ControlServer.watchedCount + 1)
  }

  /// Polls until SIGTERM or SIGINT, or until the epoch is over, then logs what is still unlogged.
  mutating func run() {
    while true {
      let signals = Signals.take()
      if signals.wantsEnd || acquisition.report.epochEnd != nil { break }
      if signals.wantsReload { reload.ask(nil) }
      turn()
    }
    end()
  }

  /// Logs what is still unlogged. When the queue is full the recorder gets time to make room.
  private mutating func end() {
    acquisition.flush(at: clock.now())
    answerLeases(at: clock.now())
    let deadline = clock.microseconds() + Limits.endMax
    while !acquisition.finish(at: clock.now()), clock.microseconds() < deadline {
      recorder.handle.wake()
      _ = wake.wait(microseconds: 20_000)
    }
  }

  private mutating func turn() {
    let now = clock.now()
    ports.openMissing(now: now.mono) { acquisition.opened(line: $0, at: now) }
    acquisition.step(at: now)
    advanceReload(at: now)
    sendOutput()
    live?.turn(at: now, acquisition)
    sayLink()
    sayRoom()

    loop.begin()
    let wakePlace = loop.watch(wake.descriptor, .read)
    control.watch(in: &loop)
    ports.watch(in: &loop) { !acquisition.sampler.output(line: $0).isEmpty }
    var deadline = acquisition.nextStep(after: now)
    if let retry = ports.nextRetry, retry < deadline { deadline = retry }
    if let post = live?.nextPost(acquisition), post < deadline { deadline = post }
    if let held = messages.sayHeld(), held < deadline { deadline = held }
    _ = loop.wait(until: deadline)

    if loop.readiness(wakePlace).isReadable { wake.clear() }
    receiveInput()
    recorder.wakeIfFilling()
    let later = clock.now()
    serveControl(at: later)
  }

  private mutating func serveControl(at now: Instant) {
    control.serve(loop, now: now.mono) { request, ticket, reply in
      do throws(ControlRefusal) {
        switch try ControlRequest(decoding: request) {
        case .status:
          acquisition.writeStatus(
            at: now, errors: ports.errorCounters, liveRefusal: live?.refusal, to: &reply)
        case .lease(let lease):
          try acquisition.lease(lease, in: request, ticket: ticket, at: now)
          return .later
        case .reload:
          reload.ask(ticket)
          return .later
        }
      } catch {
        error.write(to: &reply)
      }
      return .now
    }
    answerLeases(at: now)
  }

  /// Tells tools how their transactions ended; takes back those of tools that are gone.
  private mutating func answerLeases(at now: Instant) {
    for line in 0..<acquisition.writer.leases.placeCount {
      guard let ticket = acquisition.writer.leases.ticket(line: line) else { continue }
      if acquisition.writer.leases.isAnswered(line: line) {
        control.answer(ticket, now: now.mono) {
          acquisition.writer.leases.writeAnswer(line: line, to: &$0)
        }
        acquisition.writer.leases.clear(line: line)
      } else if !control.isWaiting(ticket) {
        acquisition.abandonLease(line: line)
      }
    }
  }

  private mutating func sendOutput() {
    for line in ports.slots.indices {
      let output = acquisition.sampler.output(line: line)
      guard !output.isEmpty else { continue }
      guard let taken = ports.write(line, output) else {
        acquisition.lost(line: line, at: clock.now())
        continue
      }
      if taken > 0 { acquisition.sampler.sent(line: line, count: taken, at: clock.now()) }
    }
  }

  private mutating func receiveInput() {
    for line in ports.slots.indices {
      let isThere = ports.read(line, after: loop) { bytes in
        acquisition.received(line: line, bytes, at: clock.now())
      }
      if !isThere { acquisition.lost(line: line, at: clock.now()) }
    }
  }

  /// Says once when the way to the mirror, or what is wrong with it, changes.
  private mutating func sayLink() {
    let state = acquisition.report.linkState
    let alarm = state == .refused ? acquisition.report.alarm : nil
    let failure = state == .down ? acquisition.report.linkFailure : nil
    if state != said || alarm != saidAlarm || failure != saidFailure {
      said = state
      saidAlarm = alarm
      saidFailure = failure
      switch state {
      case .up: say(isOneWay ? .packagesTaken : .linkUp)
      case .down: say(isOneWay ? .packagesRefused(failure) : .linkDown(failure))
      case .refused: if let alarm { say(.mirrorAlarm(alarm)) }
      case .unknown: break
      }
    }
    let isUnchecked = acquisition.report.isTimeUnchecked
    if isUnchecked, !saidUnchecked { say(.timeUnchecked) }
    saidUnchecked = isUnchecked
  }

  /// Says once what gives way as the log fills, and that nothing does any more.
  private mutating func sayRoom() {
    let step = acquisition.report.room.step
    guard step != saidStep else { return }
    saidStep = step
    say(.room(step, isOneWay: isOneWay))
  }
}

/// Wakes the recorder when the queue fills faster than its commit interval empties it.
struct RecorderWake {
  let queue: EntryQueue
  let handle: WakeHandle

  func wakeIfFilling() {
    if queue.isHalfFull { handle.wake() }
  }
}

/// Posts the newest values beside the record, so that a screen is current while history drains.
final class LiveUplink {
  private let transport: Transport
  private var client: LiveClient
  private var entropy: SecureRandom
  private let say: (Int) -> Void

  /// The HTTP status with which the collector refuses live values.
  var refusal: UInt64? { client.refusal }

  /// An uplink with the token that `tally-collector enroll` gave. `say` is told each HTTP status that
  /// differs from the one before; 200 at the beginning.
  init(transport: Transport, token: [UInt8], say: @escaping (Int) -> Void) {
    self.transport = transport
    var entropy = SecureRandom()
    client = LiveClient(token: token, session: entropy.next())
    self.entropy = entropy
    self.say = say
  }

  /// When it may have something to do, µs since boot; an answer wakes the loop by itself.
  func nextPost(_ acquisition: borrowing Acquisition) -> UInt64? {
    client.wakeAt(changes: acquisition.liveChanges)
  }

  /// Takes an answer, and posts what is due.
  func turn(at now: Instant, _ acquisition: borrowing Acquisition) {
    if let response = transport.takeResponse(),
      let status = client.receive(response, now: now.mono, randomness: &entropy)
    {
      say(status)
    }
    let session = client.session
    guard transport.isFree,
      let request = client.nextRequest(
        now: now.mono, changes: acquisition.liveChanges,
        { acquisition.liveReport(after: $0, session: session) })
    else { return }
    transport.submit(request)
  }
}
