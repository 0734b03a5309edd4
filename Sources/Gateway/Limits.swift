/// Every limit of the agent, with where it comes from.
///
/// Memory is made once, at set-up, from these and from the number of lines, devices and channels of
/// the site; nothing grows afterwards.
public enum Limits {
  /// Longest entry, bytes (entry format, mirror.md §13: at most 4,000).
  public static var entryByteCountMax: Int { 4_000 }
  /// Queue from sampling to recording, bytes.
  ///
  /// 256 KiB hold 3,000 entries of 85 B: seven minutes of the sample site (7.2 entries/s) in which the
  /// medium may stall before a slot is shed. A power of two, as the ring demands.
  public static var ringByteCount: Int { 1 << 18 }
  /// Bytes of segments that a log may need to begin: two for a first commit, and what a full queue fills.
  package static func beginningByteCount(segmentByteCount: UInt64) -> UInt64 {
    (UInt64(ringByteCount) / segmentByteCount + 2) * segmentByteCount
  }
  /// One group commit, bytes: frame header, lengths and entries. Four 4 KiB blocks.
  public static var commitByteCount: Int { 16_384 }
  /// Most entries of one group commit.
  public static var commitEntriesMax: Int { 256 }
  /// Most lines of a site, as in `Catalog.Site.linesMax`.
  public static var linesMax: Int { 16 }
  /// Most requests of one channel: the recovery keeps them as the bits of a word. No profile has more
  /// (`Catalog.DeviceProfile.requestsMax`).
  public static var requestsPerChannelMax: Int { 64 }
  /// µs that the end of the agent may take to log what did not fit the queue: as long as two group
  /// commits of a slow medium.
  public static var endMax: UInt64 { 10_000_000 }
  /// How often a log is read before what cannot be read counts as lost.
  public static var recoveryAttemptsMax: Int { 3 }
  /// How often in a row entries may be unreadable that are to be handed over before their epoch ends: asked for every half
  /// minute, they may take as long as a medium is busy with itself, and nothing else waits for them.
  public static var unreadableAttemptsMax: Int { 10 }
  /// Reads beyond three in a row of what an epoch that ended holds: what is skipped there is lost, and a medium whose
  /// every read takes seconds must come to an end.
  public static var spareReadCount: Int { 64 }
  /// The same in a start, in which nothing is polled: enough for a medium that refuses one look in fifty, at which three in a
  /// row fail once in a hundred thousand.
  public static var recoverySpareReadCount: Int { 8 }
  /// µs for which a start waits for what the mirror has of a damaged log; nothing is polled meanwhile. A
  /// bundle of 256 entries has 25 KB, which GPRS (30 kbit/s) brings in 7 s, so that a
  /// frame, which lies in two bundles at most, comes with its checkpoint and one attempt to connect (10 s).
  public static var mendingPatience: UInt64 { 30_000_000 }
  /// Bytes of entries that are put back in one start: a segment of 4 MiB, for they are held in memory until all of
  /// them are known to be right.
  public static var mendedByteCountMax: Int { 4 << 20 }
  /// µs after which a medium that refused is tried again: each try costs it two segments of zeros.
  public static var storageRetryPeriod: UInt64 { 5_000_000 }
  /// How often that doubles while it refuses: to 80 s, so that it is tried some times before `ringByteCount` is full, and
  /// a medium that never comes back is written to no faster than 9 GB a day.
  public static var storageRetryDoublings: Int { 4 }
  /// µs between two steps of sealing, each of which takes some milliseconds: so that it takes a part of a core only, and
  /// a segment of 4 MiB two seconds.
  public static var sealingPause: UInt64 { 15_000 }
  /// µs between two looks at the room that the log has; a new segment is looked at when it is made.
  public static var roomPeriod: UInt64 { 30_000_000 }
  /// µs between two words about ports, link and medium while nothing but events is logged: what came and went meanwhile is
  /// told as one, in one group commit of 4 KiB. So the two segments that are kept for events last five days of 256 KiB each, and
  /// 85 of 4 MiB.
  public static var heldEventPeriod: UInt64 { 3_600_000_000 }
  /// µs between two looks at how old entries are: a retention is days.
  public static var agePeriod: UInt64 { 3_600_000_000 }
  /// How often a log is halved to find the starts of the machine in it: each start hides at most a part in 4,096, two
  /// hours of 400 days, and a look costs at most as many reads, a dozen for each start.
  public static var ageDepth: Int { 12 }
}
