/// How many bytes the record may send to its mirror: so many in each second, hour, day or month.
///
/// What was sent is paid for afterwards: a request of b bytes at a rate of R makes the next one wait b/R, and time
/// in which nothing was sent gives no credit. So in any window of length W the requests have at most R × W bytes
/// and those of the last one. That needs no look ahead at how long a request will be, and no clock but the
/// monotonic one. A restart forgets what is still to be paid, which is one request at most.
public struct CatchUpBudget: Equatable, Sendable {
  /// Nanoseconds of the budget that a byte takes, rounded up: what is lost by rounding is not spent.
  public let nanosecondsPerByte: UInt64
  /// When what was sent is paid for, monotonic µs; 0 if nothing is owed.
  private(set) var freeAt: UInt64 = 0

  /// Bytes that a request costs beside its body: the heads of request and answer (about 200 each), the records
  /// of TLS, the headers of TCP/IP and its acknowledgements (about 200). The handshake of a new connection is
  /// not in it.
  public static var requestOverhead: Int { 600 }
  /// The least rate, bytes in a day: one meter that is read each quarter of an hour.
  public static var bytesPerDayMin: UInt64 { 1_000 }
  /// The largest rate, bytes in a second: above it nothing is limited.
  public static var bytesPerSecondMax: UInt64 { 1_000_000_000 }

  /// `byteCount` bytes in each `seconds`; traps below `bytesPerDayMin`, above `bytesPerSecondMax`, and for
  /// more than a year.
  public init(byteCount: UInt64, seconds: UInt64) {
    precondition(seconds > 0 && seconds <= 366 * 86_400, "a period of 1 s to a year")
    precondition(byteCount <= 1 << 55, "no overflow below")
    precondition(byteCount &* 86_400 >= CatchUpBudget.bytesPerDayMin &* seconds, "too few bytes")
    precondition(byteCount <= CatchUpBudget.bytesPerSecondMax &* seconds, "too many bytes")
    let nanoseconds = seconds &* 1_000_000_000
    nanosecondsPerByte = (nanoseconds &+ byteCount &- 1) / byteCount
  }

  /// Bytes of the body of one batch: what the budget gives in a second. A link that carries the rate is then free
  /// again after a second, and a live value that came meanwhile leaves in time. One package goes in any case.
  var batchByteLimit: Int {
    let bytes = 1_000_000_000 / nanosecondsPerByte
    return bytes > 1_000_000_000 ? 1_000_000_000 : Int(truncatingIfNeeded: bytes)
  }

  /// A request with a body of so many bytes leaves.
  mutating func spend(byteCount: Int, at now: UInt64) {
    // At most 5 MB × 86.4 s a byte, the least rate: 4.4 × 10^17 ns.
    let cost = UInt64(truncatingIfNeeded: byteCount &+ CatchUpBudget.requestOverhead)
    freeAt = (freeAt > now ? freeAt : now) &+ (cost &* nanosecondsPerByte &+ 999) / 1_000
  }
}

/// How many bytes the next batch may have: as many as the link takes in a second or two, whatever the link is.
///
/// History and live values have a connection each and share the link. Behind a batch that takes a minute on a slow
/// link everything else waits in the modem's queue; behind one of two seconds a live value still comes within five.
struct BatchSize: Equatable, Sendable {
  /// The first batch: what is not known to be slow.
  static var first: Int { 256 << 10 }
  /// The least: about one package, 2 s at 16 kB/s.
  static var least: Int { 32 << 10 }
  /// µs of an exchange above which the next batch is half as long.
  static var slow: UInt64 { 2_000_000 }
  /// µs of an exchange below which the next batch is twice as long.
  static var quick: UInt64 { 1_000_000 }

  /// Bytes of the next batch; the largest are for the configuration to limit.
  private(set) var byteLimit = BatchSize.first

  /// A batch was answered, or was not, after so many µs.
  mutating func took(_ duration: UInt64) {
    if duration > BatchSize.slow {
      byteLimit = byteLimit / 2 < BatchSize.least ? BatchSize.least : byteLimit / 2
    } else if duration < BatchSize.quick, byteLimit < 1 << 30 {
      byteLimit *= 2
    }
  }
}
