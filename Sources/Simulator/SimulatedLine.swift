import HAL
import MeterProtocols

/// What happened on a simulated line so far.
public struct LineStatistics: Equatable, Sendable {
  /// Characters that came from the client.
  public var charactersHeard: UInt64 = 0
  /// Characters that went to the client.
  public var charactersSent: UInt64 = 0
  /// Replies that meters began.
  public var replies: UInt64 = 0
  /// Characters that stood on the line together with another, and were lost or garbled.
  public var collisions: UInt64 = 0

  /// Nothing happened yet.
  public init() {}
}

/// One RS-485 line with its emulated meters: bytes and time in, bytes and time out.
///
/// The line is half duplex and slow. A character occupies it for 11 bit times, in both directions, at
/// deadlines counted from the beginning of its burst, so that no error adds up. A Modbus request ends
/// with 3.5 characters of silence (Modbus over serial line V1.02, 2.5.1.1), a DL/T 645 request with
/// its last byte. Who is addressed answers after its own turnaround; all others stay silent. What the
/// client sends while a meter answers is lost and garbles the answer; if two meters answer, their
/// characters collide (a dominant 0 wins). Times are microseconds of one clock that the caller chooses.
public struct SimulatedLine: Sendable {
  /// A burst of characters: the end of character *k* is counted from its beginning.
  private struct Burst: Sendable {
    var start: UInt64
    var bytes: [UInt8] = []
    var done = 0

    func end(_ index: Int, baudRate: UInt64) -> UInt64 {
      start + (UInt64(index + 1) * 11_000_000 + baudRate - 1) / baudRate
    }

    /// How many characters have ended by `time`, which is not before the burst.
    func endedCount(by time: UInt64, baudRate: UInt64) -> Int {
      Int(min((time - start) * baudRate / 11_000_000, UInt64(bytes.count)))
    }

    /// Forgets what is done, so that a client that never stops takes no more memory. As many characters
    /// as the line has bits a second take 11 s exactly, so no deadline moves.
    mutating func trim(baudRate: UInt64) {
      while done >= Int(baudRate) {
        bytes.removeFirst(Int(baudRate))
        done -= Int(baudRate)
        start += 11_000_000
      }
    }
  }

  /// DL/T 645-2007, 5.2: between two bytes of a frame at most 500 ms pass.
  static let dlt645ByteGapMax: UInt64 = 500_000
  /// Longest Modbus RTU frame (Modbus over serial line V1.02, 2.4.2).
  static let modbusFrameMax = 256
  /// Longest DL/T 645 frame of a client with its preamble, and room to get in step again.
  static let dlt645BufferMax = 600

  /// How the line is set.
  public let configuration: UARTConfiguration
  /// Who sits on it.
  public private(set) var meters: [EmulatedMeter]
  /// What happened so far.
  public private(set) var statistics = LineStatistics()

  /// Until when a meter says nothing.
  private var silentUntil: [UInt64]
  private var inbound: Burst?
  private var outbound: Burst?
  /// Bytes since the last silence; `nil` when they are more than a frame can have.
  private var silentFrame: [UInt8]? = []
  /// Bytes in which no request was found yet that ends with its last byte.
  private var stream: [UInt8] = []
  private var lastHeard: UInt64?
  /// Somebody's requests end with silence.
  private let hasSilence: Bool
  /// Protocols whose requests end with silence.
  private static let silentProtocols = MeterProtocol.allCases.filter(\.requestsEndWithSilence)
  /// One meter of each protocol whose requests end with their last byte.
  private let scanners: [EmulatedMeter]

  /// A line on which `meters` sit.
  public init(configuration: UARTConfiguration, meters: [EmulatedMeter]) {
    precondition(configuration.baudRate > 0, "a line needs a baud rate")
    self.configuration = configuration
    self.meters = meters
    silentUntil = [UInt64](repeating: 0, count: meters.count)
    hasSilence = meters.contains { $0.model.meterProtocol.requestsEndWithSilence }
    scanners = MeterProtocol.allCases.filter { !$0.requestsEndWithSilence }.compactMap { kind in
      meters.first { $0.model.meterProtocol == kind }
    }
  }

  private var baudRate: UInt64 { UInt64(configuration.baudRate) }

  /// Silence that ends a Modbus frame, µs.
  public var modbusSilence: UInt64 {
    UInt64(MeterProtocol.modbusRTU.silenceMicroseconds(baudRate: configuration.baudRate))
  }

  /// The next moment at which ``advance(to:values:)`` has something to do; `nil`: nothing until bytes
  /// come.
  public var wakeAt: UInt64? {
    var wake = UInt64.max
    if let inbound { wake = min(wake, inbound.end(inbound.done, baudRate: baudRate)) }
    if let outbound { wake = min(wake, outbound.end(outbound.done, baudRate: baudRate)) }
    if let silence = silenceDue { wake = min(wake, silence) }
    return wake == .max ? nil : wake
  }

  /// When what is on the line now has passed whole, the silence after it included; `nil` if it is at rest.
  ///
  /// Who needs no single characters advances to here.
  var settlesAt: UInt64? {
    if let outbound { return outbound.end(outbound.bytes.count - 1, baudRate: baudRate) }
    if let inbound { return inbound.end(inbound.bytes.count - 1, baudRate: baudRate) }
    return silenceDue
  }

  /// A meter says nothing until a time.
  mutating func silence(meter: Int, until time: UInt64) { silentUntil[meter] = time }

  /// When the frame that is being heard ends, if nothing more comes.
  private var silenceDue: UInt64? {
    guard hasSilence, let lastHeard, silentFrame?.isEmpty != true else { return nil }
    return lastHeard + modbusSilence
  }

  /// Characters of the client that are still to pass; who takes more from it than it can send takes
  /// memory.
  public var backlog: Int { inbound.map { $0.bytes.count - $0.done } ?? 0 }

  /// The client hands `bytes` to the line at `now`: they pass one after another from then on.
  public mutating func receive(_ bytes: some Sequence<UInt8>, at now: UInt64) {
    if inbound == nil { inbound = Burst(start: now) }
    inbound?.bytes.append(contentsOf: bytes)
    if inbound?.bytes.isEmpty == true { inbound = nil }
  }

  /// Lets time pass until `now` and returns the bytes that reached the client in it. `values` gives what
  /// a meter has to say at a moment.
  public mutating func advance(to now: UInt64, values: (UInt64) -> PlantMoment) -> [UInt8] {
    var sent: [UInt8] = []
    while let next = wakeAt, next <= now {
      if passAlone(until: now, sent: &sent, values) { continue }
      step(at: next, sent: &sent, values: values)
    }
    return sent
  }

  /// Forgets everything in flight: the cable was pulled.
  public mutating func reset() {
    inbound = nil
    outbound = nil
    silentFrame = []
    stream = []
    lastHeard = nil
  }

  /// Lets all characters of a burst pass that end by `now`, if nothing else can happen between them: a
  /// reply while nobody else sends and no silence is waited for, or a request that nobody answers yet.
  /// Returns whether it did; if so, at least one character passed.
  private mutating func passAlone(
    until now: UInt64, sent: inout [UInt8], _ values: (UInt64) -> PlantMoment
  ) -> Bool {
    switch (inbound, outbound) {
    case (nil, let burst?):
      guard silenceDue == nil else { return false }
      let end = burst.endedCount(by: now, baudRate: baudRate)
      sent += burst.bytes[burst.done..<end]
      statistics.charactersSent += UInt64(end - burst.done)
      outbound?.done = end
      if end == burst.bytes.count { outbound = nil }
      return true
    case (let burst?, nil):
      let first = burst.end(burst.done, baudRate: baudRate)
      // Within a burst no silence is long enough.
      guard silenceDue ?? .max > first else { return false }
      let end = burst.endedCount(by: now, baudRate: baudRate)
      guard scanners.isEmpty else {
        hearAlone(burst, until: end, values)
        return true
      }
      statistics.charactersHeard += UInt64(end - burst.done)
      lastHeard = burst.end(end - 1, baudRate: baudRate)
      if hasSilence { keep(burst.bytes[burst.done..<end]) }
      pass(until: end)
      return true
    default: return false
    }
  }

  /// Lets characters of the client pass until `end`, or until a meter answers: together up to one that may be the last
  /// of a request, for nothing comes of the others.
  private mutating func hearAlone(
    _ burst: Burst, until end: Int, _ values: (UInt64) -> PlantMoment
  ) {
    var next = burst.done
    repeat {
      let rest = burst.bytes[next..<end]
      let last = rest.firstIndex { byte in scanners.contains { $0.mayEndQuery(byte) } } ?? end
      // The first one may come after a silence, and where the buffer is full each may end a frame.
      if last > next + 1, stream.count + last - next < SimulatedLine.dlt645BufferMax {
        hear(burst.bytes[next], at: burst.end(next, baudRate: baudRate), values)
        let quiet = burst.bytes[next + 1..<last]
        statistics.charactersHeard += UInt64(quiet.count)
        lastHeard = burst.end(last - 1, baudRate: baudRate)
        if hasSilence { keep(quiet) }
        stream += quiet
        next = last
      } else {
        hear(burst.bytes[next], at: burst.end(next, baudRate: baudRate), values)
        next += 1
      }
    } while next < end && outbound == nil
    pass(until: next)
  }

  /// The client's characters up to `end` are over.
  private mutating func pass(until end: Int) {
    let baudRate = baudRate
    inbound?.done = end
    inbound?.trim(baudRate: baudRate)
    if inbound?.done == inbound?.bytes.count { inbound = nil }
  }

  /// Adds characters to the frame that silence will end, unless it is too long to be one.
  private mutating func keep(_ bytes: some Collection<UInt8>) {
    silentFrame?.append(contentsOf: bytes)
    if let count = silentFrame?.count, count > SimulatedLine.modbusFrameMax { silentFrame = nil }
  }

  /// Does the one thing that is due at `time`; a silence ends before a character of that moment is heard.
  private mutating func step(
    at time: UInt64, sent: inout [UInt8], values: (UInt64) -> PlantMoment
  ) {
    if silenceDue == time {
      let frame = silentFrame ?? []
      silentFrame = []
      for kind in SimulatedLine.silentProtocols {
        offer(frame, of: kind, heardUntil: time - modbusSilence, at: time, values)
      }
      return
    }
    if let burst = inbound, burst.end(burst.done, baudRate: baudRate) == time {
      pass(until: burst.done + 1)
      hear(burst.bytes[burst.done], at: time, values)
      return
    }
    if let burst = outbound {
      sent.append(burst.bytes[burst.done])
      statistics.charactersSent += 1
      outbound?.done += 1
      if burst.done + 1 == burst.bytes.count { outbound = nil }
    }
  }

  private mutating func hear(_ byte: UInt8, at time: UInt64, _ values: (UInt64) -> PlantMoment) {
    statistics.charactersHeard += 1
    if let burst = outbound {
      // A meter is about to answer or answers: its receiver is off. Only what is on the line at the
      // same time is garbled.
      statistics.collisions += 1
      if time > burst.start { outbound?.bytes[burst.done] &= byte }
      return
    }
    let gap = lastHeard.map { time - $0 } ?? 0
    lastHeard = time
    if hasSilence { keep(CollectionOfOne(byte)) }
    guard !scanners.isEmpty else { return }
    if gap > SimulatedLine.dlt645ByteGapMax { stream = [] }
    stream.append(byte)
    // What begins at another place is another frame: then any of its bytes may be the last.
    let isCut = stream.count > SimulatedLine.dlt645BufferMax
    if isCut { stream.removeFirst() }
    for index in scanners.indices where isCut || scanners[index].mayEndQuery(byte) {
      guard let range = scanners[index].queryRange(in: stream) else { continue }
      let frame = Array(stream[range])
      stream = []
      return offer(
        frame, of: scanners[index].model.meterProtocol, heardUntil: time, at: time, values)
    }
  }

  /// Shows a frame to every meter of its protocol and puts what they answer on the line.
  private mutating func offer(
    _ frame: [UInt8], of meterProtocol: MeterProtocol, heardUntil: UInt64, at time: UInt64,
    _ values: (UInt64) -> PlantMoment
  ) {
    guard let query = MeterQuery(frame, of: meterProtocol) else { return }
    for index in meters.indices
    where meters[index].model.meterProtocol == meterProtocol && silentUntil[index] <= time
      && meters[index].isAsked(by: query)
    {
      let reply = meters[index].reply(to: query, values: values(time))
      guard let reply, !reply.isEmpty else { continue }
      statistics.replies += 1
      let turnaround = UInt64(meters[index].model.turnaroundMicroseconds)
      let start = max(heardUntil + turnaround, time)
      join(Burst(start: start, bytes: reply))
    }
  }

  /// Adds a reply to the one that may be on its way; characters that meet are garbled.
  private mutating func join(_ reply: Burst) {
    guard let other = outbound else {
      outbound = reply
      return
    }
    var first = other.start <= reply.start ? other : reply
    let second = other.start <= reply.start ? reply : other
    let shift = Int((second.start - first.start) * baudRate / 11_000_000)
    while first.bytes.count < shift { first.bytes.append(0xFF) }
    for (index, byte) in second.bytes.enumerated() {
      if shift + index < first.bytes.count {
        first.bytes[shift + index] &= byte
        statistics.collisions += 1
      } else {
        first.bytes.append(byte)
      }
    }
    outbound = first
  }
}
