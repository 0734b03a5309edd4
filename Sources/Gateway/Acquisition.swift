import HAL
import Metering
import Sampling
import TransparencyLog

/// What the poll plan writes to the medium of the log; for the recorder and for status.
public struct MediumPlan: Sendable, Equatable {
  /// Milliseconds between two group commits.
  public var commitMilliseconds: UInt64
  /// Bytes that a day of the plan writes.
  public var bytesPerDay: UInt64
  /// Bytes by which a day of the plan makes the log grow, before its segments are sealed.
  public var growthPerDay: UInt64
  /// Bytes that may be written to a new medium, as its board says; `nil` where nobody knows.
  public var budget: UInt64?
  /// Years that it must last; `nil` where the site does not say.
  public var years: UInt64?

  /// Takes the fields.
  public init(
    commitMilliseconds: UInt64, bytesPerDay: UInt64, growthPerDay: UInt64, budget: UInt64?,
    years: UInt64?
  ) {
    self.commitMilliseconds = commitMilliseconds
    self.bytesPerDay = bytesPerDay
    self.growthPerDay = growthPerDay
    self.budget = budget
    self.years = years
  }
}

/// What people call the parts of the site; for status and live values.
public struct SiteNames: Sendable {
  /// A device.
  public struct Device: Sendable {
    /// Number, unique in the site.
    public var number: UInt32
    /// Label, UTF-8.
    public var label: [UInt8]
    /// Chinese label, UTF-8.
    public var labelChinese: [UInt8]
    /// Address on its line as people write it, UTF-8.
    public var address: [UInt8]

    /// Takes the fields.
    public init(number: UInt32, label: [UInt8], labelChinese: [UInt8], address: [UInt8]) {
      self.number = number
      self.label = label
      self.labelChinese = labelChinese
      self.address = address
    }
  }
  /// A line.
  public struct Line: Sendable {
    /// Name, UTF-8.
    public var name: [UInt8]
    /// Path of its port, UTF-8.
    public var device: [UInt8]

    /// Takes the fields.
    public init(name: [UInt8], device: [UInt8]) {
      self.name = name
      self.device = device
    }
  }
  /// Devices in the order of the plan.
  public var devices: [Device]
  /// Lines in the order of the plan.
  public var lines: [Line]
  /// Origin of the log, UTF-8.
  public var origin: [UInt8]
  /// Key epoch.
  public var epoch: UInt32
  /// Absolute path of the site file, UTF-8.
  public var sitePath: [UInt8]
  /// SHA-256 over the SHA-256 of the site file and of each of its profiles, sorted by name: tells a tool
  /// whether the files that it reads are those in force.
  public var fingerprint: Digest
  /// What the plan writes to the medium; `nil` where nobody computed it.
  public var medium: MediumPlan?

  /// Takes the fields.
  public init(
    devices: [Device], lines: [Line], origin: [UInt8], epoch: UInt32, sitePath: [UInt8],
    fingerprint: Digest, medium: MediumPlan? = nil
  ) {
    self.medium = medium
    self.devices = devices
    self.lines = lines
    self.origin = origin
    self.epoch = epoch
    self.sitePath = sitePath
    self.fingerprint = fingerprint
  }
}

/// The sampling half of the agent: polls the lines and queues what came of it.
///
/// One thread owns it. It shares two things with the recorder: the queue and the report.
public struct Acquisition: ~Copyable {
  /// Decides what goes out when.
  public var sampler: Sampler
  /// Makes entries.
  public var writer: LogWriter
  /// What the recorder says.
  public let report: RecorderReport
  /// What people call things.
  public internal(set) var names: SiteNames
  /// What is posted of them with each value.
  var liveTexts: LiveTexts
  /// Memory of the plan; `nil` when the caller keeps it.
  var memory: PlanMemory?
  /// The site in force; `nil` when the caller made the plan.
  var site: PollSite?
  /// What the log holds.
  var history = LogHistory()
  /// The site that is to replace it.
  var change: SiteChange?
  /// Busy time of each line at the last look, for the utilisation.
  var busyBefore: [UInt64]
  var utilisation: [UInt16]
  var measuredAt: UInt64 = 0
  /// µs since boot until which events of ports and notices of the recorder are held back.
  public private(set) var eventsHeldUntil: UInt64 = 0

  /// Puts the two halves of sampling together.
  public init(
    sampler: consuming Sampler, writer: consuming LogWriter, report: RecorderReport,
    names: SiteNames
  ) {
    self.sampler = sampler
    self.writer = writer
    self.report = report
    busyBefore = [UInt64](repeating: 0, count: names.lines.count)
    utilisation = [UInt16](repeating: 0, count: names.lines.count)
    self.names = names
    liveTexts = LiveTexts(names)
  }

  /// Begins to poll a site whose documents stand in the log: `starts` says where its channels do,
  /// `history` what else is there, `opened` when that was written, and the next entry gets `nextIndex`.
  public init(
    site: PollSite, starts: [ChannelStart], history: LogHistory, opened: Instant,
    nextIndex: UInt64, boot: UInt64, queue: EntryQueue, report: RecorderReport
  ) {
    let memory = PlanMemory()
    let plan = site.plan(in: memory, starts: starts)
    let writer = LogWriter(
      nextIndex: nextIndex, boot: boot, plan: plan,
      live: LiveTable(pointsOfRequests: site.livePoints), queue: queue)
    self.init(
      sampler: Sampler(plan: plan, memory: memory.sampler(for: site)), writer: writer,
      report: report, names: site.names)
    self.memory = memory
    self.site = site
    self.history = history
    sampler.goOn(from: opened)
  }

  /// Does what is due. Call it when `nextStep` says, and after bytes arrived.
  public mutating func step(at now: Instant) {
    tellHeld(at: now)
    let room = report.room
    if room.step != sampler.givingWay {
      sampler.givingWay = room.step
      writer.givesWay(room.step, share: room.share, at: now)
      if room.step == .eventsOnly { writer.holdsPorts = true } else { tellAll(at: now) }
    }
    sampler.step(at: now, into: &writer)
    // Nothing may happen on the lines that would ask for it.
    writer.recoverFromOverflow(at: now)
    advanceChange(at: now)
    measure(at: now)
  }

  /// When `step` must be called next, µs since boot.
  public func nextStep(after now: Instant) -> UInt64 {
    var next = sampler.nextStep(after: now)
    if eventsHeldUntil > now.mono, eventsHeldUntil < next { next = eventsHeldUntil }
    guard change != nil else { return next }
    // The recorder makes room within milliseconds once it is woken.
    let soon = now.mono &+ 10_000
    return next < soon ? next : soon
  }

  /// The port of a line was opened.
  public mutating func opened(line: Int, at now: Instant) {
    sampler.opened(line: line, at: now, into: &writer)
    tellHeld(at: now)
  }

  /// The port of a line is gone.
  public mutating func lost(line: Int, at now: Instant) {
    sampler.lost(line: line, at: now, into: &writer)
    tellHeld(at: now)
  }

  /// Bytes arrived.
  public mutating func received(
    line: Int, _ bytes: UnsafeBufferPointer<UInt8>, at now: Instant
  ) {
    sampler.received(line: line, bytes, at: now, into: &writer)
  }

  /// Sheds what is not done yet; before the agent ends.
  public mutating func flush(at now: Instant) {
    sampler.flush(at: now, into: &writer)
    tellAll(at: now)
  }

  /// After `flush`: logs what did not fit the queue before. Returns whether all is logged; else call it
  /// again when the recorder has made room.
  public mutating func finish(at now: Instant) -> Bool { writer.finish(at: now) }

  /// Logs what the recorder asks for, and which ports came and went. In the reserve of a full log that is done once in
  /// `Limits.heldEventPeriod`: a port or a link that comes and goes all the time would use it up.
  private mutating func tellHeld(at now: Instant) {
    guard now.mono >= eventsHeldUntil else { return }
    let isTold = tellAll(at: now)
    guard sampler.givingWay == .eventsOnly else { return }
    writer.holdsPorts = true
    if isTold { eventsHeldUntil = now.mono &+ Limits.heldEventPeriod }
  }

  /// Logs all of that, held back or not; returns whether there was anything. From then on nothing is held back.
  @discardableResult
  mutating func tellAll(at now: Instant) -> Bool {
    eventsHeldUntil = 0
    writer.holdsPorts = false
    var isTold = writer.tellPorts(at: now)
    while let notice = report.takeNotice() {
      writer.notice(notice, minimumIndex: report.minimumIndex, at: now)
      isTold = true
    }
    return isTold
  }

  /// Every ten seconds: the share of time in which each line was busy.
  private mutating func measure(at now: Instant) {
    let window = now.mono &- measuredAt
    guard measuredAt == 0 || window >= 10_000_000 else { return }
    for line in 0..<busyBefore.count {
      let busy = sampler.busyMicroseconds(line: line)
      if measuredAt != 0 {
        let share = (busy &- busyBefore[line]) &* 1_000 / window
        utilisation[line] = UInt16(truncatingIfNeeded: share < 1_000 ? share : 1_000)
      }
      busyBefore[line] = busy
    }
    measuredAt = now.mono
  }
}
