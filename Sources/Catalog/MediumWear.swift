/// What a poll plan writes to the medium of the log, and how long the medium bears it.
///
/// All bytes are those that the journal hands to the medium (`Journal.writtenByteCount`), in one place and as a sum
/// of terms (`Day`). Every term is the same or less with a longer commit interval.
public struct MediumWear: Sendable, Equatable {
  /// Streams of one period and offset: they fall due together.
  public struct Burst: Sendable, Equatable {
    /// Milliseconds between two of them.
    public var period: Int
    /// Milliseconds after the slot's beginning.
    public var offset: Int
    /// Milliseconds that the slowest line takes to poll them.
    public var duration: Int
  }

  /// Bytes that a day of the plan writes.
  public struct Day: Sendable, Equatable {
    /// Group commits, whole blocks.
    public var frames: Int
    /// A superblock for each checkpoint, and another for its acknowledgement.
    public var superblocks: Int
    /// The first block of each segment.
    public var segmentHeaders: Int
    /// Full hash tiles of level 1 and above.
    public var tiles: Int
    /// What is written down of each segment that is given up, with the superblock that says so.
    public var summaries: Int
    /// Full segments once more, in their sealed form.
    public var sealed: Int

    /// All of them.
    public var total: Int { frames + superblocks + segmentHeaders + tiles + summaries + sealed }
  }

  /// Bytes of flash that are programmed for each byte written.
  ///
  /// A durable write of one block of 4 KiB programs a page of its own, and pages of present NAND flash have 16 KiB. The
  /// figure is a choice on the safe side: media that gather small writes in a cache do better.
  public static let amplification = 4
  /// A sealed segment has about this part of its bytes: the least that was measured is 1:3.6, most are far below
  /// (decision 61).
  private static let sealedPart = 4
  /// A year in hundredths of a day.
  private static let yearHundredths = 36_525
  private static let dayMilliseconds = 86_400_000
  private static let block = 4_096
  /// The head of a frame (*Data on disk*).
  private static let frameHead = 44
  /// A frame takes no more entries (`Gateway.Limits.commitEntriesMax`) and bytes (`Gateway.Limits.commitByteCount`).
  private static let frameEntriesMax = 256
  private static let frameBytesMax = 16_384

  /// Entries of a day.
  public var entries: Int
  /// Their bytes, each with its length before it.
  public var entryBytes: Int
  /// When they come.
  public var bursts: [Burst]
  /// Streams of all devices.
  public var streamCount: Int
  /// Milliseconds after which a checkpoint is signed.
  public var checkpointMilliseconds: Int
  /// Entries after which it is signed earlier.
  public var checkpointEntryCount: Int
  /// A mirror is called, which acknowledges each checkpoint.
  public var isAcknowledged: Bool
  /// Bytes of a segment.
  public var segmentByteCount: Int
  /// Bytes that all segments may take; each is written with zeros once, and then recycled.
  public var quotaByteCount: Int

  /// Group commits of a day: one an interval unless nothing came in it.
  public func commits(every milliseconds: Int) -> Int {
    var filled = 0
    for burst in bursts {
      let slots = Self.quotient(Self.dayMilliseconds, burst.period)
      // A burst that lasts three intervals falls into four of them at most.
      filled += slots + Self.quotient(slots * burst.duration, milliseconds)
    }
    return min(Self.quotient(Self.dayMilliseconds, milliseconds), entries, filled)
  }

  /// What a day writes with a commit every so many milliseconds.
  public func day(commitEvery milliseconds: Int) -> Day {
    guard entries > 0 else {
      return Day(frames: 0, superblocks: 0, segmentHeaders: 0, tiles: 0, summaries: 0, sealed: 0)
    }
    let commits = commits(every: milliseconds)
    let frames = frameBytes(commits: commits)
    let signed = min(
      commits,
      max(
        Self.quotient(Self.dayMilliseconds, checkpointMilliseconds),
        Self.quotient(entries, checkpointEntryCount)))
    let segments = Self.quotient(frames, segmentByteCount - Self.block)
    // 256 hashes stand for 65,536 entries; a level above it, for each 256 tiles.
    let tiles = Self.quotient(entries * 8_192, 65_536 - 256)
    return Day(
      frames: frames, superblocks: signed * (isAcknowledged ? 2 : 1) * Self.block,
      segmentHeaders: segments * Self.block, tiles: tiles,
      summaries: segments * (summaryBytes + Self.block),
      sealed: Self.quotient(frames, Self.sealedPart))
  }

  /// Frames are whole blocks: one at least, and else half a block of each is padding.
  private func frameBytes(commits: Int) -> Int {
    let mean = Self.quotient(entryBytes, entries)
    // A frame is full when the next entry does not fit.
    let full = min(
      Self.frameBytesMax - Self.frameHead - mean / 2, Self.frameEntriesMax * mean)
    // Of the last one of an interval with several, half is filled.
    let frames = max(commits, Self.quotient(entryBytes, max(full, 1)) + commits / 2)
    return max(
      frames * Self.block, entryBytes + frames * (Self.frameHead + Self.block / 2))
  }

  /// Three levels of tiles, each half full, and the history: 128 bytes a stream (`LogSummary`, *Data on disk*).
  private var summaryBytes: Int {
    Self.quotient(64 + 3 * 128 * 32 + 128 * streamCount, Self.block) * Self.block
  }

  /// Bytes of flash of a new medium which bears `endurance` of them, when the zeros of all segments are written.
  private func usable(_ endurance: Int) -> Int { max(endurance - quotaByteCount, 0) }

  /// Bytes that may be written to a new medium which bears `endurance` bytes of flash, the zeros of segments apart.
  public func budget(endurance: Int) -> Int { usable(endurance) / Self.amplification }

  /// Tenths of years that a new medium lasts which bears `endurance` bytes, when so many are written a day; `nil`
  /// when none are.
  public func tenthsOfYears(endurance: Int, bytesPerDay: Int) -> Int? {
    guard bytesPerDay > 0 else { return nil }
    return usable(endurance) / Self.quotient(Self.flashBytesPerYear(bytesPerDay), 10)
  }

  /// A new medium that bears `endurance` bytes lasts so many years.
  public func lasts(years: Int, endurance: Int, commitEvery milliseconds: Int) -> Bool {
    let day = day(commitEvery: milliseconds)
    return Self.flashBytesPerYear(day.total) <= usable(endurance) / years
  }

  /// The shortest commit interval in milliseconds, `longest` at most, with which a new medium lasts so many years;
  /// `nil` if it does with none.
  public func shortestCommit(years: Int, endurance: Int, longest: Int) -> Int? {
    guard lasts(years: years, endurance: endurance, commitEvery: longest) else { return nil }
    var (low, high) = (1, longest)
    while low < high {
      let middle = (low + high) / 2
      if lasts(years: years, endurance: endurance, commitEvery: middle) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return low
  }

  private static func flashBytesPerYear(_ bytesPerDay: Int) -> Int {
    // What nobody can write in a day is cut off, so that the product fits.
    quotient(min(bytesPerDay, 1 << 45) * amplification * yearHundredths, 100)
  }

  /// Rounded up.
  private static func quotient(_ a: Int, _ b: Int) -> Int { (a + b - 1) / b }
}

extension MediumWear {
  /// What the plan of a site writes.
  public init(_ site: Site) {
    var entries = 0
    var entryBytes = 0
    var bursts: [Burst] = []
    var streamCount = 0
    for line in site.lines {
      // Microseconds that this line takes for each period and offset.
      var taken: [(period: Int, offset: Int, microseconds: Int)] = []
      for device in line.devices {
        let load = LineLoad(line: line.name, uart: line.uart, devices: [device])
        var poll = 0
        for stream in device.streams {
          streamCount += 1
          let slots = Self.dayMilliseconds / stream.periodMilliseconds
          entries += stream.requests.count * slots
          var microseconds = 0
          for request in stream.requests.map({ device.profile.requests[$0] }) {
            let reply = LineLoad.replyByteCount(request, address: device.address)
            entryBytes += (reply + MediumWear.entryOverhead) * slots
            microseconds += load.polls[poll].microseconds
            poll += 1
          }
          let (period, offset) = (stream.periodMilliseconds, stream.offsetMilliseconds)
          if let i = taken.firstIndex(where: { $0.period == period && $0.offset == offset }) {
            taken[i].microseconds += microseconds
          } else {
            taken.append((period, offset, microseconds))
          }
        }
      }
      for (period, offset, microseconds) in taken {
        let duration = Self.quotient(microseconds, 1_000)
        if let i = bursts.firstIndex(where: { $0.period == period && $0.offset == offset }) {
          bursts[i].duration = max(bursts[i].duration, duration)
        } else {
          bursts.append(Burst(period: period, offset: offset, duration: duration))
        }
      }
    }
    self.init(
      entries: entries, entryBytes: entryBytes, bursts: bursts, streamCount: streamCount,
      checkpointMilliseconds: site.log.checkpointMilliseconds,
      checkpointEntryCount: site.log.checkpointEntryCount, isAcknowledged: site.packages == nil,
      segmentByteCount: site.log.segmentByteCount,
      quotaByteCount: site.board.storage.quotaMebibytes << 20)
  }

  /// Bytes of a reading's entry besides the answer: its length, the head and the elements (*Data on disk*).
  static var entryOverhead: Int { 48 }
}
