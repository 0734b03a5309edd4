import HAL
import Journal
import TransparencyLog

/// When an entry was made, by what nobody can set: which start of the agent it was, and the time since that of the
/// machine. Whatever is later in this order was later.
private struct RunningTime {
  var boot: UInt64
  var mono: UInt64

  func isBefore(_ other: RunningTime) -> Bool {
    boot == other.boot ? mono <= other.mono : boot < other.boot
  }

  /// µs that passed up to another time at least. Where the machine started between them, that is what ran since then
  /// or less.
  func least(to other: RunningTime) -> UInt64 {
    isBefore(other) && other.mono > mono ? other.mono - mono : 0
  }
}

// How old entries are that leave in packages and that nobody acknowledges. No wall clock has a say in it: one without a
// battery begins in 1970, one that is set wrongly is years ahead, and either would give up what is an hour old. What
// counts is the time for which the machine ran (`mono`), summed up over its starts. While it was off nothing counts, so an
// age may be too small, and entries are kept too long; it is never too large.
extension Recorder where Storage: ~Copyable, Key: ~Copyable {
  /// All entries of the oldest segment are older than so many µs. Looks at most once an hour while they are not.
  mutating func isOldestSegment(
    olderThan retention: UInt64, at now: Instant
  ) throws(JournalError) -> Bool {
    guard now.mono >= ageAt, let end = try evidence.journal.endOfOldestSegment(),
      // The first entry behind it is the newer one.
      let time = try runningTime(of: end)
    else { return false }
    let age = leastAge(of: end, time, at: now.mono)
    if age >= retention { return true }
    ageAt = now.mono &+ min(retention - age, Limits.agePeriod)
    return false
  }

  /// µs that the entry at `index` is old at least.
  private mutating func leastAge(
    of index: UInt64, _ time: RunningTime, at mono: UInt64
  ) -> UInt64 {
    let last = evidence.journal.committedSize - 1
    guard let newest = try? runningTime(of: last) else { return 0 }
    // Entries may have stopped long ago. An entry of an earlier start of the machine is older than all of this one.
    let since = mono > newest.mono ? mono - newest.mono : 0
    return least(from: (index, time), to: (last, newest), depth: 0) &+ since
  }

  /// µs that passed at least between two entries. Where the agent started between them the starts are looked for by
  /// halving, `Limits.ageDepth` times: each costs a few reads, and hides at most that part of the log.
  private mutating func least(
    from first: (index: UInt64, time: RunningTime), to last: (index: UInt64, time: RunningTime),
    depth: Int
  ) -> UInt64 {
    let middle = first.index + (last.index - first.index) / 2
    guard first.time.boot != last.time.boot, middle > first.index, depth < Limits.ageDepth,
      first.time.isBefore(last.time)
    else { return first.time.least(to: last.time) }
    // What was carried over from an earlier epoch has its own time and its place in this log: it is not counted again. Nor
    // is what cannot be read.
    var time = (try? runningTime(of: middle)) ?? first.time
    if !first.time.isBefore(time) || !time.isBefore(last.time) { time = first.time }
    let half = (middle, time)
    return least(from: first, to: half, depth: depth + 1)
      &+ least(from: half, to: last, depth: depth + 1)
  }

  private mutating func runningTime(of index: UInt64) throws(JournalError) -> RunningTime? {
    var found: RunningTime?
    try evidence.journal.visit(index..<index + 1) { (_: UInt64, entry: Span<UInt8>) in
      let head = try? Entry.decode(entry).head
      found = head.map { RunningTime(boot: $0.boot, mono: $0.time.mono) }
    }
    return found
  }
}
