import HAL
import Metering
import Sampling
import TransparencyLog

/// What a change of the site did.
public struct SiteChangeReport: Equatable, Sendable {
  /// Channels that are polled on without a break.
  public var kept = 0
  /// Channels that are polled from now on.
  public var begun = 0
  /// Channels that are not polled any more.
  public var ended = 0
  /// Lines whose port stays open.
  public var keptLines = 0
  /// Config entries that were written, parts not counted.
  public var entries = 0

  /// Nothing was done.
  public init() {}
}

/// How far a change of the site is.
public enum SiteChangeState: Equatable, Sendable {
  /// None is under way.
  case none
  /// Documents are being logged, or a request is still out; the old site is polled until then.
  case underWay
  /// Call `changeSite` now.
  case ready
  /// It was given up, and the old site is polled on: for half a minute there was no room in the queue,
  /// because the medium refuses.
  case givenUp
}

/// A site that is on its way to replace the one in force.
struct SiteChange {
  /// A document whose entries are being queued.
  struct Writing {
    var document: Document
    var sha256: Digest
    var next = 0
  }
  let site: PollSite
  /// For each line the one of the site in force whose port it keeps, or -1.
  let keptLines: [Int]
  let begunAt: UInt64
  /// Indices of the profiles' and the channels' entries, as far as they are known.
  var profiles: [UInt64] = []
  var channels: [UInt64] = []
  var writing: Writing?
  var isWritten = false
  var isGivenUp = false
  var report = SiteChangeReport()
}

// A change of the site, while the old one is polled on:
//
// 1. Profiles and channels that the log does not hold are logged, between the readings of the old site
//    and never into the last half of the queue. Nothing refers to them yet.
// 2. The sampler is held until no request is out: one request and its answer at most.
// 3. `changeSite`, in one go: lines that close are logged as lost, then the site's own entry, then what
//    ends is shed; and the new plan goes on. So what stands before the site's entry was polled for the
//    old site, what stands behind it for the new one.
//
// Ended by a kill at any place, the log holds documents too many, which a restart finds again.
extension Acquisition {
  /// µs after which a change is given up.
  private static var changeMax: UInt64 { 30_000_000 }
  /// Bytes that documents leave free in the queue, so that readings have room: half of it.
  private static var reserve: Int { Limits.ringByteCount / 2 }

  /// Begins to change to another site. `keptLines` says for each of its lines which one's port it keeps,
  /// -1 for none.
  ///
  /// - Returns: `false` if nothing would change; then nothing is done. Traps when a change is under way,
  ///   or the site in force is not known.
  public mutating func beginChange(to next: PollSite, keptLines: [Int], at now: Instant) -> Bool {
    precondition(change == nil || change?.isGivenUp == true, "a change is under way")
    guard let site else { preconditionFailure("the site in force is not known") }
    precondition(keptLines.count == next.lines.count, "one for each line")
    change = nil
    let isKept = keptLines == Array(site.lines.indices)
    if isKept, site.isSame(as: next) { return false }
    change = SiteChange(site: next, keptLines: keptLines, begunAt: now.mono)
    return true
  }

  /// How far the change is.
  public var changeState: SiteChangeState {
    guard let change else { return .none }
    if change.isGivenUp { return .givenUp }
    let room = writer.room
    let isReady =
      change.isWritten && sampler.isHeld && sampler.isAtRest && !writer.isOverflowing
      && room >= Acquisition.switchByteCount
    return isReady ? .ready : .underWay
  }

  /// Bytes that the site's entry and the events of closing lines take at most.
  private static var switchByteCount: Int {
    Limits.entryByteCountMax + 2 + Limits.linesMax * 64
  }

  /// Forgets a change that was given up.
  public mutating func endChange() {
    change = nil
    sampler.isHeld = false
  }

  /// Does what can be done of the change now.
  mutating func advanceChange(at now: Instant) {
    guard var change, !change.isGivenUp else { return }
    self.change = nil
    while !change.isWritten, advance(&change, at: now) {}
    if change.isWritten { sampler.isHeld = true }
    if now.mono &- change.begunAt >= Acquisition.changeMax {
      change.isGivenUp = true
      sampler.isHeld = false
    }
    self.change = change
  }

  /// Queues one entry, or finds that none is needed. `false` when there is no room now.
  private mutating func advance(_ change: inout SiteChange, at now: Instant) -> Bool {
    if var writing = change.writing {
      let count = writing.document.entryCount()
      // The site's own entry is written when all else is ready.
      let isSite = writing.document.kind == .site
      if isSite, writing.next == count - 1 {
        change.isWritten = true
        return true
      }
      guard
        writer.document(
          writing.document, entry: writing.next, sha256: writing.sha256,
          reserve: Acquisition.reserve, at: now)
      else { return false }
      writing.next += 1
      change.writing = writing
      if writing.next == count { end(writing, of: &change) }
      return true
    }
    guard let document = nextDocument(of: change) else {
      change.isWritten = true
      return true
    }
    let sha256 = SHA256.hash(document.body.span)
    if let known = history.index(kind: document.kind, name: document.name, sha256: sha256) {
      if document.kind == .site { change.isWritten = true } else { note(known, of: &change) }
    } else {
      change.writing = SiteChange.Writing(document: document, sha256: sha256)
    }
    return true
  }

  private func nextDocument(of change: SiteChange) -> Document? {
    let site = change.site
    if change.profiles.count < site.profiles.count { return site.profiles[change.profiles.count] }
    guard change.channels.count < site.channels.count else { return site.document }
    let channel = site.channels[change.channels.count]
    return Document(
      kind: .channel, name: channel.label,
      body: channel.body(profileIndex: change.profiles[channel.profile]))
  }

  private mutating func end(_ writing: SiteChange.Writing, of change: inout SiteChange) {
    let index = writer.nextIndex &- 1
    history.note(
      kind: writing.document.kind, name: writing.document.name, sha256: writing.sha256,
      index: index)
    change.writing = nil
    change.report.entries += 1
    if writing.document.kind != .site { note(index, of: &change) }
  }

  private func note(_ index: UInt64, of change: inout SiteChange) {
    if change.profiles.count < change.site.profiles.count {
      change.profiles.append(index)
    } else {
      change.channels.append(index)
    }
  }
}

extension Acquisition {
  /// Goes over to the new site. Only when `changeState` is `ready`; the caller closes the ports that are
  /// not kept, and opens the others.
  public mutating func changeSite(at now: Instant) -> SiteChangeReport {
    precondition(changeState == .ready, "the change is not ready")
    guard var change = self.change else { preconditionFailure("no change is under way") }
    self.change = nil
    // Lines get other numbers, and the memory of a request that waits goes with the plan.
    sampler.refuseLeases(at: now, into: &writer)
    tellAll(at: now)
    for line in names.lines.indices where !change.keptLines.contains(line) {
      sampler.lost(line: line, at: now, into: &writer)
    }
    if let writing = change.writing {
      let isQueued = writer.document(
        writing.document, entry: writing.next, sha256: writing.sha256, reserve: 0, at: now)
      precondition(isQueued, "there was room")
      end(writing, of: &change)
    }
    let ended = sampler.plan.channels.count
    change.report.kept = follow(change, at: now)
    change.report.begun = change.channels.count - change.report.kept
    change.report.ended = ended - change.report.kept
    change.report.keptLines = change.keptLines.count { $0 >= 0 }
    return change.report
  }

  /// Ends channels that the new site does not have, and goes on with the others; returns how many those
  /// are.
  private mutating func follow(_ change: SiteChange, at now: Instant) -> Int {
    let site = change.site
    let before = positions(of: change.channels)
    var goesOn = [Bool](repeating: false, count: sampler.plan.channels.count)
    for old in before where old >= 0 { goesOn[old] = true }
    for old in goesOn.indices where !goesOn[old] {
      let index = sampler.plan.channels[old].channelIndex
      let lastSlot = sampler.retire(channel: old, at: now, into: &writer)
      history.settle(channel: index, lastSlot: lastSlot)
    }
    var starts: [ChannelStart] = []
    for (number, index) in change.channels.enumerated() {
      guard before[number] < 0 else {
        starts.append(ChannelStart(index: index, lastSlot: nil))
        continue
      }
      let (lastSlot, broken) = history.resumption(ofChannel: index)
      starts.append(ChannelStart(index: index, lastSlot: lastSlot, absence: .siteReloaded))
      guard let broken else { continue }
      writer.shed(
        channelIndex: index, first: broken.lowerBound, last: broken.upperBound,
        reason: .agentStopped, at: now)
    }
    replacePlan(site, starts: starts, change.keptLines, before)
    return before.count { $0 >= 0 }
  }

  /// For each of the new channels its position in the plan in force, or -1.
  private func positions(of channels: [UInt64]) -> [Int] {
    var known: [UInt64: Int] = [:]
    for old in 0..<sampler.plan.channels.count {
      known[sampler.plan.channels[old].channelIndex] = old
    }
    return channels.map { known[$0] ?? -1 }
  }

  private mutating func replacePlan(
    _ site: PollSite, starts: [ChannelStart], _ keptLines: [Int], _ before: [Int]
  ) {
    var devices = [Int](repeating: -1, count: site.devices.count)
    for (number, old) in before.enumerated() where old >= 0 {
      devices[site.deviceOfChannel[number]] = sampler.plan.channels[old].device
    }
    let memory = PlanMemory()
    let plan = site.plan(in: memory, starts: starts)
    var live = LiveTable(pointsOfRequests: site.livePoints)
    live.follow(writer.live)
    for (number, old) in before.enumerated() where old >= 0 {
      let first = plan.channels[number].firstRequest
      let source = sampler.plan.channels[old].firstRequest
      for request in 0..<plan.channels[number].requestCount {
        live.adopt(writer.live, request: first + request, from: source + request)
      }
    }
    writer.follow(plan, live: live)
    var next = Sampler(plan: plan, memory: memory.sampler(for: site))
    keptLines.withUnsafeBufferPointer { lines in
      devices.withUnsafeBufferPointer { devices in
        before.withUnsafeBufferPointer { channels in
          next.adopt(sampler, Succession(lines: lines, devices: devices, channels: channels))
        }
      }
    }
    sampler = next
    self.memory = memory
    self.site = site
    names = site.names
    liveTexts = LiveTexts(names)
    if let medium = names.medium { report.commitInterval = medium.commitMilliseconds * 1_000 }
    busyBefore = keptLines.map { $0 >= 0 ? busyBefore[$0] : 0 }
    utilisation = keptLines.map { $0 >= 0 ? utilisation[$0] : 0 }
  }
}
