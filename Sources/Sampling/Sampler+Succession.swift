import HAL
import Metering
import TransparencyLog

/// What of a plan goes on in the plan after it: for each line, device and channel of the new plan its
/// position in the old one, or -1 if it is new there.
public struct Succession {
  /// Lines whose port stays open with the same settings.
  public var lines: UnsafeBufferPointer<Int>
  /// Devices that have a channel in both plans.
  public var devices: UnsafeBufferPointer<Int>
  /// Channels with the same entry in the log.
  public var channels: UnsafeBufferPointer<Int>

  /// Positions in memory that the caller keeps during `adopt`.
  public init(
    lines: UnsafeBufferPointer<Int>, devices: UnsafeBufferPointer<Int>,
    channels: UnsafeBufferPointer<Int>
  ) {
    self.lines = lines
    self.devices = devices
    self.channels = channels
  }
}

extension Sampler {
  /// No request is out on any line. A sampler that is held comes to rest when the last answer came, or
  /// its time is over.
  public var isAtRest: Bool {
    var line = 0
    while line < lines.count {
      if lines[line].activity != .idle { return false }
      line &+= 1
    }
    return true
  }

  /// Ends a channel that the next plan does not have: what is left of its slot is shed and its run is
  /// logged. Returns the last slot that the log explains then, `nil` if the channel never had one.
  public mutating func retire<Sink: PollSink & ~Copyable>(
    channel: Int, at now: Instant, into sink: inout Sink
  ) -> UInt64? {
    abandonSlot(channel, reason: .siteReloaded, at: now, into: &sink)
    closeRun(channel, at: now, into: &sink)
    return channels[channel].hasSlot ? channels[channel].slot : nil
  }

  /// Goes on where a sampler with another plan has come to rest.
  ///
  /// A channel that is in both plans keeps its slot, its place in the queue and its run of shed slots:
  /// nothing of it is lost or asked twice. A device on a line that was set anew is asked without delay,
  /// for it may have been silent because of the setting. Traps when a request is out.
  public mutating func adopt(_ old: borrowing Sampler, _ succession: Succession) {
    precondition(old.isAtRest, "a request is out")
    precondition(
      succession.lines.count == lines.count && succession.devices.count == devices.count
        && succession.channels.count == channels.count, "one position for each")
    last = old.last
    quietMax = old.quietMax
    givingWay = old.givingWay
    var i = 0
    while i < lines.count {
      if succession.lines[i] >= 0 {
        lines[i] = old.lines[succession.lines[i]]
        lines[i].channel = 0
        lines[i].lease = .none
        lines[i].jobCount = 0
      }
      i &+= 1
    }
    i = 0
    while i < devices.count {
      if succession.devices[i] >= 0 {
        devices[i] = old.devices[succession.devices[i]]
        if succession.lines[plan.devices[i].line] < 0 {
          devices[i].probeAt = 0
          devices[i].quietUntil = 0
        }
      }
      i &+= 1
    }
    i = 0
    while i < channels.count {
      if succession.channels[i] >= 0 { channels[i] = old.channels[succession.channels[i]] }
      if channels[i].hasJob { lines[line(of: i)].jobCount &+= 1 }
      i &+= 1
    }
  }
}
