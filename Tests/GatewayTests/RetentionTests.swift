import HAL
import HostCrypto
import Journal
import MemoryStorage
import Metering
import Testing
import TransparencyLog
import Uplink

@testable import Gateway

/// When entries of a one-way station go that nobody acknowledged: when the gateway has run for as long as the site
/// declares since they were made, whatever its wall clock said meanwhile.
@Suite struct RetentionTests {
  private static let hour: UInt64 = 3_600_000_000
  private static let day = 24 * hour

  /// When an entry was made: in which start, µs after that of the machine, and what the wall clock said, in µs.
  private struct Moment {
    var boot: UInt64
    var mono: UInt64
    var utc: UInt64 = 1_785_000_000_000_000
    var quality = ClockQuality.unknown
  }

  private func entry(_ index: UInt64, _ made: Moment) -> [UInt8] {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4_000)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    let time = Instant(mono: made.mono, utc: made.utc, quality: made.quality)
    EventEntry.begin(
      head: EntryHead(index: index, boot: made.boot, time: time), code: .storageDegraded,
      argumentCount: 1, to: &writer)
    writer.cbor(bytes: [UInt8](repeating: 0, count: 60).span)
    return Array(writer.written)
  }

  /// The first entry that is kept of a log that is in packages whole, with such entries (25 for each moment), at a time.
  private func kept(_ moments: [Moment], retention: UInt64, at now: Instant) throws -> UInt64 {
    let queue = EntryQueue()
    let size = UInt64(moments.count) * 25
    var recorder = try Rig.recorder(
      try Rig.log(on: MemoryDisk()), queue: queue, report: RecorderReport(),
      packages: PackageTerms(every: Self.hour, retention: retention, writtenSize: size))
    for (round, made) in moments.enumerated() {
      for number in 0..<25 {
        #expect(Rig.push(entry(UInt64(round * 25 + number), made), to: queue))
      }
      try recorder.settle(at: Rig.instant(1))
    }
    var entropy = SecureRandom()
    _ = recorder.turn(at: now, response: nil, canSubmit: false, entropy: &entropy)
    return recorder.evidence.journal.superblock.minimumIndex
  }

  /// 48 moments, evenly over so many µs of a start, and what the wall clock says at each.
  private func even(
    over span: UInt64, boot: UInt64 = 1, _ utc: (UInt64) -> UInt64 = { 1_785_000_000_000_000 + $0 }
  ) -> [Moment] {
    (0..<48 as Range<UInt64>).map {
      let mono = span / 47 * $0
      return Moment(boot: boot, mono: mono, utc: utc(mono))
    }
  }

  private func now(_ mono: UInt64, utc: UInt64? = nil) -> Instant {
    Instant(
      mono: mono, utc: utc ?? 1_785_000_000_000_000 + mono,
      quality: ClockQuality(errorExponent: 10, source: .ntp))
  }

  @Test func `the first hours without a clock are as old as they are when it is set`() throws {
    // 1970 until now, when the clock is set right.
    let moments = even(over: Self.hour) { $0 }
    #expect(try kept(moments, retention: 400 * Self.day, at: now(2 * Self.hour)) == 0)
  }

  @Test(arguments: [ClockQuality.unknown, ClockQuality(errorExponent: 10, source: .ntp)])
  func `a clock that is ahead by 500 days gives nothing up`(quality: ClockQuality) throws {
    var ahead = now(2 * Self.hour, utc: 1_785_000_000_000_000 + 500 * Self.day)
    ahead.quality = quality
    #expect(try kept(even(over: Self.hour), retention: 400 * Self.day, at: ahead) == 0)
    // Nor does one that was ahead while the entries were made.
    let moments = even(over: Self.hour) { 1_785_000_000_000_000 + $0 - 500 * Self.day }
    #expect(try kept(moments, retention: 400 * Self.day, at: now(2 * Self.hour)) == 0)
  }

  @Test func `what is old enough goes, although no clock was ever set and one is behind`() throws {
    let moments = even(over: 10 * Self.day) { $0 }
    let late = Instant(mono: 11 * Self.day, utc: 0, quality: .unknown)
    // The oldest segment was full after a day and a half.
    #expect(try kept(moments, retention: 9 * Self.day, at: late) > 0)
    #expect(try kept(moments, retention: 10 * Self.day, at: late) == 0)
  }

  @Test func `starts of the machine add up, and the time between them does not count`() throws {
    // Ten starts of 20 hours.
    let moments = (1...10 as ClosedRange<UInt64>).flatMap { even(over: 20 * Self.hour, boot: $0) }
    #expect(try kept(moments, retention: 8 * Self.day, at: now(20 * Self.hour)) > 0)
    #expect(try kept(moments, retention: 9 * Self.day, at: now(20 * Self.hour)) == 0)
    // No entry is made any more, as where the log is full: time goes on all the same.
    #expect(try kept(moments, retention: 9 * Self.day, at: now(60 * Self.hour)) > 0)
  }

  @Test func `starts of the agent alone are not counted twice`() throws {
    let moments = (1...10 as ClosedRange<UInt64>).flatMap { boot in
      even(over: Self.hour, boot: boot).map {
        Moment(boot: boot, mono: boot * Self.hour + $0.mono, utc: $0.utc)
      }
    }
    #expect(try kept(moments, retention: Self.day, at: now(12 * Self.hour)) == 0)
  }

  @Test func `what was carried over from an earlier start counts once`() throws {
    // The start of this epoch, what was carried over from thirty days of an earlier start, and an hour of two more.
    let moments =
      even(over: Self.hour, boot: 7) + even(over: 30 * Self.day, boot: 3)
      + even(over: Self.hour, boot: 8)
    #expect(try kept(moments, retention: Self.day, at: now(Self.hour)) == 0)
  }
}
