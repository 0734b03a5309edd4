/// Every limit of the agent, with where it comes from.
///
/// Memory is made once, at set-up, from these and from the number of lines, devices and channels of
/// the site; nothing grows afterwards.
public enum Limits {
  /// Longest entry, bytes (entry format, mirror.md §13: at most 4,000).
  public static var entryByteCountMax: Int { 4_000 }
  /// Longest configuration body that goes into one entry; longer ones are cut into parts.
  public static var configBodyByteCountMax: Int { 3_900 }
  /// Queue from sampling to recording, bytes.
  ///
  /// 256 KiB hold 3,000 entries of 85 B: ten minutes of the sample site (4.6 entries/s) in which the
  /// medium may stall before a slot is shed. A power of two, as the ring demands.
  public static var ringByteCount: Int { 1 << 18 }
  /// One group commit, bytes: frame header, lengths and entries. Four 4 KiB blocks.
  public static var commitByteCount: Int { 16_384 }
  /// Most entries of one group commit.
  public static var commitEntriesMax: Int { 256 }
  /// A commit is made before its time when this many bytes wait: the next entry might not fit.
  public static var commitByteCountSoft: Int { commitByteCount - entryByteCountMax - 128 }
  /// Most lines of a site. 8 ports are what the largest board in sight has.
  public static var linesMax: Int { 16 }
  /// Most devices of a site: 16 lines of 31 unit loads would be 496.
  public static var devicesMax: Int { 512 }
  /// Most requests of one channel: the recovery keeps them as the bits of a word.
  public static var requestsPerChannelMax: Int { 64 }
  /// Events that the recorder may have waiting for the sampling thread.
  public static var noticesMax: Int { 64 }
  /// µs between two posts of live values.
  public static var livePeriod: UInt64 { 2_000_000 }
}
